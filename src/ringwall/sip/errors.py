"""What can go wrong with bytes from outside: one small tree of errors.

Every parser of this package either returns a value or raises one of these; no other exception may leave
it, whatever the bytes were.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ringwall.sip.message import Request


class SipError(Exception):
    """The root of everything that this package raises on purpose."""


class ParseError(SipError):
    """A message, a header or a body breaks its grammar or a limit.

    `status` is the SIP status that refuses it and `reason` one sentence that says what was wrong.
    `request`, set by the message parser, holds what a reply needs (Via, From, To, Call-ID, CSeq) where that
    much could be read; it is None for an ACK and for a response, which are dropped without a word. `head`,
    set by the stream parser, is the whole head as it came.
    """

    head = ""

    def __init__(self, status: int, reason: str, request: "Request | None" = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.request = request

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class OfferError(ParseError):
    """A session description that is well formed and still must not be used: answered with 488.

    `warning` is the text for the Warning header (RFC 3261 20.43), `code` its number; 399 is "miscellaneous".
    """

    def __init__(
        self, warning: str, *, status: int = 488, code: int = 399, request: "Request | None" = None
    ) -> None:
        super().__init__(status, warning, request)
        self.warning = warning
        self.code = code


class FramingError(SipError):
    """The stream cannot be cut into messages any more; the connection has to be closed.

    `messages` holds what the same `feed` read before the fault, in order, so that nothing that came in good
    form is lost. Its last element is a `ParseError` if the fault lies in a head that can be answered.
    """

    def __init__(self, reason: str, messages: Sequence[object] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.messages = tuple(messages)

    def __str__(self) -> str:
        return self.reason
