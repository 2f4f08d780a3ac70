"""What must hold for every value and for any bytes."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.sip.digest import Challenge, parse_authorization
from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.headers import AuthValue, CSeq, NameAddr, Via, parse_params, split_values
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.parser import Limits, MalformedMessage, StreamParser, parse_message
from ringwall.sip.sdes import KEY_LENGTHS, Crypto
from ringwall.sip.sdp import DIRECTIONS, Connection, Media, Origin, SessionDescription
from ringwall.sip.uri import Uri
from support.key_lines import crypto_of

QUICK = settings(max_examples=100, deadline=None)

TOKEN = st.text("abcXYZ0189-.!%*_+`'~", min_size=1, max_size=12)
NAME = st.text("abcdefghij0123456789-", min_size=1, max_size=10).map(str.lower)
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, blacklist_characters="\x7f\x85")
LINE = st.text(PRINTABLE, max_size=40).map(lambda text: text.strip(" \t"))
HOSTS = st.sampled_from(["example.com", "EXAMPLE.net", "192.0.2.1", "[2001:db8::1]", "a-b.c"])
PORTS = st.none() | st.integers(1, 65535)
URI_PARAMS = st.dictionaries(
    NAME, st.none() | st.text("aZ09-_.!~*'()[]/:&+$", min_size=1, max_size=8), max_size=3
)
PARAMS = st.dictionaries(
    NAME, st.none() | TOKEN | LINE.map(lambda t: '"' + t.replace("\\", "").replace('"', "") + '"'), max_size=3
)
USERS = st.text("abcXYZ019-_.!~*'()&=+$,;?/", min_size=1, max_size=12) | st.sampled_from(["%2F%40", "a%00b"])


@st.composite
def uris(draw: st.DrawFn) -> Uri:
    user = draw(st.none() | USERS)
    password = draw(st.none() | st.text("abc09&=+$,", max_size=5)) if user is not None else None
    headers = draw(st.sampled_from(["", "Subject=x", "a=b&c=d%20e"]))
    return Uri(
        draw(st.sampled_from(["sip", "sips"])),
        user,
        password,
        draw(HOSTS),
        draw(PORTS),
        draw(URI_PARAMS),
        headers,
    )


NAME_ADDRS = st.builds(NameAddr, st.none() | LINE, uris(), PARAMS)
VIAS = st.builds(Via, TOKEN.map(str.upper), HOSTS, PORTS, PARAMS)


@st.composite
def headers(draw: st.DrawFn, method: str) -> Headers:
    made = Headers(("Via", str(via)) for via in draw(st.lists(VIAS, min_size=1, max_size=3)))
    if made.all("Via")[0].endswith(";branch=z9hG4bK"):
        made.set("Via", "SIP/2.0/TLS x;branch=z9hG4bKx")
    made.add("From", str(draw(NAME_ADDRS)))
    made.add("To", str(draw(NAME_ADDRS)))
    made.add("Call-ID", draw(TOKEN))
    made.add("CSeq", str(CSeq(draw(st.integers(0, 2**31 - 1)), method)))
    for contact in draw(st.lists(NAME_ADDRS, max_size=2)):
        made.add("Contact", str(contact))
    if draw(st.booleans()):
        made.add("Expires", str(draw(st.integers(0, 2**32 - 1))))
    for name, value in draw(st.lists(st.tuples(NAME.map("X-".__add__), LINE), max_size=3)):
        made.add(name, value)
    return made


@st.composite
def messages(draw: st.DrawFn) -> Request | Response:
    method = draw(st.sampled_from(["INVITE", "ACK", "BYE"]) | TOKEN)
    made = draw(headers(method))
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        return Response(draw(st.integers(100, 699)), draw(LINE), made, body)
    uri = replace(draw(uris()), headers="")
    return Request(method, str(uri), made, body)


CRYPTOS = st.sampled_from(sorted(KEY_LENGTHS)).flatmap(
    lambda suite: st.builds(
        crypto_of,
        st.integers(0, 999),
        st.just(suite),
        st.binary(min_size=KEY_LENGTHS[suite], max_size=KEY_LENGTHS[suite]),
    )
)
CONNECTIONS = st.sampled_from(
    [Connection("IP4", "192.0.2.1"), Connection("IP6", "2001:db8::1"), Connection("IP4", "h.example")]
)
SDP_TEXT = st.text(PRINTABLE, max_size=20)
ATTRIBUTES = st.lists(
    st.tuples(NAME.map("x-".__add__), st.none() | SDP_TEXT)
    | st.sampled_from([(d, None) for d in DIRECTIONS]),
    max_size=5,
)
OTHERS = st.lists(st.tuples(st.sampled_from("iuepbtrzkxy"), SDP_TEXT), max_size=4).map(tuple)


@st.composite
def medias(draw: st.DrawFn) -> Media:
    cryptos = draw(st.lists(CRYPTOS, max_size=2, unique_by=lambda crypto: crypto.tag))
    attributes = draw(ATTRIBUTES) + [("crypto", crypto.to_text()) for crypto in cryptos]
    return Media(
        draw(st.sampled_from(["audio", "video"])),
        draw(st.integers(0, 65535)),
        "RTP/SAVP",
        tuple(draw(st.lists(TOKEN, min_size=1, max_size=4))),
        draw(st.none() | CONNECTIONS),
        tuple(draw(st.permutations(attributes))),
        draw(OTHERS),
        draw(st.integers(1, 4)),
    )


DESCRIPTIONS = st.builds(
    SessionDescription,
    st.builds(
        Origin,
        TOKEN,
        st.integers(0, 2**60).map(str),
        st.integers(0, 2**60).map(str),
        st.just("IN"),
        st.just("IP4"),
        st.just("192.0.2.1"),
    ),
    SDP_TEXT,
    st.none() | CONNECTIONS,
    ATTRIBUTES.map(tuple),
    st.lists(medias(), max_size=3).map(tuple),
    OTHERS,
)


@QUICK
@given(messages())
def test_a_message_that_is_written_is_read_back(message: Request | Response) -> None:
    data = message.to_bytes()
    assert parse_message(data) == message
    assert StreamParser().feed(data) == [message]


@QUICK
@given(uris())
def test_a_uri_that_is_written_is_read_back(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri


@QUICK
@given(NAME_ADDRS, VIAS)
def test_addresses_and_vias_that_are_written_are_read_back(address: NameAddr, via: Via) -> None:
    assert NameAddr.parse(str(address)) == address
    assert Via.parse(str(via)) == via


@QUICK
@given(TOKEN, st.dictionaries(NAME, LINE, min_size=1, max_size=5))
def test_credentials_that_are_written_are_read_back(scheme: str, params: dict[str, str]) -> None:
    value = AuthValue(scheme, params)
    assert AuthValue.parse(str(value)) == value


@QUICK
@given(DESCRIPTIONS)
def test_a_description_that_is_written_is_read_back(description: SessionDescription) -> None:
    data = description.to_bytes()
    assert SessionDescription.parse(data) == description
    assert SessionDescription.parse(data).to_bytes() == data


# What any bytes come to. Random bytes alone never get past the start line, so good messages are damaged too.

SEEDS = [path.read_bytes() for path in sorted((Path(__file__).parent / "torture").glob("*.sip"))]
FRAGMENTS = st.sampled_from(
    [
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b"\0",
        b'"',
        b"\\",
        b"<",
        b">",
        b";",
        b",",
        b":",
        b"=",
        b"%",
        b"@",
        b"[",
        b"]",
        b"?",
        b"\xff",
        b"Content-Length: 3\r\n",
        b"l:0\r\n",
        b"9" * 30,
        b"\r\n\r\n",
        b"m=",
        b"a=crypto:",
    ]
)


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 5))] = draw(FRAGMENTS)
    return bytes(data)


ANY_BYTES = st.binary(max_size=300) | damaged(SEEDS)
ANY_TEXT = ANY_BYTES.map(lambda data: data.decode("utf-8", "surrogateescape")) | st.text(max_size=100)


def touch(message: Request | Response) -> None:
    """Nothing that the parser has let through raises behind it."""
    _ = (
        message.via,
        message.branch,
        message.from_,
        message.to,
        message.call_id,
        message.cseq,
        message.contacts,
    )
    _ = (message.contact, message.expires, message.max_forwards, message.content_type)
    for name, _value in list(message.headers.items()):
        message.headers.all(name)
    if isinstance(message, Request):
        message.response(180, to_tag="x").to_bytes()


@QUICK
@given(ANY_BYTES)
def test_any_bytes_are_a_message_or_one_parse_error(data: bytes) -> None:
    try:
        message = parse_message(data)
    except MalformedMessage as error:
        if error.request is not None:
            error.request.response(error.status, to_tag="x").to_bytes()
        return
    touch(message)
    assert parse_message(message.to_bytes()) == message


def drain(chunks: list[bytes]) -> list[str]:
    """What a stream in these chunks comes to, in a form that can be compared."""
    stream = StreamParser(Limits(head=2000, body=500, skipped=4096))
    items: list[Any] = []
    broken = 0
    for chunk in chunks:
        try:
            items += stream.feed(chunk)
        except FramingError as error:
            items += [*error.messages, str(error)]
            broken += 1
    assert broken <= 1
    for item in items:
        if isinstance(item, Request | Response):
            touch(item)
    return [repr(item.to_bytes()) if isinstance(item, Request | Response) else repr(item) for item in items]


@QUICK
@given(st.lists(ANY_BYTES | st.sampled_from(SEEDS) | st.just(b"\r\n"), min_size=1, max_size=4), st.data())
def test_a_stream_comes_to_the_same_however_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    chunks = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert drain(chunks) == drain([whole])


@QUICK
@given(damaged(SEEDS), st.binary(max_size=30), st.data())
def test_no_bytes_move_the_end_that_an_edge_of_ours_wrote(
    damage: bytes, body: bytes, data: st.DataObject
) -> None:
    """The edge passes on a head with no line that is empty, and puts its own length behind it."""
    head = re.sub(rb"(\r\n){2,}", b"\r\n", damage.strip(b"\r\n") or b"x")
    first = head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    second = b"OPTIONS sip:x SIP/2.0\r\nX: y\r\nContent-Length: 0\r\n\r\n"
    whole = first + second + second
    cut = data.draw(st.integers(0, len(whole)))
    stream = StreamParser(from_edge=True)
    items = [item for chunk in (whole[:cut], whole[cut:]) for item in stream.feed(chunk)]
    assert len(items) == 3
    assert stream.buffered == 0
    assert [item.head for item in items[1:] if isinstance(item, ParseError)] == [
        "OPTIONS sip:x SIP/2.0\r\nX: y\r\nContent-Length: 0"
    ] * 2


BODIES = [seed.partition(b"\r\n\r\n")[2] for seed in SEEDS if b"v=0\r\n" in seed]
BODIES += [
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8 0\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"|2^20|1:4 KDR=3\r\n"
    b"a=fingerprint:sha-256 " + b":".join([b"AB"] * 32) + b"\r\na=setup:actpass\r\na=sendonly\r\n"
]


@QUICK
@given(st.binary(max_size=200) | damaged(BODIES))
def test_any_bytes_are_a_description_or_one_parse_error(data: bytes) -> None:
    try:
        description = SessionDescription.parse(data)
    except ParseError:
        return
    written = description.to_bytes()
    assert SessionDescription.parse(written) == description
    assert SessionDescription.parse(written).to_bytes() == written
    for media in description.media:
        _ = (media.direction, media.address, media.fingerprint, media.setup, media.on_hold, media.rejected)


PARSERS: list[Callable[[str], object]] = [
    Uri.parse,
    Uri.parse_any,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    AuthValue.parse,
    Crypto.parse,
    Challenge.parse,
    parse_authorization,
    parse_params,
    split_values,
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__qualname__)
def test_any_text_is_a_value_or_one_parse_error(parse: Callable[[str], object]) -> None:
    lines = sorted({line for seed in SEEDS for line in seed.split(b"\r\n")})
    values = [line.partition(b":")[2].strip() for line in lines]

    @QUICK
    @given(ANY_TEXT | damaged(lines + values).map(lambda data: data.decode("utf-8", "surrogateescape")))
    def check(text: str) -> None:
        try:
            value = parse(text)
        except ParseError:
            return
        if isinstance(value, Uri | NameAddr | Via | CSeq | AuthValue):
            again = (
                type(value).parse_any(str(value)) if isinstance(value, Uri) else type(value).parse(str(value))
            )
            assert again == value
            assert hash(again) == hash(value)

    check()
