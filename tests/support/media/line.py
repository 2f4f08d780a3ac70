"""A line to the jitter buffer: packets that arrive at any time, and what is played, beat by beat as the clock does."""

import numpy as np

from ringwall.media.g711 import ENCODE
from ringwall.media.jitter import JitterBuffer
from ringwall.media.playout import FRAME, Playout


def codes_of(samples: np.ndarray) -> np.ndarray:
    return ENCODE[0][samples.astype(np.int16).view(np.uint16)].astype(np.uint16)


class Line:
    """One row. Times are in ms; `played` is all that was heard so far."""

    def __init__(self) -> None:
        self.playout = Playout(1)
        self.buffer = JitterBuffer(self.playout.row(0))
        self.frames: list[np.ndarray] = []

    @property
    def concealed(self) -> int:
        return int(self.playout.concealed[0])

    @property
    def played(self) -> np.ndarray:
        return np.concatenate(self.frames) if self.frames else np.zeros(0, np.int16)

    def run(self, arrivals: list[tuple[float, int, np.ndarray]], milliseconds: int) -> None:
        """Run from 0 to `milliseconds`; each arrival is its time, RTP timestamp and codes."""
        waiting = sorted(enumerate(arrivals), key=lambda item: (item[1][0], item[0]))
        at = 0
        for beat in range(milliseconds // 5):
            place = beat % 4
            clock = self.playout.clock
            now = clock - (FRAME - place * 40 if place else 0)
            while at < len(waiting) and waiting[at][1][0] <= beat * 5:
                _, (_, timestamp, codes) = waiting[at]
                self.buffer.packet(timestamp & 0xFFFFFFFF, codes, clock, now)
                at += 1
            if place == 0:
                self.frames.append(self.playout.tick(1)[0].copy())


def find(needle: np.ndarray, heard: np.ndarray) -> list[int]:
    """Every place in `heard` at which `needle` begins."""
    sound, wanted = Sound(heard), needle.astype(np.int16)
    places, at = [], sound.find(wanted)
    while at is not None:
        places.append(at)
        at = sound.find(wanted, at + 1)
    return places


class Sound:
    """What was heard, to be searched many times."""

    def __init__(self, samples: np.ndarray) -> None:
        self._bytes = samples.astype(np.int16).tobytes()

    def find(self, needle: np.ndarray, start: int = 0) -> int | None:
        """The first place from `start` on at which `needle` begins."""
        wanted, at = needle.astype(np.int16).tobytes(), 2 * start - 1
        while (at := self._bytes.find(wanted, at + 1)) >= 0:
            if at % 2 == 0:
                return at // 2
        return None
