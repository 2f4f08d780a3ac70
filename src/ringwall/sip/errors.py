"""What can go wrong with bytes from outside: one small tree of errors.

Every parser of this package either returns a value or raises one of these; no other exception may leave
it, whatever the bytes were.
"""

from collections.abc import Sequence


class SipError(Exception):
    """The root of everything that this package raises on purpose."""


class ParseError(SipError):
    """A message, a header or a body breaks its grammar or a limit.

    `status` is the SIP status that refuses it and `reason` one sentence that says what was wrong.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class FramingError(SipError):
    """The stream cannot be cut into messages any more; the connection has to be closed.

    `messages` holds what the same `feed` read before the fault, in order, so that nothing that came in good
    form is lost. Its last element is a `head.MalformedMessage` if the fault lies in a head that can be
    answered.
    """

    def __init__(self, reason: str, messages: Sequence[object] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.messages = tuple(messages)

    def __str__(self) -> str:
        return self.reason
