"""Carriers: whether they are there (P1)."""

from typing import Annotated

from ringwall.events.base import Event, event
from ringwall.events.values import TrunkId


@event("trunk.up")
class TrunkUp(Event):
    """A carrier is there again."""

    trunk: TrunkId
    why: Annotated[str, "Empty, or the state of its connection."]


@event("trunk.down")
class TrunkDown(Event):
    """A carrier is not there."""

    trunk: TrunkId
    why: Annotated[str, "What it answered, or the state of its connection."]


@event("trunk.registered")
class TrunkRegistered(Event):
    """A carrier has taken our registration."""

    trunk: TrunkId
    why: Annotated[str, "Always empty."]


@event("trunk.not_registered")
class TrunkNotRegistered(Event):
    """A carrier has refused our registration."""

    trunk: TrunkId
    why: Annotated[str, "What it answered."]


@event("trunk.failed")
class TrunkFailed(Event):
    """A carrier failed a call: the fault is its own, and another trunk is tried."""

    trunk: TrunkId
    status: Annotated[int, "The SIP status that it answered."]
    why: Annotated[str, "What it answered."]
