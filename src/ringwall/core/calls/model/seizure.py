"""A spent grant, and what the record keeps of the outside leg that was made with it."""

from dataclasses import dataclass, field
from typing import Any

from ringwall.core.rights.trunk import TrunkLine
from ringwall.policy.grant import Grant, GrantRefused, Way
from ringwall.policy.usage import Charge


class SpentGrants:
    """Sees to it that each grant makes one outside leg."""

    def __init__(self) -> None:
        self._spent: dict[int, Grant] = {}  # each is held until it is too old anyway, so no id comes twice

    def spend(self, grant: Grant, number: str, now: float) -> Way:
        """The way out for this number. `now` in unix seconds.

        Raises GrantRefused when the grant is for another number, too old, or was spent before.
        """
        way = grant.require(number, now)
        for key in [key for key, old in self._spent.items() if old.expires_at <= now]:
            del self._spent[key]
        if id(grant) in self._spent:
            raise GrantRefused(f"the grant for {number} was used before: one grant, one leg")
        self._spent[id(grant)] = grant
        return way


@dataclass(slots=True)
class Seizure:
    """A trunk is seized for one outside leg, or one trunk after the other until one takes the call.

    `name` is the leg's name in the ledger of use. `seconds` is when the leg has to be ended, counted from its
    answer; 0 is never. `left` are the trunks that were not tried yet.
    """

    name: str
    number: str
    grant: dict[str, Any]
    caller_id: str = ""
    trunk_group: str = ""
    charge: Charge | None = None
    seconds: int = 0
    emergency: bool = False
    location: str = ""
    left: list[TrunkLine] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def to_value(self) -> dict[str, Any]:
        """JSON-able value, for a leg that talks."""
        return {
            "name": self.name,
            "number": self.number,
            "grant": self.grant,
            "caller_id": self.caller_id,
            "trunk_group": self.trunk_group,
            "charge": list(self.charge) if self.charge is not None else None,
            "seconds": self.seconds,
            "emergency": self.emergency,
            "tried": self.tried,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any]) -> "Seizure":
        """Take up what `to_value` gave."""
        return cls(**{**value, "charge": Charge(*value["charge"]) if value["charge"] else None})
