"""The SIP link: hello, up, down, and again."""

import re

import pytest

from ringwall.core.links import sip_link
from ringwall.core.links.sip_link import SipLink, hello
from unit.core.links.conftest import running, until

pytestmark = pytest.mark.timeout(20)


class User:
    """Whoever uses the link; answers hellos as the layer above does."""

    def __init__(self, dialler, **options) -> None:
        self.data = b""
        self.log: list[str] = []
        self.link = SipLink(
            dialler,
            "the-token",
            self.on_data,
            lambda: self.log.append("up"),
            lambda: self.log.append("down"),
            retry_seconds=0.01,
            **options,
        )

    def on_data(self, data: bytes) -> None:
        self.data += data
        for status, said in re.findall(rb"SIP/2.0 (\d+) hello([^\r]*)", data):
            self.link.hello_answered(int(status), said.decode().strip() or None)


RUN = "run=" + "a" * 32
ANSWER = f"SIP/2.0 200 hello {RUN}\r\n".encode()


def answering(answer: bytes = ANSWER):
    def on_data(peer, data: bytes) -> None:
        for _ in range(data.count(b"OPTIONS sip:hello@")):
            peer.transport.write(answer)

    return on_data


async def test_the_link_is_up_when_the_first_hello_was_answered(edge) -> None:
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: edge.peers and edge.peers[0].received)
        assert not user.link.up
        user.link.write(b"too early")
        assert user.link.dropped == 1
        edge.peers[0].transport.write(ANSWER)
        await until(lambda: user.link.up)
        assert user.log == ["up"]
        assert user.link.edge_run == "a" * 32
        user.link.write(b"in time")
        await until(lambda: edge.peers[0].received.endswith(b"in time"))
        assert b"too early" not in edge.peers[0].received
    assert user.log == ["up", "down"]


async def test_a_lost_link_is_told_and_dialled_again(edge) -> None:
    edge.on_data = answering()
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        first = user.link.hello_call_id
        edge.peers[0].transport.abort()
        await until(lambda: user.log == ["up", "down", "up"])
        assert user.link.hello_call_id != first
        assert len(edge.peers) == 2


async def test_a_refused_hello_never_makes_the_link_up(edge, caplog) -> None:
    edge.on_data = answering(b"SIP/2.0 403 hello\r\n")
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: len(edge.peers) >= 3)
    assert user.log == []
    assert "link token" in caplog.text
    assert "the-token" not in caplog.text


@pytest.mark.parametrize("said", [b"", b"run=", b"run=1", b"run=" + b"g" * 32, b"run=" + b"a" * 65])
async def test_an_edge_that_does_not_say_which_run_it_is_never_makes_the_link_up(edge, said: bytes) -> None:
    edge.on_data = answering(b"SIP/2.0 200 hello " + said + b"\r\n")
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: len(edge.peers) >= 3)
    assert user.log == []


async def test_an_edge_that_stops_answering_is_given_up(edge) -> None:
    edge.on_data = answering()
    user = User(edge.dialler, hello_seconds=0.02)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        edge.on_data = lambda *_: None
        await until(lambda: user.log == ["up", "down"])


async def test_hello_is_said_again_and_again_on_one_connection(edge) -> None:
    edge.on_data = answering()
    user = User(edge.dialler, hello_seconds=0.01)
    async with running(user.link.run()):
        await until(lambda: edge.peers and edge.peers[0].received.count(b"OPTIONS ") >= 5)
        numbers = [int(number) for number in re.findall(rb"CSeq: (\d+) OPTIONS", edge.peers[0].received)]
        assert numbers == sorted(set(numbers))
        assert len(set(re.findall(rb"Call-ID: (\S+)", edge.peers[0].received))) == 1
        assert user.log == ["up"]


async def test_an_edge_that_does_not_read_is_given_up_and_memory_stays_bounded(edge, monkeypatch) -> None:
    monkeypatch.setattr(sip_link, "_WRITE_LIMIT", 200_000)
    edge.on_data = answering()
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        edge.peers[0].transport.pause_reading()
        for _ in range(10_000):
            user.link.write(b"x" * 10_000)
            if not user.link.up or user.link._transport.is_closing():
                break
        await until(lambda: "down" in user.log)


def test_a_hello_is_a_whole_request_with_the_token() -> None:
    text = hello("core1.ringwall.internal", "hello-1", 7, "secret").decode()
    assert text.startswith("OPTIONS sip:hello@ringwall.internal SIP/2.0\r\n")
    assert text.endswith("\r\n\r\n")
    for header in (
        "Via: ",
        "From: ",
        "To: ",
        "Call-ID: hello-1",
        "CSeq: 7 OPTIONS",
        "P-Ringwall-Link: secret",
    ):
        assert text.count("\r\n" + header) == 1
