"""Who comes behind the same address as a phone that has signed in, after a restart: he is a stranger."""

import asyncio
import socket
import sqlite3
import ssl
import struct
from functools import partial

import pytest

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
