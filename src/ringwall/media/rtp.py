"""RTP packets (RFC 3550, 5.1): bytes in, fields or None out. Pure."""

import struct

HEAD = struct.Struct("!BBHII")
"""First byte, marker and payload type, sequence number, timestamp, source (SSRC)."""
VERSION = 0x80
MARKER = 0x80
_PADDING, _EXTENSION = 0x20, 0x10

Packet = tuple[int, bool, int, int, int, bytes]
"""Payload type, marker, sequence number, timestamp, SSRC, payload."""


def parse(data: bytes) -> Packet | None:
    """Return the fields of an RTP packet, or None for what is none."""
    if len(data) < HEAD.size:
        return None
    first, second, sequence, timestamp, ssrc = HEAD.unpack_from(data)
    if first == VERSION:  # nothing optional: nearly always
        return second & 0x7F, second >= MARKER, sequence, timestamp, ssrc, data[12:]
    if first & 0xC0 != VERSION:
        return None
    start = HEAD.size + 4 * (first & 0x0F)
    end = len(data)
    if first & _EXTENSION:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if first & _PADDING:
        if end <= start or not 0 < data[-1] <= end - start:
            return None
        end -= data[-1]
    if start > end:
        return None
    return second & 0x7F, second >= MARKER, sequence, timestamp, ssrc, data[start:end]


def is_rtcp(data: bytes) -> bool:
    """Say whether a datagram on a port shared by both is RTCP (RFC 5761, 4)."""
    return len(data) >= 8 and 192 <= data[1] <= 223
