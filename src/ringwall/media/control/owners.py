"""Owners: whose legs, rooms, players and recorders these are, and for how long.

A core that died and came back says hello with the same name before its lease runs out, and has everything
that it had, with the events that came meanwhile.
"""

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from ringwall.media.errors import MediaError
from ringwall.media.legs import Leg
from ringwall.media.rooms import Room

if TYPE_CHECKING:
    from ringwall.media.players import Player
    from ringwall.media.recorders import Recorder

_MOST_EVENTS = 1000
_KEPT_SECONDS = 600.0  # events of an owner whose lease ran out


class Listener(Protocol):
    """The connection that hears an owner's events."""

    def event(self, values: dict[str, Any]) -> None:
        """Send an event."""
        ...

    def close(self) -> None:
        """Close it: another one took its place."""
        ...


class Owner:
    """What one core has here."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.legs: dict[str, Leg] = {}
        self.rooms: dict[str, Room] = {}
        self.players: dict[str, Player] = {}
        self.recorders: dict[str, Recorder] = {}
        self._lease = 0.0
        self._until = 0.0
        self._listener: Listener | None = None
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_EVENTS)

    def take_over(self, listener: Listener, lease: float) -> None:
        """Let a connection hear the events from now on; the one before it is closed."""
        old, self._listener = self._listener, listener
        if old is not None and old is not listener:
            old.close()
        self._lease = lease
        self.renew()

    def send_waiting(self) -> None:
        """Send the events that came while nobody heard them."""
        while self._waiting and self._listener is not None:
            self._listener.event(self._waiting.popleft())

    def renew(self) -> None:
        """Begin the lease anew."""
        self._until = time.monotonic() + self._lease

    def lost(self, listener: Listener) -> None:
        """Keep the events from now on: the connection is gone, if it was the one that hears them."""
        if self._listener is listener:
            self._listener = None

    def expired(self, now: float) -> bool:
        """Say whether the lease has run out."""
        return now > self._until

    def forgotten(self, now: float) -> bool:
        """Say whether nobody will come to ask what became of it."""
        if self._listener is not None or self.recorders:
            return False
        return not self._waiting or now > self._until + _KEPT_SECONDS

    def tell(self, values: dict[str, Any]) -> None:
        """Send an event, or keep it for whoever comes back."""
        if self._listener is not None:
            self._listener.event(values)
        else:
            self._waiting.append(values)


def target_of(owner: Owner, leg: str | None, room: str | None) -> Leg | Room:
    """Return the one that is named; MediaError when it is not exactly one, or not there."""
    if (leg is None) == (room is None):
        raise MediaError("leg: either a leg or a room must be named.", code="syntax")
    found = owner.legs.get(leg) if leg is not None else owner.rooms.get(room or "")
    if found is None:
        raise MediaError(f"There is no {'leg' if leg is not None else 'room'} {leg or room}.", code="unknown")
    return found
