"""Tones: made for one phone to play, found in what the other one hears. 16-bit mono PCM at 8 kHz."""

import array
import math
from collections.abc import Iterable

RATE = 8000
_STEP_HZ = 10
_LOWEST_HZ, _HIGHEST_HZ = 100, 2000
_PART = 0.12  # the same where several tones may be heard at once
_SHARE = 0.6  # of the energy that a tone must have to count as heard: speech and noise stay far below

_SHARE_OF_SEVERAL = 0.12


def tone(hertz: float, seconds: float, amplitude: int = 8000) -> bytes:
    """Return a sine of that frequency."""
    count = int(RATE * seconds)
    return array.array(
        "h", (int(amplitude * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(count))
    ).tobytes()


def power_at(samples: "array.array[int]", hertz: float) -> float:
    """Return the share of the samples' energy that lies at a frequency, 0 to about 1 (Goertzel)."""
    energy = sum(s * s for s in samples)
    if not energy:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in samples:
        one, two = sample + coefficient * one - two, one
    power = one * one + two * two - coefficient * one * two
    return 2 * power / (len(samples) * energy)


def which(pcm: bytes, among: Iterable[float]) -> set[float]:
    """Return those of some tones that are heard in the last half second, also of several at once."""
    samples = array.array("h")
    samples.frombytes(pcm[-RATE:] if len(pcm) % 2 == 0 else pcm[-RATE - 1 : -1])
    if len(samples) < RATE // 4 or max(map(abs, samples)) < 200:  # silence
        return set()
    return {hertz for hertz in among if power_at(samples, hertz) >= _SHARE_OF_SEVERAL}


def heard(pcm: bytes) -> int | None:
    """Return the frequency of the one tone that rules the last half second, to 10 Hz, or None."""
    samples = array.array("h")
    samples.frombytes(pcm[-RATE:] if len(pcm) % 2 == 0 else pcm[-RATE - 1 : -1])
    if len(samples) < RATE // 4 or max(map(abs, samples)) < 200:  # silence
        return None
    best = max(range(_LOWEST_HZ, _HIGHEST_HZ + 1, _STEP_HZ), key=lambda f: power_at(samples, f))
    return best if power_at(samples, best) >= _SHARE else None


def has(pcm: bytes, hertz: float, part: float = _PART) -> bool:
    """Say whether a tone is in the last half second, perhaps with others: this part of it, from 0 to 1."""
    samples = array.array("h")
    samples.frombytes(pcm[-RATE:] if len(pcm) % 2 == 0 else pcm[-RATE - 1 : -1])
    if len(samples) < RATE // 4 or max(map(abs, samples)) < 200:
        return False
    return power_at(samples, hertz) >= part
