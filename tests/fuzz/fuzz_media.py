"""What reaches the media server from outside: RTP, RTCP and telephone events of a relay, frames of a control client.

The first byte of the input says which. `python tests/fuzz/fuzz_media.py -max_total_time=20`; see harness.py.
"""

import json

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.infra.errors import FrameError
    from ringwall.infra.frames import FrameReader, Kind, encode
    from ringwall.media import rtcp, rtp
    from ringwall.media.control import requests
    from ringwall.media.dtmf import KEYS, KeyReceiver
    from ringwall.media.errors import MediaError
    from ringwall.media.g711 import to_codes
    from ringwall.media.jitter import JitterBuffer
    from ringwall.media.playout import FRAME, RING, Playout
    from ringwall.media.reception import Reception
    from ringwall.media.reports import Reports


def stream(data: bytes) -> None:
    """Packets of one source: a byte of length, a byte of waiting, the packet after its first 12 bytes."""
    playout = Playout(1)
    buffer, keys, reception, at = JitterBuffer(playout.row(0)), KeyReceiver(), Reception(1, 0), 0
    while at + 2 < len(data):
        size, wait = data[at], data[at + 1]
        packet = rtp.parse(data[at + 2 : at + 2 + size])
        at += 2 + size
        for _ in range(wait % 8):
            playout.tick(1)
        if packet is None:
            continue
        kind, marker, sequence, timestamp, _, payload = packet
        reception.packet(sequence, timestamp, playout.clock)
        for key in keys.packet(timestamp, payload, playout.clock / 8000, marker=marker):
            assert key.key in KEYS
        buffer.packet(
            timestamp, to_codes(payload * 2, 8 * marker), playout.clock, playout.clock - wait % FRAME
        )
        assert buffer.top - playout.clock <= RING
        assert kind < 128
    assert -(1 << 23) < reception.block(0, 0).lost < 1 << 33


def report(data: bytes) -> None:
    reports = Reports(1)
    reports.follow(1, 0)
    reports.take(data, 1.7e9)
    assert rtcp.parse(reports.make(1.7e9, (1, 2), goodbye=False)) is not None


def control(data: bytes) -> None:
    reader = FrameReader()
    try:
        frames = reader.feed(data)
    except FrameError:
        return
    for frame in frames:
        try:
            requests.parse(frame.payload)
        except MediaError:
            continue


PARTS = (stream, report, control)


def target(data: bytes) -> None:
    if data:
        PARTS[data[0] % len(PARTS)](data[1:])


if __name__ == "__main__":
    head = rtp.HEAD.pack(rtp.VERSION, 0, 1, 160, 7)
    seeds = [b"\0" + bytes([len(head) + 20, 3]) + head + bytes(20)]
    seeds += [b"\0" + bytes([16, 1]) + rtp.HEAD.pack(rtp.VERSION, 101, 2, 160, 7) + bytes([5, 0x8A, 3, 0xC0])]
    seeds += [
        b"\1" + rtcp.compound(7, "name", now=1.7e9, sent=(1, 2, 3), block=rtcp.Block(1, 2, 3, 4, 5, 6, 7))
    ]
    for values in (
        {"op": "hello", "owner": "core1", "lease_seconds": 15},
        {"op": "room.set", "room": "r", "legs": ["a"], "hears": {"*": {"*": 1}}},
        {"op": "play", "player": "p", "leg": "a", "items": [{"prompt": "digits/3"}, {"tone": "busy"}]},
    ):
        seeds.append(b"\2" + encode(Kind.CALL, 1, json.dumps(values).encode()))
    harness.run(target, seeds)
