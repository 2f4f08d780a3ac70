"""SIP messages as strangers may send them, and what can be done to them; all of it follows from a seed.

Every message bears a mark of the connection that it is for, so that it is known again wherever it comes out.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

TORTURE: Final = tuple(
    path.read_bytes()
    for path in sorted((Path(__file__).parents[1] / "unit" / "sip" / "torture").glob("*.sip"))
)
_MARK: Final = re.compile(rb"zq([0-9a-f]{8})([0-9a-f]{8})qz")
METHODS: Final = [
    "REGISTER",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "PRACK",
    "UPDATE",
    "INFO",
    "NOTIFY",
    "SUBSCRIBE",
    "REFER",
    "MESSAGE",
    "PUBLISH",
    "NONSENSE",
]
STATUSES: Final = (100, 180, 183, 200, 202, 302, 401, 403, 404, 408, 423, 481, 486, 487, 500, 503, 603, 699)
BODY: Final = (
    b"v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\nm=audio 4000 RTP/SAVP 0\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\n"
)
PIECES: Final = (
    *(
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"\r\n\t",
        b"\0\r",
        b" ",
        b"\t",
        b":",
        b",",
        b";",
    ),
    *(b"<", b">", b'"', b"\\", b"%", b"%00", b"@", b"\xff\xfe", b"\xc3\xa9", b"0", b"4294967296", b"-1"),
    *(b"Content-Length: 0\r\n", b"Content-Length: 99999999999\r\n", b"l: 40\r\n", b"Content_Length: 7\r\n"),
    *(b"Content-Length:\r\n 5\r\n", b"Contact: <<<\r\n", b"Expires: 1\r\nExpires: 2\r\n", b"X: y\r\n" * 130),
    *(b"P-Ringwall-Flow: 6.6.6.6:6;proto=tls;id=6\r\n", b"P-Ringwall-Trunk: 1\r\n", b"Route: <sip:x;lr>\r\n"),
    *(b"Max-Forwards: 0\r\n", b"Content-Length: 007\r\n", b"Content-Length: 5 \r\n", b"Subject: \r\n  \r\n"),
)


def mark_of(number: int) -> str:
    """Return the mark of a connection, with a check sum: a mark that was spoilt is nobody's."""
    return f"zq{number:08x}{zlib.crc32(b'%d' % number):08x}qz"


def marks_in(data: bytes) -> set[int]:
    """Return the numbers of the connections whose marks stand there."""
    found = [(int(number, 16), int(check, 16)) for number, check in _MARK.findall(data)]
    return {number for number, check in found if zlib.crc32(b"%d" % number) == check}


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages go and whom they may name."""

    domain: str
    users: tuple[str, ...]
    """Extensions; they may be asked for by name."""
    flows: tuple[str, ...]
    """host:port of the connections of others."""


def original(random: Random, mark: str, place: Place, transport: str) -> bytes:
    """Return a request, a response or a torture message, of which nothing is spoilt yet."""
    if random.random() < 0.2:
        return _marked(random.choice(TORTURE), mark)
    user = random.choice((*place.users, "nobody"))
    method = random.choice(METHODS)
    via = f"Via: SIP/2.0/{transport} {mark}.invalid;branch=z9hG4bK{mark}{random.randrange(1 << 30)};rport\r\n"
    if random.random() < 0.35:
        first = f"SIP/2.0 {random.choice(STATUSES)} {mark}\r\n"
        if random.random() < 0.7:
            flow = random.choice((*place.flows, "127.0.0.1:5060"))
            via += f"Via: SIP/2.0/{random.choice(('TCP', 'TLS', 'WSS'))} {flow};branch=z9hG4bK{mark}\r\n"
    else:
        first = f"{method} sip:{user}@{place.domain} SIP/2.0\r\n"
    body = random.choice((b"", BODY, b"Signal=1\nDuration=100\n", b"INVITE sip:x SIP/2.0\r\n\r\n"))
    tag = f";tag={mark}" if random.random() < 0.3 else ""
    head = (
        f"{via}Max-Forwards: 70\r\nFrom: <sip:{user}@{place.domain}>;tag={mark}\r\n"
        f"To: <sip:{user}@{place.domain}>{tag}\r\nCall-ID: {mark}{random.randrange(4)}\r\n"
        f"CSeq: {random.randrange(1, 5)} {method}\r\nContact: <sip:{mark}@{mark}.invalid>\r\n"
    )
    if body:
        head += "Content-Type: application/sdp\r\n"
    return f"{first}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def mutated(random: Random, message: bytes) -> bytes:
    """Return a message as it is, with one or two things done to it but a good frame, or with up to four things done."""
    how = random.random()
    if how < 0.15:
        return message
    for _ in range(random.randrange(1, 3 if how < 0.65 else 5)):
        message = random.choice(_MILD if how < 0.65 else _WAYS)(random, message)
    return repaired(message) if how < 0.65 else message[:20_000]


def repaired(message: bytes) -> bytes:
    """Return a message with its lines and its length put right, so that it comes further than the edge's first look."""
    head, _, body = message.partition(b"\r\n\r\n")
    lines = [re.sub(rb"[\r\n\0]", b"", line) for line in head.split(b"\r\n")]
    kept = [
        line
        for line in lines
        if not re.match(rb"(?i)[ \t]*(?:content[-_]length|l|p-ringwall-[^:]*)[ \t]*:", line)
    ]
    return (
        b"\r\n".join([line for line in kept if line][:90])
        + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )


