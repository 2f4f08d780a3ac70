"""RTCP (RFC 3550, 6): sender reports, receiver reports, names and good-byes. Pure: bytes in, values out.

Times are seconds of Unix time; NTP's middle 32 bits stand for them on the wire.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SR, RR, SDES, BYE = 200, 201, 202, 203
_HEAD = struct.Struct("!BBH")
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IIIIII")
_NTP_EPOCH = 2_208_988_800  # from 1900 to 1970, in seconds
_WRAP = 1 << 32
_MOST_PACKETS = 16


@dataclass(frozen=True, slots=True)
class Block:
    """What one side says of how it receives a source (RFC 3550, 6.4.1)."""

    ssrc: int
    fraction: int
    """Lost since the last report, of 256."""
    lost: int
    """Lost in all, -2**23 to 2**23 - 1."""
    highest: int
    """Extended highest sequence number."""
    jitter: int
    """Interarrival jitter in timestamp units."""
    last_sr: int
    """Middle 32 bits of the NTP time of the last sender report, or 0."""
    delay: int
    """Time since that report, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one compound packet says: who sends, its clock if it reports as a sender, its view of others."""

    ssrc: int
    ntp_middle: int | None
    blocks: tuple[Block, ...]
    goodbye: bool


def ntp_middle(now: float) -> int:
    """Return the middle 32 bits of NTP time: 16 bits of seconds, 16 of fraction."""
    return int((now + _NTP_EPOCH) * 65536) % _WRAP


def compound(
    ssrc: int,
    cname: str,
    *,
    now: float,
    sent: tuple[int, int, int] | None,
    block: Block | None,
    goodbye: bool = False,
) -> bytes:
    """Return SR (or RR without ``sent``), SDES and, at the end, BYE. ``sent``: timestamp, packets, octets."""
    blocks = b""
    if block is not None:
        lost = max(-(1 << 23), min((1 << 23) - 1, block.lost)) & 0xFFFFFF
        blocks = _BLOCK.pack(
            block.ssrc, block.fraction << 24 | lost, block.highest, block.jitter, block.last_sr, block.delay
        )
    count = 1 if block is not None else 0
    if sent is None:
        parts = [_packet(RR, count, ssrc.to_bytes(4) + blocks)]
    else:
        ntp = now + _NTP_EPOCH
        seconds = int(ntp)
        timestamp, packets, octets = sent
        sender = _SENDER.pack(
            *(ssrc, seconds % _WRAP, int((ntp - seconds) * _WRAP), timestamp, packets % _WRAP, octets % _WRAP)
        )
        parts = [_packet(SR, count, sender + blocks)]
    name = cname.encode("ascii")[:255]
    item = ssrc.to_bytes(4) + bytes([1, len(name)]) + name
    parts.append(_packet(SDES, 1, item + bytes(4 - len(item) % 4)))
    if goodbye:
        parts.append(_packet(BYE, 1, ssrc.to_bytes(4)))
    return b"".join(parts)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def parse(data: bytes) -> Report | None:
    """Return what a compound packet says, or None when it is malformed (RFC 3550, A.2)."""
    reporter: int | None = None
    middle: int | None = None
    blocks: list[Block] = []
    goodbye = False
    for kind, count, body in _packets(data):
        if kind is None:
            return None
        if kind in (SR, RR):
            fixed = _SENDER.size if kind == SR else 4
            if len(body) < fixed + count * _BLOCK.size:
                return None
            reporter = int.from_bytes(body[:4])
            if kind == SR:
                middle = int.from_bytes(body[6:10])
            blocks += [_block(body, fixed + place * _BLOCK.size) for place in range(count)]
        elif kind == BYE:
            goodbye = True
    return None if reporter is None else Report(reporter, middle, tuple(blocks), goodbye)


def _packets(data: bytes) -> Iterator[tuple[int | None, int, bytes]]:
    """Give kind, count and body of each packet; the kind None when one does not fit."""
    at = 0
    for _ in range(_MOST_PACKETS):
        if at == len(data):
            return
        if len(data) - at < 4:
            break
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first & 0xC0 != 0x80 or end > len(data):
            break
        yield kind, first & 0x1F, data[at + 4 : end]
        at = end
    yield None, 0, b""


def _block(body: bytes, at: int) -> Block:
    ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, at)
    lost = loss & 0xFFFFFF
    return Block(ssrc, loss >> 24, lost - (1 << 24) if lost >> 23 else lost, highest, jitter, last_sr, delay)
