"""Who sent this request? Digest authentication (RFC 3261 22, RFC 8760) and flows that have proven themselves.

Rules that this module keeps:
- Credentials belong to one device. The digest user name is the device's, the address of record its user's.
- SHA-256 comes first. MD5 is taken from a device only that an administrator marked as legacy; whether any
  such device exists decides, for everyone alike, whether MD5 is offered at all.
- A user that does not exist is answered like one that does: same challenge, same work, same time.
- Guessing is bounded (`lockout.gate`). A try that is over the bound costs the same work and gets the same
  answer as a wrong one, a new challenge, and the right password does not get in with it either. A device that
  is known, by its connection, its instance or its address, gets in at once whatever others guess.
- A nonce is used up by its count: a request that is sent again word for word does not pass (RFC 7616 3.4).
- A flow on which a device has registered speaks for that device until the flow closes, the device is removed
  or somebody else's registration takes its place. TLS keeps others out of the flow, the edge names it.
- The From of every request is the address of record of the user whose device sent it.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ringwall.core.directory.model import DeviceEntry
from ringwall.core.directory.snapshot import Directory
from ringwall.core.errors import StoreError
from ringwall.core.lockout.gate import Attempt, Lockout
from ringwall.core.registrar.flows import Flow
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.store.schema import Write
from ringwall.events.registrations import RegistrationRefused
from ringwall.events.security import BadCredentials, ForeignFrom, ReplayedNonce, WrongCredentials
from ringwall.sip.digest import Challenge as DigestChallenge
from ringwall.sip.digest import Credentials, NonceCheck, NonceKeeper, parse_authorization
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request
from ringwall.sip.uri import Uri

log = logging.getLogger(__name__)


class DirectorySource(Protocol):
    """Something that always has the directory of this moment."""

    @property
    def snapshot(self) -> Directory:
        """The immutable directory; replaced as a whole when an administrator changes something."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """Answer 401 with these WWW-Authenticate values."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer with this status; the reason phrase is for the caller, `why` for the record."""

    status: int
    reason: str
    why: str


