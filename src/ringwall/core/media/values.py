"""What the core and a media server say to each other, as values, and who is told of what happens there."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

Request = dict[str, Any]
Answer = dict[str, Any]
Reconcile = Callable[[Answer, Answer], list[Request]]


class Place(NamedTuple):
    """Where a leg of a media server listens."""

    address: str
    port: int


class Player(NamedTuple):
    """Something that plays: its name, and for how many seconds; None has no end."""

    name: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a leg is joined to its relay: where that listens, and the keys of both ways (base64)."""

    host: str
    port: int
    suite: str
    send_key: str = field(repr=False)
    receive_key: str = field(repr=False)
    payload: int
    dtmf: int | None
    ptime: int


class Link(Protocol):
    """The link to one server."""

    up: bool
    event: Callable[[Answer], None]
    settled: Reconcile
    after: Callable[[], None]
    down: Callable[[], None]

    async def call(self, op: str, **fields: Any) -> Answer:
        """Ask for something. Raises MediaError."""
        ...

    def tell(self, op: str, **fields: Any) -> None:
        """Ask for something whose answer changes nothing."""
        ...


class Listener(Protocol):
    """Who wants to know what the party of a leg does."""

    def pressed(self, key: str) -> None:
        """The party has pressed a key."""

    def silent(self, seconds: float) -> None:
        """Nothing came from the party for so long; 0: it is heard again."""


def names(found: Answer, many: str, one: str) -> list[str]:
    """The names in a list of a server's answer, such as its legs."""
    return [str(each.get(one)) for each in found.get(many, []) if isinstance(each, dict)]


def strangers(found: Answer, legs: Container[str], players: Container[str]) -> list[Request]:
    """The requests that end what a server has beyond these legs and players, and rooms without these legs."""
    playing = names(found, "players", "player")
    rooms = [each for each in found.get("rooms", []) if isinstance(each, dict)]
    return [
        *({"op": "leg.close", "leg": leg} for leg in names(found, "legs", "leg") if leg not in legs),
        *({"op": "stop", "player": each} for each in playing if each not in players),
        *(
            {"op": "room.close", "room": str(each.get("room"))}
            for each in rooms
            if not any(leg in legs for leg in each.get("legs", []))
        ),
    ]
