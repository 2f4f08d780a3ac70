"""What leaves the house: every header and every line of a description that phones and a carrier read on their wire."""

import asyncio
import re
from collections.abc import Callable

import pytest

from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import StreamParser
from system import exchange
from system.descriptions import Line, answer_to, describe
from system.exchange import House, house_in
from system.raw_phone import Asked, RawPhone, joined

SECRET = "anna-at-10.1.2.3"
# What nobody outside is to read: names from inside, and what one party says to us alone.
INSIDE = (
    b"internal",
    b"core1",
    b"P-Ringwall",
    b"X-Ringwall",
    b"127.0.0.1",
    b"PSTN",
    b"Carrier first",
    SECRET.encode(),
)
HEADERS = frozenset(
    {
        *("via", "from", "to", "call-id", "cseq", "max-forwards", "contact", "record-route", "route"),
        *("allow", "supported", "require", "session-expires", "min-se", "rseq", "expires", "reason"),
        *("user-agent", "server", "www-authenticate", "retry-after", "content-type", "content-length"),
        *("event", "subscription-state", "allow-events"),
    }
)
DESCRIPTION = re.compile(
    r"v=0|o=- \d+ \d+ IN IP4 ADDRESS|s=-|c=IN IP4 ADDRESS|t=0 0|m=audio \d+ RTP/SAVP [\d ]+|m=video 0 RTP/SAVP 97|"
    r"a=(?:sendrecv|sendonly|recvonly|inactive)|a=rtcp:\d+|a=ptime:\d+|a=rtpmap:\d+ [A-Za-z-]+/8000|a=fmtp:\d+ 0-1[56]|"
    r"a=crypto:\d+ (?:AES_CM_128_HMAC_SHA1_80|AEAD_AES_(?:128|256)_GCM) inline:[A-Za-z0-9+/]+=*"
)


class Overhearing:
    """A reader of a connection that keeps all that came."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.heard = b""

    async def read(self, size: int) -> bytes:
        data = await self._reader.read(size)
        self.heard += data
        return data


class OpenPhone(RawPhone):
    """A phone whose wire is kept."""

    def __init__(self, account, reader, writer) -> None:
        self.wire = Overhearing(reader)
        super().__init__(account, self.wire, writer)  # type: ignore[arg-type]


class OpenLine(exchange.Line):
    """A carrier's connection whose wire is kept."""

    def __init__(self, account, reader, writer) -> None:
        self.wire = Overhearing(reader)
        super().__init__(account, reader=self.wire, writer=writer)  # type: ignore[arg-type]


def talkative(**how: object) -> bytes:
    """A good description of a phone that says a lot about itself."""
    body = describe(
        Line(),
        f"a=ssrc:1 cname:{SECRET}",
        f"a=x-desk:{SECRET}",
        f"a=label:{SECRET}",
        "a=ptime:20",
        **how,  # type: ignore[arg-type]
    )
    return _more(body)


def _more(body: bytes) -> bytes:
    said = f"s={SECRET}\r\ni={SECRET}\r\ne={SECRET}\r\n".encode()
    body = body.replace(b"o=- 77", f"o={SECRET} 77".encode()).replace(b"s=-\r\n", said)
    return body.replace(b"t=0 0\r\n", f"b=AS:84\r\nt=0 0\r\na=tool:{SECRET}\r\n".encode())


def answers(offer: bytes) -> bytes:
    return _more(answer_to(offer))


@pytest.fixture
def house(system, monkeypatch):
    monkeypatch.setattr(exchange, "Line", OpenLine)
    with house_in(system) as made:
        yield made


@pytest.mark.req("W2", "W3", "T1")
async def test_nothing_leaves_but_known_headers_and_known_lines_of_descriptions(
    system, house: House, person: Callable[..., object]
) -> None:
    ca = system.layout.ca_certificate
    accounts = house.employ(person(), "national", did="+41445550001"), house.employ(person(), "local")
    async with house.trunk("first", "pstn", did_ranges=["+41445550000-+41445550099"]) as carrier:
        carrier.describe = answers
        # Who connects speaks soon: the edge waits some seconds for a first message.
        anna, ben = [await OpenPhone.dial(account, ca) for account in accounts]
        for phone in (anna, ben):
            assert (await phone.register()).status == 200
        await _inside(anna, ben)
        await _outside(anna, carrier, system.settings.organisation.domain)
        stranger = await OpenPhone.dial(person(), ca)
        await _strangers(stranger)
        line = carrier.line
    wires = {"anna": anna.wire, "ben": ben.wire, "the carrier": line.wire, "the stranger": stranger.wire}
    for phone in (anna, ben, stranger):
        await phone.close()
    more = {
        "anna": {"warning"},
        "ben": {"warning"},
        "the carrier": {"p-asserted-identity"},
        "the stranger": set(),
    }
    address = str(system.settings.address)
    counted = {
        name: _look_at(name, wire.heard, address, HEADERS | more[name]) for name, wire in wires.items()
    }
    assert min(counted["anna"], counted["ben"], counted["the carrier"]) >= 3, counted


