"""Dialogs (RFC 3261 12) as values: what two user agents have to remember of each other.

Rules that this module keeps:

- A dialog is named by Call-ID, our tag and the other side's tag, each compared letter by letter.
- Route set: what answered us with Record-Route is gone through backwards, what called us with it forwards
  (12.1.1, 12.1.2). A provisional answer fixes it for the time being; the 2xx says it anew (13.2.2.4). After
  that it never changes; only the remote target does, by the Contact of INVITE and UPDATE, and of their 2xx
  (12.2).
- The CSeq of each side only grows. A request that does not grow it is out of order: 500 (12.2.2). ACK and
  CANCEL carry the number of their INVITE and are not counted.
- Requests that a dialog makes have everything but the Via, which `Transactions` puts on top.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final, Self

from ringwall.sip.errors import ParseError, SipError
from ringwall.sip.headers import NameAddr
from ringwall.sip.message import Headers, Request, Response

MAX_FORWARDS: Final = "70"  # RFC 3261 8.1.1.6
_FIRST_FINAL: Final = 200
_FIRST_FAILURE: Final = 300
_TARGET_REFRESHERS: Final = frozenset({"INVITE", "UPDATE"})  # RFC 3261 12.2, RFC 3311 5.1


class OutOfOrder(SipError):  # noqa: N818 - named after what it means, as RFC 3261 12.2.2 does
    """A request whose CSeq does not go beyond the last one: the user answers 500."""

    status = 500


class DialogState(StrEnum):
    """How far a dialog has come."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


