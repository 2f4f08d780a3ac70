"""What is known of a phone."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from ringwall.core.phones.mac import shown
from ringwall.core.phones.states import SIGNS_IN, Event, State, after


class Identity(StrEnum):
    """By what a phone proves that it is the one with this MAC address."""

    NONE = ""
    FACTORY = "factory certificate"
    CERTIFICATE = "our certificate"
    ADDRESS = "secret address"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An open enrolment, good for one phone and until `until` (Unix seconds).

    `code_digest` is of the code that somebody types at the phone. `source`, where it is not empty, is the
    address from which the phone was seen to ask: a request from there needs no code.
    """

    code_digest: str
    until: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class PhoneEntry:
    """One desk phone. `user` and `home` are the numbers of users: who is logged in, whose phone it is.

    `owner_waits` says that its owner was put out or could not come home, and is back as soon as it is free.
    `expected`: an administrator named it. `generation` is part of its secret address; `certificate` is the
    SHA-256 of the one that we gave it. `group` is what it may do while nobody is logged in; none: nothing
    (P2).
    """

    id: int
    mac: str
    state: State
    vendor: str = ""
    model: str = ""
    label: str = ""
    identity: Identity = Identity.NONE
    expected: bool = False
    generation: int = 0
    certificate: str = ""
    site: str | None = None
    group: str | None = None
    location: str = ""
    callback_number: str = ""
    user: int | None = None
    home: int | None = None
    owner_waits: bool = False
    legacy: bool = False
    enrolment: Enrolment | None = None
    created_at: float = 0.0

    def __post_init__(self) -> None:
        """Hold what the states mean; a ValueError is a mistake of ours."""
        if (self.state is State.ASSIGNED) != (self.user is not None):
            raise ValueError("a phone is assigned exactly while a user is logged in at it")
        if self.state is State.VACATED and self.home is None:
            raise ValueError("a vacated phone is somebody's home")
        if self.state is State.AVAILABLE and self.home is not None:
            raise ValueError("an available phone is nobody's home")
        if self.owner_waits and (self.home is None or self.home == self.user):
            raise ValueError("nobody waits for a phone that is not their home, or at which they are")
        if self.state in SIGNS_IN and self.identity is Identity.NONE:
            raise ValueError("a phone that has proven nothing has no credentials")

    def on(self, event: Event, **changes: Any) -> Self:
        """Return the phone after an event; raise NotPossibleError."""
        return replace(self, state=after(self.state, event), **changes)

    @property
    def signs_in(self) -> bool:
        """Whether it has credentials to sign in with."""
        return self.state in SIGNS_IN

    @property
    def name(self) -> str:
        """How people know it."""
        return f"{shown(self.mac)} ({self.label})" if self.label else shown(self.mac)
