"""What a leg of a call has at a media server, as a value that is stored with the call (R1)."""

from dataclasses import dataclass, field
from typing import Any

from ringwall.core.media.values import Place


@dataclass(slots=True)
class MediaLeg:
    """A leg at a media server; its name there is the tag of the call's leg.

    `key` (base64) is what the server sends with, in `suite`. `hears` is what the party hears of the others in
    its room: by their tags, how loud (0 to 4). `music` says that it hears music on hold.
    """

    server: int
    place: Place
    suite: str
    key: str = field(repr=False)
    room: str = ""
    hears: dict[str, float] = field(default_factory=dict)
    music: bool = False
    player: str = field(default="", compare=False)  # of that music; not stored

    def to_value(self) -> dict[str, Any]:
        """JSON-able value, without the key."""
        return {
            "server": self.server,
            "place": list(self.place),
            "suite": self.suite,
            "room": self.room,
            "hears": self.hears,
            "music": self.music,
        }

    @classmethod
    def from_value(cls, value: dict[str, Any], key: str) -> "MediaLeg":
        """Take up what `to_value` gave. Raises KeyError, TypeError, ValueError for anything else."""
        address, port = value["place"]
        return cls(
            server=int(value["server"]),
            place=Place(str(address), int(port)),
            suite=str(value["suite"]),
            key=key,
            room=str(value["room"]),
            hears={str(name): float(gain) for name, gain in value["hears"].items()},
            music=bool(value["music"]),
        )
