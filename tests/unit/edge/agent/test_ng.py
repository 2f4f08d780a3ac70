"""rtpengine's commands: which may pass, and how they find their replies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.edge.agent.ng import ALLOWED, NgClient, NgRefused, check


def bencode(value: object) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(each) for key, each in value.items()) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    data = value if isinstance(value, bytes) else str(value).encode()
    return b"%d:%s" % (len(data), data)


@pytest.mark.parametrize("command", sorted(ALLOWED))
def test_what_call_control_needs_may_pass_wherever_the_key_stands(command) -> None:
    check(bencode({"command": command, "call-id": "x", "sdp": "v=0\r\n" * 100}))
    check(
        bencode(
            {"call-id": "x", "flags": ["a", ["b"]], "n": -5, "more": {"command": "x"}, "command": command}
        )
    )


@pytest.mark.parametrize(
    "command",
    [
        "start recording",
        "stop recording",
        "start forwarding",
        "play DTMF",
        "subscribe request",
        "publish",
        "OFFER",
        "",
    ],
)
def test_other_commands_may_not_pass(command) -> None:
    with pytest.raises(NgRefused, match="may not pass"):
        check(bencode({"call-id": "7:command5:offer", "command": command}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"de",
        b"d7:command5:offer",
        b"d7:command5:offere ",
        b"d7:command5:offerede",
        b"d7:command5:offer7:command15:start recordinge",
        b"d1:a7:command5:offere",
        b"d7:commandi5ee",
        b"d7:command99999:offere",
        b"d7:command-5:offere",
        b"l7:command5:offere",
        b"d1:xl" + b"l" * 1000 + b"e" * 1001 + b"7:command5:offere",
        b"d1:xi--e7:command5:offere",
        b"d1:xi12",
        b"d1:x",
    ],
)
def test_what_is_no_single_dictionary_with_one_command_is_refused(data) -> None:
    with pytest.raises(NgRefused):
        check(data)


def test_a_command_that_no_datagram_carries_is_refused() -> None:
    with pytest.raises(NgRefused, match="too long"):
        check(bencode({"command": "offer", "sdp": "x" * 61_000}))


values = st.recursive(
    st.binary(max_size=20) | st.integers(-(10**6), 10**6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.binary(max_size=8).filter(lambda key: key != b"command"), values, max_size=6))
def test_any_dictionary_with_an_allowed_command_may_pass(others) -> None:
    check(bencode({**others, b"command": b"answer"}))


@given(st.binary(max_size=80))
def test_any_bytes_pass_or_are_refused_and_raise_nothing_else(data) -> None:
    try:
        check(data)
    except NgRefused:
        return
    assert data.startswith(b"d")


class FakeRtpengine(asyncio.DatagramProtocol):
    """Keeps what it gets; answers when told."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, object]] = []
        self.arrived = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.append((data, addr))
        self.arrived.set()

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            self.arrived.clear()
            await self.arrived.wait()


@asynccontextmanager
async def pair(again_seconds: float = 5.0) -> AsyncIterator[tuple[NgClient, FakeRtpengine]]:
    loop = asyncio.get_running_loop()
    there, fake = await loop.create_datagram_endpoint(FakeRtpengine, local_addr=("127.0.0.1", 0))
    address = there.get_extra_info("sockname")
    here, client = await loop.create_datagram_endpoint(
        lambda: NgClient(again_seconds=again_seconds), remote_addr=address
    )
    try:
        yield client, fake
    finally:
        here.close()
        there.close()


PING = b"d7:command4:pinge"


async def test_replies_find_their_askers_in_any_order_and_strangers_are_dropped() -> None:
    async with pair() as (client, fake):
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in range(3)]
        for answer in answers:
            client.ask(PING, lambda reply, why, answer=answer: answer.set_result((reply, why)))
        await fake.wait(3)
        fake.transport.sendto(b"0123456789abcdef1 stolen", fake.got[0][1])
        for number in (2, 0, 1):
            data, address = fake.got[number]
            cookie, _, command = data.partition(b" ")
            assert command == PING
            fake.transport.sendto(cookie + b" reply-%d" % number, address)
            fake.transport.sendto(cookie + b" again", address)
        assert await asyncio.gather(*answers) == [(b"reply-0", ""), (b"reply-1", ""), (b"reply-2", "")]


async def test_cookies_of_two_processes_never_meet() -> None:
    async with pair() as (one, fake), pair() as (other, fake_too):
        one.ask(PING, lambda *_: None)
        other.ask(PING, lambda *_: None)
        await fake.wait(1)
        await fake_too.wait(1)
        first, second = fake.got[0][0].split()[0], fake_too.got[0][0].split()[0]
        assert first[:16] != second[:16]
        assert len(first) > 16


async def test_a_command_is_sent_four_times_with_one_cookie_and_then_given_up() -> None:
    async with pair(again_seconds=0.01) as (client, fake):
        answer = asyncio.get_running_loop().create_future()
        client.ask(PING, lambda reply, why: answer.set_result((reply, why)))
        assert await answer == (None, "rtpengine does not answer")
        await fake.wait(4)
        assert len({data for data, _ in fake.got}) == 1
        assert len(fake.got) == 4


async def test_what_waits_is_answered_when_the_agent_stops() -> None:
    async with pair() as (client, _):
        answer = asyncio.get_running_loop().create_future()
        client.ask(PING, lambda reply, why: answer.set_result((reply, why)))
    assert await answer == (None, "the edge agent stops")