def _marked(message: bytes, mark: str) -> bytes:
    return re.sub(
        rb"(?im)^(call-id|i)[ \t]*:[ \t]*", lambda found: found.group() + mark.encode(), message, count=1
    )


def _insert(random: Random, message: bytes) -> bytes:
    at = random.randrange(len(message) + 1)
    return message[:at] + random.choice(PIECES) + message[at:]


def _insert_line(random: Random, message: bytes) -> bytes:
    """A whole line in the head, where it hurts."""
    ends = [found.end() for found in re.finditer(rb"\r\n", message.partition(b"\r\n\r\n")[0] + b"\r\n")]
    at = random.choice(ends) if ends else 0
    return message[:at] + random.choice(PIECES) + message[at:]


def _delete(random: Random, message: bytes) -> bytes:
    at = random.randrange(len(message) + 1)
    return message[:at] + message[at + random.choice((1, 1, 2, 7, 40)) :]


def _flip(random: Random, message: bytes) -> bytes:
    if not message:
        return message
    at = random.randrange(len(message))
    return message[:at] + bytes([message[at] ^ (1 << random.randrange(8))]) + message[at + 1 :]


def _length(random: Random, message: bytes) -> bytes:
    value = random.choice(
        (
            b"0",
            b"1",
            b"-1",
            b"00",
            b"10",
            b"65536",
            b"00000000000",
            b"4294967296",
            b"1e3",
            b"",
            b"0x10",
            b"7;x",
        )
    )
    return re.sub(rb"(?i)(content-length\s*:\s*)\d*", lambda found: found.group(1) + value, message, count=1)


def _fold(random: Random, message: bytes) -> bytes:
    places = [found.end() for found in re.finditer(rb": ?", message.partition(b"\r\n\r\n")[0])]
    at = random.choice(places) if places else 0
    return message[:at] + random.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r ")) + message[at:]


def _repeat_line(random: Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    at = random.randrange(len(lines))
    return b"\r\n".join([*lines[:at], *[lines[at]] * random.choice((2, 2, 3, 140)), *lines[at + 1 :]])


def _swap_lines(random: Random, message: bytes) -> bytes:
    lines = message.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _grow(random: Random, message: bytes) -> bytes:
    at = random.randrange(len(message) + 1)
    return (
        message[:at]
        + random.choice((b"a", b" ", b"1", b"(", b",", b"\xff")) * random.choice((300, 3000, 9000))
        + message[at:]
    )


def _line_ends(random: Random, message: bytes) -> bytes:
    return message.replace(
        b"\r\n", random.choice((b"\n", b"\r", b"\r\r\n", b"\n\r")), random.choice((1, 3, 99))
    )


def _splice(random: Random, message: bytes) -> bytes:
    other = random.choice(TORTURE)
    return message[: random.randrange(len(message) + 1)] + other[random.randrange(len(other)) :]


_MILD: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    *(_insert, _insert_line, _delete, _flip, _flip, _swap_lines, _fold),
)
_WAYS: Final = (*_MILD, _insert, _insert_line, _length, _length, _repeat_line, _grow, _line_ends, _splice)
