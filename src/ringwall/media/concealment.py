"""What is played where packets are missing: the last pitch period, fading (as in G.711, Appendix I).

Voice changes slowly, so its last period goes on for 10 ms unchanged and fades to silence by 60 ms. Nothing
is invented after that: a party that stopped speaking is silent.
"""

import numpy as np
from numpy.typing import NDArray

from ringwall.media.g711 import Samples

HISTORY = 480
"""Samples before the gap that are looked at."""
LENGTH = 480
"""Samples after which a gap is silent."""
BLEND = 32
"""Samples over which made-up and real sound are blended."""

_SHORTEST, _LONGEST = 40, 160  # periods of 200 to 50 Hz
_TEMPLATE = 160
_FULL = 80

_GAIN: NDArray[np.float32] = np.concatenate(
    [np.ones(_FULL, np.float32), np.linspace(1, 0, LENGTH - _FULL, dtype=np.float32), np.zeros(1, np.float32)]
)
_FALL: NDArray[np.float32] = np.linspace(1, 0, BLEND + 1, dtype=np.float32)
_RISE: NDArray[np.float32] = np.linspace(0, 1, BLEND, endpoint=False, dtype=np.float32)


class Filler:
    """Goes on where real sound stopped; ``history`` is the HISTORY samples before the gap."""

    __slots__ = ("_done", "_loudest", "_period", "_step")

    def __init__(self, history: Samples) -> None:
        sound = history.astype(np.float32)
        self._loudest = float(np.abs(sound).max())
        self._period = _last_period(sound)
        self._step = float(2 * sound[-1] - sound[-2] - self._period[0])
        self._done = 0

    @property
    def over(self) -> bool:
        """Say whether it has faded to silence."""
        return self._done >= LENGTH

    def take(self, count: int) -> NDArray[np.float32]:
        """Return the next samples."""
        places = np.arange(self._done, self._done + count)
        found: NDArray[np.float32] = self._period.take(places, mode="wrap")
        if self._done < BLEND:
            # Where the period does not quite meet what was before, the step is spread: it would be a click.
            found += self._step * _FALL.take(places, mode="clip")
            np.clip(found, -self._loudest, self._loudest, out=found)
        self._done += count
        return found * _GAIN.take(places, mode="clip")

    def blend_into(self, sound: Samples) -> None:
        """Lead over to real sound, in place: its first samples are blended with what would have followed."""
        count = min(BLEND, len(sound))
        rise = _RISE[:count]
        sound[:count] = self.take(count) * (1 - rise) + sound[:count] * rise


def _last_period(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the last pitch period, made so that its end leads over to its beginning."""
    lag = pitch(sound)
    period = sound[-lag:].copy()
    count = min(BLEND, lag // 4)
    rise = np.linspace(0, 1, count, dtype=np.float32)
    period[-count:] = period[-count:] * (1 - rise) + sound[-lag - count : -lag] * rise
    return period


def pitch(sound: NDArray[np.float32]) -> int:
    """Return the lag, 40 to 160 samples, at which the end of ``sound`` is most like itself."""
    template = sound[-_TEMPLATE:]
    before = sound[-_TEMPLATE - _LONGEST : -_SHORTEST]
    match = np.correlate(before, template, "valid")
    squares = np.concatenate([[0.0], np.cumsum(before.astype(np.float64) ** 2)])
    energy = squares[_TEMPLATE:] - squares[:-_TEMPLATE]
    score = match / np.sqrt(energy + 1.0)
    # The shortest of equal lags: a pure tone matches at every multiple of its period.
    most = float(score.max())
    best = int(np.flatnonzero(score >= most - abs(most) * 0.05)[-1])
    while best and score[best - 1] > score[best]:
        best -= 1
    return _LONGEST - best
