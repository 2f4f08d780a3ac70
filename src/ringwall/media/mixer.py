"""Who hears whom: rooms as matrices of gains, mixed without one that speaks too loud wrapping around.

A `Plan` is all rooms at one moment. Rooms of like size are multiplied in one step. When anything changes, one
tick is mixed by both plans and faded from the old to the new one, so that nobody hears a click.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ringwall.media.g711 import Samples
from ringwall.media.playout import FRAME

Sound = NDArray[np.float32]
"""Samples of one tick: rows of FRAME, in the scale of 16 bits, before they are limited to it."""
ALL = "*"

_RISE: Sound = np.linspace(0, 1, FRAME, endpoint=False, dtype=np.float32)


def matrix(legs: Sequence[str], hears: Mapping[str, Mapping[str, float]]) -> Sound:
    """Return the gains of a room, ``[listener, speaker]``; nobody hears themselves unless they are named."""
    size = len(legs)
    gains: Sound = np.zeros((size, size), np.float32)
    places = {leg: place for place, leg in enumerate(legs)}
    for listener, place in places.items():
        wanted = hears.get(listener, hears.get(ALL, {}))
        gains[place] = wanted.get(ALL, 0.0)
        gains[place, place] = 0.0
        for speaker, gain in wanted.items():
            if speaker != ALL:
                gains[place, places[speaker]] = gain
    return gains


class Plan:
    """All rooms: each is the rows of its legs and their matrix."""

    def __init__(self, rooms: Iterable[tuple[Sequence[int], Sound]] = ()) -> None:
        sizes: dict[int, list[tuple[Sequence[int], Sound]]] = defaultdict(list)
        for rows, gains in rooms:
            if gains.any():
                sizes[max(2, 1 << (len(rows) - 1).bit_length())].append((rows, gains))
        self._stacks: list[tuple[NDArray[np.intp], Sound]] = []
        for size, members in sizes.items():
            places = np.full((len(members), size), -1, np.intp)
            stack: Sound = np.zeros((len(members), size, size), np.float32)
            for number, (rows, gains) in enumerate(members):
                places[number, : len(rows)] = rows
                stack[number, : len(rows), : len(rows)] = gains
            self._stacks.append((places, stack))

    def mix(self, said: Sound) -> Sound:
        """Return what each row hears of what each row said. The last row is nobody's: it must be zero."""
        heard: Sound = np.zeros_like(said)
        for places, stack in self._stacks:
            heard[places] = stack @ said[places]
        return heard


class Mixer:
    """Mixes by a plan, and fades over when it changes."""

    def __init__(self) -> None:
        self._plan = Plan()
        self._next: Plan | None = None

    def change(self, plan: Plan) -> None:
        """Go over to another plan with the next tick."""
        self._next = plan

    @property
    def settled(self) -> bool:
        """Say whether no other plan waits."""
        return self._next is None

    def mix(self, said: Sound) -> Sound:
        """Return what each row hears in this tick."""
        heard = self._plan.mix(said)
        if self._next is not None:
            self._plan, self._next = self._next, None
            heard = heard * (1 - _RISE) + self._plan.mix(said) * _RISE
        return heard


def limited(sound: Sound) -> Samples:
    """Return samples of 16 bits; what is too loud is clipped and never wraps."""
    return np.clip(sound, -32768, 32767).astype(np.int16)
