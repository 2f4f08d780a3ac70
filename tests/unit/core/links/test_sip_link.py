"""The SIP link: hello, up, down, and again."""

import re

import pytest

from ringwall.core.links import sip_link
from ringwall.core.links.sip_link import SipLink, hello
from ringwall.infra.link_proof import NONE, UNNAMED, LinkProof
from unit.core.links.conftest import running, until

pytestmark = pytest.mark.timeout(20)


TOKEN = "ab" * 32
RUN = "a" * 32


class User:
    """Whoever uses the link; gives it the answers to hellos as the layer above does."""

    def __init__(self, dialler, **options) -> None:
        self.data = b""
        self.log: list[str] = []
        self.taken: list[str] = []
        self.link = SipLink(
            dialler,
            TOKEN,
            self.on_data,
            lambda: self.log.append("up"),
            lambda: self.log.append("down"),
            self.taken.append,
            retry_seconds=0.01,
            **options,
        )

    def on_data(self, data: bytes) -> None:
        self.data += data
        for status, said in re.findall(rb"SIP/2.0 (\d+) hello([^\r]*)", data):
            self.link.hello_answered(int(status), said.decode().strip() or None)


class Kamailio:
    """Answers hellos as the edge does; what it would say can be changed."""

    def __init__(self, edge, token: str = TOKEN) -> None:
        self.edge, self.proof = edge, LinkProof(token)
        self.serves = NONE
        self.run = RUN
        self.hellos: list[tuple[str, str]] = []
        self.change = str
        edge.on_data = self.on_data

    def on_data(self, peer, data: bytes) -> None:
        found = re.findall(rb"P-Ringwall-Link: nonce=(\w+);link=([\w.]+);proof=(\w+)\r\n", data)
        for nonce, link, proof in [tuple(word.decode() for word in words) for words in found]:
            assert proof == LinkProof(TOKEN).over("core", nonce, link)
            self.hellos.append((nonce, link))
            self.answer(peer, nonce, link)

    def name(self, peer) -> str:
        return f"{self.run}.{self.edge.peers.index(peer) + 1}"

    def answer(self, peer, nonce: str, link: str) -> None:
        name, before = self.name(peer), self.serves
        if link == name:
            self.serves = name
        made = self.proof.over("edge", nonce, name, before)
        said = self.change(f"nonce={nonce};link={name};before={before};proof={made}")
        peer.transport.write(f"SIP/2.0 200 hello {said}\r\n".encode())


async def test_the_link_is_up_when_a_hello_with_the_name_of_its_connection_was_answered(edge) -> None:
    kamailio = Kamailio(edge)
    held: list[tuple] = []
    answer = kamailio.answer
    kamailio.answer = lambda *words: held.append(words)
    user = User(edge.dialler, hello_seconds=10)
    async with running(user.link.run()):
        await until(lambda: held)
        assert not user.link.up
        user.link.write(b"too early")
        assert user.link.dropped == 1
        answer(*held.pop())
        await until(lambda: held)
        assert not user.link.up
        assert kamailio.serves == NONE
        assert [link for _, link in kamailio.hellos] == [UNNAMED, f"{RUN}.1"]
        answer(*held.pop())
        await until(lambda: user.link.up)
        assert user.log == ["up"]
        assert user.link.edge_run == RUN
        user.link.write(b"in time")
        await until(lambda: edge.peers[0].received.endswith(b"in time"))
        assert b"too early" not in edge.peers[0].received
    assert user.log == ["up", "down"]
    assert not user.taken


async def test_a_lost_link_is_told_and_dialled_again(edge) -> None:
    Kamailio(edge)
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        first = user.link.hello_call_id
        edge.peers[0].transport.abort()
        await until(lambda: user.log == ["up", "down", "up"])
        assert user.link.hello_call_id != first
        assert len(edge.peers) == 2


async def test_a_refused_hello_never_makes_the_link_up(edge, caplog) -> None:
    edge.on_data = lambda peer, _data: peer.transport.write(b"SIP/2.0 403 hello\r\n")
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: len(edge.peers) >= 3)
    assert user.log == []
    assert "link token" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.req("T4")
