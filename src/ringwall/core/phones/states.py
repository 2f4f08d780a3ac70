r"""The states of a phone, as a table: everything that changes the state of a phone is here (P2, P3).

    discovered --enrol--> enrolled --furnish--> available <--> vacated
                                                    \          /
                                                     assigned
    every state --block--> blocked --unblock--> discovered

- discovered: a MAC address that has asked for a configuration, or was added; nothing is proven.
- enrolled: it has proven who it is, or was given a secret of its own; it has fetched nothing yet.
- available: it signs in with credentials of its own; nobody is logged in at it, and nobody is at home there.
- vacated: the same, but it is the home phone of somebody who is elsewhere or logged out.
- assigned: a user is logged in at it.
- blocked: an administrator wants it to get nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ringwall.core.phones.errors import PhoneError


class State(StrEnum):
    """What a phone may do."""

    DISCOVERED = "discovered"
    ENROLLED = "enrolled"
    AVAILABLE = "available"
    VACATED = "vacated"
    ASSIGNED = "assigned"
    BLOCKED = "blocked"


class Event(StrEnum):
    """What happens to a phone."""

    ENROL = "enrol"  # it proves who it is
    FURNISH = "furnish"  # it gets credentials to sign in with, and is nobody's home
    FURNISH_HOME = "furnish home"
    LOGIN = "login"
    LEAVE = "leave"  # its user is logged out, and it is nobody's home
    LEAVE_HOME = "leave home"
    GIVE_HOME = "give home"
    TAKE_HOME = "take home"
    BLOCK = "block"
    UNBLOCK = "unblock"
    FORGET = "forget"  # what it has proven counts no longer


_S, _E = State, Event
TABLE: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (_S.DISCOVERED, _E.ENROL): _S.ENROLLED,
        (_S.DISCOVERED, _E.GIVE_HOME): _S.DISCOVERED,
        (_S.DISCOVERED, _E.TAKE_HOME): _S.DISCOVERED,
        (_S.DISCOVERED, _E.BLOCK): _S.BLOCKED,
        (_S.ENROLLED, _E.ENROL): _S.ENROLLED,
        (_S.ENROLLED, _E.FURNISH): _S.AVAILABLE,
        (_S.ENROLLED, _E.FURNISH_HOME): _S.VACATED,
        (_S.ENROLLED, _E.GIVE_HOME): _S.ENROLLED,
        (_S.ENROLLED, _E.TAKE_HOME): _S.ENROLLED,
        (_S.ENROLLED, _E.FORGET): _S.DISCOVERED,
        (_S.ENROLLED, _E.BLOCK): _S.BLOCKED,
        # A phone that was reset to what the factory gave it proves itself again and stays what it is.
        (_S.AVAILABLE, _E.ENROL): _S.AVAILABLE,
        (_S.AVAILABLE, _E.LOGIN): _S.ASSIGNED,
        (_S.AVAILABLE, _E.GIVE_HOME): _S.VACATED,
        (_S.AVAILABLE, _E.FORGET): _S.DISCOVERED,
        (_S.AVAILABLE, _E.BLOCK): _S.BLOCKED,
        (_S.VACATED, _E.ENROL): _S.VACATED,
        (_S.VACATED, _E.LOGIN): _S.ASSIGNED,
        (_S.VACATED, _E.GIVE_HOME): _S.VACATED,
        (_S.VACATED, _E.TAKE_HOME): _S.AVAILABLE,
        (_S.VACATED, _E.FORGET): _S.DISCOVERED,
        (_S.VACATED, _E.BLOCK): _S.BLOCKED,
        (_S.ASSIGNED, _E.ENROL): _S.ASSIGNED,
        (_S.ASSIGNED, _E.LOGIN): _S.ASSIGNED,  # somebody else takes it
        (_S.ASSIGNED, _E.LEAVE): _S.AVAILABLE,
        (_S.ASSIGNED, _E.LEAVE_HOME): _S.VACATED,
        (_S.ASSIGNED, _E.GIVE_HOME): _S.ASSIGNED,
        (_S.ASSIGNED, _E.TAKE_HOME): _S.ASSIGNED,
        (_S.BLOCKED, _E.UNBLOCK): _S.DISCOVERED,
        (_S.BLOCKED, _E.GIVE_HOME): _S.BLOCKED,
        (_S.BLOCKED, _E.TAKE_HOME): _S.BLOCKED,
    }
)

SIGNS_IN: Final = frozenset({State.AVAILABLE, State.VACATED, State.ASSIGNED})
"""States in which a phone has credentials to sign in with."""


class NotPossibleError(PhoneError):
    """This cannot happen to a phone in this state."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"a phone that is {state} cannot {event}")
        self.state, self.event = state, event


def after(state: State, event: Event) -> State:
    """Return the state after an event; raise NotPossibleError."""
    found = TABLE.get((state, event))
    if found is None:
        raise NotPossibleError(state, event)
    return found
