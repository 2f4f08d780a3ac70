"""Reading messages: framing, limits, what an error carries."""

import pytest

from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import PING, PONG, Limits, StreamParser, parse_message

HEAD = (
    "Via: SIP/2.0/TLS a.example;branch=z9hG4bK1\r\n"
    "From: <sip:1001@example.com>;tag=1\r\n"
    "To: <sip:1002@example.com>\r\n"
    "Call-ID: c1\r\n"
)


def message(
    start: str = "INVITE sip:1002@example.com SIP/2.0", more: str = "", body: str = "", cseq: str = "1 INVITE"
) -> bytes:
    return f"{start}\r\n{HEAD}CSeq: {cseq}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def refused(data: bytes, limits: Limits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse_message(data, limits or Limits())
    return caught.value


def test_a_request_and_a_response_are_read() -> None:
    request = parse_message(message(body="hello"))
    assert isinstance(request, Request)
    assert (request.method, request.uri, request.body) == ("INVITE", "sip:1002@example.com", b"hello")
    response = parse_message(message("SIP/2.0 180 Ringing"))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (180, "Ringing")
    assert parse_message(message("SIP/2.0 486")).to_bytes().startswith(b"SIP/2.0 486 \r\n")


def test_line_breaks_before_a_message_are_skipped() -> None:
    assert parse_message(b"\r\n\r\n" + message()) == parse_message(message())


@pytest.mark.parametrize(
    "more",
    [
        "From: <sip:x@example.com>;tag=2\r\n",
        "t: <sip:x@example.com>\r\n",
        "Call-ID: c2\r\n",
        "CSeq: 2 INVITE\r\n",
        "l: 0\r\n",
        "Max-Forwards: 70\r\nMax-Forwards: 70\r\n",
        "Max-Forwards: 256\r\n",
        "Max-Forwards: x\r\n",
        "Expires: soon\r\n",
        "Expires: 4294967296\r\n",
        "Contact: <sip:a@b\r\n",
        "Contact: <sip:a@b>,,<sip:c@d>\r\n",
        "Contact: *, <sip:a@b>\r\n",
        "no colon\r\n",
        ": no name\r\n",
        "Bad Name: x\r\n",
        "Subject: a\nb\r\n",
        "Subject: a\rb\r\n",
        "Subject: a\r\r\n",
        "\n",
        "Content-Type: a/b\r\nc: a/b\r\n",
    ],
)
def test_a_malformed_or_repeated_header_is_refused_with_400_and_can_be_answered(more: str) -> None:
    error = refused(message(more=more))
    assert error.status == 400


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_each_mandatory_header_must_be_there(name: str) -> None:
    lines = [line for line in message().decode().split("\r\n") if not line.startswith(name + ":")]
    error = refused("\r\n".join(lines).encode())
    assert (error.status, error.request) == (400, None)
    assert name.lower() in error.reason.lower()


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("INVITE sip:a@b SIP/3.0", 505),
        ("INVITE sip:a@b HTTP/1.1", 400),
        ("INVITE sip:a@b", 400),
        ("INVITE  sip:a@b SIP/2.0", 400),
        ("INVITE sip:a@b SIP/2.0 ", 400),
        (" INVITE sip:a@b SIP/2.0", 400),
        ("IN VITE sip:a@b SIP/2.0", 400),
        ("INV(ITE sip:a@b SIP/2.0", 400),
        ("INVITE mailto:a@b SIP/2.0", 416),
        ("INVITE sip:a@b?Subject=x SIP/2.0", 400),
        ("INVITE sip:@ SIP/2.0", 400),
        ("SIP/2.0 099 x", 400),
        ("SIP/2.0 700 x", 400),
        ("SIP/2.0 20 x", 400),
        ("SIP/2.0 ٢٠٠ x", 400),
        ("BYE sip:a@b SIP/2.0", 400),
        ("PING sip:a@b SIP/2.0", 501),
        ("INVITE sip:" + "a" * 2100 + "@b SIP/2.0", 414),
    ],
)
def test_a_start_line_is_refused_with_its_code(start: str, status: int) -> None:
    assert refused(message(start)).status == status


@pytest.mark.parametrize(
    "routes", ["<sip:a@", "<sip:h:70000;lr>", "<sip:good;lr>, <sip:h:x;lr>", "x", "<sip:a%zz@h>"]
)
@pytest.mark.parametrize("start", ["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK"])
@pytest.mark.req("R3")
def test_a_way_that_cannot_be_read_is_refused_before_a_dialog_goes_by_it(start: str, routes: str) -> None:
    assert refused(message(start, f"Record-Route: {routes}\r\n")).status == 400


def test_the_ways_of_a_dialog_can_be_read() -> None:
    routes = "Record-Route: <sip:one;lr>, <sip:two:5061;transport=tls;lr>\r\nRecord-Route: <sip:three;lr>\r\n"
    read = parse_message(message("SIP/2.0 200 OK", routes)).record_routes
    assert [route.uri.host for route in read] == ["one", "two", "three"]


