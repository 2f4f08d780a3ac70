"""Session descriptions as values (RFC 4566, RFC 3264), with their SDES keys (RFC 4568).

Rules that this module keeps:
- Parsing and writing is the identity, but for line ends, which are always written as CRLF: lines that nobody
  here understands stay, in their place.
- What an attribute says is read from `attributes`, the one place where it is stored; `Media.replace` and
  `SessionDescription.replace` write it there.
- A key line that breaks the grammar of RFC 4568 in the least refuses the whole description (488): a key that
  two ends read in two ways is no key. A suite that is not known is kept as it is, for policy to refuse.
- No repr shows a key.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from ringwall.sip.errors import ParseError
from ringwall.sip.sdes import Crypto
from ringwall.sip.sdp_address import Connection, Origin
from ringwall.sip.syntax import parse_number

__all__ = [
    "DIRECTIONS",
    "Attribute",
    "Connection",
    "Crypto",
    "Inherited",
    "Media",
    "Origin",
    "SessionDescription",
]

MAX_BYTES: Final = 65536
MAX_LINES: Final = 1024
MAX_MEDIA: Final = 32
DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})

_FINGERPRINT = re.compile(r"[A-Za-z0-9\-]+ +[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}")
_is_token = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+").fullmatch  # RFC 4566 9: wider than a token of SIP
# Attributes whose name needs no check and whose value none here.
_USUAL = DIRECTIONS | {
    "rtpmap",
    "fmtp",
    "ptime",
    "maxptime",
    "crypto",
    "rtcp",
    "rtcp-mux",
    "mid",
    "candidate",
    "ssrc",
}
_SETUPS = frozenset({"active", "passive", "actpass", "holdconn"})

Attribute = tuple[str, str | None]
"""Name and value of an a= line; None where it has no colon."""

Line = tuple[str, str]
"""Type letter and value of any other line."""


class Inherited(NamedTuple):
    """What a media description takes from the session level where it says nothing itself."""

    connection: Connection | None = None
    direction: str | None = None
    fingerprints: tuple[str, ...] = ()
    setup: str | None = None


_NOTHING: Final = Inherited()


class _Attributed:
    """Reading and editing of attributes, alike at both levels."""

    __slots__ = ()

    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name; empty if it has none, None if it is not there."""
        for key, value in self.attributes:
            if key == name:
                return value or ""
        return None

    def attribute_values(self, name: str) -> tuple[str, ...]:
        """The values of all attributes of that name."""
        return tuple([value or "" for key, value in self.attributes if key == name])

    def has(self, name: str) -> bool:
        """Whether there is an attribute of that name."""
        return any(key == name for key, _ in self.attributes)

    def _own_direction(self) -> str | None:
        for key, _ in self.attributes:
            if key in DIRECTIONS:
                return key
        return None


@dataclass(frozen=True, slots=True)
class Media(_Attributed):
    """One m= section.

    `kind` is audio, video ...; `count` the number of ports (1 if not said); `connection` only its own c= line
    (see `address`); `attributes` its a= lines in order, key lines among them; `others` its remaining lines.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = field(default=(), repr=False)
    others: tuple[Line, ...] = field(default=(), repr=False)
    count: int = 1
    order: str = field(default="", repr=False, compare=False)
    inherited: Inherited = field(default=_NOTHING, repr=False, compare=False)
    cryptos: tuple[Crypto, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        cryptos = tuple([Crypto.parse(value or "") for name, value in self.attributes if name == "crypto"])
        if len(cryptos) > 1 and len({crypto.tag for crypto in cryptos}) != len(cryptos):
            raise ParseError(488, "Two crypto attributes have the same tag")
        object.__setattr__(self, "cryptos", cryptos)

    @property
    def direction(self) -> str:
        """sendrecv, sendonly, recvonly or inactive: its own, else that of the session, else sendrecv."""
        return self._own_direction() or self.inherited.direction or "sendrecv"

    @property
    def address(self) -> Connection | None:
        """Where it is sent to: its own c= line, else that of the session."""
        return self.connection or self.inherited.connection

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Its DTLS certificate fingerprints, `sha-256 AB:CD:...`, else those of the session."""
        return self.attribute_values("fingerprint") or self.inherited.fingerprints

    @property
    def fingerprint(self) -> str | None:
        """The first of `fingerprints`."""
        fingerprints = self.fingerprints
        return fingerprints[0] if fingerprints else None

    @property
    def setup(self) -> str | None:
        """The DTLS role: active, passive, actpass or holdconn (RFC 4145), its own or that of the session."""
        return self.attribute("setup") or self.inherited.setup

    @property
    def rejected(self) -> bool:
        """Whether the stream is refused or taken down: port 0 (RFC 3264 6), unless bundled (RFC 8843)."""
        return self.port == 0 and not self.has("bundle-only")

    @property
    def on_hold(self) -> bool:
        """Whether whoever wrote this does not want to hear: sendonly, inactive or the null address."""
        address = self.address
        return self.direction in ("sendonly", "inactive") or (address is not None and address.is_null)

    def replace(
        self,
        *,
        cryptos: Iterable[Crypto] | None = None,
        direction: str | None = None,
        fingerprint: str | None = None,
        setup: str | None = None,
        **fields: Any,
    ) -> "Media":
        """A changed copy. Besides the fields (as in `dataclasses.replace`) it takes what attributes say."""
        attributes: tuple[Attribute, ...] = fields.pop("attributes", self.attributes)
        if cryptos is not None:
            lines: list[Attribute] = [("crypto", crypto.to_text()) for crypto in cryptos]
            attributes = _put(attributes, lambda name: name == "crypto", lines)
        if direction is not None:
            if direction not in DIRECTIONS:
                raise ValueError(f"{direction} is not a direction")
            attributes = _put(attributes, DIRECTIONS.__contains__, [(direction, None)])
        if fingerprint is not None:
            attributes = _put(attributes, lambda name: name == "fingerprint", [("fingerprint", fingerprint)])
        if setup is not None:
            attributes = _put(attributes, lambda name: name == "setup", [("setup", setup)])
        return replace(self, attributes=attributes, **fields)

    def lines(self) -> list[str]:
        """Its lines without line ends."""
        count = f"/{self.count}" if self.count != 1 else ""
        lines = [f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}"]
        _write(lines, self.connection, self.others, self.attributes, self.order)
        return lines


