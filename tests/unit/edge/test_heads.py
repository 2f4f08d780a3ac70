"""What the edge lets in is read alike by the core; what could be read in two ways is not let in."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringwall.edge import heads
from ringwall.edge.render import MESSAGE_BYTES
from ringwall.sip.errors import ParseError
from ringwall.sip.parser import DEFAULT_LIMITS, StreamParser

pytestmark = pytest.mark.req("W2", "R3")

GOOD, CERTAIN_END = re.compile(heads.GOOD.encode()), re.compile(heads.CERTAIN_END.encode())
START = "INFO sip:x@example.test SIP/2.0\r\n"
LENGTH = "Content-Length: 0\r\n"
LENGTHS = (b"content-length", b"l")


def good(text: str) -> bool:
    return GOOD.match(f"{text}\r\n".encode()) is not None


def certain(text: str) -> bool:
    return CERTAIN_END.match(f"{text}\r\n".encode()) is not None


@pytest.mark.parametrize(
    "lines",
    [
        LENGTH,
        "l:0\r\n",
        "L \t:\t 12345 \r\n",
        "content-LENGTH:7\r\nX: y\r\n z\r\n\t\r\n",
        "X-é: y\r\n"[2:].replace("é", "e") + LENGTH,
        "Subject: \xff\x01é\r\n" + LENGTH,
        "X:\r\n" * (heads.LINES - 1) + LENGTH,
        "X: " + "y" * (heads.HEADER_LINE - 2) + "\r\n" + LENGTH,
        "Content-Length-X: 7\r\nContent-Language: 7\r\nlo: 7\r\n" + LENGTH,
        "P-Ringwal: x\r\n" + LENGTH,
    ],
)
def test_what_phones_send_is_let_in(lines: str) -> None:
    assert good(START + lines)
    assert certain(START + lines)


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ("", False),
        ("X: y\r\n", False),
        ("Content-Length: 00\r\n", False),
        ("Content-Length: 07\r\n", False),
        ("Content-Length: 123456\r\n", False),
        ("Content-Length: -1\r\n", False),
        ("Content-Length: 1x\r\n", False),
        ("Content-Length:\r\n 1\r\n", False),
        ("Content-Length: 1\r\n 0\r\n", False),
        ("Content-Length: 1\r\n \r\n", False),
        (LENGTH * 2, False),
        ("l: 0\r\n" + LENGTH, False),
        ("L\t: 0\r\n" + LENGTH, False),
        ("X: y\r\n Content-Length: 5\r\n" + LENGTH, False),
        ("X: y\r\n\tl: 5\r\n" + LENGTH, False),
        ("Content_Length: 5\r\n" + LENGTH, False),
        ("X: a\nb\r\n" + LENGTH, False),
        ("X: a\rb\r\n" + LENGTH, False),
        ("X: a\r\r\n" + LENGTH, False),
        ("X: \0\r\n" + LENGTH, False),
        ("X\0: y\r\n" + LENGTH, False),
        ("\r\n" + LENGTH, False),
        ("no colon\r\n" + LENGTH, True),
        (": no name\r\n" + LENGTH, True),
        ("X y: z\r\n" + LENGTH, True),
        ("X(: z\r\n" + LENGTH, True),
        ("é: z\r\n" + LENGTH, True),
        ("P-Ringwall-Flow: x\r\n" + LENGTH, True),
        ("p-ringwall-x : x\r\n" + LENGTH, True),
        ("X: y\r\n P-RINGWALL-Flow: x\r\n" + LENGTH, True),
        ("X: y\r\n" * heads.LINES + LENGTH, True),
        ("X: y\r\n" + " z\r\n" * (heads.LINES - 1) + LENGTH, True),
        ("X: " + "y" * heads.HEADER_LINE + "\r\n" + LENGTH, True),
        (" folded\r\n" + LENGTH, True),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_let_in(lines: str, end: bool) -> None:
    if lines.startswith(" folded"):
        assert not good(lines)
    assert not good(START + lines) or lines.startswith(" folded")
    assert certain(START + lines) is end


def test_the_first_line_is_bounded() -> None:
    assert good("x" * heads.START_LINE + "\r\n" + LENGTH)
    assert not good("x" * (heads.START_LINE + 1) + "\r\n" + LENGTH)
    assert not good(" x\r\n" + LENGTH)


def test_the_edge_takes_less_than_the_core_with_room_for_what_it_adds() -> None:
    """Via, two Record-Routes, Path, the two headers of its own."""
    limits = DEFAULT_LIMITS
    assert limits.header_count >= heads.LINES + 8
    assert limits.start_line >= heads.START_LINE
    assert limits.header_line >= heads.HEADER_LINE + 100  # it adds parameters to a Via
    assert min(limits.head, limits.body) >= MESSAGE_BYTES + 2000


def test_the_patterns_fit_the_file_of_the_regex_module() -> None:
    lines = heads.patterns().splitlines()
    assert [line for line in lines if line.startswith("[")] == ["[0]", "[1]"]
    assert max(map(len, lines)) <= heads.LONGEST_PATTERN
    assert heads.patterns().isascii()
    assert "\0" not in heads.patterns()


_PIECES = st.sampled_from(
    [
        *("Content-Length", "content_length", "l", "L", "P-Ringwall-Flow", "X", "Via", "To", ":", " ", "\t", "\r\n", "\r\n "),
        *("\r", "\n", "\0", "0", "5", "00", "\r\n\r\n", '"', "\\", "<", ">", ",", ";", "é", ": 0\r\n", ": x\r\n", LENGTH),
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join), st.binary(max_size=12))
def test_whatever_is_let_in_the_core_cuts_where_the_edge_did(wild: str, body: bytes) -> None:
    """The edge takes the lines of the head for granted: its own length and names are all that it adds."""
    data = f"{START}{wild}".encode() + b"\r\n" + body
    match = GOOD.match(data)
    if match is None:
        return
    head, rest = data[: match.end()], data[match.end() :]
    flow = b"P-Ringwall-Flow: 192.0.2.1:5;proto=tls;id=1"
    lines = head[:-4].split(b"\r\n")
    others = [line for line in lines if line.partition(b":")[0].strip(b" \t").lower() not in LENGTHS]
    assert len(others) == len(lines) - 1
    own = b"Content-Length: %d" % len(rest)
    sent = b"\r\n".join([*others, own, flow]) + b"\r\n\r\n" + rest
    stream = StreamParser(from_edge=True)
    [item] = stream.feed(sent)
    assert stream.buffered == 0
    if isinstance(item, ParseError):
        assert item.head.count("\r\nP-Ringwall-Flow: ") == 1
    else:
        assert item.body == rest
        assert item.headers.all("P-Ringwall-Flow") == ["192.0.2.1:5;proto=tls;id=1"]


@pytest.mark.parametrize("filler", ["l ", "\t", " ", "a", "content-length", "P-Ringwall", "\r\n ", "x:"])
def test_no_head_takes_long(filler: str) -> None:
    """Not a matter of time but of steps: Python's engine backtracks as Kamailio's does, and would not come back."""
    for lines in (START + filler * 6000, START + "X: y\r\n" + filler * 6000 + "\r\n" + LENGTH):
        good(lines)
        certain(lines)