def test_a_lower_case_version_is_understood() -> None:
    assert isinstance(parse_message(message("INVITE sip:a@b sip/2.0")), Request)


def test_a_bad_request_can_be_answered_but_not_a_bad_ack_or_response() -> None:
    bad = "Expires: soon\r\nX-Flow: 7\r\nbad\r\n(: x\r\n"
    error = refused(message(more=bad))
    assert error.request is not None
    assert error.request.headers.get("X-Flow") == "7"
    reply = error.request.response(error.status, to_tag="x")
    assert reply.to.tag == "x"
    assert reply.call_id == "c1"
    assert refused(message("ACK sip:a@b SIP/2.0", bad, cseq="1 ACK")).request is None
    assert refused(message("SIP/2.0 200 OK", bad)).request is None


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(start_line=20), 414),
        (Limits(header_line=60, start_line=50), 513),
        (Limits(header_count=6), 513),
        (Limits(head=100), 513),
        (Limits(body=4), 513),
        (Limits(via_count=1), 513),
    ],
)
def test_every_size_has_a_limit(limits: Limits, status: int) -> None:
    data = message(more="Via: SIP/2.0/TLS b\r\nSubject: " + "x" * 90 + "\r\n", body="hello")
    parse_message(data)
    assert refused(data, limits).status == status


def test_a_body_must_have_the_length_that_is_said() -> None:
    assert refused(message(body="hello") + b"!").status == 400
    assert refused(message(body="hello")[:-1]).status == 400
    assert parse_message(message().replace(b"Content-Length: 0\r\n", b"") + b"rest").body == b"rest"


def test_folded_lines_are_joined_by_one_blank() -> None:
    request = parse_message(message(more="Subject: a\r\n  b\r\n\tc\r\n"))
    assert request.headers.get("Subject") == "a b c"
    assert refused(message("INVITE sip:a@b\r\n SIP/2.0")).status == 400


def test_bytes_that_are_no_utf_8_come_back_as_they_were() -> None:
    data = message().replace(b"Call-ID: c1", b"Call-ID: \xff\xfe\x80")
    assert b"Call-ID: \xff\xfe\x80\r\n" in parse_message(data).to_bytes()


def test_a_stream_is_cut_by_content_length() -> None:
    stream = StreamParser()
    one, two = message(body="a\r\n\r\nb"), message("SIP/2.0 200 OK")
    assert stream.feed(one + two + one[:30]) == [parse_message(one), parse_message(two)]
    assert stream.buffered == 30
    assert stream.feed(one[30:]) == [parse_message(one)]
    assert stream.buffered == 0


def test_a_stream_gives_the_same_byte_by_byte() -> None:
    data = (
        b"\r\n\r\n"
        + message(body="hello")
        + message(more="Expires: soon\r\n", body="abc")
        + b"\r\n"
        + message()
    )
    at_once = StreamParser().feed(data)
    stream = StreamParser()
    one_by_one = [item for index in range(len(data)) for item in stream.feed(data[index : index + 1])]
    assert list(map(repr, at_once)) == list(map(repr, one_by_one))
    assert len(at_once) == 4


def test_a_malformed_message_of_known_length_does_not_end_the_stream() -> None:
    error, good = StreamParser().feed(message(more="bad\r\n", body="hello") + message())
    assert isinstance(error, ParseError)
    assert error.request is not None
    assert isinstance(good, Request)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (message(more="Subject: a\nb\r\n", body="hello"), 400),
        (message(more="Subject: a\rb\r\n", body="hello"), 400),
        (message(more="l: 5\r\n", body="hello"), 400),
        (message(body="x" * 70000), 513),
        (message(more=("X: " + "x" * 8000 + "\r\n") * 3, body="hello"), 513),
        (message(more="X: y\r\n" * 200, body="hello"), 513),
    ],
)
def test_one_bad_message_does_not_end_a_connection_that_others_share(bad: bytes, status: int) -> None:
    good = parse_message(message())
    first, error, last = StreamParser().feed(message() + bad + message())
    assert first == last == good
    assert isinstance(error, ParseError)
    assert error.status == status
    stream = StreamParser()
    items = [item for index in range(0, len(bad), 1000) for item in stream.feed(bad[index : index + 1000])]
    assert len(items) == 1
    assert stream.buffered == 0


def test_pings_and_pongs() -> None:
    stream = StreamParser()
    assert stream.feed(b"\r\n\r\n") == [PING]
    assert stream.feed(b"\r\n") == []
    assert stream.feed(b"\r\n") == [PING]
    assert stream.feed(b"\r\n\r\n\r\n\r\n" + message()) == [PING, PING, parse_message(message())]
    client = StreamParser(expects_pong=True)
    assert client.feed(b"\r\n") == [PONG]
    # A single CRLF behind a message is noise (RFC 3261 7.5), and no half of a later ping.
    assert stream.feed(b"\r\n" + message() + b"\r\n") == [parse_message(message())]
    assert stream.feed(b"\r\n") == [PING]


