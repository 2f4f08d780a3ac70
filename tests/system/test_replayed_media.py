"""Who has recorded authentic packets can do nothing with them: the relay lets them in from no other place, passes no RTCP
on, and gives the other party nothing that it would take for new (RFC 3711 3.3.2).
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.switch.relay_control import RelayControl
from ringwall.sip.sdp import SessionDescription
from support.media.server import Server
from system.dtls_peer import DtlsPeer
from system.srtp_peer import Ng, SdesPeer, Stream, drain, is_rtcp, opens

AES_CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"
LATER = [0, 10, 100, 1000]
RECORDED = b"recd"

Peer = SdesPeer | DtlsPeer


@dataclass
class Way:
    """From one party to the other through the relay; `elsewhere` is where somebody has recorded what passes."""

    stream: Stream
    sender: Peer
    receiver: Peer
    back: Stream
    entrance: tuple[str, int]
    elsewhere: socket.socket

    async def say(self, count: int) -> tuple[list[bytes], list[bytes]]:
        """Let both talk; returns what the one sent and what of it came out, all of it taken by the receiver."""
        sent: list[bytes] = []
        came: list[bytes] = []
        while count > 0:
            step = min(count, 100)
            for _ in range(step):
                sent.append(self.stream.say())
                self.back.say()
                await asyncio.sleep(0.001)
            came += [packet for packet in await drain(self.receiver) if not is_rtcp(packet)]
            await drain(self.sender)
            count -= step
        assert all(opens(self.receiver.open, packet) for packet in came)
        return sent, came

    def replay(self, packet: bytes) -> None:
        self.elsewhere.sendto(packet, self.entrance)

    async def settle(self) -> None:
        """Talk, with somebody replaying each packet, until the relay knows where the one is."""
        for _ in range(200):
            sent = self.stream.say()
            self.back.say()
            self.replay(sent)
            for _ in range(4):
                self.replay(sent)
            await asyncio.sleep(0.02)
            came = [packet for packet in await drain(self.receiver) if not is_rtcp(packet)]
            for packet in came:
                opens(self.receiver.open, packet)
            if len(came) == 1:
                await drain(self.sender)
                return
        raise AssertionError("the relay never learned where the party is")


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.setblocking(False)
        yield made


@pytest.fixture(params=["phone to phone", "phone to browser", "browser to phone"])
async def way(request, system, elsewhere) -> AsyncIterator[Way]:
    """A relay of the running system's rtpengine, with what call control asks of it."""
    host = system.settings.address
    control, relay = RelayControl(Ng(system.settings.ports.ng)), Relay(f"replay-{elsewhere.getsockname()[1]}")
    first = SdesPeer(host, AES_CM)
    with contextlib.ExitStack() as stack:
        browser = "browser" in request.param
        second: Peer = stack.enter_context(DtlsPeer(host)) if browser else SdesPeer(host, GCM)
        profile = Profile.DTLS if browser else Profile.SDES
        _, towards = await control.offer(relay, Side.A, first.describe(), profile, between=None, first=True)
        seen = SessionDescription.parse(towards).audio
        answer = second.answer() if isinstance(second, DtlsPeer) else second.describe(seen)
        first.listen(
            SessionDescription.parse(await control.answer(relay, Side.A, answer, Profile.SDES)).audio
        )
        if isinstance(second, DtlsPeer):
            await asyncio.to_thread(second.connect, seen.address.address, seen.port)
        else:
            second.listen(seen)
        from_first = not request.param.startswith("browser")
        sender, receiver = (first, second) if from_first else (second, first)
        entrance = first.target if from_first else (seen.address.address, seen.port)
        yield Way(Stream(sender), sender, receiver, Stream(receiver), entrance, elsewhere)
        control.delete(relay)
        await asyncio.sleep(0)


