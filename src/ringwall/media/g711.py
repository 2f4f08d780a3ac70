"""G.711 as tables: codes to samples and back, for whole arrays at once.

Samples are 16-bit integers at 8 kHz. A decoder table of one more entry than there are codes lets a buffer
say "nothing came here" with a code of its own.
"""

import numpy as np
from numpy.typing import NDArray

RATE = 8000
"""Samples a second."""
PCMU, PCMA = 0, 8
"""Payload types (RFC 3551, table 4)."""
A_LAW = 256
"""What is added to a code of PCMA, so that both laws share one table."""
MISSING = 512
"""The code for a sample that did not come."""

Samples = NDArray[np.int16]
Codes = NDArray[np.uint16]


def _u_law() -> Samples:
    code = ~np.arange(256) & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _a_law() -> Samples:
    code = np.arange(256) ^ 0x55
    low, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = np.where(segment == 0, low + 8, (low + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


DECODE: Samples = np.concatenate([_u_law(), _a_law(), np.zeros(1, np.int16)])
"""Sample of each code: PCMU at 0, PCMA at A_LAW, silence at MISSING."""


def _encoder(decoder: Samples) -> NDArray[np.uint8]:
    """Return the nearest code for each sample, indexed by the sample's bits as an unsigned number."""
    order = np.argsort(decoder, kind="stable")
    levels = decoder[order].astype(np.int32)
    middles = (levels[1:] + levels[:-1]) / 2
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    return order[np.searchsorted(middles, samples, side="right")].astype(np.uint8)


ENCODE: NDArray[np.uint8] = np.stack([_encoder(DECODE[:A_LAW]), _encoder(DECODE[A_LAW:MISSING])])
"""Codes of both laws, ``ENCODE[law, sample]``: law 0 is PCMU, 1 is PCMA; samples as unsigned 16 bits."""
_FLAT = ENCODE.reshape(-1)


def encode_u_law(samples: Samples) -> bytes:
    """Return the PCMU codes of samples."""
    codes: NDArray[np.uint8] = ENCODE[0].take(samples.view(np.uint16))
    return codes.tobytes()


def encode_rows(samples: Samples, laws: NDArray[np.uint32]) -> bytes:
    """Return codes row after row; ``laws`` is a column of 0 (PCMU) or 65536 (PCMA) for each row."""
    return bytes(_FLAT.take(samples.view(np.uint16) + laws))


def decode(payload: bytes, payload_type: int) -> Samples:
    """Return the samples of a payload of PCMU or PCMA."""
    return DECODE.take(to_codes(payload, payload_type))


def to_codes(payload: bytes, payload_type: int) -> Codes:
    """Return a payload as codes of the shared table."""
    codes = np.frombuffer(payload, np.uint8).astype(np.uint16)
    return codes + np.uint16(A_LAW) if payload_type == PCMA else codes
