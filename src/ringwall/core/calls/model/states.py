"""How far legs and calls have come, as tables: whoever reads them knows every change that there is.

Rules that these tables keep:

- Nobody writes a state: whoever wants a change says what happened (`Leg.apply`, `Call.apply`), and the row
  says what follows. A test walks the code and finds no other writer.
- What has no row in a state is ignored there, and `apply` says so: that is how a second hang-up, an answer
  that crossed the end of the call and a late ACK come to nothing.
- The last state of each is never left.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class LegState(StrEnum):
    """How far a leg has come."""

    SETUP = "setup"  # an INVITE is on its way, in either direction
    ANSWERED = "answered"  # we sent a 2xx and wait for its ACK
    TALKING = "talking"
    ENDED = "ended"


class LegEvent(StrEnum):
    """What can happen to a leg."""

    ACCEPTED = "accepted"  # the party has sent a 2xx to our INVITE
    WE_ACCEPTED = "we accepted"  # we have sent a 2xx to its INVITE
    ACKNOWLEDGED = "acknowledged"  # its ACK is here, or was waited for in vain (RFC 3261 13.3.1.4)
    OVER = "over"


class CallState(StrEnum):
    """How far a call has come."""

    SETUP = "setup"
    ANSWERING = "answering"  # somebody has answered, and the caller is to be told
    TALKING = "talking"
    ENDED = "ended"


class CallEvent(StrEnum):
    """What can happen to a call."""

    ANSWERED = "answered"  # a branch, the system or whoever picks the call up has answered
    CONNECTED = "connected"  # the caller has got its 2xx
    ENTERED = "entered"  # who talked elsewhere before is its caller now: nobody waits for a 2xx
    OVER = "over"


class Change(StrEnum):
    """What others are told of a call, when it takes a row."""

    UP = "up"  # its parties talk
    OVER = "over"


class LegRow(NamedTuple):
    """Where an event leads a leg, and whether the party talks from then on for the first time."""

    to: LegState
    answered: bool = False


class CallRow(NamedTuple):
    """Where an event leads a call, and what others are told."""

    to: CallState
    emits: Change | None = None


_L, _E = LegState, LegEvent

LEG: Final[Mapping[LegState, Mapping[LegEvent, LegRow]]] = {
    _L.SETUP: {
        _E.ACCEPTED: LegRow(_L.TALKING, answered=True),
        _E.WE_ACCEPTED: LegRow(_L.ANSWERED, answered=True),
        _E.OVER: LegRow(_L.ENDED),
    },
    _L.ANSWERED: {
        _E.ACKNOWLEDGED: LegRow(_L.TALKING),
        _E.OVER: LegRow(_L.ENDED),
    },
    _L.TALKING: {
        _E.OVER: LegRow(_L.ENDED),
    },
    _L.ENDED: {},
}

_C, _H = CallState, CallEvent

CALL: Final[Mapping[CallState, Mapping[CallEvent, CallRow]]] = {
    _C.SETUP: {
        _H.ANSWERED: CallRow(_C.ANSWERING),
        _H.ENTERED: CallRow(_C.TALKING, Change.UP),
        _H.OVER: CallRow(_C.ENDED, Change.OVER),
    },
    _C.ANSWERING: {
        _H.CONNECTED: CallRow(_C.TALKING, Change.UP),
        _H.ENTERED: CallRow(_C.TALKING, Change.UP),
        _H.OVER: CallRow(_C.ENDED, Change.OVER),
    },
    _C.TALKING: {
        _H.OVER: CallRow(_C.ENDED, Change.OVER),
    },
    _C.ENDED: {},
}