@dataclass(frozen=True, slots=True)
class SessionDescription(_Attributed):
    """A whole description. `others` holds the lines beside v=, o=, s=, c=, a= and m=, such as t= and b=."""

    origin: Origin
    name: str = "-"
    connection: Connection | None = None
    attributes: tuple[Attribute, ...] = field(default=(), repr=False)
    media: tuple[Media, ...] = ()
    others: tuple[Line, ...] = (("t", "0 0"),)
    order: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        inherited = _inheritance(self.connection, self.attributes)
        if any(media.inherited != inherited for media in self.media):
            media = tuple([replace(media, inherited=inherited) for media in self.media])
            object.__setattr__(self, "media", media)

    @staticmethod
    def parse(data: bytes) -> "SessionDescription":
        """A description from a body.

        ParseError: 400 malformed, 488 malformed keys or fingerprint, 513 too large.
        """
        return _parse(data)

    def to_bytes(self) -> bytes:
        """The description as a body."""
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        _write(lines, self.connection, self.others, self.attributes, self.order)
        for media in self.media:
            lines += media.lines()
        lines.append("")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape")

    def replace(self, **fields: Any) -> "SessionDescription":
        """A changed copy, as `dataclasses.replace`."""
        return replace(self, **fields)

    @property
    def audio(self) -> Media | None:
        """The first audio stream that is not refused."""
        for media in self.media:
            if media.kind == "audio" and not media.rejected:
                return media
        return None

    @property
    def on_hold(self) -> bool:
        """Whether every stream that is not refused is on hold, and there is one."""
        active = [media for media in self.media if not media.rejected]
        return bool(active) and all(media.on_hold for media in active)


def _inheritance(connection: Connection | None, attributes: Sequence[Attribute]) -> Inherited:
    direction = setup = None
    fingerprints: list[str] = []
    for name, value in attributes:
        if name in DIRECTIONS:
            direction = direction or name
        elif name == "fingerprint":
            fingerprints.append(value or "")
        elif name == "setup":
            setup = setup or value
    return Inherited(connection, direction, tuple(fingerprints), setup)


def _put(
    attributes: Sequence[Attribute], chosen: Callable[[str], bool], lines: list[Attribute]
) -> tuple[Attribute, ...]:
    """The attributes with `lines` in the place of those that are chosen; at the end if there were none."""
    kept: list[Attribute] = []
    place = None
    for attribute in attributes:
        if not chosen(attribute[0]):
            kept.append(attribute)
        elif place is None:
            place = len(kept)
    place = len(kept) if place is None else place
    return (*kept[:place], *lines, *kept[place:])


# The order in which RFC 4566 5 wants the lines; letters that it does not know come before a=.
_RANK: Final = {letter: rank for rank, letter in enumerate("iuepcbtrzk")}


def _usual_order(has_connection: bool, others: Sequence[Line], attributes: int) -> str:
    letters = [letter for letter, _ in others]
    if has_connection:
        place = 0
        while place < len(letters) and _RANK.get(letters[place], 99) < _RANK["c"]:
            place += 1
        letters.insert(place, "c")
    return "".join(letters) + "a" * attributes


