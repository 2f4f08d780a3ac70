"""A real Linphone, which does what its Via says: it calls and is called, and nothing of it can be read on its wire."""

import asyncio
import struct
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringwall.cli.demo.tones import RATE, power_at, tone
from ringwall.cli.demo.wiretap import decode_g711, self_check
from ringwall.edge.haproxy_admin import HaproxyAdmin
from system.linphone import Linphone, Place, PlainAuthority, Sniffer, Wire
from system.running import System

HERTZ = 440.0
HELD_SECONDS = 33.0  # longer than the 64*T1 after which a 200 without its ACK ends a call
READABLE = (b"SIP/2.0", b"sip:", b"INVITE", b"REGISTER", b"a=crypto", b"inline:", b"Digest", b"v=0\r\n")
STUN = b"\x00\x01\x00\x00\x21\x12\xa4\x42"  # a binding request with nothing in it (RFC 5389 6): opens the way


@pytest.fixture
def authority(system: System, tmp_path: Path) -> Iterator[Path]:
    """The edge shows a certificate of this authority for the time of a test."""
    made, admin = PlainAuthority(), HaproxyAdmin(system.layout.haproxy_socket)
    path = system.layout.haproxy / "world.pem"
    file = tmp_path / "authority.pem"
    file.write_bytes(made.pem)
    admin.deploy_certificate(str(path), made.server(str(system.settings.address)).decode())
    yield file
    admin.deploy_certificate(str(path), path.read_text())


@pytest.fixture
def places() -> Iterator[tuple[Place, Place]]:
    made: list[Place] = []
    try:
        made += [Place(), Place()]
        yield made[0], made[1]
    finally:
        for place in made:
            place.close()


@pytest.mark.req("T1", "T5", "T6")
async def test_linphones_call_each_other_and_their_wires_hold_nothing_readable(
    system, person, authority, places, tmp_path
) -> None:
    music = tmp_path / "tone.wav"
    with wave.open(str(music), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone(HERTZ, 60.0))
    before = system.seq()
    sniffers = [Sniffer(place, tmp_path) for place in places]
    for sniffer in sniffers:
        await sniffer.start()
    phones = [
        await Linphone.start(places[0], person(), authority, tmp_path),
        await Linphone.start(places[1], person(), authority, tmp_path, "--auto-answer"),
    ]
    here, there = phones
    try:
        for phone in phones:
            told = await system.record(before, "registration.added", device=phone.account.username)
            assert told["transport"] == "tls"
        here.do(f"call sip:{there.account.extension}@{there.account.domain}")
        for phone in phones:
            await phone.is_("StreamsRunning")
        answered = time.monotonic()
        here.do("call-pause")
        await here.is_("Paused")
        here.do("call-resume 1")
        for phone in phones:
            await phone.is_("StreamsRunning", 2)
            phone.do(f"incall-player-start {music}")
        await asyncio.sleep(HELD_SECONDS - (time.monotonic() - answered))
        assert here.account.extension in [call["caller"] for call in system.ask("call.list")]
        there.do("terminate")
        await here.is_("Released")
        ended = await system.record(before, "call.ended", caller=here.account.extension)
        assert (ended["cause"], ended["by"]) == ("hung up", "callee")
        assert ended["ended"] - ended["answered"] >= HELD_SECONDS - 1
    finally:
        for phone in phones:
            await phone.stop()
        wires = [await sniffer.stop() for sniffer in sniffers]
    assert not system.records(before, "security.clear_text")
    for wire in wires:
        look_at(wire)


def look_at(wire: Wire) -> None:
    """Every byte of TCP is TLS, every datagram SRTP; and what would be readable is nowhere."""
    for word in READABLE:
        assert word not in wire.everything, word
    assert len(wire.streams) == 2, list(wire.streams)
    for ends, stream in wire.streams.items():
        assert not rest_after_tls(stream), f"{ends}: {rest_after_tls(stream)[:40]!r}"
    media = [data for data in wire.datagrams if not (data[:8] == STUN and len(data) == 20)]
    voice = [data for data in media if not 200 <= data[1] <= 207]
    assert len(voice) > 500, len(voice)
    for data in media:
        assert data[0] >> 6 == 2, data[:20]
        if 200 <= data[1] <= 207:
            # SRTCP (RFC 3711 3.4): before the tag stands the index, whose first bit says that it is encrypted.
            assert data[-14] & 0x80, data
    assert self_check()
    for data in voice:
        assert len(data) == 12 + 160 + 10, len(data)
        assert power_at(decode_g711(data[12:172], "u"), HERTZ) < 0.3


def rest_after_tls(stream: bytes) -> bytes:
    """What is left of a stream after all records of TLS 1.2 and 1.3 (RFC 8446 5.1) that stand at its beginning."""
    at = 0
    while at + 5 <= len(stream):
        kind, major, minor, size = struct.unpack_from("!BBBH", stream, at)
        if not (20 <= kind <= 23 and major == 3 and minor in (1, 3) and size <= 16384 + 256):
            break
        at += 5 + size
    return stream[at:]
