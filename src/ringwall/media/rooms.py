"""A room: legs, and how loud each of them hears each other one."""

import numpy as np

from ringwall.media.legs import Leg
from ringwall.media.mixer import Sound


class Room:
    """One room; ``gains`` is ``[listener, speaker]`` in the order of ``legs``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.legs: list[Leg] = []
        self.gains: Sound = np.zeros((0, 0), np.float32)
        self.played: Sound | None = None
        """What the players for the whole room play in this tick."""

    def set(self, legs: list[Leg], gains: Sound) -> None:
        """Take the whole matrix; legs that are new leave the room in which they were."""
        for leg in self.legs:
            if leg not in legs:
                leg.room = None
        for leg in legs:
            if leg.room is not None and leg.room is not self:
                leg.room.remove(leg)
            leg.room = self
        self.legs, self.gains = legs, gains

    def remove(self, leg: Leg) -> None:
        """Let a leg go; the others hear each other as before."""
        place = self.legs.index(leg)
        self.legs = [other for other in self.legs if other is not leg]
        self.gains = np.delete(np.delete(self.gains, place, 0), place, 1)
        leg.room = None
