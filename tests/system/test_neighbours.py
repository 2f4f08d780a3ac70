"""Who comes from the address and port of somebody else, phone or core: they are a stranger."""

import asyncio
import socket
import sqlite3
import ssl
import struct
from functools import partial
from pathlib import Path

import pytest

from ringwall.core.links.sip_link import hello
from ringwall.infra.link_proof import UNNAMED, LinkProof
from ringwall.infra.supervise import Supervisor
from system.descriptions import answer_to, good
from system.raw_phone import RawPhone, joined
from system.running import Account, System, until

FEW = 150
"""Connections that a test opens at most."""


async def restart(system: System, *programs: str) -> None:
    """Kill one program after the other, and wait each time until all is as it was."""

    def other(program: str, killed: int) -> bool:
        states = Supervisor(system.layout).states()
        return any(state.name == program and state.pid not in {None, killed} for state in states)

    for program in programs:
        killed = system.kill(program)
        await until(partial(other, program, killed), f"{program} is started again", 20)
        await system.ready()


def flow_of(system: System, phone: RawPhone) -> dict[str, str]:
    """What the edge calls the phone's connection, as the core has written it down."""
    system.ask("user.remove", extension=system.user())  # writes keep their order, and this one is awaited
    with sqlite3.connect(f"file:{system.layout.database}?mode=ro", uri=True) as database:
        query = "select flow from bindings where contact like ?"
        [(flow,)] = database.execute(query, (f"%@{phone.local};%",)).fetchall()
    peer, *parts = flow.split(";")
    return {"peer": peer, **dict(part.split("=") for part in parts)}


async def from_the_same_port(system: System, account: Account, peer: str) -> RawPhone:
    host, _, port = peer.partition(":")
    reader, writer = await asyncio.open_connection(
        account.server,
        account.port,
        ssl=ssl.create_default_context(cafile=str(system.layout.ca_certificate)),
        server_hostname=account.domain,
        local_addr=(host, int(port)),
    )
    return RawPhone(account, reader, writer)


async def vanish(phone: RawPhone) -> None:
    """End the connection with a reset: its port is free again at once."""
    plain = phone.writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    phone.writer.transport.abort()
    await phone.close()


@pytest.mark.req("P4", "R1")
@pytest.mark.parametrize(
    "restarted", [("kamailio",), ("kamailio", "core"), ("core", "kamailio")], ids="-".join
)
async def test_after_a_restart_a_neighbour_behind_the_same_address_is_challenged(
    system, connect, person, source, restarted: tuple[str, ...]
) -> None:
    anna = await connect(source=source)
    if int(flow_of(system, anna)["id"]) > FEW:
        await restart(system, "kamailio")
        await anna.closed.wait()
    for _ in range(25):  # so that the number is not used up by those who sign in again
        other = await from_the_same_port(system, anna.account, f"{source}:0")
        await other.ask(other.request("OPTIONS")).final()
        await vanish(other)
    anna = await connect(anna.account, source=source)
    flow = flow_of(system, anna)
    ben, carl = await connect(), await connect()
    here, there = await joined(ben, carl, good(), answer_to)
    await vanish(anna)
    await restart(system, *restarted)

    # The call that was up goes on where its phones sign in again.
    await asyncio.gather(ben.closed.wait(), carl.closed.wait())
    here.phone, there.phone = await connect(ben.account), await connect(carl.account)

    # The neighbour's turn comes with the very number that was anna's.
    neighbour, numbers = person(), []
    while not numbers or numbers[-1] < int(flow["id"]):
        phone = await from_the_same_port(system, anna.account, flow["peer"])
        answer = await phone.invite(carl.account.extension, good()).final()
        assert answer.status == 401
        phone.account = neighbour
        assert (await phone.register()).status == 200
        theirs = flow_of(system, phone)
        assert theirs["peer"] == flow["peer"]
        assert theirs["run"] != flow["run"]
        numbers.append(int(theirs["id"]))
        await vanish(phone)
    assert numbers[0] < int(flow["id"])

    assert (await here.hang_up()).status == 200
    await there.ended()


_BIND_ADDRESS_NO_PORT, _LOCAL_PORT_RANGE = 24, 51


def ports_of_links(system: System) -> list[int]:
    """Return the ports on 127.0.0.1 from which the core is connected to the edge."""
    inner = f"0100007F:{system.settings.ports.inner:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(row[1].partition(":")[2], 16) for row in rows if row[2] == inner and row[3] == "01"]


async def from_port_of_another(system: System, account: Account, port: int) -> RawPhone:
    """Connect from a port of 127.0.0.1 that another connection has (ip(7), IP_LOCAL_PORT_RANGE of Linux 6.3)."""
    plain = socket.socket()
    plain.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    try:
        plain.setsockopt(socket.IPPROTO_IP, _LOCAL_PORT_RANGE, struct.pack("I", port | port << 16))
    except OSError:
        pytest.skip("this kernel cannot be told from which port to connect")
    plain.bind(("127.0.0.1", 0))
    plain.connect((account.server, account.port))
    trust = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    reader, writer = await asyncio.open_connection(sock=plain, ssl=trust, server_hostname=account.domain)
    return RawPhone(account, reader, writer)


@pytest.mark.req("W3", "P4")
async def test_who_has_the_ports_of_the_cores_links_hears_nothing_and_disturbs_nobody(
    system, connect, person
) -> None:
    ports, nobody = ports_of_links(system), person()
    assert len(ports) >= 3
    before = system.seq()
    strangers = [await from_port_of_another(system, nobody, port) for port in ports]
    heard: list[object] = []
    for stranger in strangers:
        assert (await stranger.ask(stranger.request("OPTIONS")).final()).status == 200
        stranger.receive = heard.append  # type: ignore[method-assign]
    for _ in range(5):
        anna, ben = await connect(), await connect()
        here, there = await joined(anna, ben, good(), answer_to)
        assert (await here.hang_up()).status == 200
        await there.ended()
    assert not heard
    for stranger in strangers:
        assert not stranger.closed.is_set()
        await stranger.close()
    assert not system.records(before, "security.link_taken")
    assert not system.records(before, "system.link_down")


@pytest.mark.req("W3", "N3")
async def test_a_core_whose_link_was_taken_records_it_and_has_it_again(system, connect) -> None:
    """By somebody on the edge's host who has the token: the core's link is another one a moment later."""
    anna, ben = await connect(), await connect()
    before = system.seq()
    proof = LinkProof(system.layout.link_token.read_text().strip())
    reader, writer = await asyncio.open_connection("127.0.0.1", system.settings.ports.kamailio_core)
    name = UNNAMED
    for number in (1, 2):
        said, _ = proof.hello(name)
        writer.write(hello("core1.ringwall.internal", "thief", number, said))
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = proof.answer(answer.partition("P-Ringwall-Link: ")[2].partition("\r\n")[0]).link
    await system.record(before, "security.link_taken", link="sip", by=name)
    await system.record(before, "system.link_up", link="sip")
    here, there = await joined(anna, ben, good(), answer_to)
    assert (await here.hang_up()).status == 200
    await there.ended()
    assert len(system.records(before, "security.link_taken")) == 1
    writer.close()
