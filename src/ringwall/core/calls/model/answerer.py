"""Who has answered a call: a party, or the system in the place of one."""

from dataclasses import dataclass

from ringwall.core.calls.model.leg import Leg


@dataclass(frozen=True, slots=True, eq=False)
class Party:
    """A party, by the leg that answered."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Service:
    """The system, such as a menu, a page or a refusal that is spoken."""

    name: str


Answerer = Party | Service