@pytest.mark.parametrize(
    "change",
    [
        lambda _said: "",
        lambda said: said.replace("link=a", "link=b"),
        lambda said: said.replace("before=none", f"before={RUN}.1"),
        lambda said: re.sub("nonce=.", lambda found: "nonce=" + ("1" if found[0][-1] != "1" else "2"), said),
        lambda said: said[:-1] + ("0" if said[-1] != "0" else "1"),
    ],
)
async def test_an_answer_that_proves_nothing_never_makes_the_link_up(edge, change) -> None:
    Kamailio(edge).change = change
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: len(edge.peers) >= 3)
    assert user.log == []


@pytest.mark.req("T4")
async def test_an_answer_that_is_heard_and_sent_again_ends_the_link(edge) -> None:
    kamailio = Kamailio(edge)
    user = User(edge.dialler, hello_seconds=10)
    said: list[str] = []
    kamailio.change = lambda text: said.append(text) or text
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        edge.peers[0].transport.write(f"SIP/2.0 200 hello {said[-1]}\r\n".encode())
        await until(lambda: user.log == ["up", "down", "up"])
    assert not user.taken


@pytest.mark.req("T4", "W3")
async def test_a_link_that_another_connection_took_is_told_within_one_hello_and_dialled_anew(edge) -> None:
    kamailio = Kamailio(edge)
    user = User(edge.dialler, hello_seconds=0.01)
    other = f"{RUN}.77"
    async with running(user.link.run()):
        await until(lambda: user.link.up and len(kamailio.hellos) > 3)
        said, kamailio.serves = len(kamailio.hellos), other
        await until(lambda: user.log == ["up", "down", "up"])
        assert user.taken == [other]
        on_the_first = [link for _, link in kamailio.hellos[said:] if link == f"{RUN}.1"]
        assert len(on_the_first) == 1
        assert kamailio.serves == f"{RUN}.2"


async def test_a_link_that_the_edge_forgot_because_the_core_was_silent_is_still_its_own(edge) -> None:
    kamailio = Kamailio(edge)
    user = User(edge.dialler, hello_seconds=0.01)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        said, kamailio.serves = len(kamailio.hellos), NONE
        await until(lambda: len(kamailio.hellos) > said + 2)
        assert user.log == ["up"]


async def test_a_connection_whose_name_changes_is_given_up(edge) -> None:
    kamailio = Kamailio(edge)
    user = User(edge.dialler, hello_seconds=0.01)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        kamailio.run = "b" * 32
        await until(lambda: user.log == ["up", "down", "up"])
        assert user.link.edge_run == "b" * 32
        assert user.link.hello_call_id


async def test_an_edge_that_stops_answering_is_given_up(edge) -> None:
    Kamailio(edge)
    user = User(edge.dialler, hello_seconds=0.02)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        edge.on_data = lambda *_: None
        await until(lambda: user.log == ["up", "down"])


async def test_hello_is_said_again_and_again_on_one_connection(edge) -> None:
    Kamailio(edge)
    user = User(edge.dialler, hello_seconds=0.01)
    async with running(user.link.run()):
        await until(lambda: edge.peers and edge.peers[0].received.count(b"OPTIONS ") >= 5)
        numbers = [int(number) for number in re.findall(rb"CSeq: (\d+) OPTIONS", edge.peers[0].received)]
        assert numbers == sorted(set(numbers))
        assert len(set(re.findall(rb"Call-ID: (\S+)", edge.peers[0].received))) == 1
        assert user.log == ["up"]


async def test_an_edge_that_does_not_read_is_given_up_and_memory_stays_bounded(edge, monkeypatch) -> None:
    monkeypatch.setattr(sip_link, "_WRITE_LIMIT", 200_000)
    Kamailio(edge)
    user = User(edge.dialler)
    async with running(user.link.run()):
        await until(lambda: user.link.up)
        edge.peers[0].transport.pause_reading()
        for _ in range(10_000):
            user.link.write(b"x" * 10_000)
            if not user.link.up or user.link._transport.is_closing():
                break
        await until(lambda: "down" in user.log)


def test_a_hello_is_a_whole_request_with_a_proof_and_without_the_token() -> None:
    said, _ = LinkProof(TOKEN).hello(UNNAMED)
    text = hello("core1.ringwall.internal", "hello-1", 7, said).decode()
    assert text.startswith("OPTIONS sip:hello@ringwall.internal SIP/2.0\r\n")
    assert text.endswith("\r\n\r\n")
    assert TOKEN not in text
    for header in (
        "Via: ",
        "From: ",
        "To: ",
        "Call-ID: hello-1",
        "CSeq: 7 OPTIONS",
        f"P-Ringwall-Link: {said}",
    ):
        assert text.count("\r\n" + header) == 1