def _write(
    lines: list[str],
    connection: Connection | None,
    others: Sequence[Line],
    attributes: Sequence[Attribute],
    order: str,
) -> None:
    """Append the lines of one level, in the order in which they were read as far as they are still there."""
    queues: dict[str, list[str]] = {}
    for letter, value in others:
        queues.setdefault(letter, []).append(f"{letter}={value}")
    if connection is not None:
        queues["c"] = [f"c={connection}"]
    queues["a"] = [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
    for letter in order or _usual_order(connection is not None, others, len(attributes)):
        queue = queues.get(letter)
        if queue:
            lines.append(queue.pop(0))
    for letter, queue in queues.items():
        if letter != "a":
            lines += queue
    lines += queues["a"]


class _Level:
    """The lines of one level while they are read."""

    __slots__ = ("attributes", "connection", "letters", "others")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.attributes: list[Attribute] = []
        self.others: list[Line] = []
        self.letters: list[str] = []

    def add(self, letter: str, value: str) -> None:
        """Take a line that is neither a= nor m=."""
        self.letters.append(letter)
        if letter == "c":
            if self.connection is not None:
                raise ParseError(400, "More than one c= line in the session description")
            self.connection = Connection.parse(value)
        else:
            self.others.append((letter, value))

    def order(self) -> str:
        """The order of the lines, if it is not the usual one."""
        letters = "".join(self.letters)
        usual = _usual_order(self.connection is not None, self.others, len(self.attributes))
        return "" if letters == usual else letters


def _parse(data: bytes) -> SessionDescription:
    lines = _lines(data)
    if len(lines) < 3 or lines[0] != "v=0" or lines[1][:2] != "o=" or lines[2][:2] != "s=":
        raise ParseError(400, "A session description must begin with v=0, o= and s=")
    origin = Origin.parse(lines[1][2:])
    session = level = _Level()
    sections: list[tuple[str, _Level]] = []
    for line in lines[3:]:
        if line.startswith("a="):  # most lines are; hence no call for them
            name, colon, value = line[2:].partition(":")
            if name not in _USUAL:
                _check_attribute(name, value)
            level.attributes.append((name, value if colon else None))
            level.letters.append("a")
            continue
        letter = line[:1]
        if line[1:2] != "=" or not ("a" <= letter <= "z"):
            raise ParseError(400, "Malformed line in the session description")
        if letter == "m":
            if len(sections) == MAX_MEDIA:
                raise ParseError(513, f"The session description has more than {MAX_MEDIA} streams")
            level = _Level()
            sections.append((line[2:], level))
        else:
            level.add(letter, line[2:])
    if any(name == "crypto" for name, _ in session.attributes):
        raise ParseError(488, "A crypto attribute stands outside of a media description")
    attributes = tuple(session.attributes)
    inherited = _inheritance(session.connection, attributes)
    media = tuple([_media(head, section, inherited) for head, section in sections])
    others = tuple(session.others)
    return SessionDescription(
        origin, lines[2][2:], session.connection, attributes, media, others, session.order()
    )


def _check_attribute(name: str, value: str) -> None:
    if not _is_token(name):
        raise ParseError(400, "Malformed attribute in the session description")
    if name == "fingerprint" and not _FINGERPRINT.fullmatch(value):
        raise ParseError(488, "Malformed fingerprint in the session description")
    if name == "setup" and value not in _SETUPS:
        raise ParseError(488, "Malformed setup attribute in the session description")


def _lines(data: bytes) -> list[str]:
    if len(data) > MAX_BYTES:
        raise ParseError(513, f"The session description is longer than {MAX_BYTES} bytes")
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text or "\0" in text:
        raise ParseError(400, "The session description holds a NUL or a lone carriage return")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if len(lines) > MAX_LINES:
        raise ParseError(513, f"The session description has more than {MAX_LINES} lines")
    return lines


def _media(head: str, level: _Level, inherited: Inherited) -> Media:
    parts = head.split(" ")
    if len(parts) < 4 or not all(map(_is_token, parts[0:1] + parts[2].split("/") + parts[3:])):
        raise ParseError(400, "Malformed m= line in the session description")
    port, slash, count = parts[1].partition("/")
    ports = parse_number(count, 65535, "A number of ports") if slash else 1
    if ports == 0:
        raise ParseError(400, "Malformed m= line in the session description")
    return Media(
        parts[0],
        parse_number(port, 65535, "A media port"),
        parts[2],
        tuple(parts[3:]),
        level.connection,
        tuple(level.attributes),
        tuple(level.others),
        ports,
        level.order(),
        inherited,
    )
