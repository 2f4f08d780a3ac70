"""Which connection is whose, with the real engines: the names of flows, and the core's link."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import Iterator

import pytest

from ringwall.infra import pki
from ringwall.infra.link_proof import UNNAMED, LinkProof
from ringwall.infra.ports import primary_address
from system.edge_rig import (
    ADDRESS,
    OTHER_ADDRESS,
    REGISTER_CONTACT,
    Browser,
    Core,
    Phone,
    Rig,
    edge,
    request,
    until,
    vanish,
)

pytestmark = pytest.mark.timeout(90)

LINK = "127.255.255.1"
"""What the core's links come from, behind HAProxy."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge() as running:
        yield running


FLOW = re.compile(r"(?P<peer>[0-9.:]+);proto=(?P<proto>\w+);id=(?P<id>\d+);run=(?P<run>[0-9a-f]{32})")


def flow_in(text: str) -> dict[str, str]:
    found = FLOW.fullmatch(text)
    assert found, text
    return found.groupdict()


@pytest.mark.req("P4")
async def test_after_a_restart_no_connection_has_the_name_of_an_earlier_one() -> None:
    with edge() as rig:
        core = await Core.attach(rig)
        for _ in range(5):
            phone = await Phone.connect(rig)
        before = flow_in((await phone.register(core)).get("P-Ringwall-Flow"))
        assert before["run"] == core.link.edge_run
        phone.vanish()

        await core.restarted(rig)
        port, after = int(before["peer"].partition(":")[2]), {"id": "0"}
        while int(after["id"]) < int(before["id"]):
            phone = await Phone.connect(rig, port=port)
            phone.send(request("INVITE", "sip:200@example.test"))
            invite = await core.next("INVITE")
            core.send(invite.reply(401, "Unauthorized"))
            assert (await phone.final()).status == 401
            after = flow_in(invite.get("P-Ringwall-Flow"))
            phone.vanish()
        assert {**after, "run": before["run"]} == before
        assert after["run"] == core.link.edge_run != before["run"]
        await core.stop()


# The core's link


def own_port(core: Core) -> int:
    """The port that the core's link has on this host."""
    transport = core.link._transport
    assert transport is not None
    port: int = transport.get_extra_info("sockname")[1]
    return port


_BIND_ADDRESS_NO_PORT, _LOCAL_PORT_RANGE = 24, 51


