"""The link between the edge's relay and the media server: nothing readable on it, nothing let in from it (T6, T5)."""

import array
import asyncio
import socket
import struct
from pathlib import Path

import pytest
import pytest_asyncio

from ringwall.cli.demo.tones import RATE, tone
from ringwall.cli.demo.wiretap import TONES, Wiretap, encode_u_law
from ringwall.infra.errors import RefusedError
from system.running import until
from system.who_hears import HERTZ, all_hear, call_of, hang_up, hears

INTRUDER = HERTZ[3]
_SECONDS = 2.0


@pytest_asyncio.fixture(loop_scope="session")
async def in_a_room(system, desk_phones):
    """Two phones whose call goes through the media server; their talks."""
    anna, ben = await desk_phones(hertz=TONES[0]), await desk_phones(hertz=TONES[1])
    ours = await anna.call(ben.credentials.extension)
    theirs = await ben.taken()
    call = call_of(system, anna.credentials.extension)["call"]

    def moves() -> bool:
        try:
            system.ask("call.move", call=call, to="room")
        except RefusedError:  # the ACK is still on its way
            return False
        return True

    await until(moves, "the call moves to a room")
    try:
        expected = {ours: {TONES[1]}, theirs: {TONES[0]}}
        await all_hear(expected, "both hear each other in the room", among=TONES)
        yield ours, theirs
    finally:
        await hang_up(ours, theirs)


@pytest.mark.req("T6")
async def test_a_capture_between_relay_and_media_server_holds_nothing_readable(system, in_a_room) -> None:
    ours, theirs = in_a_room
    media = system.settings.media
    tap = Wiretap({}, {"edge-media": (media.first_port, media.last_port)})
    await tap.start()
    await asyncio.sleep(_SECONDS)
    await all_hear({ours: {TONES[1]}, theirs: {TONES[0]}}, "both hear each other meanwhile", among=TONES)
    found = await tap.stop()
    # Two legs, both ways, fifty packets a second.
    assert found.rtp_packets > 4 * 50 * _SECONDS * 0.8, found.rtp_packets
    assert found.decodable_rtp == 0
    assert found.readable_sip == 0, found.readable


def legs(system) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    """The sockets of the media server that are joined to a relay: its end and the relay's (Linux, /proc/net/udp)."""
    media = system.settings.media
    found = []
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        ends = [_end(text) for text in line.split()[1:3]]
        if media.first_port <= ends[0][1] <= media.last_port and ends[1][1]:
            found.append((ends[0], ends[1]))
    return found


def _end(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    return socket.inet_ntoa(struct.pack("<I", int(host, 16))), int(port, 16)


def forged(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """A UDP packet as if it came from that source; the kernel fills in the IP header's sums."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + udp


@pytest.mark.req("T5", "T6")
@pytest.mark.parametrize("from_relay", [True, False], ids=["as the relay", "from elsewhere"])
async def test_voice_in_the_clear_is_not_heard_wherever_it_comes_from(system, in_a_room, from_relay) -> None:
    """Plain G.711 is sent to every leg: from the relay's own address and port, and from a foreign one."""
    ours, theirs = in_a_room
    here = await until(lambda: legs(system), "the legs are joined to the relay")
    samples = array.array("h")
    samples.frombytes(tone(INTRUDER, 1.0))
    sound = encode_u_law(samples)
    heard: set[float] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(int(_SECONDS * 50)):
            header = struct.pack("!BBHII", 0x80, 0, number + 1, number * 160, 0x5EED)
            at = number * 160 % RATE
            for leg, relay in here:
                source = relay if from_relay else (relay[0], 4000)
                raw.sendto(forged(source, leg, header + sound[at : at + 160]), (leg[0], 0))
            await asyncio.sleep(0.02)
            heard |= hears(ours, [INTRUDER]) | hears(theirs, [INTRUDER])
    assert not heard, "somebody heard what was not encrypted"
    await all_hear({ours: {TONES[1]}, theirs: {TONES[0]}}, "both hear each other as before", among=TONES)
