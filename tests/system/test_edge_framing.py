"""Core and edge agree on where a message ends, whatever a stranger writes: nothing can be smuggled between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.message import Request
from ringwall.sip.parser import StreamParser
from system.edge_rig import Core, Phone, Rig, edge, request

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("W2", "R3")]

SMUGGLED = request(
    "INVITE", "sip:smuggled@example.test", extra="P-Ringwall-Flow: 6.6.6.6:6;proto=tls;id=6\r\n"
)
SIZE = len(SMUGGLED)
LENGTHS = {
    "folded behind": f"Content-Length: 0\r\nX: a\r\n\tContent-Length: {SIZE}\r\n",
    "folded before": f"X: a\r\n\tContent-Length: {SIZE}\r\nContent-Length: 0\r\n",
    "folded compact": f"Content-Length: 0\r\nX: a\r\n l: {SIZE}\r\n",
    "folded only": f"X: a\r\n\tContent-Length: {SIZE}\r\n",
    "large then small": f"Content-Length: {SIZE}\r\nContent-Length: 0\r\n",
    "small then large": f"Content-Length: 0\r\nContent-Length: {SIZE}\r\n",
    "compact small": f"l: 0\r\nContent-Length: {SIZE}\r\n",
    "compact large": f"l: {SIZE}\r\nContent-Length: 0\r\n",
    "space before the colon": f"Content-Length : {SIZE}\r\nContent-Length: 0\r\n",
    "leading zeros": f"Content-Length: 000{SIZE}\r\n",
    "letters": f"Content-Length: {SIZE}x\r\nContent-Length: 0\r\n",
    "list small": f"Content-Length: 0, {SIZE}\r\n",
    "list large": f"Content-Length: {SIZE}, 0\r\n",
    "folded value": f"Content-Length:\r\n {SIZE}\r\n",
    "quoted": f'X: "\r\nContent-Length: {SIZE}\r\nY: "\r\nContent-Length: 0\r\n',
    "NUL": f"Content-Length\0: {SIZE}\r\nContent-Length: 0\r\n",
    "another name": f"Content-Length: 0\r\nContent-Length-X: {SIZE}\r\n",
    "wraps at 32 bits": f"Content-Length: {SIZE + 2**32}\r\n",
    "negative": "Content-Length: -1\r\n",
    "lone LF": f"X: a\nContent-Length: {SIZE}\r\nContent-Length: 0\r\n",
    "lone CR": f"X: a\rContent-Length: {SIZE}\r\nContent-Length: 0\r\n",
    "an early end": f"Content-Length: {SIZE}\r\nX: a\n\n",
    "CR CR LF": f"Content-Length: {SIZE}\r\r\n",
}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with edge() as running:
        yield running


@pytest.fixture
async def core(rig: Rig) -> AsyncIterator["Listener"]:
    attached = await Listener.attach(rig)
    yield attached
    await attached.stop()


class Listener(Core):
    """A core that reads its link with the real parser."""

    def __init__(self, rig: Rig) -> None:
        self.parser = StreamParser()
        self.seen: list[object] = []
        super().__init__(rig)

    def _data(self, data: bytes) -> None:
        self.seen += self.parser.feed(data)  # a FramingError here would be the end of the link
        super()._data(data)


@pytest.mark.parametrize("name", LENGTHS)
async def test_no_message_of_a_stranger_ends_the_link_or_hides_another_one(rig, core, name: str) -> None:
    phone = await Phone.connect(rig)
    wild = request("INFO", "sip:100@example.test").replace(b"Content-Length: 0\r\n", LENGTHS[name].encode())
    phone.send(wild + SMUGGLED)
    # A good message on another connection comes through, so everything before it has been dealt with.
    other = await Phone.connect(rig)
    await asyncio.sleep(0.2)
    other.send(request("OPTIONS", "sip:200@example.test"))
    await core.next("OPTIONS")
    assert not core.downs
    for message in core.seen:
        assert not isinstance(message, ParseError | FramingError)
        if isinstance(message, Request):
            assert "6.6.6.6" not in ",".join(message.headers.all("P-Ringwall-Flow"))
    await phone.close()
    await other.close()


async def test_a_reply_with_an_unclear_end_does_not_reach_the_core(rig, core) -> None:
    phone = await Phone.connect(rig)
    path = (await phone.register(core)).get("Path")
    core.send(
        request("OPTIONS", "sip:1@192.0.2.9", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    asked = await phone.next()
    phone.send(asked.reply(200, "OK", "X: a\nY: b\r\n"))
    phone.send(asked.reply(200, "Fine"))
    answer = await core.next("SIP/2.0")
    assert answer.start.endswith("Fine")
    assert not core.downs
    await phone.close()
