"""The registrar (RFC 3261 10.3, with Path of RFC 3327 and Outbound of RFC 5626)."""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from ringwall.core.directory.model import DeviceEntry
from ringwall.core.registrar.authenticator import Authenticator, Challenge, Refusal
from ringwall.core.registrar.bindings import Binding, Bindings
from ringwall.core.registrar.flows import DEVICE_HEADER, Flow
from ringwall.core.store.schema import binding_delete, binding_upsert
from ringwall.events import Record
from ringwall.events.registrations import RegistrationAdded, RegistrationEnded
from ringwall.infra.settings import Sip
from ringwall.sip.errors import ParseError
from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Request, Response

MAX_CONTACTS = 4
MAX_PATH = 4
MAX_TEXT = 512


class Writes(Protocol):
    """The store's queue of writes."""

    def submit(self, statement: Any, params: dict[str, Any]) -> None:
        """Put a statement into the next group commit."""


class Registrar:
    """Answers REGISTER and keeps the bindings, in memory and in the store."""

    def __init__(
        self,
        settings: Sip,
        domain: str,
        authenticator: Authenticator,
        bindings: Bindings,
        store: Writes,
        record: Record,
    ) -> None:
        self._settings = settings
        self._domain = domain.lower()
        self._authenticator = authenticator
        self._bindings = bindings
        self._store = store
        self._record = record
        self.on_return: list[Callable[[Binding], None]] = []
        self._edge_run = ""
        self._taken_up: list[tuple[Binding, DeviceEntry]] = []

    def register(self, request: Request, flow: Flow, now: float) -> Response:
        """Return the answer to a REGISTER; `now` in monotonic seconds."""
        response = self._answer_to(request, flow, now)
        response.headers.set("To", str(response.to.with_tag(secrets.token_hex(4))))
        return response

    def _answer_to(self, request: Request, flow: Flow, now: float) -> Response:
        found = self._authenticator.prove(request, flow, now)
        if isinstance(found, Challenge):
            return request.response(401, headers=[("WWW-Authenticate", value) for value in found.values])
        if isinstance(found, Refusal):
            return request.response(found.status, found.reason)
        aor = request.to.uri
        if aor.user != found.extension or aor.host.lower() != self._domain:
            return request.response(403, "Not Your Address")
        return self._update(request, flow, found)

    def _update(self, request: Request, flow: Flow, device: DeviceEntry) -> Response:
        wall = time.time()
        contacts = request.headers.all("contact")
        if len(contacts) > MAX_CONTACTS:
            return request.response(400, "Too Many Contacts")
        if contacts == ["*"]:
            if request.headers.get("expires") != "0":
                return request.response(400, "Star Contact Needs Expires 0")
            bindings = self._bindings.of_device(device.id)
            if any(_is_older(request, binding) for binding in bindings):
                return _old(request)
            for binding in bindings:
                self._drop(binding, "unregistered")
            return self._answer(request, device, flow, wall)
        changes: list[tuple[Binding, int]] = []
        for value in contacts:
            try:
                change = self._change(request, NameAddr.parse(value), flow, device, wall)
            except ParseError as error:
                return request.response(error.status, error.reason)
            if isinstance(change, Response):
                return change
            changes.append(change)
        for binding, seconds in changes:
            old = self._bindings.get(binding.key)
            if seconds == 0:
                if old is not None:
                    self._drop(old, "unregistered")
                continue
            self._keep(binding, old)
            self._authenticator.trust(flow, device)
        return self._answer(request, device, flow, wall)

    def _change(
        self, request: Request, contact: NameAddr, flow: Flow, device: DeviceEntry, wall: float
    ) -> tuple[Binding, int] | Response:
        """One Contact of the request as a binding and its life in seconds (0: remove), or a refusal."""
        text = contact.params.get("expires") or request.headers.get("expires")
        asked = (
            int(text) if text and text.isdecimal() and len(text) <= 10 else self._settings.register_default
        )
        if 0 < asked < self._settings.register_min:
            least = str(self._settings.register_min)
            return request.response(423, headers=[("Min-Expires", least)])
        seconds = min(asked, self._settings.register_max)
        reg_id = contact.params.get("reg-id") or ""
        address, path = str(contact.uri), tuple(request.headers.all("path"))
        if contact.uri.scheme not in {"sip", "sips"}:
            return request.response(400, "Contact Is Not A SIP Address")
        if len(path) > MAX_PATH or max(map(len, (address, request.call_id, *path))) > MAX_TEXT:
            return request.response(400, "Registration Too Long")
        binding = Binding(
            device_id=device.id,
            username=device.username,
            user_id=device.user_id,
            extension=device.extension,
            contact=address,
            path=path,
            flow=flow,
            instance=_clean((contact.params.get("+sip.instance") or "").strip('"<>'))[:128],
            reg_id=int(reg_id) if reg_id.isdecimal() and len(reg_id) < 9 else 0,
            call_id=_clean(request.call_id),
            cseq=request.cseq.number,
            expires_at=wall + seconds,
            user_agent=_clean(request.headers.get("user-agent") or "")[:128],
        )
        old = self._bindings.get(binding.key)
        if old is not None:
            if _is_older(request, old):
                return _old(request)
            binding = replace(binding, suites=old.suites)
        return binding, seconds

    def _keep(self, binding: Binding, old: Binding | None) -> None:
        dropped = self._bindings.put(binding)
        if dropped is not None:
            self._gone(dropped, "too many registrations")
        self._write(binding)
        if old is not None and old.contact != binding.contact:
            self._delete(old)
        if old is not None and old.flow != binding.flow:
            self._forget_flow(old)
        if old is None or old.flow != binding.flow:
            self._record(
                RegistrationAdded(
                    device=binding.username,
                    extension=binding.extension,
                    source=binding.flow.peer,
                    transport=binding.flow.transport,
                    user_agent=binding.user_agent,
                )
            )
            for listener in self.on_return:
                listener(binding)

    def _answer(self, request: Request, device: DeviceEntry, flow: Flow, wall: float) -> Response:
        headers: list[tuple[str, str]] = []
        # Only this device's: which other devices the user has is not its business.
        for binding in self._bindings.of_device(device.id):
            extra = f';+sip.instance="<{binding.instance}>"' if binding.instance else ""
            extra += f";reg-id={binding.reg_id}" if binding.reg_id else ""
            left = max(1, round(binding.expires_at - wall))
            headers.append(("Contact", f"<{binding.contact}>;expires={left}{extra}"))
        outbound = any(b.reg_id and b.flow == flow for b in self._bindings.of_device(device.id))
        if outbound:
            headers.append(("Require", "outbound"))
        headers.extend(("Path", value) for value in request.headers.all("path"))
        if self._authenticator.speaks_for(flow, device.id):
            headers.append((DEVICE_HEADER, str(device.id)))
        return request.response(200, headers=headers)

    def note_suites(self, binding: Binding, suites: tuple[str, ...]) -> None:
        """Remember which SRTP suites a device speaks: the next call to it needs one relay only."""
        current = self._bindings.get(binding.key)
        if current is not None and set(suites) - set(current.suites):
            merged = tuple(sorted({*current.suites, *suites}))
            updated = replace(current, suites=merged)
            self._bindings.put(updated)
            self._write(updated)

    # What ends bindings

    def edge_is(self, run: str) -> None:
        """The edge has said which run of it this is, by the name that is in the names of its flows.

        All connections of another run have ended, and others may have their addresses now. What was taken up
        from the store speaks for its device again if it is of this run.
        """
        taken_up, self._taken_up = self._taken_up, []
        for binding, device in taken_up:
            current = self._bindings.get(binding.key)
            if current is not None and current.flow == binding.flow and binding.flow.run == run:
                self._authenticator.trust(binding.flow, device)
        if run == self._edge_run:
            return
        self._edge_run = run
        for binding in self._bindings:
            if binding.flow.run != run:
                self._drop(binding, "the edge was restarted")
        self._authenticator.forget_other_runs(run)

    def flow_closed(self, flow: Flow) -> list[Binding]:
        """The connection is gone; returns the bindings that went with it."""
        gone = self._bindings.of_flow(flow)
        for binding in gone:
            self._drop(binding, "connection closed")
        self._authenticator.forget_flow(flow)
        return gone

    def device_removed(self, device_id: int) -> None:
        """An administrator removed the device, or its user."""
        for binding in self._bindings.of_device(device_id):
            self._drop(binding, "device removed")
        self._authenticator.forget_device(device_id)

    def sweep(self) -> None:
        """Remove what has expired."""
        for binding in self._bindings.expired(time.time()):
            self._drop(binding, "expired")

    def restore(self, rows: list[dict[str, Any]], devices: Iterable[DeviceEntry]) -> int:
        """Take up the bindings of the process before this one; returns how many are still good.

        Their flows speak for nobody until the edge has said that they are still the same: `edge_is`.
        """
        wall, count = time.time(), 0
        known = {device.id: device for device in devices}
        for row in rows:
            device = known.get(row["device_id"])
            if device is None or row["expires_at"] <= wall:
                continue
            try:
                flow = Flow.parse(row["flow"])
            except ParseError:
                continue
            binding = Binding(
                device_id=device.id,
                username=device.username,
                user_id=device.user_id,
                extension=device.extension,
                contact=row["contact"],
                path=tuple(row["path"]),
                flow=flow,
                instance=row["instance_id"],
                reg_id=row["reg_id"],
                call_id=row["call_id"],
                cseq=row["cseq"],
                expires_at=row["expires_at"],
                user_agent=row["user_agent"],
                suites=tuple(s for s in row["capabilities"].split(",") if s),
            )
            self._bindings.put(binding)
            self._taken_up.append((binding, device))
            count += 1
        return count

    def _drop(self, binding: Binding, why: str) -> None:
        self._bindings.remove(binding.key)
        self._gone(binding, why)

    def _gone(self, binding: Binding, why: str) -> None:
        """A binding is not in the tables any more: let it be so everywhere."""
        self._delete(binding)
        self._forget_flow(binding)
        self._record(
            RegistrationEnded(
                device=binding.username, extension=binding.extension, source=binding.flow.peer, why=why
            )
        )

    def _forget_flow(self, binding: Binding) -> None:
        """Unless another binding of the device stands on it, the flow no longer speaks for the device."""
        if not any(b.flow == binding.flow for b in self._bindings.of_device(binding.device_id)):
            self._authenticator.forget_device(binding.device_id, binding.flow)

    def _delete(self, binding: Binding) -> None:
        for other in self._bindings.of_device(binding.device_id):
            if other.contact == binding.contact:  # several flows to one contact (RFC 5626) share a row
                self._write(other)
                return
        self._store.submit(*binding_delete(device_id=binding.device_id, contact=binding.contact))

    def _write(self, binding: Binding) -> None:
        self._store.submit(
            *binding_upsert(
                device_id=binding.device_id,
                user_id=binding.user_id,
                contact=binding.contact,
                path=list(binding.path),
                flow=str(binding.flow),
                instance_id=binding.instance,
                reg_id=binding.reg_id,
                call_id=binding.call_id,
                cseq=binding.cseq,
                expires_at=binding.expires_at,
                user_agent=binding.user_agent,
                received_at=time.time(),
                capabilities=",".join(binding.suites),
            )
        )


def _clean(text: str) -> str:
    """Text that may have been any bytes, as a database takes it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _is_older(request: Request, binding: Binding) -> bool:
    """Whether the request was overtaken by the one that made the binding (RFC 3261 10.3, step 7)."""
    return binding.call_id == _clean(request.call_id) and request.cseq.number <= binding.cseq


def _old(request: Request) -> Response:
    return request.response(500, "Old Registration", headers=[("Retry-After", "1")])
