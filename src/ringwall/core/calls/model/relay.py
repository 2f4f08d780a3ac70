"""What a media relay is told apart by: its name, its two sides, and how the media of a side is protected."""

from dataclasses import dataclass
from enum import Enum


class Profile(Enum):
    """How a side's media is protected."""

    SDES = "sdes"
    DTLS = "dtls"
    MEDIA = "media"  # our own media server: as SDES, with RTCP on the port of RTP


class Side(Enum):
    """The two sides of a relay, as tags in the ng protocol."""

    A = "a"
    B = "b"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.B if self is Side.A else Side.A


@dataclass(frozen=True, slots=True)
class Relay:
    """One relay; `chained` when it is two rtpengine calls in a row, so that each leg gets keys of its own."""

    id: str
    chained: bool = False