async def dial(
    rig: Rig, door: int, source: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open TLS to a door, from a port of the source that another connection may have (0: from any).

    The kernel knows connections by both their ends; it is told the port as the only one to choose from (ip(7),
    IP_LOCAL_PORT_RANGE of Linux 6.3).
    """
    plain = socket.socket()
    plain.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    if port:
        try:
            plain.setsockopt(socket.IPPROTO_IP, _LOCAL_PORT_RANGE, struct.pack("I", port | port << 16))
        except OSError:
            pytest.skip("this kernel cannot be told from which port to connect")
    plain.bind((source, 0))
    plain.connect((ADDRESS, door))
    return await asyncio.open_connection(sock=plain, ssl=rig.world_context(), server_hostname="example.test")


class Eavesdropper(Phone):
    """A client that keeps all that comes."""

    @classmethod
    async def at(cls, rig: Rig, source: str, port: int) -> "Eavesdropper":
        """Connect to the SIPS port from a port that another connection of this host may have."""
        return cls(*await dial(rig, rig.settings.ports.sips, source, port))

    async def heard(self) -> bytes:
        """Return all that came until now: an answer to a request of its own ends it."""
        mark = request("OPTIONS", "sip:example.test", call_id="the end")
        self.send(mark)
        data = b""
        async with asyncio.timeout(5):
            while b"Call-ID: the end" not in data:
                more = await self.reader.read(65536)
                assert more, "the edge has closed the connection"
                data += more
        return data


@pytest.mark.req("W3", "P4")
@pytest.mark.parametrize("source", [ADDRESS, OTHER_ADDRESS, primary_address()])
async def test_who_has_the_port_of_the_cores_link_gets_nothing_that_is_for_the_core(source: str) -> None:
    with edge() as rig:
        core = await Core.attach(rig)
        victims = [await Phone.connect(rig) for _ in range(8)]
        stranger = await Eavesdropper.at(rig, source, own_port(core))
        assert stranger.local == f"{source}:{own_port(core)}"
        stranger.send(request("OPTIONS", "sip:example.test"))
        assert (await stranger.final()).status == 200
        for number, victim in enumerate(victims):
            await victim.register(core)
            victim.send(
                request("INVITE", "sip:200@example.test", body=b"a=crypto:1 X inline:KEY%d\r\n" % number)
            )
            invite = await core.next("INVITE")
            assert b"inline:KEY" in invite.body
            core.send(invite.reply(486, "Busy Here"))
            assert (await victim.final()).status == 486
            flow = victim.local
            await victim.close()
            await core.reports_until(flow)
        words = await stranger.heard()
        assert words.count(b"SIP/2.0 ") == 1, words
        assert b"KEY" not in words
        assert core.downs == 0
        assert not core.taken
        await core.stop()


@pytest.mark.req("W3", "P4")
@pytest.mark.parametrize("source", ["127.255.0.1", "127.255.1.1", LINK])
@pytest.mark.parametrize("door", ["sips", "https", "phones"])
async def test_nobody_comes_from_the_addresses_of_links_and_carriers(
    rig: Rig, source: str, door: str
) -> None:
    with pytest.raises((ConnectionError, ssl.SSLError)):
        await asyncio.open_connection(
            ADDRESS,
            getattr(rig.settings.ports, door),
            ssl=rig.world_context(),
            server_hostname="example.test",
            local_addr=(source, 0),
        )


class Loopback:
    """Another user of the edge's host, who talks to Kamailio directly and says in a PROXY line who they are."""

    @classmethod
    async def connect(cls, port: int, source: str, source_port: int) -> Eavesdropper:
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        writer.write(f"PROXY TCP4 {source} {ADDRESS} {source_port} {port}\r\n".encode())
        return Eavesdropper(reader, writer)


@pytest.mark.req("W3")
async def test_what_is_for_the_core_goes_by_the_number_of_its_connection_and_not_by_its_address(
    rig: Rig,
) -> None:
    core = await Core.attach(rig)
    ports = rig.settings.ports
    false = [
        await Loopback.connect(port, LINK, own_port(core))
        for port in (ports.kamailio_phones, ports.kamailio_core) * 4
    ]
    for each in false[::2]:
        each.send(request("OPTIONS", "sip:example.test"))
        assert (await each.final()).status == 200
    for each in false[1::2]:  # without a proof nobody is served on the core's listener
        each.send(request("OPTIONS", "sip:hello@ringwall.internal", extra="P-Ringwall-Link: x\r\n"))
        assert (await each.final()).status == 403
    for _ in range(8):
        phone = await Phone.connect(rig)
        await phone.register(core)
    for each in false:
        words = await each.heard()
        assert words.count(b"SIP/2.0 ") == 1, words
        await each.close()
    await core.stop()


@pytest.mark.req("T4", "W3")
async def test_a_hello_that_somebody_has_heard_is_worth_nothing_on_another_connection(rig: Rig) -> None:
    core = await Core.attach(rig)
    proof = LinkProof(pki.read_link_token(rig.layout))
    # They have heard every word that the core has said and will say on its connection.
    for name in (UNNAMED, core.link._name):
        said, _ = proof.hello(name)
        other = await Loopback.connect(rig.settings.ports.kamailio_core, LINK, 1)
        other.send(request("OPTIONS", "sip:hello@ringwall.internal", extra=f"P-Ringwall-Link: {said}\r\n"))
        answer = proof.answer((await other.final()).get("P-Ringwall-Link"))
        assert answer.link != core.link._name
        assert answer.before == core.link._name
        other.send(request("INVITE", "sip:200@example.test"))
        assert (await other.final()).status == 403
        await other.close()
    for bad in (
        "",
        "nonce=1",
        said[:-1] + ("0" if said[-1] != "0" else "1"),
        said.replace("link=", "link=0"),
    ):
        other = await Loopback.connect(rig.settings.ports.kamailio_core, LINK, 1)
        other.send(request("OPTIONS", "sip:hello@ringwall.internal", extra=f"P-Ringwall-Link: {bad}\r\n"))
        assert (await other.final()).status == 403
        await other.close()
    await (await Phone.connect(rig)).register(core)
    assert not core.taken
    assert core.downs == 0
    await core.stop()


@pytest.mark.req("W3")
async def test_a_core_whose_link_another_one_took_says_so_and_dials_anew(rig: Rig) -> None:
    core = await Core.attach(rig)
    proof = LinkProof(pki.read_link_token(rig.layout))
    thief = await Loopback.connect(rig.settings.ports.kamailio_core, LINK, 1)

    async def hello(name: str) -> str:
        said, _ = proof.hello(name)
        thief.send(request("OPTIONS", "sip:hello@ringwall.internal", extra=f"P-Ringwall-Link: {said}\r\n"))
        return proof.answer((await thief.final()).get("P-Ringwall-Link")).link

    name = await hello(UNNAMED)
    assert await hello(name) == name
    await until(lambda: core.downs == 1)
    assert core.taken == [name]
    await until(lambda: core.link.up)
    await (await Phone.connect(rig)).register(core)
    assert core.taken == [name]
    await core.stop()


# Phones


async def registered(core: Core, client: Phone | Browser, transport: str) -> str:
    """Let it sign in; return its Path."""
    client.send(request("REGISTER", "sip:example.test", transport=transport, extra=REGISTER_CONTACT))
    seen = await core.next("REGISTER")
    core.send(seen.reply(200, "OK"))
    assert (await client.next()).status == 200
    return seen.get("Path")


def asking(path: str) -> bytes:
    return request(
        "OPTIONS", "sip:100@192.0.2.99", host="core1.ringwall.internal", extra=f"Route: {path}\r\n"
    )


def port_of(client: Phone | Browser) -> int:
    return int(client.local.rpartition(":")[2])


@pytest.mark.req("P4")
async def test_a_browser_from_the_address_and_port_of_a_phone_is_turned_away_and_hears_nothing(
    rig: Rig,
) -> None:
    core = await Core.attach(rig)
    ports = rig.settings.ports
    phone = Phone(*await dial(rig, ports.sips, ADDRESS, 0))
    path = await registered(core, phone, "TLS")
    second = await dial(rig, ports.https, ADDRESS, port_of(phone))
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError, AssertionError)):
        await Browser.shake_hands(*second)
    vanish(second[1])
    core.send(asking(path))
    asked = await phone.next()
    phone.send(asked.reply(200, "OK"))
    assert (await core.next("SIP/2.0")).status == 200
    # Its turn comes when the first one is gone, and what was for that one is not for it.
    flow, port = phone.local, port_of(phone)
    phone.vanish()
    assert await core.reports_until(flow) == [flow]
    heir = await Browser.shake_hands(*await dial(rig, ports.https, ADDRESS, port))
    own = await registered(core, heir, "WSS")
    core.send(asking(path))
    assert (await core.next("SIP/2.0")).status == 430
    core.send(asking(own))
    assert "sip:100@" in (await heir.next()).start
    await heir.close()
    await core.stop()


@pytest.mark.req("P4")
@pytest.mark.parametrize("says", ["a REGISTER", "a keep-alive that no script sees"])
async def test_a_phone_from_the_address_and_port_of_a_browser_hears_nothing_and_both_come_again(
    rig: Rig, says: str
) -> None:
    core = await Core.attach(rig)
    browser = await Browser.shake_hands(*await dial(rig, rig.settings.ports.https, ADDRESS, 0))
    path = await registered(core, browser, "WSS")
    phone = Phone(*await dial(rig, rig.settings.ports.sips, ADDRESS, port_of(browser)))
    if says == "a REGISTER":
        phone.send(request("REGISTER", "sip:example.test", extra=REGISTER_CONTACT))
    else:
        phone.send(b"\r\n\r\n")
        assert await phone.reader.read(2) == b"\r\n"
        core.send(asking(path))
        assert (await core.next("SIP/2.0")).status == 430
        phone.send(request("OPTIONS", "sip:example.test"))
    await browser.closed()
    if says == "a REGISTER":
        assert await phone.reader.read() == b""
    else:
        assert (await phone.next()).status == 200
    phone.vanish()
    await core.stop()