@pytest.mark.req("T1", "T5")
async def test_recorded_packets_from_elsewhere_get_nowhere(way: Way) -> None:
    await way.settle()
    for later in LATER:
        sent, came = await way.say(20)
        assert len(came) == 20
        await way.say(later)
        for packet in sent:
            way.replay(packet)
        assert not [packet for packet in await drain(way.receiver) if not is_rtcp(packet)], f"{later} later"
    # Nor do they lead what the other says away, and the call goes on.
    sent, came = await way.say(20)
    assert len(came) == 20
    with pytest.raises(BlockingIOError):
        way.elsewhere.recv(2048)


@pytest.mark.req("T1", "T5")
async def test_recorded_packets_in_the_first_seconds_lead_nobodys_media_away(way: Way) -> None:
    for _ in range(40):
        sent = way.stream.say()
        way.back.say()
        for _ in range(3):
            way.replay(sent)
    await way.settle()
    assert len((await way.say(20))[1]) == 20
    await drain(way.sender)
    way.back.say()
    assert [packet for packet in await drain(way.sender) if not is_rtcp(packet)]
    with pytest.raises(BlockingIOError):
        way.elsewhere.recv(2048)


@pytest.mark.req("T1", "T5")
async def test_recorded_packets_from_a_partys_own_place_are_nothing_new_for_the_other(way: Way) -> None:
    """The relay keeps no list of its own; what it makes of them is to the bit what it made before."""
    await way.settle()
    for later in LATER:
        sent, came = await way.say(20)
        await way.say(later)
        for packet in sent:
            way.sender.send(packet)
        again = [packet for packet in await drain(way.receiver) if not is_rtcp(packet)]
        assert set(again) <= set(came), f"{later} later"
        assert not any(opens(way.receiver.open, packet) for packet in again), f"{later} later"
    assert len((await way.say(20))[1]) == 20


@pytest.mark.req("T1", "T5")
async def test_no_report_of_a_party_is_passed_on_so_none_can_be_replayed(way: Way) -> None:
    await way.settle()
    for later in LATER[:3]:
        report = way.stream.report(RECORDED)
        for _ in range(later):
            way.stream.report(RECORDED)
        for _ in range(5):
            way.sender.send(report)
            way.replay(report)
        for packet in filter(is_rtcp, await drain(way.receiver)):
            assert RECORDED not in way.receiver.open.unprotect_rtcp(packet)
    assert len((await way.say(20))[1]) == 20


@pytest.mark.req("T1", "T5")
async def test_the_media_server_hears_each_packet_once_whoever_repeats_it(
    system, elsewhere, tmp_path
) -> None:
    host = system.settings.address
    control, relay = RelayControl(Ng(system.settings.ports.ng)), Relay("replay-to-server")
    server = Server(tmp_path / "media", relays=[host, "127.0.0.1"])
    server.start()
    try:
        client = server.client()
        leg = client.ask("leg.open", leg="phone")
        phone, ours = SdesPeer(host, AES_CM), SdesPeer("127.0.0.1", GCM)
        ours.socket.close()  # the media server speaks with its key
        ours.host, ours.port = leg["address"], leg["port"]
        _, towards = await control.offer(
            relay, Side.A, phone.describe(), Profile.MEDIA, between=None, first=True
        )
        seen = SessionDescription.parse(towards).audio
        back = await control.answer(relay, Side.A, ours.describe(seen), Profile.SDES)
        phone.listen(SessionDescription.parse(back).audio)
        line = next(line for line in seen.cryptos if line.suite == GCM)
        client.ask(
            "leg.connect", leg="phone", host=seen.address.address, port=seen.port, suite=GCM, send_key=ours.key,
            receive_key=line.key_params.removeprefix("inline:").partition("|")[0], payload=0, dtmf=101, ptime=20,
        )  # fmt: skip
        stream, said, replayed = Stream(phone), 0, 0
        for later in LATER:
            sent = [stream.say() for _ in range(20)]
            for _ in range(later):
                stream.say()
                await asyncio.sleep(0.001)
            said += 20 + later
            for packet in sent:
                phone.send(packet)
            replayed += 20
            await asyncio.sleep(0.1)
        stats = client.ask("leg.close", leg="phone")
        assert stats["received"] == said
        assert stats["refused"] == replayed
    finally:
        server.stop()
        control.delete(relay)
        await asyncio.sleep(0)
