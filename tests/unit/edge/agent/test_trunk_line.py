"""A trunk's line, between a HAProxy and a Kamailio that are made of sockets."""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringwall.edge.agent.trunk_line import Ends, LineDownError, LineKeeper
from ringwall.edge.agent.trunk_wire import HaproxyLog, proxy_v2
from ringwall.edge.agent.trunks import State, Trunk
from ringwall.infra.errors import RingwallError

TLS = Trunk(3, "a", "192.0.2.50", 5061, "tls", "sip.carrier.example")
NAMED = Trunk(4, "b", "sip.carrier.example", 5061, "tls", "sip.carrier.example")
CLEAR = Trunk(5, "c", "192.0.2.51", 5060, "tcp", "")
MADE = "-- 0 Success"
OK = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"


class Peer:
    """The accepted side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read(self, count: int) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readexactly(count)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(end)

    async def ended(self) -> bool:
        async with asyncio.timeout(5):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True


class World:
    """HAProxy's two sockets, its log, and Kamailio's port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outcomes = HaproxyLog()
        self.arrived: dict[str, asyncio.Queue[Peer]] = {
            name: asyncio.Queue() for name in ("tls", "tcp", "kamailio")
        }
        self.names: dict[str, list[str]] = {}
        self.asked_again = asyncio.Event()
        self.servers: list[asyncio.Server] = []
        self.state = State()
        self.trusted: list[Trunk] = []
        self.tasks: list[asyncio.Task[None]] = []
        (folder / "token").write_text("t" * 64)

    async def start(self) -> None:
        def taker(name: str):
            return lambda reader, writer: self.arrived[name].put_nowait(Peer(reader, writer))

        for name in ("tls", "tcp"):
            self.servers.append(await asyncio.start_unix_server(taker(name), self.folder / name))
        self.servers.append(await asyncio.start_server(taker("kamailio"), "127.0.0.1", 0))
        port = self.servers[-1].sockets[0].getsockname()[1]
        ends = Ends(
            tls_socket=self.folder / "tls",
            clear_socket=self.folder / "tcp",
            kamailio_port=port,
            token_file=self.folder / "token",
            own=frozenset({("192.0.2.1", 5061), ("127.0.0.1", port)}),
        )
        self.keeper = LineKeeper(
            *(ends, self.outcomes, self.trust),
            resolve=self.resolve,
            first_wait=0.001,
            resolve_seconds=0.02,
        )

    def trust(self, trunk: Trunk) -> None:
        if trunk.authority == "bad":
            raise RingwallError("HAProxy refused it.")
        self.trusted.append(trunk)

    async def resolve(self, host: str) -> list[str]:
        self.asked_again.set()
        try:
            return self.names[host]
        except KeyError:
            raise LineDownError(f"{host} cannot be resolved: no.") from None

    def keep(self, trunk: Trunk) -> None:
        self.tasks.append(asyncio.create_task(self.keeper.keep(trunk, self.state)))

    async def next(self, name: str) -> Peer:
        async with asyncio.timeout(5):
            return await self.arrived[name].get()

    async def dialled(self, name: str = "tls", log: str = MADE) -> tuple[Peer, str, bytes]:
        """Take a connection to HAProxy and log what became of it; return destination and rest of the header."""
        peer = await self.next(name)
        head = await peer.read(16)
        assert head[:14] == b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
        content = await peer.read(struct.unpack("!H", head[14:])[0])
        source = ".".join(map(str, content[:4])), struct.unpack("!H", content[8:10])[0]
        to = f"{'.'.join(map(str, content[4:8]))}:{struct.unpack('!H', content[10:12])[0]}"
        self.outcomes.datagram_received(f"{source[0]} {source[1]} {log}\n".encode(), None)
        return peer, to, content[12:]

    async def greeted(self, answer: bytes = OK) -> tuple[Peer, bytes]:
        peer = await self.next("kamailio")
        words = await peer.until(b"\r\n\r\n")
        peer.writer.write(answer)
        return peer, words

    async def looked_again(self) -> None:
        """Wait until what the name leads to now was looked at, and what came of that was done."""
        async with asyncio.timeout(5):
            for _ in range(2):  # who asks once more has done what came of the first answer
                self.asked_again.clear()
                await self.asked_again.wait()

    async def is_now(self, state: str) -> None:
        async with asyncio.timeout(5):
            while self.state.state != state:  # noqa: ASYNC110 - a state, not an event
                await asyncio.sleep(0.001)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for server in self.servers:
            server.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_haproxy_is_told_where_to_kamailio_which_trunk_and_then_bytes_flow(world) -> None:
    world.keep(TLS)
    carrier, to, authority = await world.dialled()
    assert to == "192.0.2.50:5061"
    assert authority == b"\x02\x00\x13sip.carrier.example"
    carrier.writer.write(b"early ")  # before anybody at the other end can take it
    kamailio, words = await world.greeted(OK + b"INVITE")
    assert words.startswith(b"PROXY TCP4 127.255.0.3 127.0.0.1 ")
    assert b"\r\nP-Ringwall-Trunk: 3\r\nP-Ringwall-Flow: 192.0.2.50:5061;proto=tls\r\n" in words
    assert b"\r\nP-Ringwall-Link: " + b"t" * 64 + b"\r\n" in words
    await world.is_now("up")
    assert (world.state.address, world.state.error) == ("192.0.2.50:5061", "")
    assert await carrier.read(6) == b"INVITE"  # and nothing of the answer to the hello
    assert await kamailio.read(6) == b"early "
    carrier.writer.write(b"a" * 1_000_000)
    assert await kamailio.read(1_000_000) == b"a" * 1_000_000
    kamailio.writer.write(b"b" * 1_000_000)
    assert await carrier.read(1_000_000) == b"b" * 1_000_000