async def _inside(anna: RawPhone, ben: RawPhone) -> None:
    """Early media, an answer, changes from both sides, DTMF, the end; a refusal and a change of mind."""
    call, called = await joined(anna, ben, talkative(), answers)
    _, answer = await asyncio.gather(
        called.changed(answers), call.reinvite(talkative(direction="sendonly", version=2))
    )
    assert answer.status == 200
    _, answer = await asyncio.gather(call.changed(answers), called.reinvite(talkative(version=2)))
    assert answer.status == 200
    asked = call.ask("INFO", b"Signal=1\r\nDuration=160\r\n", "application/dtmf-relay")
    key, info = await ben.came("INFO")
    ben.respond(key, info.response(200))
    assert (await asked.final()).status == 200
    assert (await called.hang_up()).status == 200
    await call.ended()
    asked = anna.invite(ben.account.extension, talkative())
    (await ben.ringing()).refuse(486)
    assert (await asked.final()).status == 486
    asked = anna.invite(ben.account.extension, talkative() + b"m=video 5000 RTP/SAVP 97\r\na=x-desk:1\r\n")
    await ben.ringing()
    await asked.status(180)
    anna.cancel(asked)
    assert (await asked.final()).status == 487
    denied = await anna.invite("000442079460123", talkative()).final()
    assert denied.status == 403
    subscribe = anna.request("SUBSCRIBE", uri=f"sip:{anna.account.extension}@{anna.account.domain}",
                             headers=(("Event", "message-summary"), ("Expires", "60")))  # fmt: skip
    await anna.ask(subscribe).final()


async def _outside(anna: RawPhone, carrier: exchange.Exchange, domain: str) -> None:
    asked = anna.invite("00445550123", talkative())
    there = await carrier.talk()
    here = anna.confirm(asked, await asked.status(200))
    await there.phone.came("ACK")
    answer, _ = await asyncio.gather(
        here.reinvite(talkative(direction="sendonly", version=2)), there.changed(answers)
    )
    assert answer.status == 200
    assert (await here.hang_up()).status == 200
    await there.ended()
    for number, status in (("+41445550001", 200), ("+41445550077", 404), ("+19005550123", 404)):
        line = carrier.line
        request = line.request(
            "INVITE", uri=f"sip:{number}@{domain}", from_="sip:+41791234567@carrier.example", body=talkative()
        )
        asked = line.ask(request)
        if status == 200:
            incoming = await anna.ringing()
            called, answer = await asyncio.gather(
                incoming.answer(answers(incoming.request.body)), _acknowledged(line, asked)
            )
            assert (await called.hang_up()).status == 200
            await line.came("BYE")
        else:
            answer = await asked.final()
        assert answer.status == status, answer


async def _acknowledged(line: RawPhone, asked: Asked) -> Response:
    answer = await asked.status(200)
    line.confirm(asked, answer)
    return answer


async def _strangers(stranger: RawPhone) -> None:
    """Who has not signed in and does not: calls, asks, and writes nonsense."""
    for method in ("INVITE", "OPTIONS", "SUBSCRIBE", "REFER", "BYE", "PUBLISH", "MESSAGE"):
        for domain in (stranger.account.domain, "elsewhere.example"):
            request = stranger.request(method, uri=f"sip:2001@{stranger.account.domain}", from_=f"sip:2001@{domain}",
                                       headers=(("Contact", "<<"),) if method == "REFER" else ())  # fmt: skip
            await stranger.ask(request).final()


def _look_at(name: str, heard: bytes, address: str, allowed: frozenset[str]) -> int:
    """Check all that came over one wire; returns how many descriptions were among it."""
    for word in INSIDE:
        if word != address.encode():
            assert word not in heard, (
                f"{name} reads {word!r}: {heard[max(0, heard.index(word) - 300) :][:600]!r}"
            )
    descriptions = 0
    for message in StreamParser().feed(heard):
        if not isinstance(message, Request | Response):
            continue
        _look_at_headers(name, message.headers, allowed)
        if isinstance(message, Request):
            [via] = message.headers.all("via")
            assert re.fullmatch(
                rf"SIP/2\.0/TLS {address}:\d+;branch=z9hG4bK[\w.-]+(?:;i=[0-9a-f]+)?;seal=[0-9a-f]+(?:\.\w+)?",
                via,
            ), via
        if message.headers.get("content-type") == "application/sdp":
            descriptions += 1
            for line in message.body.decode().split("\r\n")[:-1]:
                assert DESCRIPTION.fullmatch(line.replace(address, "ADDRESS")), f"{name} reads {line}"
    return descriptions


def _look_at_headers(name: str, headers: Headers, allowed: frozenset[str]) -> None:
    for header, value in headers.items():
        assert header.lower() in allowed, f"{name} reads {header}: {value}"
        if header.lower() in {"user-agent", "server"}:
            assert value == "Ringwall"
        if header.lower() == "reason":
            assert re.fullmatch(r'SIP;cause=\d+(?:;text="Call (?:completed elsewhere|forwarded)")?', value), (
                value
            )
