"""Core and edge agree on where a message ends, whatever a stranger writes: nothing can be smuggled between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import StreamParser
from system.edge_rig import Browser, Core, Phone, Rig, edge, request, until

pytestmark = [pytest.mark.timeout(90), pytest.mark.req("W2", "R3")]

SMUGGLED = request(
    "INVITE", "sip:smuggled@example.test", extra="P-Ringwall-Flow: 6.6.6.6:6;proto=tls;id=6\r\n"
)
SIZE = len(SMUGGLED)
EDGE = "sip:edge@ringwall.internal"
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
    "eleven digits": "Content-Length: 00000000000\r\n",
    "a leading zero": "Content-Length: 00\r\n",
    "folded behind, bad Contact": "Contact: <<<\r\nContent-Length: 0\r\n \r\n",
    "folded behind, two Expires": "Expires: 1\r\nExpires: 2\r\nl: 0\r\n\t\r\n",
    "folded behind, many headers": "X: 1\r\n" * 129 + "Content-Length: 0\r\n \r\n",
    "many headers": "X: 1\r\n" * 129 + "Content-Length: 0\r\n",
    "many folds": "X: 1\r\n" + " y\r\n" * 129 + "Content-Length: 0\r\n",
    "a long header": "X: " + "y" * 8100 + "\r\nContent-Length: 0\r\n",
    "NUL before a lone CR": "Subject: \0\ry\r\nContent-Length: 0\r\n",
    "underscore": f"Content_Length: {SIZE}\r\nContent-Length: 0\r\n",
    "tab before the colon": f"Content-Length\t: {SIZE}\r\nContent-Length: 0\r\n",
    "compact twice": f"l: 0\r\nL: {SIZE}\r\n",
    "twice alike": "Content-Length: 0\r\nContent-Length: 0\r\n",
    "none": "X: y\r\n",
    "behind a header that cannot be read": f"To: <<<\r\nContent-Length: {SIZE}\r\n",
    "a word of the edge": "P-Ringwall-Flow: 6.6.6.6:6;proto=tls;id=6\r\nContent-Length: 0\r\n",
    "a folded word of the edge": "X: y\r\n P-Ringwall-Flow: 6.6.6.6:6\r\nContent-Length: 0\r\n",
    "behind a backslash": 'To: "\\\r\nP-Ringwall-Flow: 6.6.6.6:6;id=6\r\nContent-Length: 0\r\n',
}


HARMLESS = {"another name"}


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
        self.parser = StreamParser(from_edge=True)
        self.seen: list[object] = []
        self.raw = b""
        super().__init__(rig)

    def _data(self, data: bytes) -> None:
        self.raw += data
        self.seen += self.parser.feed(data)  # a FramingError here would be the end of the link
        super()._data(data)


@pytest.mark.parametrize("over", [Phone, Browser])
@pytest.mark.parametrize("name", LENGTHS)
async def test_no_message_of_a_stranger_ends_the_link_or_hides_another_one(
    rig, core, over, name: str
) -> None:
    stranger = await over.connect(rig)
    stranger.send(request("OPTIONS", "sip:first@example.test"))
    await core.next("OPTIONS")
    wild = request("INFO", "sip:100@example.test").replace(b"Content-Length: 0\r\n", LENGTHS[name].encode())
    stranger.send(wild + SMUGGLED)
    # A good message on another connection comes through, so everything before it has been dealt with.
    other = await Phone.connect(rig)
    if name not in HARMLESS or over is Browser:
        await stranger.closed()
    await asyncio.sleep(0.1)
    other.send(request("OPTIONS", "sip:200@example.test"))
    assert (await core.next("OPTIONS")).start == "OPTIONS sip:200@example.test SIP/2.0"
    assert not core.downs
    for message in core.seen:
        assert not isinstance(message, ParseError | FramingError)
        if isinstance(message, Request):
            assert "6.6.6.6" not in ",".join(message.headers.all("P-Ringwall-Flow"))
    await stranger.close()
    await other.close()


@pytest.mark.parametrize("over", [Phone, Browser])
async def test_what_goes_on_has_one_length_and_that_is_the_edges_own(rig, core, over) -> None:
    """Bodies are nobody's business on the way: with lines that end with LF only, with NUL, with anything."""
    phone = await over.connect(rig)
    bodies = [b"", b"v=0\ns=-\nt=0 0\n", b"a\rb\0c\r\n\r\nContent-Length: 7\r\n\r\n", b"x" * 9000]
    for number, body in enumerate(bodies):
        for name in (b"l:", b"L :", b"content-length:\t ", b"CONTENT-LENGTH:"):
            core.raw, core.seen = b"", []
            wild = request("INFO", f"sip:{number}@example.test", extra="content-type: text/x\r\n", body=body)
            phone.send(wild.replace(b"Content-Length: ", name, 1))
            await core.next("INFO")
            [message] = [each for each in core.seen if isinstance(each, Request) and each.uri != EDGE]
            assert message.body == body
            head = core.raw[core.raw.index(b"INFO sip:") :].partition(b"\r\n\r\n")[0].decode()
            lengths = [
                line for line in head.split("\r\n") if line.lower().startswith(("content-length", "l"))
            ]
            assert lengths == [f"Content-Length: {len(body)}"]
    await phone.close()