@pytest.mark.parametrize(
    "bad",
    [
        message().replace(b"Content-Length: 0\r\n", b""),
        message().replace(b"Content-Length: 0", b"Content-Length: -1"),
        message().replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 1"),
        message().replace(b"Content-Length: 0", b"Content-Length: 1\r\n 0"),
        message().replace(b"Content-Length: 0", b"Content-Length: 270000"),
        message().replace(b"Content-Length: 0", b"Content-Length: 99999999999999999999"),
        message(more="bad\r\n").replace(b"Content-Length: 0", b"Content-Length: 270000"),
        message(more="Subject: a\nContent-Length: 5\r\n"),
        message(more="Subject: a\n\r\n"),
        message(more="Subject: a\r\n\nb: c\r\n"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"x\r\n\r\n",
    ],
)
def test_a_message_whose_end_is_unknown_breaks_the_stream_once(bad: bytes) -> None:
    stream = StreamParser()
    with pytest.raises(FramingError) as caught:
        stream.feed(message() + bad + message())
    good, error = caught.value.messages
    assert isinstance(good, Request)
    assert isinstance(error, ParseError)
    assert stream.feed(message()) == []


def by_edge(bad: str = "", body: str = "", *, after: str = "") -> bytes:
    """A message as the edge passes it on: what a stranger wrote, then its own length."""
    head = message().decode().removesuffix("Content-Length: 0\r\n\r\n")
    return f"{head}{bad}Content-Length: {len(body)}\r\n{after}\r\n{body}".encode()


@pytest.mark.parametrize(
    "bad",
    [
        "Content-Length: 00000000000\r\n",
        "Content-Length: 99999999999\r\n",
        "Content-Length: 0\r\n \r\n",
        "Content-Length: 5\r\n",
        "content-length: 270000\r\nContact: <<<\r\n",
        "l: 5\r\n",
        "Content-Length:5\r\nExpires: 1\r\nExpires: 2\r\n",
        "Content-Length: 5\r\nContent-Length: 70000\r\n",
        "X: y\r\n" * 200,
        "Subject: \0\ry\r\n",
        "Subject: a\nContent-Length: 5\r\n",
        "Subject: a\n\r\nb: c\r\n",
        "no colon\r\n",
        ("X: " + "x" * 9000 + "\r\n") * 3,
        " folded\r\n\tContent-Length: 5\r\nl : 7\r\nExpires: soon\r\n",
    ],
)
@pytest.mark.req("R3")
def test_nothing_in_a_head_moves_the_end_that_the_edge_wrote(bad: str) -> None:
    good = parse_message(message())
    data = by_edge(bad, body="hello", after="P-Ringwall-Flow: 192.0.2.1:5;proto=tls;id=1\r\n")
    for size in (1, 7, 70000):
        stream = StreamParser(from_edge=True)
        whole = message() + data + message()
        first, error, last = [
            item for at in range(0, len(whole), size) for item in stream.feed(whole[at : at + size])
        ]
        assert first == last == good
        assert isinstance(error, ParseError)
        assert "192.0.2.1:5" in error.head
        assert stream.buffered == 0


def test_a_length_that_the_edge_did_not_write_breaks_its_stream() -> None:
    for length in (
        "content-length: 0",
        "Content-Length:0",
        "Content-Length: 0 ",
        "Content-Length: 12345678",
        "X: 0",
    ):
        with pytest.raises(FramingError):
            StreamParser(from_edge=True).feed(message().replace(b"Content-Length: 0", length.encode()))
    with pytest.raises(FramingError):
        StreamParser(from_edge=True).feed(message().replace(b"Content-Length: 0", b"Content-Length: 270000"))


def test_a_header_of_the_edge_is_there_once() -> None:
    flow = "P-Ringwall-Flow: 192.0.2.1:5;proto=tls;id=1\r\n"
    [error] = StreamParser(from_edge=True).feed(by_edge(flow.replace("192", "6"), after=flow))
    assert isinstance(error, ParseError)
    assert isinstance(StreamParser(from_edge=True).feed(by_edge(after=flow))[0], Request)


def test_an_endless_head_breaks_the_stream_as_soon_as_it_is_too_long() -> None:
    limits = Limits(skipped=500)
    stream = StreamParser(limits)
    assert stream.feed(b"x" * 499) == []
    with pytest.raises(FramingError):
        stream.feed(b"x")
    with pytest.raises(FramingError):
        StreamParser(limits).feed(b"x" * 499 + b"\r\n\r\n")
    exact = message(more="Subject: " + "x" * (500 - len(message()) - 11) + "\r\n")
    assert len(exact) == 500
    assert len(StreamParser(limits).feed(exact)) == 1


def test_nothing_is_held_but_what_is_not_complete() -> None:
    stream = StreamParser()
    for _ in range(50):
        stream.feed(message(body="hello"))
        assert stream.buffered == 0
