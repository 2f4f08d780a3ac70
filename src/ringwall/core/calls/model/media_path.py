"""How the media of a call is joined: by a relay, in a room of the media server, or on the way between.

Rules that these values keep:
- A call has one of them at a time, so that nothing can say two things about it.
- While a call is moved nobody else moves it; what it was before is kept until the move has ended.
"""

from dataclasses import dataclass

from ringwall.core.calls.model.relay import Relay, Side


@dataclass(frozen=True, slots=True)
class Relayed:
    """By one relay, or two in a chain. `offerer` is the side whose offer was agreed on last."""

    relay: Relay
    offerer: Side = Side.A


@dataclass(frozen=True, slots=True)
class Bridged:
    """At the media server: each leg has a relay and a media leg of its own."""


@dataclass(frozen=True, slots=True)
class Moving:
    """On the way; `since` is what it was before, None for a call whose media was not joined yet."""

    since: "Relayed | Bridged | None"


MediaPath = Relayed | Bridged | Moving
