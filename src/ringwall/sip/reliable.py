"""Reliable provisional answers (RFC 3262): 1xx with RSeq, repeated until their PRACK comes.

Rules that this module keeps:

- Only 101 to 199 can be reliable, and only to a caller that says `100rel` in Supported or Require (3).
- One at a time: a further one waits in line until the PRACK of the last has come. RSeq starts at random and
  grows by one.
- Repeated after T1, 2*T1, 4*T1, ...; after 64*T1 without a PRACK the INVITE is to be refused with 5xx.
- The final answer ends the repetition; a PRACK that was under way is still taken (3).
- While an unacknowledged one carries a session description, no 2xx may be sent, for the offer or answer in it
  may not have arrived (3); the PRACK settles that.
- On our side as the caller, only the RSeq that follows the last one is taken; anything else is a repetition
  or came out of order, and is dropped without PRACK (4). Each early dialog of a fork counts for itself.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.syntax import is_token, parse_number

OPTION_TAG: Final = "100rel"
_FIRST_RELIABLE: Final = 101
_FIRST_FINAL: Final = 200
_FIRST_LIMIT: Final = 2**31 - 1  # RSeq starts from 1 to this (3)
_LARGEST: Final = 2**32 - 1
_IN_LINE: Final = 8  # that many provisional answers may wait; a call needs two or three
_RACK_PARTS: Final = 3


class RAck(NamedTuple):
    """What a PRACK acknowledges (RFC 3262 7.2)."""

    rseq: int
    cseq: int
    method: str

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def parse_rack(request: Request) -> RAck:
    """The RAck of a PRACK. Raises ParseError(400) where it is missing or malformed."""
    parts = (request.headers.get("RAck") or "").split()
    if len(parts) != _RACK_PARTS or not is_token(parts[2]):
        raise ParseError(400, "A PRACK needs a RAck of two numbers and a method")
    return RAck(parse_number(parts[0], _LARGEST, "RAck"), parse_number(parts[1], _LARGEST, "RAck"), parts[2])


def supports_reliable(request: Request) -> bool:
    """Whether the caller takes reliable provisional answers."""
    return _says(request, "Supported") or _says(request, "Require")


def requires_reliable(message: Request | Response) -> bool:
    """Whether the caller takes no others (INVITE), or whether this provisional answer is a reliable one."""
    return _says(message, "Require")


def _says(message: Request | Response, name: str) -> bool:
    return any(tag.lower() == OPTION_TAG for tag in message.headers.all(name))


class PrackMissing(NamedTuple):
    """A reliable answer was repeated for 64*T1 and never acknowledged: refuse the INVITE with 504."""

    rseq: int
    status: int = 504


class ReliableSender:
    """The reliable provisional answers to one INVITE that came in.

    Every method that returns a Response returns the one that is to be sent now, with `Transactions.respond`.
    """

    __slots__ = ("_at", "_awaited", "_cseq", "_ends_at", "_interval", "_line", "_next", "_open", "_t1")

    def __init__(self, cseq: int, first: int, t1: float = 0.5) -> None:
        """Answer the INVITE with that CSeq number; the first RSeq is `first`, best random (see `start`)."""
        if not 1 <= first <= _FIRST_LIMIT:
            raise ValueError(f"RSeq starts from 1 to {_FIRST_LIMIT}, not at {first}")
        self._cseq = cseq
        self._next = first
        self._t1 = t1
        self._open: Response | None = None
        self._awaited = 0  # the RSeq whose PRACK is awaited; 0 is none
        self._interval = self._at = self._ends_at = 0.0
        self._line: deque[Response] = deque()

    @classmethod
    def start(cls, invite: Request, randbelow: Callable[[int], int], t1: float = 0.5) -> Self:
        """Begin for `invite`; `randbelow(n)` gives a random number from 0 up to, not including, n."""
        return cls(invite.cseq.number, 1 + randbelow(_FIRST_LIMIT), t1)

    @property
    def waiting(self) -> bool:
        """Whether a PRACK is awaited."""
        return self._awaited != 0

    @property
    def may_accept(self) -> bool:
        """Whether a 2xx to the INVITE may be sent now (RFC 3262 3)."""
        if self._open is not None and self._open.body:
            return False
        return not any(response.body for response in self._line)

    def send(self, response: Response, now: float) -> Response | None:
        """Make a 101 to 199 reliable: the response to send now, or None where it waits in line.

        Raises ValueError for any other status, and where the line is full.
        """
        if not _FIRST_RELIABLE <= response.status < _FIRST_FINAL:
            raise ValueError(f"a response {response.status} cannot be a reliable provisional one")
        if self.waiting:
            if len(self._line) >= _IN_LINE:
                raise ValueError(f"{_IN_LINE} provisional responses wait for a PRACK already")
            self._line.append(response)
            return None
        return self._begin(response, now)

    def receive_prack(self, request: Request, now: float) -> tuple[int, Response | None]:
        """Take a PRACK: the status to answer it with (200, or 481 for no match), and what to send next.

        Raises ParseError(400) where its RAck cannot be read.
        """
        rack = parse_rack(request)
        if not self._awaited or rack != (self._awaited, self._cseq, "INVITE"):
            return 481, None
        self._awaited = 0
        self._open = None
        return 200, self._begin(self._line.popleft(), now) if self._line else None

    def stop(self) -> None:
        """The INVITE has its final answer: nothing is repeated any more."""
        self._open = None
        self._line.clear()

    def deadline(self) -> float | None:
        """When `expire` wants to be called, or None."""
        return None if self._open is None else self._at

    def expire(self, now: float) -> Response | PrackMissing | None:
        """The response to send once more, or PrackMissing when 64*T1 are over, which ends it."""
        if self._open is None or now < self._at:
            return None
        if now >= self._ends_at:
            self.stop()
            return PrackMissing(self._awaited)
        self._interval *= 2
        self._at = min(now + self._interval, self._ends_at)
        return self._open

    def _begin(self, response: Response, now: float) -> Response:
        self._awaited = self._next
        self._next += 1
        if not _says(response, "Require"):
            response.headers.add("Require", OPTION_TAG)
        response.headers.set("RSeq", str(self._awaited))
        self._open = response
        self._interval = self._t1
        self._at = now + self._t1
        self._ends_at = now + 64 * self._t1
        return response


class ReliableReceiver:
    """The reliable provisional answers within one early dialog of an INVITE of ours."""

    __slots__ = ("last",)

    def __init__(self, last: int | None = None) -> None:
        self.last = last  # the RSeq that was taken last

    def receive(self, response: Response) -> RAck | None:
        """What to put into the RAck of a PRACK, or None where the response is to be dropped.

        Only for a response for which `requires_reliable` holds. Raises ParseError(400) where RSeq cannot be
        read.
        """
        rseq = parse_number((response.headers.get("RSeq") or "").strip(), _LARGEST, "RSeq")
        if self.last is not None and rseq != self.last + 1:
            return None
        self.last = rseq
        cseq = response.cseq
        return RAck(rseq, cseq.number, cseq.method)