async def test_clear_text_goes_to_its_own_socket_without_a_name(world) -> None:
    world.keep(CLEAR)
    _, to, authority = await world.dialled("tcp")
    assert (to, authority) == ("192.0.2.51:5060", b"")
    _, words = await world.greeted()
    assert b"192.0.2.51:5060;proto=tcp\r\n" in words


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        ("SC 33 Server presented an SSL certificate different from the expected one", "is for another name"),
        ("SC 34 SSL handshake failure", "TLS failed"),
        ("SC - -", "refuses the connection or cannot be reached"),
        ("sC - -", "does not answer"),
    ],
)
async def test_what_failed_is_said_and_tried_again_and_kamailio_hears_nothing_of_it(
    world, log, sentence
) -> None:
    world.keep(TLS)
    first, _, _ = await world.dialled(log=log)
    await world.is_now("down")
    assert sentence in world.state.error
    assert await first.ended()
    assert world.arrived["kamailio"].empty()
    await world.dialled()
    await world.greeted()
    await world.is_now("up")
    assert world.state.error == ""


async def test_a_line_of_the_log_for_nobody_and_one_that_is_none_are_ignored(world) -> None:
    for line in (b"", b"\xff\xff", b"127.255.0.3 1", b"127.255.0.9 70000 -- 0 Success", b"x" * 2000):
        world.outcomes.datagram_received(line, None)
    waiting = world.outcomes.expect(("127.255.0.3", 7))
    world.outcomes.datagram_received(b"127.255.0.3 8 -- 0 Success", None)
    world.outcomes.datagram_received(b"127.255.0.4 7 -- 0 Success", None)
    assert not waiting.done()
    world.outcomes.datagram_received(b"127.255.0.3 7 -- 0 Success\n", None)
    world.outcomes.datagram_received(b"127.255.0.3 7 SC - -\n", None)
    assert await waiting == ""


@pytest.mark.parametrize("end", ["carrier", "kamailio"])
async def test_the_end_of_one_side_is_the_end_of_both_with_what_came_before_and_a_new_begin(
    world, end
) -> None:
    world.keep(TLS)
    carrier, _, _ = await world.dialled()
    kamailio, first = await world.greeted()
    await world.is_now("up")
    ending, other = (carrier, kamailio) if end == "carrier" else (kamailio, carrier)
    ending.writer.write(b"last words")
    ending.writer.close()
    assert await other.read(10) == b"last words"
    assert await other.ended()
    await world.dialled()
    _, second = await world.greeted()
    # Kamailio must not take the new connection for the old one.
    assert first.split(b"\r\n")[0] != second.split(b"\r\n")[0]


