"""The phone's SIP connection: TLS or nothing, for this phone alone, and what the stack does not know."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.infra import authority
from ringwall.phone.signalling import Signalling, waiting_messages
from ringwall.sip.message import Headers, Request
from ringwall.sip.parser import parse_message

HERE = "127.0.0.1"


def request(method: str, event: str = "", body: bytes = b"", **headers: str) -> bytes:
    told = [
        ("Via", "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bKx"),
        ("Max-Forwards", "70"),
        ("From", "<sip:example.com>;tag=a"),
        ("To", "<sip:201@example.com>"),
        ("Call-ID", "c1"),
        ("CSeq", f"1 {method}"),
        ("Contact", "<sip:core@192.0.2.1>"),
    ]
    told += [("Event", event)] if event else []
    told += list(headers.items())
    return Request(method, "sip:201@127.0.0.1", Headers(told), body).to_bytes()


class Edge:
    """The server's end over TLS."""

    def __init__(self, folder) -> None:
        now = datetime.now(UTC) - timedelta(hours=1)
        self.root = authority.make_root("Test root", "Test", timedelta(days=2), now)
        key = authority.new_key()
        leaf = authority.make_leaf(
            self.root, key.public_key(), (HERE,), usage=authority.SERVER, life=timedelta(days=1), now=now
        )
        (folder / "s.pem").write_bytes(authority.certificate_pem(leaf) + authority.key_pem(key))
        self.ca = folder / "ca.crt"
        self.ca.write_bytes(authority.certificate_pem(self.root.certificate))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "s.pem")
        self.came: asyncio.Queue = asyncio.Queue()

    async def start(self, **how) -> int:
        async def serve(reader, writer) -> None:
            self.came.put_nowait((reader, writer))

        self.server = await asyncio.start_server(serve, HERE, 0, **{"ssl": self.context, **how})
        return self.server.sockets[0].getsockname()[1]


@pytest.fixture
async def edge(tmp_path):
    made = Edge(tmp_path)
    yield made
    made.server.close()


@pytest.fixture
async def joined(edge):
    """The stack's connection and the server's, joined, and what the phone is told."""
    told = []
    port = await edge.start()
    signalling = Signalling(HERE, (HERE, port), edge.ca, lambda *what: told.append(what))
    await signalling.start()
    stack = await asyncio.open_connection(HERE, signalling.port)
    server = await asyncio.wait_for(edge.came.get(), 5)
    yield stack, server, told
    stack[1].close()
    await signalling.close()


async def message(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return parse_message(head)


@pytest.mark.req("T1")
async def test_messages_pass_unchanged_both_ways(joined) -> None:
    (reader, writer), (from_phone, to_phone), told = joined
    writer.write(request("OPTIONS"))
    assert await asyncio.wait_for(from_phone.readuntil(b"\r\n\r\n"), 5) == request("OPTIONS")
    to_phone.write(request("INVITE"))
    assert (await message(reader)).method == "INVITE"
    to_phone.write(request("NOTIFY", "refer"))
    assert (await message(reader)).headers.get("Event") == "refer"
    assert told == []


@pytest.mark.req("P3", "V2")
@pytest.mark.parametrize(
    ("sent", "event"),
    [
        (request("NOTIFY", "check-sync;reboot=false"), "check-sync"),
        (request("NOTIFY", "Message-Summary", b"Messages-Waiting: yes\r\n"), "message-summary"),
        (request("MESSAGE", body=b"hello"), "MESSAGE"),
    ],
)
async def test_what_the_server_says_unasked_is_answered_and_told_and_the_stack_does_not_see_it(
    joined, sent, event
) -> None:
    (reader, _writer), (from_phone, to_phone), told = joined
    to_phone.write(sent + request("INVITE"))
    answer = await message(from_phone)
    assert (answer.status, answer.call_id, answer.cseq.number) == (200, "c1", 1)
    assert (await message(reader)).method == "INVITE"
    ((kind, _type, body),) = told
    assert kind == event
    assert body == parse_message(sent).body


@pytest.mark.req("T1", "T5")
async def test_without_tls_or_with_a_server_that_is_not_known_nothing_is_sent(
    edge, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("ringwall.phone.signalling.CONNECT_S", 1.0)
    other = tmp_path / "other"
    other.mkdir()
    stranger = Edge(other)
    port = await edge.start()
    for server, ca in ((port, stranger.ca), (await stranger.start(ssl=None), edge.ca)):
        signalling = Signalling(HERE, (HERE, server), ca, print)
        await signalling.start()
        reader, writer = await asyncio.open_connection(HERE, signalling.port)
        writer.write(request("REGISTER"))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            assert await asyncio.wait_for(reader.readexactly(1), 5)
        assert not signalling.connected
        writer.close()
        await signalling.close()
    from_phone, _ = await asyncio.wait_for(stranger.came.get(), 5)
    seen = await asyncio.wait_for(from_phone.read(100_000), 5)
    assert b"REGISTER" not in seen
    stranger.server.close()


@pytest.mark.req("T1")
async def test_nobody_but_the_phone_itself_can_use_its_connection(edge) -> None:
    port = await edge.start()
    signalling = Signalling("127.0.0.1", (HERE, port), edge.ca, print)
    await signalling.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", signalling.port, local_addr=("127.0.0.9", 0))
    writer.write(request("REGISTER"))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    assert edge.came.empty()
    writer.close()
    await signalling.close()


async def test_what_is_no_sip_ends_both_connections(joined) -> None:
    (reader, _), (from_phone, to_phone), _told = joined
    to_phone.write(b"INVITE sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n")
    for one in (reader, from_phone):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(one.readexactly(1_000_000), 5)


def test_a_message_summary_says_whether_and_how_many() -> None:
    body = b"Messages-Waiting: yes\r\nMessage-Account: sip:201@x\r\nVoice-Message: 3/8 (0/2)\r\n"
    assert waiting_messages(body) == (True, 3)
    assert waiting_messages(b"Messages-Waiting: no\r\nVoice-Message: 0/0 (0/0)") == (False, 0)
    assert waiting_messages(b"") == (False, 0)


@given(st.binary(max_size=300))
def test_any_summary_is_read(body) -> None:
    waits, new = waiting_messages(b"Voice-Message: " + body)
    assert waits in {True, False}
    assert 0 <= new < 10_000_000