class Authenticator:
    """Tells which device sent a request, or what to answer instead.

    `submit` queues a write: from where devices have signed in outlives the process.
    """

    def __init__(
        self,
        directory: DirectorySource,
        domain: str,
        nonce_seconds: int,
        watch: SecurityWatch,
        lockout: Lockout,
        submit: Callable[..., None],
    ) -> None:
        self._directory = directory
        self._domain = domain.lower()
        self._nonces = NonceKeeper(secrets.token_bytes(32), nonce_seconds)
        self._watch = watch
        self._lockout = lockout
        self._submit = submit
        self._trusted: dict[Flow, dict[int, DeviceEntry]] = {}
        # A device nobody has: unknown users are checked against its secret, so that they cost the same time.
        self._nobody_sha256 = secrets.token_hex(32)
        self._nobody_md5 = secrets.token_hex(16)
        self._legacy_seen_in: Directory | None = None
        self._legacy = False

    # Flows

    def trust(self, flow: Flow, device: DeviceEntry) -> None:
        """Let the flow speak for the device from now on."""
        self._trusted.setdefault(flow, {})[device.id] = device

    def forget_flow(self, flow: Flow) -> None:
        """The connection is gone."""
        self._trusted.pop(flow, None)

    def forget_other_runs(self, run: str) -> None:
        """The edge is in this run of it: connections of all others are gone."""
        for flow in [flow for flow in self._trusted if flow.run != run]:
            del self._trusted[flow]

    def forget_device(self, device_id: int, flow: Flow | None = None) -> None:
        """The device lost its rights (removed, or logged out on that flow)."""
        flows = [flow] if flow is not None else list(self._trusted)
        for each in flows:
            devices = self._trusted.get(each)
            if devices is not None and devices.pop(device_id, None) is not None and not devices:
                del self._trusted[each]

    def knows(self, flow: Flow) -> bool:
        """Whether any device has proven itself on the flow."""
        return flow in self._trusted

    def is_signed_in_at(self, source: str) -> bool:
        """Whether any flow from an address has proven itself. Looks at all flows: not for every message."""
        return any(flow.source == source for flow in self._trusted)

    def speaks_for(self, flow: Flow, device_id: int) -> bool:
        """Whether the flow has proven to be that device's."""
        return device_id in self._trusted.get(flow, ())

    # Requests

    def identify(self, request: Request, flow: Flow, now: float) -> DeviceEntry | Challenge | Refusal:
        """Return the device that sent an initial request other than REGISTER (`now` in monotonic seconds).

        A trusted flow needs no new proof; another one is asked for digest credentials.
        """
        devices = self._trusted.get(flow)
        if devices:
            caller = request.from_.uri.user
            for device in devices.values():
                if device.extension == caller and self._is_current(device):
                    return self._checked_from(request, flow, device, now)
            if "authorization" not in request.headers:
                any_device = next(iter(devices.values()))
                return self._checked_from(request, flow, any_device, now)
        return self.prove(request, flow, now)

    def prove(self, request: Request, flow: Flow, now: float) -> DeviceEntry | Challenge | Refusal:
        """Return the device that the request's digest credentials prove, or what to answer."""
        value = self._own_credentials(request)
        if value is None:
            return self._challenge(now)
        try:
            credentials = parse_authorization(value)
        except ParseError as error:
            self._watch.note(BadCredentials(source=flow.source, why=error.reason), now)
            return Refusal(400, "Bad Authorization", error.reason)
        device = self._directory.snapshot.by_device.get(credentials.username)
        legacy = device is not None and device.legacy and device.ha1_md5 is not None
        if credentials.algorithm == "MD5":
            ha1 = device.ha1_md5 if device is not None and legacy and device.ha1_md5 else self._nobody_md5
        else:
            ha1 = device.ha1_sha256 if device is not None else self._nobody_sha256
        right = credentials.verify(ha1, request.method)
        known = device is not None and (legacy or credentials.algorithm != "MD5")
        attempt = self._attempt(request, flow, credentials, device)
        if self._lockout.wait(attempt, now) > 0:
            self._lockout.refused(attempt, now)
            self._note_wrong(request, flow, credentials, now, "too many wrong tries: not looked at")
            return self._challenge(now)
        pending = self._lockout.begin(attempt, now)
        if not (right and known) or device is None:
            pending.wrong()
            self._note_wrong(request, flow, credentials, now, "wrong device name or password")
            return self._challenge(now)
        pending.right()
        # Only a right answer uses a nonce up: otherwise anybody could use up somebody else's.
        fresh = self._nonces.check(credentials.nonce, credentials.nc, now)
        if credentials.realm != self._domain or not _same_target(credentials.uri, request.uri):
            self._watch.note(
                WrongCredentials(source=flow.source, device=device.username, why="other realm or target"), now
            )
            return self._challenge(now)
        if fresh is not NonceCheck.OK:
            if fresh is NonceCheck.REPLAYED:
                self._watch.note(
                    ReplayedNonce(source=flow.source, device=device.username, method=request.method), now
                )
            return self._challenge(now, stale=True)
        self._write(self._lockout.learn(attempt))
        return self._checked_from(request, flow, device, now)

    def _attempt(
        self, request: Request, flow: Flow, credentials: Credentials, device: DeviceEntry | None
    ) -> Attempt:
        instance = _instance(request)
        return Attempt(
            credentials.username,
            None if device is None else str(device.id),
            credentials.username[:64],
            flow.source,
            marks=(f"instance {instance}",) if instance else (),
            connection=str(flow),
            trusted=device is not None and self.speaks_for(flow, device.id),
        )

    def _note_wrong(
        self, request: Request, flow: Flow, credentials: Credentials, now: float, why: str
    ) -> None:
        kind = RegistrationRefused if request.method == "REGISTER" else WrongCredentials
        device = credentials.username[:64]
        self._watch.note(kind(source=flow.source, device=device, method=request.method, why=why), now)

    def device_gone(self, device_id: int) -> None:
        """The device is in the directory no more: nobody needs to know where it was."""
        self._write(self._lockout.forget(str(device_id)))

    def sweep(self, now: float) -> None:
        """Tell the ledger of guessing whose time is over (`now` in monotonic seconds)."""
        self._lockout.sweep(now)

    def _write(self, writes: list[Write]) -> None:
        try:
            for write in writes:
                self._submit(*write)
        except StoreError as error:
            # Who has signed in is in, all the same.
            log.warning("it was not written down from where a device signed in: %s", error)

    def _own_credentials(self, request: Request) -> str | None:
        """Pick the Authorization value for our realm; a phone may carry several."""
        for value in request.headers.all("authorization"):
            if f'realm="{self._domain}"' in value:
                return value
        return request.headers.get("authorization")

    def _is_current(self, device: DeviceEntry) -> bool:
        """Whether the directory still has the device as it was when the flow proved itself."""
        return self._directory.snapshot.by_device.get(device.username) == device

    def _checked_from(
        self, request: Request, flow: Flow, device: DeviceEntry, now: float
    ) -> DeviceEntry | Challenge | Refusal:
        if not self._is_current(device):
            self.forget_device(device.id, flow)
            return self._challenge(now)
        uri = request.from_.uri
        if uri.user == device.extension and uri.host.lower() == self._domain:
            return device
        self._watch.note(
            ForeignFrom(
                source=flow.source,
                device=device.username,
                claimed=f"{uri.user}@{uri.host}"[:128],
                method=request.method,
            ),
            now,
        )
        return Refusal(
            403, "From Is Not Yours", "the From of the request is not the user of the device that sent it"
        )

    def _challenge(self, now: float, *, stale: bool = False) -> Challenge:
        nonce = self._nonces.issue(now)
        names = ("SHA-256", "MD5") if self._any_legacy() else ("SHA-256",)
        return Challenge(tuple(str(DigestChallenge(self._domain, nonce, name, stale)) for name in names))

    def _any_legacy(self) -> bool:
        snapshot = self._directory.snapshot
        if snapshot is not self._legacy_seen_in:
            self._legacy_seen_in = snapshot
            self._legacy = any(device.legacy for device in snapshot.by_device.values())
        return self._legacy


def _same_target(signed: str, asked: str) -> bool:
    """RFC 7616 3.4.6: the digest must be over this request's target; phones vary port and parameters only."""
    if signed == asked:
        return True
    try:
        one, other = Uri.parse(signed), Uri.parse(asked)
    except ParseError:
        return False
    return one.user == other.user and one.host.lower() == other.host.lower()


def _instance(request: Request) -> str:
    """The instance that the sender calls itself (RFC 5626 4.1), or nothing."""
    try:
        contact = request.contact
    except ParseError:
        return ""
    return "" if contact is None else (contact.params.get("+sip.instance") or "").strip('"<>')[:128]
