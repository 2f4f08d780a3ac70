"""Carriers at the edge, with HAProxy, Kamailio and the agent as they run, and a carrier with its own authority."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ringwall.core.errors import EdgeRefused
from ringwall.sip.errors import FramingError
from ringwall.sip.message import Request
from ringwall.sip.parser import StreamParser
from system.carrier import NAME, Authority, Carrier, Desk, carrier
from system.edge_rig import Core, Phone, Rig, edge, request, until
from system.test_edge_framing import LENGTHS, SMUGGLED

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("T5")]

CORE = {"host": "core1.ringwall.internal"}
NUMBER = "sip:+493012345@carrier.example;user=phone"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("A carrier's own authority")


@pytest.fixture(scope="module")
def rig(authority: Authority) -> Iterator[Rig]:
    with edge(authorities=authority.pem) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.leaf(tmp_path_factory.mktemp("carrier"))


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


@pytest.fixture
async def desk(rig: Rig) -> AsyncIterator[Desk]:
    attached = await Desk.attach(rig)
    yield attached
    await attached.set()
    await attached.stop()


@pytest.fixture
async def peer(certificate: Path) -> AsyncIterator[Carrier]:
    async with carrier(certificate) as running:
        yield running


def to_trunk(method: str, slot: int = 1, uri: str = NUMBER, extra: str = "", **other: object) -> bytes:
    """Return a request of the core for a trunk."""
    header = f"P-Ringwall-Trunk: {slot}\r\n{extra}"
    return request(method, uri, extra=header, **CORE | other)  # type: ignore[arg-type]


def routes(message: object, *, backwards: bool = False) -> str:
    """Return the Route headers of a dialog that ``message`` made."""
    found = [each.strip() for line in message.all("Record-Route") for each in line.split(",")]  # type: ignore[attr-defined]
    return "".join(f"Route: {each}\r\n" for each in (reversed(found) if backwards else found))


async def test_a_call_of_the_core_goes_out_over_tls_and_the_carrier_hangs_up_on_the_same_connection(
    core, desk, peer
) -> None:
    await desk.up(peer.slot(3))
    there = await peer.connection()
    core.send(to_trunk("INVITE", 3, extra="Contact: <sip:core@core1.ringwall.internal;transport=tls>\r\n"))
    invite = await there.next()
    assert invite.start == f"INVITE {NUMBER} SIP/2.0"
    assert "P-Ringwall" not in invite.head
    there.send(invite.reply(200, "OK", "Contact: <sip:gw@carrier.example>\r\n", tag="carrier"))
    answer = await core.next("SIP/2.0")
    assert answer.status == 200
    dialog = {"call_id": answer.get("Call-ID"), "to_tag": "carrier", "uri": "sip:gw@carrier.example"}
    core.send(to_trunk("ACK", 3, extra=routes(answer, backwards=True), **dialog))
    ack = await there.next()
    assert ack.start.startswith("ACK sip:gw@carrier.example")
    assert not ack.all("Route")
    assert "P-Ringwall" not in ack.head
    core.send(to_trunk("INFO", 3, extra=routes(answer, backwards=True), cseq=2, **dialog))
    info = await there.next()
    there.send(info.reply(200, "OK", tag="carrier"))
    assert (await core.next("SIP/2.0")).status == 200

    uri = "sip:core@core1.ringwall.internal;transport=tls"
    there.send(request("BYE", uri, call_id=dialog["call_id"], to_tag="from1", extra=routes(invite)))
    bye = await core.next("BYE")
    assert bye.get("P-Ringwall-Trunk") == "3"
    assert not bye.all("Route")
    core.send(bye.reply(200, "OK"))
    assert (await there.final()).status == 200
    assert len(peer.connections) == 1


async def test_a_call_of_the_carrier_reaches_the_core_with_its_trunk_and_the_core_hangs_up(
    core, desk, peer
) -> None:
    await desk.up(peer.slot(16))
    there = await peer.connection()
    contact = "Contact: <sip:gw@carrier.example>\r\n"
    for forged in ("P-Ringwall-Trunk: 2", "P-Ringwall-Flow: 6.6.6.6:6;proto=tls;id=6", "P-Ringwall-Link: x"):
        there.send(request("INVITE", "sip:+49@x", transport="TCP", extra=f"{forged}\r\n{contact}"))
        assert (await there.final()).status == 400
    there.send(request("INVITE", "sip:+4930100@example.test", transport="TCP", extra=contact))
    invite = await core.next("INVITE")
    assert invite.all("P-Ringwall-Trunk") == ["16"]
    (flow,) = invite.all("P-Ringwall-Flow")
    assert flow.startswith(f"127.0.0.1:{peer.port};proto=tls;id=")
    assert not invite.all("P-Ringwall-Link")
    core.send(invite.reply(200, "OK", "Contact: <sip:core@core1.ringwall.internal>\r\n"))
    answer = await there.final()
    assert answer.status == 200
    there.send(
        request(
            "ACK",
            "sip:core@core1.ringwall.internal",
            call_id=answer.get("Call-ID"),
            to_tag="core",
            extra=routes(answer, backwards=True),
        )
    )
    assert (await core.next("ACK")).get("P-Ringwall-Trunk") == "16"
    dialog = {"call_id": answer.get("Call-ID"), "to_tag": "from1", "uri": "sip:gw@carrier.example"}
    core.send(to_trunk("BYE", 16, extra=routes(invite), **dialog))
    bye = await there.next()
    assert bye.method == "BYE"
    there.send(bye.reply(200, "OK", tag="from1"))
    assert (await core.next("SIP/2.0")).status == 200


async def test_a_cancel_reaches_the_other_side_both_ways(core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    same = {"branch": "z9hG4bKout", "call_id": "out-cancel"}
    core.send(to_trunk("INVITE", **same))
    invite = await there.next()
    there.send(invite.reply(183, "Session Progress", tag="c"))
    while (await core.next("SIP/2.0")).status != 183:
        pass
    core.send(to_trunk("CANCEL", **same))
    cancel = await there.next()
    assert cancel.method == "CANCEL"
    assert "P-Ringwall" not in cancel.head
    there.send(cancel.reply(200, "OK", tag="c") + invite.reply(487, "Request Terminated", tag="c"))
    assert (await there.next()).method == "ACK"
    assert {(await core.next("SIP/2.0")).status, (await core.next("SIP/2.0")).status} == {200, 487}

    same = {"branch": "z9hG4bKin", "call_id": "in-cancel"}
    there.send(request("INVITE", "sip:+4930100@example.test", **same))
    invite = await core.next("INVITE")
    core.send(invite.reply(180, "Ringing"))
    while (await there.next()).status != 180:
        pass
    there.send(request("CANCEL", "sip:+4930100@example.test", **same))
    cancel = await core.next("CANCEL")
    core.send(cancel.reply(200, "OK") + invite.reply(487, "Request Terminated"))
    assert {(await there.final()).status, (await there.final()).status} == {200, 487}


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
async def test_a_refusal_of_the_carrier_is_heard_as_it_is(core, desk, peer, method: str) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    for status in (404, 503, 486):
        same = {"branch": f"z9hG4bKr{method}{status}", "call_id": f"r{method}{status}"}
        core.send(to_trunk(method, **same))
        asked = await there.next()
        there.send(asked.reply(status, "Forged", "P-Ringwall-Event: x\r\n", tag="c"))
        there.send(asked.reply(status, "No Circuits", tag="c"))
        answer = await core.next("SIP/2.0")
        assert answer.start == f"SIP/2.0 {status} No Circuits"
        assert "P-Ringwall-Event" not in answer.head
        # A 503 is made anew at the edge.
        assert answer.all("P-Ringwall-Trunk") == ([] if status == 503 else ["1"])
        if method == "INVITE":
            assert (await there.next()).method == "ACK"
            # The core's own ends at the edge: what the carrier hears next is the next request.
            core.send(to_trunk("ACK", to_tag="c", **same))


@pytest.mark.req("W2", "T5")
@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda ca, folder: ca.leaf(folder, "sip.other.example"), "is for another name"),
        (lambda ca, folder: ca.leaf(folder, days=-1), "has expired or is of an unknown authority"),
        (lambda _, folder: Authority("Nobody").leaf(folder), "has expired or is of an unknown authority"),
    ],
    ids=["another name", "expired", "another authority"],
)
async def test_a_carrier_that_cannot_prove_who_it_is_is_not_spoken_to(
    core, desk, authority, tmp_path, made, reason: str
) -> None:
    async with carrier(made(authority, tmp_path)) as impostor:
        await desk.set(impostor.slot())
        assert reason in str((await desk.becomes(1, "down"))["error"])
        core.send(to_trunk("INVITE"))
        assert (await core.next("SIP/2.0", 2)).start == "SIP/2.0 503 Trunk Not Connected"
        for connection in impostor.connections:
            with pytest.raises(EOFError):
                await connection.next()


@pytest.mark.req("T5")
async def test_only_the_trunks_own_authority_vouches_where_it_has_one(
    rig, core, desk, tmp_path, certificate
) -> None:
    private = Authority("Another carrier's own")
    own = private.pem.decode()
    async with carrier(private.leaf(tmp_path)) as theirs, carrier(certificate) as known:
        await desk.up(theirs.slot(1, authority=own), known.slot(3))
        there = await theirs.connection()
        core.send(to_trunk("OPTIONS", 1))
        there.send((await there.next()).reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        # Not for another trunk, not for another name, and nobody else for this one.
        await desk.set(
            theirs.slot(1, authority=own),
            theirs.slot(2),
            theirs.slot(4, authority=own, tls_name="sip.other.example"),
            known.slot(5, authority=own),
            known.slot(3),
        )
        assert "of an unknown authority" in str((await desk.becomes(2, "down"))["error"])
        assert "for another name" in str((await desk.becomes(4, "down"))["error"])
        assert "of an unknown authority" in str((await desk.becomes(5, "down"))["error"])
        states = await desk.states()
        assert (states[1]["state"], states[3]["state"]) == ("up", "up")
        # HAProxy forgets what it was told while it ran; the agent tells it again.
        rig.stop("haproxy")
        rig.start("haproxy")
        await until(lambda: not desk.link.up, 15)
        await until(lambda: desk.link.up, 15)
        await there.closed()
        await theirs.connection()
        await desk.becomes(1, "up")


async def test_a_carrier_with_tls_1_1_only_or_without_tls_is_no_tls_carrier(desk, certificate) -> None:
    async with carrier(certificate) as old:
        old._context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.deprecated_call():
            old._context.minimum_version = ssl.TLSVersion.TLSv1
            old._context.maximum_version = ssl.TLSVersion.TLSv1_1
        await desk.set(old.slot())
        assert "TLS failed" in str((await desk.becomes(1, "down"))["error"])
    async with carrier(None) as clear:
        await desk.set(clear.slot(2, transport="tls", tls_name=NAME))
        there = await clear.connection()
        there.writer.write(b"SIP/2.0 400 What\r\n\r\n")
        assert "TLS failed" in str((await desk.becomes(2, "down"))["error"])


async def test_clear_text_is_spoken_only_where_the_slot_says_so(core, desk, peer) -> None:
    async with carrier(None) as clear:
        await desk.up(clear.slot(1), peer.slot(2))
        there = await clear.connection()
        core.send(to_trunk("OPTIONS", 1))
        asked = await there.next()
        there.send(asked.reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        there.send(request("INVITE", "sip:+4930100@example.test"))
        assert f"127.0.0.1:{clear.port};proto=tcp;" in (await core.next("INVITE")).get("P-Ringwall-Flow")
        assert {each["transport"] for each in (await desk.states()).values()} == {"tcp", "tls"}


async def test_a_changed_slot_leads_elsewhere_and_the_others_keep_their_connections(
    core, desk, peer, certificate
) -> None:
    async with carrier(certificate) as second:
        await desk.up(peer.slot(1), peer.slot(2))
        both = [await peer.connection(), await peer.connection()]
        core.send(to_trunk("OPTIONS", 2))
        # Which of the two connections is that of the second slot is not known before something comes over it.
        asked = {asyncio.create_task(each.next()): each for each in both}
        (heard,), silent = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        second_slot, first_slot = asked[heard], asked[next(iter(silent))]
        second_slot.send(heard.result().reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200

        await desk.up(peer.slot(1, name="renamed"), second.slot(2))
        assert (await desk.states())[1]["name"] == "renamed"
        await second_slot.closed()
        there = await second.connection()
        core.send(to_trunk("OPTIONS", 2))
        there.send((await there.next()).reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        core.send(to_trunk("OPTIONS", 1))
        first_slot.send((await next(iter(silent))).reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        assert len(peer.connections) == 2


async def test_no_slot_and_a_carrier_that_hung_up_are_503_at_once(core, desk, peer) -> None:
    for slot in (1, 16, 17, 99):
        core.send(to_trunk("INVITE", slot))
        assert (await core.next("SIP/2.0", 1)).start == "SIP/2.0 503 Trunk Not Connected"
    for wrong in ("0", "x", "1;2", "100", "-1"):
        core.send(request("OPTIONS", NUMBER, extra=f"P-Ringwall-Trunk: {wrong}\r\n", **CORE))
        assert (await core.next("SIP/2.0", 1)).status == 400
    await desk.up(peer.slot())
    await peer.connection()
    await peer.close()
    await desk.becomes(1, "down")
    core.send(to_trunk("INVITE"))
    assert (await core.next("SIP/2.0", 1)).start == "SIP/2.0 503 Trunk Not Connected"


async def test_a_carrier_that_comes_back_is_connected_again(core, desk, peer) -> None:
    await desk.up(peer.slot())
    await peer.connection()
    await peer.close()
    await desk.becomes(1, "down")
    await peer.listen(peer.port)
    await desk.becomes(1, "up")
    there = await peer.connection()
    core.send(to_trunk("OPTIONS"))
    there.send((await there.next()).reply(200, "OK"))
    assert (await core.next("SIP/2.0")).status == 200


@pytest.mark.req("R1")
async def test_trunks_are_there_again_after_a_restart_of_any_engine(rig, desk, peer) -> None:
    await desk.up(peer.slot())
    assert rig.layout.trunks_file.stat().st_mode & 0o777 == 0o600
    await peer.connection()
    for engine in ("haproxy", "kamailio", "agent"):
        rig.stop(engine)
        rig.start(engine)
        there = await peer.connection()
        await until(lambda: desk.link.up, 15)
        await desk.becomes(1, "up")
        core = await Core.attach(rig)
        core.send(to_trunk("OPTIONS"))
        there.send((await there.next()).reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        await core.stop()


@pytest.mark.req("W2", "W5")
async def test_a_phone_or_a_stranger_is_no_carrier_whatever_it_says(rig, core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    phone = await Phone.connect(rig)
    phone.send(request("INVITE", "sip:+4930100@example.test", extra="P-Ringwall-Trunk: 1\r\n"))
    assert (await phone.final()).status == 400
    await phone.closed()
    phone = await Phone.connect(rig)
    # Not with routes either, nor in the agent's words.
    token = (await asyncio.to_thread(rig.layout.trunk_token.read_text)).strip()
    words = (
        f"P-Ringwall-Trunk: 1\r\nP-Ringwall-Link: {token}\r\nRoute: <sip:127.255.0.1:1;transport=tcp;lr>\r\n"
    )
    phone.send(request("OPTIONS", "sip:trunk@ringwall.internal", extra=words))
    assert (await phone.final()).status == 400
    await phone.closed()
    phone = await Phone.connect(rig)
    words = words.partition("Route")[1] + words.partition("Route")[2]
    phone.send(request("OPTIONS", "sip:trunk@ringwall.internal", extra=words))
    seen = await core.next("OPTIONS")
    assert not seen.all("P-Ringwall-Trunk")
    assert seen.get("P-Ringwall-Flow").startswith(f"{phone.local};proto=tls")
    core.send(seen.reply(404, "Not Found"))
    assert (await phone.final()).status == 404
    # The carrier that is there heard nothing of it.
    core.send(to_trunk("OPTIONS"))
    assert (await there.next()).method == "OPTIONS"
    await phone.close()


@pytest.mark.req("W3", "W5")
async def test_who_reaches_the_listener_for_trunks_needs_the_agents_word(rig, core) -> None:
    for extra in ("", "P-Ringwall-Link: x\r\nP-Ringwall-Trunk: 1\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.settings.ports.kamailio_trunks)
        writer.write(request("OPTIONS", "sip:trunk@ringwall.internal", extra=extra))
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
    core.send(to_trunk("OPTIONS"))
    assert (await core.next("SIP/2.0")).status == 503


@pytest.mark.req("W3", "W5")
async def test_a_core_link_without_a_hello_cannot_use_a_trunk(rig, core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.settings.ports.kamailio_core)
    writer.write(to_trunk("INVITE"))
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"SIP/2.0 403")
    writer.close()
    core.send(to_trunk("OPTIONS", uri="sip:after@carrier.example"))
    assert "after" in (await there.next()).start


@pytest.mark.req("W3")
async def test_the_core_link_reaches_nothing_else_through_a_trunk(rig, core, desk, peer) -> None:
    """Whatever URI and routes say: the message goes to the trunk that is named, or nowhere."""
    await desk.up(peer.slot())
    there = await peer.connection()
    reached: list[str] = []

    def listening(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append("!")
        writer.close()

    listener = await asyncio.start_server(listening, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    away = f"sip:x@127.0.0.1:{port};transport=tcp"
    lost = f"Route: <sip:127.0.0.1:{port};transport=tcp;lr>\r\n"
    own = f"Route: <sip:127.0.0.1:{rig.settings.ports.sips};transport=tls;lr>\r\n"
    for extra in ("", lost, own + lost):
        core.send(to_trunk("OPTIONS", 1, uri=away, extra=extra))
        asked = await there.next()
        there.send(asked.reply(200, "OK"))
        assert (await core.next("SIP/2.0")).status == 200
        core.send(to_trunk("OPTIONS", 2, uri=away, extra=extra))
        assert (await core.next("SIP/2.0")).status == 503
    # A carrier's answer that names another way back is no way out either.
    via = f"Via: SIP/2.0/TCP 127.0.0.1:{rig.settings.ports.sips};branch=z9hG4bKx\r\n"
    there.send(
        f"SIP/2.0 200 OK\r\n{via}Via: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKy\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode()
    )
    there.send(request("OPTIONS", "sip:example.test"))
    assert (await there.final()).status == 200
    assert not reached
    listener.close()


async def test_a_trunk_to_the_edge_itself_or_with_an_impossible_value_is_refused(rig, desk, peer) -> None:
    await desk.up(peer.slot())
    for wrong, sentence in (
        ({"port": rig.settings.ports.sips}, "on this host itself"),
        ({"port": rig.settings.ports.kamailio_core}, "on this host itself"),
        ({"host": "169.254.169.254"}, "it is no carrier"),
        ({"slot": 17}, "from 1 to 16"),
        ({"tls_name": "x\r\ny"}, "needs a tls_name"),
    ):
        with pytest.raises(EdgeRefused, match=sentence):
            await desk.set(peer.slot(**{"slot": 2} | wrong))
    assert list(await desk.states()) == [1]
    assert (await desk.states())[1]["state"] == "up"


@pytest.mark.parametrize("name", ["localhost", "name.invalid"])
async def test_a_host_may_be_a_name(desk, peer, name: str) -> None:
    await desk.set(peer.slot(host=name))
    if name == "localhost":
        found = await desk.becomes(1, "up")
        assert found["address"] == f"127.0.0.1:{peer.port}"
    else:
        found = await desk.becomes(1, "down")
        assert "name.invalid cannot be resolved" in str(found["error"])


@pytest.mark.req("W2", "R3")
@pytest.mark.parametrize("name", LENGTHS)
async def test_a_carrier_cannot_hide_a_message_in_another_one(rig, desk, peer, name: str) -> None:
    parser, seen = StreamParser(from_edge=True), []

    class Listener(Core):
        def _data(self, data: bytes) -> None:
            seen.extend(parser.feed(data))
            super()._data(data)

    core = Listener(rig)
    await until(lambda: core.link.up)
    await desk.up(peer.slot())
    there = await peer.connection()
    wild = request("INFO", "sip:100@example.test").replace(b"Content-Length: 0\r\n", LENGTHS[name].encode())
    there.send(wild + SMUGGLED)
    phone = await Phone.connect(rig)
    await asyncio.sleep(0.2)
    phone.send(request("OPTIONS", "sip:200@example.test"))
    await core.next("OPTIONS")
    assert not core.downs
    for message in seen:
        assert not isinstance(message, FramingError)
        if isinstance(message, Request):
            assert "6.6.6.6" not in ",".join(message.headers.all("P-Ringwall-Flow"))
    await phone.close()
    await core.stop()


@pytest.mark.req("R3")
async def test_strangers_words_that_a_carrier_passes_on_cost_it_that_message_only(core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    good = request("OPTIONS", "sip:x@example.test")
    for wrong in (
        "no colon\r\n",
        "X: y\r\n" * 101,
        "X-Long: " + "y" * 8100 + "\r\n",
        "P-Ringwall-Flow: x\r\n",
    ):
        there.send(good.replace(b"Content-Length", wrong.encode() + b"Content-Length"))
        # What Kamailio cannot read it cannot answer.
        assert wrong.startswith("no") or (await there.final()).status == 400
    there.send(good)
    assert (await core.next("OPTIONS")).get("P-Ringwall-Trunk") == "1"
    told = re.compile(r"trunk=1;times=(\d);why=(?:head|headers)")
    found = [match for match in map(told.fullmatch, core.offences) if match]
    while sum(int(match[1]) for match in found) < 4:
        await asyncio.sleep(0.05)
        found = [match for match in map(told.fullmatch, core.offences) if match]


@pytest.mark.req("R3")
async def test_a_carrier_whose_message_has_no_certain_end_loses_the_connection(core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    there.send(request("OPTIONS", "sip:x@example.test", extra="Subject: a\nContent-Length: 5\r\n"))
    there.send(request("OPTIONS", "sip:x@example.test"))
    await there.closed()
    await peer.connection()
    await desk.becomes(1, "up")


async def test_a_carrier_is_held_to_size_method_and_hops_and_does_not_register(core, desk, peer) -> None:
    await desk.up(peer.slot())
    there = await peer.connection()
    for wrong, status in (
        (request("OPTIONS", "sip:x@example.test", body=b"x" * 12_500), 513),
        (request("FROBNICATE", "sip:x@example.test"), 405),
        (request("OPTIONS", "sip:x@example.test").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"), 483),
        (request("OPTIONS", "sip:x@example.test").replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"), 400),
        (request("REGISTER", "sip:example.test"), 403),
    ):
        there.send(wrong)
        assert (await there.final()).status == status
    assert not [message for message in core.messages if message.method != "INFO"]
    there.send(b"\x00\xff" * 2000 + b"\r\n\r\n" + b"\x00" * 20000)
    await there.closed()


async def test_without_a_core_a_carrier_hears_503(rig, desk, peer) -> None:
    first = await Core.attach(rig)
    await desk.up(peer.slot())
    there = await peer.connection()
    await first.stop()
    while True:
        there.send(request("INVITE", "sip:+4930100@example.test"))
        if (await there.final()).status == 503:
            break


async def test_a_carrier_that_asks_too_much_is_told_so_and_can_still_end_its_calls(
    rig, core, desk, peer, certificate
) -> None:
    """Phones are counted by source address; a carrier brings the calls of many, and is counted by itself."""
    most = rig.settings.limits.sip_requests_per_trunk_10s // 5
    async with carrier(certificate) as other:
        await desk.up(peer.slot(1), other.slot(2))
        there, elsewhere = await peer.connection(), await other.connection()
        asked = 2 * most + 200  # whenever the two seconds began, more than the limit fall into one of them
        for _ in range(asked):
            there.send(request("OPTIONS", "sip:example.test"))
        statuses = [await there.final(20) for _ in range(asked)]
        told = [one for one in statuses if one.status == 503]
        assert {one.status for one in statuses} == {200, 503}
        assert len(told) >= 100
        assert told[0].get("Retry-After") == "2"
        there.send(request("BYE", "sip:100@example.test", to_tag="x"))
        await core.next("BYE")
        elsewhere.send(request("OPTIONS", "sip:example.test"))
        assert (await elsewhere.final()).status == 200
        async with asyncio.timeout(20):
            while statuses[-1].status != 200:
                await asyncio.sleep(0.5)
                there.send(request("OPTIONS", "sip:example.test"))
                statuses.append(await there.final())
        assert len(peer.connections) == 1


async def test_a_carrier_that_floods_loses_its_connection_and_gets_another_one(rig, core, desk, peer) -> None:
    most = rig.settings.limits.sip_requests_per_trunk_10s // 5
    await desk.up(peer.slot())
    there = await peer.connection()
    for _ in range(12 * most):
        there.send(request("OPTIONS", "sip:example.test"))
    await there.closed()
    again = await peer.connection()
    await desk.becomes(1, "up")
    async with asyncio.timeout(20):
        while True:
            again.send(request("OPTIONS", "sip:example.test"))
            if (await again.final()).status == 200:
                break
            await asyncio.sleep(0.5)


def test_the_authorities_and_the_agents_word_are_for_those_who_need_them(rig) -> None:
    assert b"BEGIN CERTIFICATE" in rig.layout.trunk_ca.read_bytes()
    assert rig.layout.trunk_token.stat().st_mode & 0o777 == 0o600
    assert rig.layout.trunk_ca.stat().st_size > rig.layout.carriers_ca.stat().st_size
