"""What a phone without a microphone says and hears: a tone, and the last seconds of what came (P5).

16-bit mono PCM at 8 kHz, as the SIP stack hands it over.
"""

import array
import math

RATE = 8000
FRAME = RATE // 50 * 2
KEPT = RATE * 2 * 2
"""Bytes of two seconds."""


def tone(hertz: float, seconds: float = 1.0, amplitude: int = 8000) -> bytes:
    """Return a sine of a frequency; whole hertz repeat without a click after whole seconds."""
    count = int(RATE * seconds)
    samples = (int(amplitude * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(count))
    return array.array("h", samples).tobytes()


class Sound:
    """A call's two directions: `take` gives the next frame to send, `heard` keeps what came."""

    def __init__(self) -> None:
        self.hertz = 0.0
        self.heard = bytearray()
        self._made: tuple[float, bytes] = (0.0, bytes(RATE * 2))
        self._place = 0

    def take(self) -> bytes:
        """The next 20 ms: the tone, or silence where none is set."""
        if self._made[0] != self.hertz:
            self._made = (self.hertz, tone(self.hertz) if self.hertz else bytes(RATE * 2))
        frame = self._made[1][self._place : self._place + FRAME]
        self._place = (self._place + FRAME) % len(self._made[1])
        return frame

    def hear(self, pcm: bytes) -> None:
        """Keep what came, the last two seconds of it."""
        self.heard += pcm
        del self.heard[:-KEPT]
