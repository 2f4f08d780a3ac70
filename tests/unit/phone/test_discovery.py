"""Plug and play: an address to ask over HTTPS, from an answer to our own question, or nothing."""

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.phone import discovery
from ringwall.phone.discovery import answered, question
from ringwall.sip.message import Headers, Request
from ringwall.sip.parser import parse_message

URL = "https://pbx.example.com:8443/phone/020000000001.json"


def notify(body: bytes, call_id: str = "mine", method: str = "NOTIFY") -> bytes:
    headers = Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKn"),
            ("Max-Forwards", "70"),
            ("From", "<sip:pnp@192.0.2.1>;tag=a"),
            ("To", "<sip:MAC020000000001@224.0.1.75>;tag=b"),
            ("Call-ID", call_id),
            ("CSeq", f"1 {method}"),
            ("Contact", "<sip:192.0.2.1>"),
            ("Event", "ua-profile"),
            ("Subscription-State", "terminated"),
            ("Content-Type", "application/url"),
        ]
    )
    return Request(method, "sip:020000000001@192.0.2.7", headers, body).to_bytes()


@pytest.mark.req("P1")
def test_the_question_is_a_subscribe_for_the_device_s_profile() -> None:
    asked = parse_message(
        question("192.0.2.7", 40000, "020000000001", "ringwall", "reference", "1.2", "mine")
    )
    assert (asked.method, asked.uri) == ("SUBSCRIBE", "sip:MAC020000000001@224.0.1.75")
    event = asked.headers.get("Event")
    assert event.startswith("ua-profile;")
    assert 'model="reference"' in event
    assert 'version="1.2"' in event


@pytest.mark.req("P1")
def test_the_address_in_the_answer_is_taken_and_the_answer_is_acknowledged() -> None:
    url, answer = answered(notify(URL.encode()), "mine")
    assert url == URL
    assert parse_message(answer).status == 200


@pytest.mark.req("P4", "T1")
@pytest.mark.parametrize(
    "body",
    [
        b"http://pbx.example.com/x",
        b"tftp://192.0.2.1/x",
        b"https://",
        b"https://user:pass@example.com/",
        b"https://example.com/#x",
        b"https://example.com:99999/",
        b"https://exa mple.com/",
        b"https://example.com/" + b"a" * 600,
        b"\xff\xfe",
        b"",
    ],
)
def test_what_is_no_https_address_is_not_taken(body) -> None:
    assert answered(notify(body), "mine")[0] is None


def test_an_answer_to_somebody_else_and_other_messages_are_not_taken() -> None:
    for data in (notify(URL.encode(), "theirs"), notify(URL.encode(), method="MESSAGE")):
        assert answered(data, "mine") == (None, None)


@given(st.binary(max_size=400))
def test_any_datagram_is_an_address_or_nothing(data) -> None:
    for one in (data, notify(data)):
        url, _answer = answered(one, "mine")
        assert url is None or url.startswith("https://")


class Server(asyncio.DatagramProtocol):
    """Answers every question on the group with an address, behind answers that must not be taken."""

    def connection_made(self, transport) -> None:
        self.transport, self.asked = transport, []

    def datagram_received(self, data, addr) -> None:
        message = parse_message(data)
        if message.method != "SUBSCRIBE":
            return
        self.asked.append(message)
        for body, call_id in (
            (b"http://x/", message.call_id),
            (URL.encode(), "x"),
            (URL.encode(), message.call_id),
        ):
            self.transport.sendto(notify(body, call_id), addr)


@pytest.mark.req("P1")
async def test_a_phone_finds_its_server_by_multicast_and_gives_up_where_nobody_answers(monkeypatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("224.0.1.75", 0))
        group = ("224.0.1.75", sock.getsockname()[1])
        membership = socket.inet_aton(group[0]) + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        sock.setblocking(False)
        monkeypatch.setattr(discovery, "GROUP", group)
        asked = ("127.0.0.1", "020000000001", "ringwall", "reference", "1.2")
        assert await discovery.find(*asked, wait_s=0.05) is None
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(Server, sock=sock.dup())
        try:
            assert await discovery.find(*asked, wait_s=2.0) == URL
            assert server.asked
        finally:
            transport.close()
