"""The common clock of all legs: what each of them plays in the next 20 ms, gaps mended.

Packets are written ahead of the clock into one ring (see ``jitter``); each tick reads the same columns of
every
row at once. A code that was not written is a gap: it is filled where sound went on before it, and is silence
where there was none.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from ringwall.media.concealment import HISTORY, Filler
from ringwall.media.g711 import DECODE, MISSING, Codes, Samples

FRAME = 160
"""Samples of one tick: 20 ms."""
RING = 50 * FRAME
"""Samples that a row holds: one second."""

_NOTHING: Samples = np.zeros(FRAME, np.int16)
_PAST = HISTORY // FRAME
# New gaps that are mended in one tick. When a relay with all its calls dies, the others are silent at once.
_MOST_NEW = 64


class Playout:
    """The ring of all rows. ``clock`` is the first sample of the next tick; it goes up by FRAME."""

    def __init__(self, rows: int) -> None:
        self.clock = 0
        self._ring: Codes = np.full((rows, RING), MISSING, np.uint16)
        self._sounds: NDArray[np.bool_] = np.zeros(rows, np.bool_)
        self._fillers: dict[int, Filler] = {}
        self._past: list[Samples] = [np.zeros((0, FRAME), np.int16)] * _PAST
        self.concealed: NDArray[np.int64] = np.zeros(rows, np.int64)
        """Samples that were made up, for each row."""

    def row(self, number: int) -> Codes:
        """Return a row for writing."""
        found: Codes = self._ring[number]
        return found

    def clear(self, number: int) -> None:
        """Forget all that a row holds: another leg gets it."""
        self._ring[number] = MISSING
        self._sounds[number] = False
        self._fillers.pop(number, None)
        self.concealed[number] = 0
        for frame in self._past:
            if number < len(frame):
                frame[number] = 0

    def skip(self, ticks: int) -> None:
        """Pass over ticks for which the process got no time."""
        for _ in range(ticks):
            at = self.clock % RING
            self._ring[:, at : at + FRAME] = MISSING
            self.clock += FRAME

    def tick(self, rows: int) -> Samples:
        """Return the next FRAME samples of the first ``rows`` rows, and go on."""
        at = self.clock % RING
        part = self._ring[:rows, at : at + FRAME]
        sound: Samples = DECODE.take(part)
        gaps = part == MISSING
        broken = gaps.any(axis=1)
        mend = np.flatnonzero(broken & self._sounds[:rows])
        self._sounds[:rows] |= ~gaps[:, -1]
        fresh = 0
        # A row that is mended may be whole again in this tick: it still has to lead over.
        for row in {*mend.tolist(), *self._fillers}:
            if row < rows:
                fresh += row not in self._fillers
                self._mend(row, sound[row], gaps[row], may_begin=fresh <= _MOST_NEW)
        part[:] = MISSING
        self.clock += FRAME
        self._past = [*self._past[1:], sound]
        return sound

    def _mend(self, row: int, sound: Samples, gap: NDArray[np.bool_], *, may_begin: bool) -> None:
        filler = self._fillers.pop(row, None)
        edges = [0, *(np.flatnonzero(gap[1:] != gap[:-1]) + 1).tolist(), FRAME]
        for start, stop in itertools.pairwise(edges):
            if not gap[start]:
                if filler is not None:
                    filler.blend_into(sound[start:stop])
                    filler = None
                continue
            if filler is None and may_begin:
                filler = Filler(self._before(row, sound[:start]))
            if filler is not None:
                sound[start:stop] = filler.take(stop - start)
                self.concealed[row] += stop - start
        if filler is not None and not filler.over:
            self._fillers[row] = filler
        elif gap[-1]:
            self._sounds[row] = False

    def _before(self, row: int, sound: Samples) -> Samples:
        past = [frame[row] if row < len(frame) else _NOTHING for frame in self._past]
        return np.concatenate([*past, sound])[-HISTORY:]