async def test_a_kamailio_that_refuses_the_agent_is_no_way_in(world) -> None:
    world.keep(TLS)
    carrier, _, _ = await world.dialled()
    await world.greeted(b"SIP/2.0 403 Forbidden\r\n\r\n")
    await world.is_now("down")
    assert "does not know this agent" in world.state.error
    assert await carrier.ended()


async def test_the_authorities_of_a_trunk_are_in_their_place_before_it_is_dialled(world) -> None:
    own = replace(TLS, authority="PEM")
    world.keep(own)
    await world.dialled()
    assert world.trusted == [own]
    _, words = await world.greeted()
    assert words.startswith(b"PROXY TCP4 127.255.0.3 ")
    await world.is_now("up")


async def test_a_trunk_whose_authorities_haproxy_does_not_take_is_not_dialled(world) -> None:
    world.keep(replace(TLS, authority="bad"))
    await world.is_now("down")
    assert world.state.error == "HAProxy refused it."
    assert world.arrived["tls"].empty()


async def test_a_missing_token_is_said(world, tmp_path) -> None:
    (tmp_path / "token").unlink()
    world.keep(TLS)
    await world.is_now("down")
    assert "token cannot be read" in world.state.error


async def test_each_address_of_a_name_is_tried_in_turn(world) -> None:
    world.names[NAMED.host] = ["192.0.2.60", "192.0.2.61"]
    world.keep(NAMED)
    assert (await world.dialled(log="sC - -"))[1] == "192.0.2.60:5061"
    assert (await world.dialled())[1] == "192.0.2.61:5061"
    await world.greeted()
    await world.is_now("up")
    assert world.state.address == "192.0.2.61:5061"


async def test_a_carrier_that_moves_is_followed_and_a_silent_name_server_ends_nothing(world) -> None:
    world.names[NAMED.host] = ["192.0.2.60"]
    world.keep(NAMED)
    first, _, _ = await world.dialled()
    await world.greeted()
    await world.is_now("up")
    found = world.names.pop(NAMED.host)
    await world.looked_again()
    assert world.state.state == "up"
    world.names[NAMED.host] = [*found, "192.0.2.61"]
    await world.looked_again()
    assert world.state.state == "up"
    world.names[NAMED.host] = ["192.0.2.61"]
    assert await first.ended()
    assert (await world.dialled())[1] == "192.0.2.61:5061"


@pytest.mark.req("W3")
@pytest.mark.parametrize(
    "host",
    ["192.0.2.1", "127.0.0.1", "127.8.8.8", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.169.254"],
)
async def test_an_address_of_the_edge_itself_is_no_carrier_by_number_or_by_name(world, host) -> None:
    with pytest.raises(LineDownError, match="it is no carrier"):
        world.keeper.check(Trunk(1, "x", host, 5061, "tls", "x.example"))
    world.names[NAMED.host] = [host]
    world.keep(NAMED)
    await world.is_now("down")
    assert "it is no carrier" in world.state.error
    assert world.arrived["tls"].empty()


async def test_another_port_of_the_edges_address_may_be_a_carrier_in_a_test(world) -> None:
    world.keeper.check(Trunk(1, "x", "192.0.2.1", 6061, "tls", "x.example"))


async def test_a_trunk_that_is_given_up_is_hung_up(world) -> None:
    world.keep(TLS)
    carrier, _, _ = await world.dialled()
    kamailio, _ = await world.greeted()
    await world.is_now("up")
    world.tasks[0].cancel()
    assert await carrier.ended()
    assert await kamailio.ended()


def test_the_proxy_header_is_that_of_the_specification() -> None:
    assert proxy_v2(("127.255.0.1", 0x1234), ("192.0.2.50", 5061), "a.b") == bytes.fromhex(
        "0d0a0d0a000d0a515549540a 21 11 0012 7fff0001 c0000232 1234 13c5 02 0003 612e62"
    )
