"""What one source may do, bans, and slow clients, with the real engines."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import pytest

from ringwall.core.errors import EdgeRefused, EdgeUnavailable
from ringwall.core.links.control import ControlLink
from ringwall.core.links.tls import Dialler
from ringwall.edge.haproxy_admin import HaproxyAdmin
from ringwall.infra.ports import LOOPBACK, primary_address
from system.edge_rig import ADDRESS, Core, Phone, Rig, edge, free_settings, request, until

pytestmark = pytest.mark.timeout(120)

CONNECTIONS, HANDSHAKES, SIP_REQUESTS = 600, 700, 1000


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    settings = free_settings(
        connections_per_source=CONNECTIONS,
        handshakes_per_source_10s=HANDSHAKES,
        sip_requests_per_source_10s=SIP_REQUESTS,
        handshake_seconds=2,
    )
    with edge(settings) as running:
        yield running


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator[Core]:
    attached = await Core.attach(rig)
    yield attached
    await attached.stop()


@pytest.fixture
async def control(rig: Rig) -> AsyncIterator[ControlLink]:
    link = ControlLink(Dialler.of(rig.layout, rig.settings))
    task = asyncio.get_running_loop().create_task(link.run())
    await until(lambda: link.up)
    yield link
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def refused(rig: Rig, source: str) -> bool:
    """Say whether a TLS connection from ``source`` is turned away."""
    try:
        phone = await Phone.connect(rig, source)
    except (ConnectionError, ssl.SSLError):
        return True
    await phone.close()
    return False


needs_two_addresses = pytest.mark.skipif(
    primary_address() == LOOPBACK,
    reason="a source that may be banned is not loopback: this host has no other address",
)


@pytest.mark.req("N4")
@needs_two_addresses
async def test_a_ban_turns_a_source_away_and_ends_its_connections_until_it_is_lifted(
    rig, core, control
) -> None:
    source = primary_address()
    victim = await Phone.connect(rig, source)
    await victim.register(core)
    bystander = await Phone.connect(rig)
    await bystander.register(core)
    flow = victim.local

    answer = await control.call({"op": "ban", "source": source, "seconds": 600, "reason": "a test"})
    assert answer["cut"] == 1
    await victim.closed()
    assert flow in await core.reports_until(flow)
    assert await refused(rig, source)
    bans = (await control.call({"op": "bans"}))["bans"]
    assert [(ban["source"], ban["reason"]) for ban in bans] == [(source, "a test")]
    assert source in rig.layout.bans_file.read_text()

    # The others, and the core's own links, go on.
    await bystander.register(core)
    assert core.downs == 0

    # It outlives a restart of HAProxy and of the agent.
    rig.stop("haproxy")
    rig.start("haproxy")
    rig.wait_ready()
    assert await refused(rig, source)
    rig.stop("agent")
    rig.start("agent")
    rig.wait_ready()
    bans = None
    while bans is None:
        with contextlib.suppress(EdgeUnavailable):
            bans = (await control.call({"op": "bans"}))["bans"]
        await asyncio.sleep(0.05)
    assert [ban["source"] for ban in bans] == [source]

    assert (await control.call({"op": "unban", "source": source})) == {"removed": True}
    assert not await refused(rig, source)
    assert (await control.call({"op": "unban", "source": source})) == {"removed": False}


@pytest.mark.req("N4")
@needs_two_addresses
async def test_a_ban_ends_by_itself(rig, control) -> None:
    source = primary_address()
    await control.call({"op": "ban", "source": source, "seconds": 1, "reason": "short"})
    assert await refused(rig, source)
    while await refused(rig, source):  # noqa: ASYNC110 - a state of another process
        await asyncio.sleep(0.2)
    assert (await control.call({"op": "bans"}))["bans"] == []


async def test_what_must_not_be_banned_is_refused_with_a_sentence(rig, control) -> None:
    for source, words in (
        ("127.0.0.1", "this system itself"),
        ("::1", "this system itself"),
        ("::ffff:127.0.0.1", "this system itself"),
        (ADDRESS, "this system itself"),
        ("0.0.0.0", "of no host"),
        ("192.0.2.0/24", "one IPv4 or IPv6 address"),
        ("192.0.2.1 ; shutdown frontend sips", "one IPv4 or IPv6 address"),
        (7, "one IPv4 or IPv6 address"),
    ):
        with pytest.raises(EdgeRefused, match=words):
            await control.call({"op": "ban", "source": source, "seconds": 60, "reason": ""})
    with pytest.raises(EdgeRefused, match="lasts from"):
        await control.call({"op": "ban", "source": "192.0.2.200", "seconds": 0, "reason": ""})
    with pytest.raises(EdgeRefused, match="no such operation"):
        await control.call({"op": "format"})


async def test_an_ipv6_source_can_be_banned_and_unbanned(rig, control) -> None:
    await control.call({"op": "ban", "source": "2001:DB8::0:1", "seconds": 60, "reason": ""})
    acl = str(rig.layout.edge_run / "bans.acl")
    assert HaproxyAdmin(rig.layout.haproxy_socket).banned(acl) == {"2001:db8::1"}
    assert (await control.call({"op": "unban", "source": "2001:db8::1"})) == {"removed": True}
    assert HaproxyAdmin(rig.layout.haproxy_socket).banned(acl) == set()


async def test_the_engines_are_asked_how_they_are(rig, control) -> None:
    engines = (await control.call({"op": "engines"}))["engines"]
    assert {name: state["ok"] for name, state in engines.items()} == {
        "haproxy": True,
        "kamailio": True,
        "rtpengine": True,
    }
    rig.stop("rtpengine")
    engines = (await control.call({"op": "engines"}))["engines"]
    assert engines["rtpengine"] == {"ok": False, "detail": "rtpengine does not answer"}
    rig.start("rtpengine")
    while not (await control.call({"op": "engines"}))["engines"]["rtpengine"]["ok"]:
        pass


async def test_open_connections_of_one_source_are_limited_and_others_are_served(rig, core) -> None:
    greedy = "127.0.0.21"
    sockets = [tcp(rig, greedy) for _ in range(CONNECTIONS + 50)]
    await until(lambda: sum(is_closed(each) for each in sockets) >= 50)
    good = await Phone.connect(rig)
    await good.register(core)
    await good.close()
    for each in sockets:
        each.close()


async def test_new_connections_of_one_source_are_limited_in_number_per_time(rig) -> None:
    hasty = "127.0.0.22"
    # More than the limit, because HAProxy's rate is an estimate over a sliding time.
    for _ in range(HANDSHAKES + 200):
        with contextlib.suppress(ConnectionError):  # from the limit on
            tcp(rig, hasty).close()
    assert await refused(rig, hasty)
    assert not await refused(rig, "127.0.0.23")


async def test_a_flood_of_requests_ends_the_source_s_connection_and_nobody_else_s(rig, core) -> None:
    flooder = await Phone.connect(rig, "127.0.0.24")
    good = await Phone.connect(rig)
    await good.register(core)
    drain = asyncio.get_running_loop().create_task(flooder.closed(30))
    with contextlib.suppress(ConnectionError):
        for _ in range(40):
            flooder.send(request("OPTIONS", "sip:example.test") * 50)
            await asyncio.sleep(0)
    await drain
    again = await Phone.connect(rig, "127.0.0.24")
    again.send(request("OPTIONS", "sip:example.test"))
    await again.closed()
    await good.register(core)
    await good.close()


async def flood(phone: Phone, what: bytes) -> None:
    """Send until the connection is closed."""
    drain = asyncio.get_running_loop().create_task(phone.closed(30))
    with contextlib.suppress(ConnectionError):
        while not drain.done():
            phone.send(what)
            await asyncio.sleep(0)
    await drain


@pytest.mark.req("R3", "N4")
async def test_who_floods_loses_their_connection_and_neighbours_who_have_signed_in_lose_nothing(
    rig, core
) -> None:
    office = "127.0.0.41"
    phones = [await Phone.connect(rig, office) for _ in range(25)]
    for phone in phones:
        await phone.register(core)
    bystander = await Phone.connect(rig, office)  # not signed in, and quiet
    bystander.send(request("OPTIONS", "sip:example.test"))
    assert (await bystander.final()).status == 200
    for _ in range(3):
        await flood(await Phone.connect(rig, office), request("OPTIONS", "sip:example.test") * 50)
        # The source is over its limit now. Who is signed in says what they want, and who is not may sign in.
        for phone in phones:
            await phone.register(core)
        newcomer = await Phone.connect(rig, office)
        newcomer.send(request("OPTIONS", "sip:example.test"))
        assert (await newcomer.final()).status == 200
        await newcomer.register(core)
        await bystander.register(core)
        phones += [newcomer]
    await until(lambda: any(office in told for told in core.offences))
    told = {told.partition(";times=")[0] for told in core.offences if office in told}
    assert told == {f"flood;source={office}"}
    for phone in phones:
        await phone.close()
    await bystander.close()


@pytest.mark.req("R3", "N4")
async def test_a_phone_that_has_signed_in_has_a_budget_of_its_own_and_no_more(rig, core) -> None:
    office = "127.0.0.42"
    mad, good = await Phone.connect(rig, office), await Phone.connect(rig, office)
    await mad.register(core)
    await good.register(core)
    await flood(mad, request("OPTIONS", "sip:example.test") * 50)
    await good.register(core)
    await good.close()


@pytest.mark.req("R3")
async def test_a_thousand_half_open_and_slow_connections_do_not_stop_a_phone(rig, core) -> None:
    """500 that say nothing, 250 that begin a handshake, 250 that finish it and then drip a message."""
    silent = [tcp(rig, "127.0.0.31") for _ in range(500)]
    half = [tcp(rig, "127.0.0.32") for _ in range(250)]
    for each in half:
        each.send(b"\x16\x03\x01\x02\x00\x01")
    context = rig.world_context()
    slow = [await Phone.connect(rig, "127.0.0.33", context) for _ in range(250)]
    message = request("OPTIONS", "sip:example.test")

    async def drip(each: Phone) -> None:
        with contextlib.suppress(ConnectionError):
            for at in range(len(message)):
                each.send(message[at : at + 1])
                await asyncio.sleep(0.5)

    drips = [asyncio.get_running_loop().create_task(drip(each)) for each in slow]
    for _ in range(20):
        good = await Phone.connect(rig)
        await good.register(core)
        await good.close()
    # And each of them is cut: the silent and half-open ones by the handshake's time, the slow ones by that of a head.
    await until(lambda: all(is_closed(each) for each in [*silent, *half]), 30)
    await asyncio.gather(*(each.closed(30) for each in slow))
    for task in drips:
        task.cancel()
    for each in [*silent, *half]:
        each.close()


def tcp(rig: Rig, source: str) -> socket.socket:
    connection = socket.create_connection(
        (ADDRESS, rig.settings.ports.sips), timeout=5, source_address=(source, 0)
    )
    connection.setblocking(False)
    return connection


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(4096) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
