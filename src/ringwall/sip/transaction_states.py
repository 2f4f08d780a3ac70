"""The states of transactions, as tables: whoever reads these five tables knows what the layer does.

Rules that these tables keep:

- Everything travels over a reliable transport. So no request is ever sent twice (timers A and E of RFC 3261
  do not exist), no final answer to an INVITE other than 2xx is repeated (G does not), and the timers D, I, J
  and K, which wait for stray repetitions, are zero: those states end in the moment in which they begin.
- What stays: B and F (the other side never answered), C (RFC 3261 16.8: an INVITE that rings for three
  minutes without a word is cancelled), H (the ACK of a refusal never came), L and M (RFC 6026: a 2xx keeps
  the transaction for 64*T1), and the repetition of a 2xx until its ACK comes (RFC 3261 13.3.1.4), which runs
  end to end and therefore over every transport.
- A happening that has no row in a state is ignored there. That is how a second final answer of the user, a
  stray response and a second CANCEL come to nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class State(StrEnum):
    """The states of all five tables."""

    CALLING = "calling"  # INVITE sent, nothing heard
    WITHDRAWN = "withdrawn"  # the same, and the user wants to cancel: RFC 3261 9.1 makes that wait for a 1xx
    TRYING = "trying"  # any other request sent, or received and not answered
    PROCEEDING = "proceeding"  # a provisional answer was heard; on the server's side: the user is at work
    CANCELLED = "cancelled"  # a CANCEL was sent or received, no final answer yet
    ACCEPTED = "accepted"  # a 2xx to an INVITE was heard; on the server's side: sent, and its ACK is awaited
    CONFIRMED = "confirmed"  # the ACK of our 2xx came; only repetitions of the INVITE are still absorbed
    COMPLETED = "completed"  # an INVITE was refused, and the ACK of that is awaited
    TERMINATED = "terminated"


class Happening(StrEnum):
    """What can happen to a transaction."""

    PROVISIONAL = "provisional"  # 1xx: heard by a client, given by the user of a server
    SUCCESS = "success"  # 2xx
    FAILURE = "failure"  # 3xx to 6xx
    CANCEL = "cancel"  # the user wants it (client), or one came in (server)
    LINK_LOST = "link lost"
    TIMER = "timer"  # a client's timer came due
    REPEATED = "repeated"  # the same request came again
    ACK = "ack"
    REPEAT_DUE = "repeat due"  # time to send the 2xx again
    EXPIRED = "expired"  # 64*T1 have passed


class Send(StrEnum):
    """What a transaction sends by itself when it takes a row."""

    ACK = "ack"
    CANCEL = "cancel"
    ANSWER = "answer"  # what the user has just given
    LAST = "last"  # what was sent before, once more


class Tell(StrEnum):
    """What the user hears when a transaction takes a row."""

    RESPONSE = "response"
    TIMED_OUT = "timed out"
    FAILED = "failed"
    ACK = "ack"
    ACK_MISSING = "ack missing"
    CANCELLED = "cancelled"


class Timer(StrEnum):
    """Which timer a transaction starts when it takes a row; the one that ran before is forgotten."""

    FULL = "64*T1"  # B, F, H, M, and the end of a request that its user never answers
    RINGING = "C"  # longer than three minutes
    FIRST_REPEAT = "T1"  # of a 2xx; the clock of 64*T1 starts as well
    NEXT_REPEAT = "doubled"  # up to T2, and never past the 64*T1
    REST = "rest"  # what is left of the 64*T1 (L)


class Row(NamedTuple):
    """One entry of a table: where a happening leads, and what it makes the transaction do."""

    to: State
    send: Send | None = None
    tell: Tell | None = None
    timer: Timer | None = None


Table = Mapping[State, Mapping[Happening, Row]]

_S, _H = State, Happening

# RFC 3261 17.1.1 as amended by RFC 6026 8.4, and RFC 3261 9.1 for CANCEL.
CLIENT_INVITE: Final[Table] = {
    _S.CALLING: {
        _H.PROVISIONAL: Row(_S.PROCEEDING, tell=Tell.RESPONSE, timer=Timer.RINGING),
        _H.SUCCESS: Row(_S.ACCEPTED, tell=Tell.RESPONSE, timer=Timer.FULL),
        _H.FAILURE: Row(_S.TERMINATED, send=Send.ACK, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.TERMINATED, tell=Tell.TIMED_OUT),
        _H.CANCEL: Row(_S.WITHDRAWN),
        _H.LINK_LOST: Row(_S.TERMINATED, tell=Tell.FAILED),
    },
    _S.WITHDRAWN: {
        _H.PROVISIONAL: Row(_S.CANCELLED, send=Send.CANCEL, tell=Tell.RESPONSE, timer=Timer.FULL),
        _H.SUCCESS: Row(_S.ACCEPTED, tell=Tell.RESPONSE, timer=Timer.FULL),
        _H.FAILURE: Row(_S.TERMINATED, send=Send.ACK, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.TERMINATED, tell=Tell.TIMED_OUT),
        _H.LINK_LOST: Row(_S.TERMINATED, tell=Tell.FAILED),
    },
    _S.PROCEEDING: {
        _H.PROVISIONAL: Row(_S.PROCEEDING, tell=Tell.RESPONSE, timer=Timer.RINGING),
        _H.SUCCESS: Row(_S.ACCEPTED, tell=Tell.RESPONSE, timer=Timer.FULL),
        _H.FAILURE: Row(_S.TERMINATED, send=Send.ACK, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.CANCELLED, send=Send.CANCEL, timer=Timer.FULL),
        _H.CANCEL: Row(_S.CANCELLED, send=Send.CANCEL, timer=Timer.FULL),
        _H.LINK_LOST: Row(_S.TERMINATED, tell=Tell.FAILED),
    },
    _S.CANCELLED: {
        _H.PROVISIONAL: Row(_S.CANCELLED, tell=Tell.RESPONSE),
        _H.SUCCESS: Row(_S.ACCEPTED, tell=Tell.RESPONSE, timer=Timer.FULL),
        _H.FAILURE: Row(_S.TERMINATED, send=Send.ACK, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.TERMINATED, tell=Tell.TIMED_OUT),
        _H.LINK_LOST: Row(_S.TERMINATED, tell=Tell.FAILED),
    },
    _S.ACCEPTED: {
        # A repetition, or the answer of a further branch of a fork: the user acknowledges each.
        _H.SUCCESS: Row(_S.ACCEPTED, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.TERMINATED),
    },
}

# RFC 3261 17.1.2.
CLIENT_OTHER: Final[Table] = {
    state: {
        _H.PROVISIONAL: Row(_S.PROCEEDING, tell=Tell.RESPONSE),
        _H.SUCCESS: Row(_S.TERMINATED, tell=Tell.RESPONSE),
        _H.FAILURE: Row(_S.TERMINATED, tell=Tell.RESPONSE),
        _H.TIMER: Row(_S.TERMINATED, tell=Tell.TIMED_OUT),
        _H.LINK_LOST: Row(_S.TERMINATED, tell=Tell.FAILED),
    }
    for state in (_S.TRYING, _S.PROCEEDING)
}

# The layer's own CANCEL. What becomes of the call is told by the INVITE's answer, so nobody hears of this.
CLIENT_CANCEL: Final[Table] = {
    _S.TRYING: {
        happening: Row(_S.TERMINATED) for happening in (_H.SUCCESS, _H.FAILURE, _H.TIMER, _H.LINK_LOST)
    },
}

# RFC 3261 17.2.1 as amended by RFC 6026 8.5, RFC 3261 9.2 for CANCEL and 13.3.1.4 for the 2xx.
SERVER_INVITE: Final[Table] = {
    _S.PROCEEDING: {
        _H.PROVISIONAL: Row(_S.PROCEEDING, send=Send.ANSWER),
        _H.SUCCESS: Row(_S.ACCEPTED, send=Send.ANSWER, timer=Timer.FIRST_REPEAT),
        _H.FAILURE: Row(_S.COMPLETED, send=Send.ANSWER, timer=Timer.FULL),
        _H.REPEATED: Row(_S.PROCEEDING, send=Send.LAST),
        _H.CANCEL: Row(_S.CANCELLED, tell=Tell.CANCELLED),
    },
    _S.CANCELLED: {
        _H.PROVISIONAL: Row(_S.CANCELLED, send=Send.ANSWER),
        # The user had answered before it heard of the CANCEL; the caller will acknowledge and hang up.
        _H.SUCCESS: Row(_S.ACCEPTED, send=Send.ANSWER, timer=Timer.FIRST_REPEAT),
        _H.FAILURE: Row(_S.COMPLETED, send=Send.ANSWER, timer=Timer.FULL),
        _H.REPEATED: Row(_S.CANCELLED, send=Send.LAST),
    },
    _S.COMPLETED: {
        _H.REPEATED: Row(_S.COMPLETED, send=Send.LAST),
        _H.ACK: Row(_S.TERMINATED),
        _H.EXPIRED: Row(_S.TERMINATED),
    },
    _S.ACCEPTED: {
        _H.ACK: Row(_S.CONFIRMED, tell=Tell.ACK, timer=Timer.REST),
        _H.REPEAT_DUE: Row(_S.ACCEPTED, send=Send.LAST, timer=Timer.NEXT_REPEAT),
        _H.EXPIRED: Row(_S.TERMINATED, tell=Tell.ACK_MISSING),
    },
    _S.CONFIRMED: {
        _H.EXPIRED: Row(_S.TERMINATED),
    },
}

# RFC 3261 17.2.2. A request that its user has not answered after 64*T1 is forgotten: its sender has given up.
SERVER_OTHER: Final[Table] = {
    state: {
        _H.PROVISIONAL: Row(_S.PROCEEDING, send=Send.ANSWER),
        _H.SUCCESS: Row(_S.TERMINATED, send=Send.ANSWER),
        _H.FAILURE: Row(_S.TERMINATED, send=Send.ANSWER),
        _H.REPEATED: Row(state, send=Send.LAST),
        _H.EXPIRED: Row(_S.TERMINATED),
    }
    for state in (_S.TRYING, _S.PROCEEDING)
}


_FIRST_SUCCESS: Final = 200
_FIRST_FAILURE: Final = 300


def happening_of(status: int) -> Happening:
    """The happening that a response with this status code (100 to 699) is."""
    if status < _FIRST_SUCCESS:
        return Happening.PROVISIONAL
    if status < _FIRST_FAILURE:
        return Happening.SUCCESS
    return Happening.FAILURE
