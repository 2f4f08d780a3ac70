"""Where the packets of one leg are placed in time, so that late ones are still in time (a jitter buffer).

Rules that this module keeps:

- A packet's place is its RTP timestamp plus a shift. The shift is set when sound begins (``anchor``) and is
  changed only where it is not heard: in a pause, or by a pitch period at a time.
- The delay is as small as the arrivals allow: it starts with 20 to 40 ms, grows at once when packets come too
  late, and shrinks slowly when all of them come early. A sender whose clock runs 200 ppm faster or slower is
  followed in the same way.
- Nothing that a sender writes into a packet makes the delay longer than MOST_DELAY or writes outside the row:
  a place that cannot be right is a new beginning.

All places are samples of the playout's clock.
"""

import math
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ringwall.media.g711 import DECODE, ENCODE, MISSING, Codes
from ringwall.media.playout import FRAME, RING

LEAST = FRAME
"""The least time, in samples, between the arrival of sound after a pause and its playing."""
MOST_DELAY = 10 * FRAME
"""The longest time that packets wait, but for a burst that is being worked off."""
MOST_PACKET = 1024
"""Samples of the longest packet."""

_AHEAD = RING - FRAME - MOST_PACKET  # the furthest place that may be written
_PAUSE = 2 * FRAME
_WINDOW = 2 * 8000  # how long arrivals are watched before a decision
_WINDOWS = 5  # windows that must agree before the delay shrinks
_HIGH = 400  # packets that all come so early wait too long
_GOOD = 240
_LOW = 40  # packets that come so close to their time want more delay
_STEP = 80
_SPACING = 800  # between two slips: 100 ms
_SHORTEST, _LONGEST = 24, 120
_QUIET = 64.0


