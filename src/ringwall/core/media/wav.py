"""WAV of what was recorded: PCMU in, 16-bit linear PCM out, as every player understands it. Pure."""

import struct
from typing import Final

import numpy as np

RATE: Final = 8000
HEADER_BYTES: Final = 44
LARGEST: Final = 2**31


def _decoded() -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """The sample of each of the 256 codes (ITU-T G.711, table 2a)."""
    codes = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    size = (((mantissa.astype(np.int32) << 3) + 0x84) << exponent) - 0x84
    return np.where(codes & 0x80, -size, size).astype("<i2")


_SAMPLES: Final = _decoded()


def header(samples: int) -> bytes:
    """Return the head of a file of so many samples, 8000 a second, one channel; ValueError beyond 2 GiB."""
    size = samples * 2
    if not 0 <= size < LARGEST:
        raise ValueError("a WAV file has at most 2 GiB")
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", HEADER_BYTES - 8 + size, b"WAVE"),
        *(b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16),
        *(b"data", size),
    )


def linear(pcmu: bytes) -> bytes:
    """Return the samples of PCMU, 16 bits each."""
    return _SAMPLES[np.frombuffer(pcmu, np.uint8)].tobytes()