@dataclass(slots=True)
class Dialog:
    """One dialog.

    `local` and `remote` are name-addrs without their tag, as texts; `remote_target` is a URI; `routes` are
    the elements of the Route header in the order in which requests of ours carry them. `local_cseq` is the
    number of the last request that we sent (0: none), `remote_cseq` that of the last one that came in (None:
    none yet). `initiator` says that we sent the INVITE.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    local: str
    remote: str
    local_cseq: int
    remote_cseq: int | None
    remote_target: str
    routes: tuple[str, ...]
    state: DialogState
    initiator: bool

    @classmethod
    def from_invite_sent(cls, request: Request, response: Response) -> Self:
        """The dialog that a 1xx (other than 100) or 2xx to our INVITE makes (RFC 3261 12.1.2).

        Each To tag makes a dialog of its own. Raises ParseError where the Contact cannot be read.
        """
        return cls(
            call_id=request.call_id,
            local_tag=request.from_.tag or "",
            remote_tag=response.to.tag or "",
            local=_untagged(request, "From"),
            remote=_untagged(response, "To"),
            local_cseq=request.cseq.number,
            remote_cseq=None,
            # A provisional answer of an old phone may have no Contact; its 2xx will.
            remote_target=_target(response) or request.uri,
            routes=tuple(reversed(response.headers.all("Record-Route"))),
            state=DialogState.EARLY if response.status < _FIRST_FINAL else DialogState.CONFIRMED,
            initiator=True,
        )

    @classmethod
    def from_invite_received(cls, request: Request, local_tag: str) -> Self:
        """The early dialog that we make by answering an INVITE with `local_tag` in To (RFC 3261 12.1.1).

        Raises ParseError(400) where the INVITE has no usable Contact: nothing could ever be sent to its
        sender.
        """
        target = _target(request)
        if target is None:
            raise ParseError(400, "An INVITE needs a Contact")
        return cls(
            call_id=request.call_id,
            local_tag=local_tag,
            remote_tag=request.from_.tag or "",
            local=_untagged(request, "To"),
            remote=_untagged(request, "From"),
            local_cseq=0,
            remote_cseq=request.cseq.number,
            remote_target=target,
            routes=tuple(request.headers.all("Record-Route")),
            state=DialogState.EARLY,
            initiator=False,
        )

    def confirm(self, response: Response | None = None) -> None:
        """A 2xx was sent, or came in as `response`, which then says route set and target anew (13.2.2.4)."""
        if response is not None and self.state is DialogState.EARLY:
            self.routes = tuple(reversed(response.headers.all("Record-Route")))
            self.remote_target = _target(response) or self.remote_target
        if self.state is not DialogState.TERMINATED:
            self.state = DialogState.CONFIRMED

    def terminate(self) -> None:
        """A BYE was sent or came in, or the INVITE was refused."""
        self.state = DialogState.TERMINATED

    def receive(self, request: Request) -> None:
        """Take note of a request within the dialog.

        Raises OutOfOrder (answer 500), or ParseError where the Contact of a target refresh cannot be read.
        """
        method = request.method
        if method in ("ACK", "CANCEL"):
            return
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            raise OutOfOrder(f"CSeq {number} does not follow {self.remote_cseq}")
        target = _target(request) if method in _TARGET_REFRESHERS else None
        self.remote_cseq = number
        if target is not None:
            self.remote_target = target

    def refresh_target(self, response: Response) -> None:
        """Take the target from a 2xx to an INVITE or UPDATE of ours within the dialog (RFC 3261 12.2.1.2)."""
        if response.cseq.method in _TARGET_REFRESHERS and _FIRST_FINAL <= response.status < _FIRST_FAILURE:
            self.remote_target = _target(response) or self.remote_target

    def request(
        self,
        method: str,
        contact: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The next request of ours in the dialog (not ACK, not CANCEL). `contact` is a URI or a name-addr."""
        self.local_cseq += 1
        return self._build(
            method, self.local_cseq, contact=contact, headers=headers, body=body, content_type=content_type
        )

    def ack(
        self,
        invite_cseq: int,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
    ) -> Request:
        """The ACK for a 2xx to our INVITE with that CSeq number (RFC 3261 13.2.2.4)."""
        return self._build(
            "ACK", invite_cseq, contact=None, headers=headers, body=body, content_type=content_type
        )

    def _build(
        self,
        method: str,
        cseq: int,
        *,
        contact: str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Request:
        target, routes = self._way()
        built = Headers()
        for route in routes:
            built.add("Route", route)
        built.add("Max-Forwards", MAX_FORWARDS)
        built.add("From", _tagged(self.local, self.local_tag))
        built.add("To", _tagged(self.remote, self.remote_tag))
        built.add("Call-ID", self.call_id)
        built.add("CSeq", f"{cseq} {method}")
        if contact is not None:
            built.add("Contact", contact if "<" in contact else f"<{contact}>")
        for name, value in headers:
            built.add(name, value)
        if body:
            built.add("Content-Type", content_type or "application/sdp")
        return Request(method, target, built, body)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Route (RFC 3261 12.2.1.1)."""
        if not self.routes:
            return self.remote_target, ()
        first = NameAddr.parse(self.routes[0]).uri
        if "lr" in first.params:
            return self.remote_target, self.routes
        # A strict router: it becomes the Request-URI, in which neither a method nor headers may stand.
        params = {name: value for name, value in first.params.items() if name != "method"}
        return str(replace(first, params=params, headers="")), (*self.routes[1:], f"<{self.remote_target}>")

    def to_value(self) -> dict[str, Any]:
        """The dialog as JSON-able values."""
        value = {name: getattr(self, name) for name in _FIELDS}
        value["routes"] = list(self.routes)
        value["state"] = self.state.value
        return value

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Self:
        """Take up what `to_value` gave. Raises TypeError, KeyError or ValueError for anything else."""
        return cls(**{**value, "routes": tuple(value["routes"]), "state": DialogState(value["state"])})


_FIELDS: Final = tuple(field.name for field in fields(Dialog))


def _target(message: Request | Response) -> str | None:
    contact = message.contact
    return None if contact is None else str(contact.uri)


def _untagged(message: Request | Response, name: str) -> str:
    """From or To as a name-addr without its tag."""
    text = message.headers.get(name) or ""
    address = message.from_ if name == "From" else message.to
    tag = f";tag={address.tag}"
    # Nearly every phone writes the tag last, behind the brackets: then there is nothing to take apart.
    if text.endswith(">" + tag):
        return text.removesuffix(tag)
    return str(address.without_param("tag"))


def _tagged(address: str, tag: str) -> str:
    return f"{address};tag={tag}" if tag else address