class JitterBuffer:
    """Places the packets of one leg; ``row`` is the leg's row of the playout."""

    __slots__ = (
        *("_began", "_low", "_margin", "_minima", "_next_slip", "_pending", "_place", "_row", "_timestamp"),
        *("_skipped", "_top", "late", "slips"),
    )

    def __init__(self, row: Codes) -> None:
        self._row = row
        self._timestamp: int | None = None
        self._place = 0
        self._top = 0
        self._margin = 0
        self._pending = 0
        self._next_slip = 0
        self._began = 0
        self._low = RING
        self._skipped = 0
        self._minima: deque[int] = deque(maxlen=_WINDOWS)
        self.late = 0
        """Packets that came after their time."""
        self.slips = 0
        """How often the delay was changed within sound."""

    def restart(self) -> None:
        """Begin anew: another source speaks."""
        self._timestamp = None

    def skip(self, clock: int) -> None:
        """Note that the clock had to pass over time: what should have been heard then did not come late."""
        self._skipped = clock

    @property
    def top(self) -> int:
        """The place after the last sample that was written."""
        return self._top

    def packet(self, timestamp: int, codes: Codes, clock: int, now: int) -> None:
        """Write a packet of 1 to MOST_PACKET codes; ``now`` is the moment, not later than ``clock``."""
        count = len(codes)
        if not 0 < count <= MOST_PACKET:
            return
        if self._timestamp is None:
            self._anchor(timestamp, codes, clock, now)
            return
        step = (timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        if step == 0:
            return  # the same once more
        place = self._place + step
        if place + count <= self._skipped and clock < self._skipped + RING:
            return  # its time was passed over
        behind = clock - (place - place % FRAME)
        paused = self._top + _PAUSE <= clock and place != self._top
        if (
            behind > MOST_DELAY + FRAME
            or place + count > clock + _AHEAD
            or (paused and step > 0)
            or (place - now > 4 * MOST_DELAY and step > 0)
        ):
            self._anchor(timestamp, codes, clock, now)
            return
        if behind > 0:
            self.late += 1
            self._margin = min(self._margin + behind, MOST_DELAY)
            if step > 0 and self._top <= clock:
                # Nothing else waits: from here on all is played so much later, and nothing is lost.
                self._move(behind)
                place += behind
            else:
                self._pending = min(self._pending + behind, MOST_DELAY)
                if place + count <= clock:
                    return
        self._watch(place - place % FRAME - now, now)
        moved = 0
        if self._pending and step > 0 and place == self._top and now >= self._next_slip:
            moved, codes = self._slip(place, codes, clock, now)
        if step > 0:
            self._timestamp, self._place = timestamp, place + moved
        self._write(place + min(moved, 0), codes, clock)

    def _anchor(self, timestamp: int, codes: Codes, clock: int, now: int) -> None:
        """Give sound that begins a place of its own, on the border of a tick."""
        self._erase(clock)
        # A packet is needed when the tick begins in which it lies: up to so much before its place.
        before = FRAME - math.gcd(len(codes), FRAME)
        wanted = now + LEAST + before + self._margin
        place = max(clock, -(-wanted // FRAME) * FRAME)
        self._timestamp, self._place = timestamp, place
        self._began, self._low, self._pending = now, RING, 0
        self._minima.clear()
        self._write(place, codes, clock)

    def _move(self, samples: int) -> None:
        self._pending = 0
        self._low += samples
        self._minima = deque((low + samples for low in self._minima), _WINDOWS)

    def _watch(self, slack: int, now: int) -> None:
        """Note how early a packet came; at the end of a window decide whether the delay is right."""
        self._low = min(self._low, slack)
        if now - self._began < _WINDOW:
            return
        self._minima.append(self._low)
        least = min(self._minima)
        if self._low > MOST_DELAY:
            self._pending = _GOOD - self._low
        elif len(self._minima) == _WINDOWS and least > _HIGH:
            self._pending = _GOOD - least
        elif self._low < _LOW:
            self._pending = max(self._pending, _STEP)
        elif self._pending > 0:
            self._pending = 0
        self._margin -= self._margin // 8
        self._began, self._low = now, RING

    def _slip(self, place: int, codes: Codes, clock: int, now: int) -> tuple[int, Codes]:
        """Leave a pitch period out or play one twice, where it is least heard.

        Returns by how much later all that follows is played, below zero for earlier, and the codes; when it
        is below zero they begin so much earlier.
        """
        sound = DECODE.take(codes).astype(np.float32)
        if self._pending < 0:
            most = min(_LONGEST, len(codes), place - clock, -self._pending)
            if most < _SHORTEST:
                return 0, codes
            places = np.arange(place - most, place)
            before = DECODE.take(self._row.take(places, mode="wrap")).astype(np.float32)
            lag = _best(most, lambda lag: (before[-lag:], sound[:lag]))
            blended = _blend(before[-lag:], sound[:lag])
            codes, moved = np.concatenate([blended, codes[lag:]]), -lag
        else:
            most = min(_LONGEST, len(codes) // 2, max(self._pending, _SHORTEST))
            if most < _SHORTEST:
                self._pending = 0
                return 0, codes
            lag = _best(most, lambda lag: (sound[:lag], sound[lag : 2 * lag]))
            # The first period, then it once more, leading over to what follows it.
            blended = _blend(sound[lag : 2 * lag], sound[:lag])
            codes, moved = np.concatenate([codes[:lag], blended, codes[lag:]]), lag
        left = self._pending - moved
        self._move(moved)
        self._pending = left if left * moved > 0 else 0
        self._next_slip = now + _SPACING
        self.slips += 1
        return moved, codes

    def _write(self, place: int, codes: Codes, clock: int) -> None:
        if place < clock:
            codes = codes[clock - place :]
            place = clock
        start = place % RING
        first = RING - start
        if len(codes) <= first:
            self._row[start : start + len(codes)] = codes
        else:
            self._row[start:] = codes[:first]
            self._row[: len(codes) - first] = codes[first:]
        self._top = max(self._top, place + len(codes))

    def _erase(self, clock: int) -> None:
        """Take back what was written ahead of the clock."""
        if self._top > clock:
            self._write(clock, np.full(self._top - clock, MISSING, np.uint16), clock)
        self._top = clock


def _best(most: int, pair: Callable[[int], tuple[NDArray[np.float32], NDArray[np.float32]]]) -> int:
    """Return the lag at which the two pieces of sound are most alike; the longest one in silence."""
    best, score = most, -1.0
    for lag in range(_SHORTEST, most + 1, 2):
        one, other = pair(lag)
        size = float(np.sqrt((one @ one) * (other @ other)))
        if size < _QUIET * lag:
            continue
        alike = float(one @ other) / size
        if alike > score:
            best, score = lag, alike
    return best


def _blend(one: NDArray[np.float32], other: NDArray[np.float32]) -> Codes:
    rise = np.linspace(0, 1, len(one), dtype=np.float32)
    mixed = (one * (1 - rise) + other * rise).astype(np.int16)
    found: Codes = ENCODE[0].take(mixed.view(np.uint16)).astype(np.uint16)
    return found