async def test_what_a_phone_answers_has_the_edges_own_length_too(rig, core) -> None:
    phone = await Phone.connect(rig)
    path = (await phone.register(core)).get("Path")
    core.send(
        request("OPTIONS", "sip:1@192.0.2.9", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    core.seen = []
    answer = (
        (await phone.next()).reply(200, "OK").replace(b"Content-Length: 0\r\n\r\n", b"l:6\r\n\r\nv=0\no\n")
    )
    phone.send(answer)
    seen = await core.next("SIP/2.0")
    assert seen.all("Content-Length") == ["6"]
    assert not seen.all("l")
    [message] = [each for each in core.seen if isinstance(each, Response)]
    assert message.body == b"v=0\no\n"
    await phone.close()


async def test_a_websocket_carries_one_message_in_one_frame_or_in_its_fragments(rig, core) -> None:
    browser = await Browser.connect(rig)
    message = request("OPTIONS", "sip:parts@example.test", body=b"hello")
    browser.send(message[:100], last=False)
    browser.send(message[100:200], 0, last=False)
    browser.send(message[200:], 0)
    assert (await core.next("OPTIONS")).body == b"hello"
    for wrong in (
        message + message,
        message[:-1],
        b"\r\n" + message,
        message.replace(b"Content-Length: 5", b"Content-Length: 4"),
        message.replace(b"Content-Length: 5\r\n", b""),
    ):
        other = await Browser.connect(rig)
        other.send(wrong)
        await other.closed()
    browser.send(request("OPTIONS", "sip:whole@example.test"))
    await core.next("OPTIONS")
    assert not [message for message in core.messages if message.method == "OPTIONS"]
    await browser.close()


@pytest.mark.req("N3", "N4")
@pytest.mark.parametrize(
    ("why", "sent"),
    [
        ("head", request("OPTIONS", "sip:example.test") + request("INFO", "sip:x@example.test", extra="X: \0\r\n")),
        ("unread", request("INFO", "sip:x@example.test").replace(b" SIP/2.0\r\n", b"\r\n", 1)),
        ("unread", request("INFO", "sip:x@example.test").replace(b"Via: SIP", b'Via: "')),
        ("headers", request("INFO", "sip:x@example.test").replace(b"CSeq", b"X-CSeq")),
        ("headers", request("INFO", "sip:x@example.test").replace(b"Via", b"X-Via")),
        ("headers", request("INFO", "sip:x@example.test", extra="Max-Forwards: 1\r\n")),
        ("head", request("INFO", "sip:x@example.test").replace(b"INFO sip:x@example.test SIP/2.0", b"SIP/2.0 200 OK") .replace(b"Content-Length: 0", b"Content-Length: 00")),
        ("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("silent", request("INFO", "sip:x@example.test").replace(b"Content-Length: 0", b"Content-Length: 99999999999")),
        ("silent", request("INFO", "sip:x@example.test", body=b"x" * 20000)),
        ("unread", b"X" * 11000 + b"\r\n\r\n"),
        ("http", request("INFO", "sip:x@example.test").replace(b" SIP/2.0\r", b" SIP/3.0\r", 1)),
        ("http", request("INFO", "sip:x@example.test").replace(b" SIP/2.0\r", b" HTTP/1.1\r", 1)),
        ("http", request("INFO", "sip:x@example.test").replace(b"INFO sip:x@example.test SIP/2.0", b"SIP/3.0 200 OK")),
        ("http", request("INFO", "sip:x@example.test").replace(b"INFO sip:x@example.test SIP/2.0", b"HTTP/1.1 200 OK")),
    ],
)  # fmt: skip
async def test_what_no_phone_sends_closes_its_connection_and_is_told_once(
    rig, core, why: str, sent: bytes
) -> None:
    other = await Phone.connect(rig, "127.0.0.2")
    await other.register(core)
    await until(lambda: not core.offences or core.offences.clear() is None)
    stranger = await Phone.connect(rig, "127.0.0.2")
    stranger.send(sent)
    await stranger.closed()
    await stranger.close()
    await until(lambda: bool(core.offences))
    await asyncio.sleep(0.7)
    assert [told for told in core.offences if "127.0.0.2;" in told] == [f"source=127.0.0.2;times=1;why={why}"]
    # The others of the same source go on.
    await other.register(core)
    await other.close()


HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
)


@pytest.mark.req("N3", "N4", "R3")
@pytest.mark.parametrize(
    "sent",
    [
        f"{HANDSHAKE}\r\n".encode(),
        request("INFO", "sip:x@example.test", extra=HANDSHAKE.partition("\r\n")[2]).replace(
            b"INFO sip:x@example.test SIP/2.0", b"GET /ws HTTP/1.1"
        ),
        request("INFO", "sip:x@example.test").replace(b" SIP/2.0\r", b" HTTP/1.0\r", 1),
        request("INFO", "sip:x@example.test").replace(b"INFO sip:x@example.test SIP/2.0", b"HTTP/1.1 200 OK"),
        request("INFO", "sip:x@example.test").replace(b" SIP/2.0\r", b" SIP/1.0\r", 1),
    ],
)
async def test_in_a_websocket_there_is_only_sip(rig, core, sent: bytes) -> None:
    """Kamailio takes HTTP in a frame for a handshake again: nothing counted it, and each cost a line of the log."""
    core.offences.clear()
    stranger = await Browser.connect(rig, "127.0.0.4")
    stranger.send(sent)
    await stranger.closed()
    await stranger.close()
    await until(lambda: "source=127.0.0.4;times=1;why=http" in core.offences)


@pytest.mark.req("R3")
async def test_many_offences_are_few_words(rig, core) -> None:
    bad = request("INFO", "sip:x@example.test", extra="X: a\nb\r\n")
    sources = [f"127.0.3.{number}" for number in range(1, 61)]
    context = rig.world_context()
    core.offences.clear()
    for _ in range(3):
        strangers = [await Phone.connect(rig, source, context) for source in sources]
        for stranger in strangers:
            stranger.send(bad * 5)
        for stranger in strangers:
            await stranger.closed()
            await stranger.close()

    def times() -> dict[str, int]:
        found: dict[str, int] = {}
        for told in core.offences:
            source, count, _ = (part.partition("=")[2] for part in told.split(";"))
            if source in sources:
                found[source] = found.get(source, 0) + int(count)
        return found

    await until(lambda: set(times()) == set(sources) and min(times().values()) >= 3, 20)
    assert not core.downs


async def test_what_the_core_says_and_the_edge_cannot_read_does_not_cost_the_link(rig, core) -> None:
    phone = await Phone.connect(rig)
    for junk in (
        request("INFO", "sip:x@example.test").replace(b"Via: SIP", b'Via: "'),
        request("INFO", "sip:x@example.test").replace(b"CSeq", b"X-CSeq"),
        request("INFO", "sip:x@example.test").replace(b"To: ", b"To: <"),
        b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\nContent-Length: 0\r\n\r\n",
    ):
        core.send(junk)
        await phone.register(core)
    assert not core.downs
    await phone.close()


async def test_a_reply_with_an_unclear_end_does_not_reach_the_core(rig, core) -> None:
    phone = await Phone.connect(rig)
    path = (await phone.register(core)).get("Path")
    core.send(
        request("OPTIONS", "sip:1@192.0.2.9", host="core1.ringwall.internal", extra=f"Route: {path}\r\n")
    )
    asked = await phone.next()
    phone.send(asked.reply(200, "OK", "X: a\nY: b\r\n"))
    await phone.closed()
    other = await Phone.connect(rig)
    await other.register(core)
    assert not [message for message in core.messages if message.status == 200]
    assert not core.downs
    await phone.close()
    await other.close()
