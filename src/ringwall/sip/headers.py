"""Structured header values: addresses, Via, CSeq, credentials (RFC 3261 20 and 25.1).

Rules that this module keeps:
- A parse function returns a value or raises ParseError with status 400 (414 for an endless URI).
- `str()` of a value is its canonical text, and parsing that text gives an equal value.
- Parameter values are raw: a quoted one keeps its quotes (`unquote` takes them off), so that they can be
  compared, stored and written again without knowing which parameter allows what.
- Values are immutable, also their parameters, because parsed ones are shared through caches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from ringwall.sip.errors import ParseError
from ringwall.sip.syntax import (
    LWS,
    MAX_PARAMS,
    NO_PARAMS,
    Params,
    closing_quote,
    format_params,
    is_token,
    no_params,
    parse_number,
    parse_params,
    quote,
    split_outside,
    split_values,
    unquote,
)
from ringwall.sip.uri import Uri, parse_host_port

__all__ = [
    "MAX_CSEQ",
    "AuthValue",
    "CSeq",
    "NameAddr",
    "Via",
    "parse_params",
    "quote",
    "split_values",
    "unquote",
]

MAX_CSEQ = 2**31 - 1
_CACHED_LENGTH = 256
_CACHE_SIZE = 4096
_ALWAYS_BARE = frozenset({"algorithm", "nc", "stale", "userhash"})


@dataclass(frozen=True, slots=True)
class NameAddr:
    """An address with an optional display name (unescaped text) and header parameters: From, Contact ..."""

    display: str | None
    uri: Uri
    params: Params = field(default_factory=no_params)

    @staticmethod
    def parse(text: str) -> "NameAddr":
        """`"Name" <uri>;params` or `uri;params`; ParseError if malformed. Any URI scheme is allowed."""
        return _name_addr_cached(text) if len(text) <= _CACHED_LENGTH else _name_addr(text)

    @property
    def tag(self) -> str | None:
        """The tag parameter of From and To."""
        return self.params.get("tag")

    def with_tag(self, tag: str | None) -> "NameAddr":
        """The same address with this tag, or with none."""
        return self.with_param("tag", tag) if tag is not None else self.without_param("tag")

    def with_param(self, name: str, value: str | None) -> "NameAddr":
        """The same address with one parameter set; None makes it a parameter without a value."""
        return replace(self, params=MappingProxyType({**self.params, name.lower(): value}))

    def without_param(self, name: str) -> "NameAddr":
        """The same address without that parameter."""
        params = {key: value for key, value in self.params.items() if key != name.lower()}
        return replace(self, params=MappingProxyType(params))

    def __str__(self) -> str:
        display = "" if self.display is None else quote(self.display) + " "
        return f"{display}<{self.uri}>{format_params(self.params)}"

    def __hash__(self) -> int:
        return hash((self.display, self.uri))


@dataclass(frozen=True, slots=True)
class Via:
    """One hop: `transport` in upper case (TLS, WSS, TCP ...), the sent-by host and port, the parameters."""

    transport: str
    host: str
    port: int | None = None
    params: Params = field(default_factory=no_params)

    @staticmethod
    def parse(text: str) -> "Via":
        """`SIP/2.0/TLS host:port;branch=...`; ParseError if malformed or of another version."""
        if text.startswith("SIP/2.0/"):
            transport, space, rest = text[8:].partition(" ")
            if not is_token(transport):
                transport, space, rest = _spaced_protocol(text)
        else:
            transport, space, rest = _spaced_protocol(text)
        if not space or not is_token(transport):
            raise ParseError(400, "Malformed Via")
        sent_by, semicolon, tail = rest.partition(";")
        sent_by = sent_by.strip(LWS)
        if " " in sent_by or "\t" in sent_by:
            sent_by = ":".join([part.strip(LWS) for part in sent_by.split(":")])
        host, port = parse_host_port(sent_by)
        return Via(
            transport.upper(),
            host,
            port,
            MappingProxyType(parse_params(";" + tail)) if semicolon else NO_PARAMS,
        )

    @property
    def branch(self) -> str | None:
        """The transaction identifier that this hop made."""
        return self.params.get("branch")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"

    def __hash__(self) -> int:
        return hash((self.transport, self.host, self.port, self.branch))


@dataclass(frozen=True, slots=True)
class CSeq:
    """A sequence number (below 2**31) and the method that it counts."""

    number: int
    method: str

    @staticmethod
    def parse(text: str) -> "CSeq":
        """`314159 INVITE`; ParseError if malformed or out of range."""
        number, _, method = text.partition(" ")
        method = method.strip(LWS)
        if not is_token(method):
            number, _, method = " ".join(text.split()).partition(" ")
            if not is_token(method):
                raise ParseError(400, "Malformed CSeq")
        return CSeq(parse_number(number, MAX_CSEQ, "CSeq"), method)

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class AuthValue:
    """A challenge or credentials: `Digest realm="x", nonce="y"`.

    `scheme` as it was written; `params` by lower-case name, their values without quotes. Its repr keeps the
    values to itself, as a log is no place for them.
    """

    scheme: str
    params: Mapping[str, str]

    @staticmethod
    def parse(text: str) -> "AuthValue":
        """The value of WWW-Authenticate, Authorization and their Proxy- forms; ParseError if malformed."""
        scheme, _, rest = text.strip(LWS).partition(" ")
        if not is_token(scheme):
            raise ParseError(400, "Malformed authentication header")
        params: dict[str, str] = {}
        parts = split_outside(rest, ",")
        if len(parts) > MAX_PARAMS:
            raise ParseError(400, "Too many authentication parameters")
        for part in parts:
            name, equals, value = part.partition("=")
            name = name.rstrip(LWS).lower()
            value = value.lstrip(LWS)
            if not equals or not is_token(name):
                raise ParseError(400, "Malformed authentication parameter")
            if name in params:
                raise ParseError(400, f"Authentication parameter {name} appears twice")
            if value[:1] == '"' and closing_quote(value, 1) == len(value) - 1:
                value = unquote(value)
            elif not is_token(value):
                raise ParseError(400, f"Malformed value of authentication parameter {name}")
            params[name] = value
        return AuthValue(scheme, MappingProxyType(params))

    def __str__(self) -> str:
        # qop is a token in credentials and a quoted list in a challenge (RFC 7616 3.3, 3.4).
        bare = _ALWAYS_BARE | {"qop"} if "response" in self.params else _ALWAYS_BARE
        return f"{self.scheme} " + ", ".join(
            [
                f"{name}={value}" if name in bare and is_token(value) else f"{name}={quote(value)}"
                for name, value in self.params.items()
            ]
        )

    def __repr__(self) -> str:
        return f"AuthValue({self.scheme!r}, {sorted(self.params)})"

    def __hash__(self) -> int:
        return hash((self.scheme, tuple(self.params.items())))


def _name_addr(text: str) -> NameAddr:
    text = text.strip(LWS)
    display: str | None = None
    if text[:1] == '"':
        close = closing_quote(text, 1)
        start = text.find("<", close) if close > 0 else -1
        if start < 0 or text[close + 1 : start].strip(LWS):
            raise ParseError(400, "Malformed display name")
        display = unquote(text[: close + 1])
    else:
        start = text.find("<")
        if start > 0 and (semicolon := text.find(";", 0, start)) >= 0 and text.find('"', 0, semicolon) < 0:
            start = -1  # the bracket stands inside a parameter of an address without brackets
        if start > 0:
            display = text[:start].strip(LWS)
            if not all(map(_display_word, display.split())):
                raise ParseError(400, "Malformed display name")
            display = display or None
    if start < 0:
        address, semicolon_, tail = text.partition(";")
        address = address.rstrip(LWS)
        if "?" in address or "," in address:
            raise ParseError(400, "A URI with a comma or question mark must stand in angle brackets")
        uri = Uri.parse_any(address)
        return NameAddr(None, uri, MappingProxyType(parse_params(";" + tail)) if semicolon_ else NO_PARAMS)
    end = text.find(">", start)
    if end < 0:
        raise ParseError(400, "Angle bracket is not closed")
    uri = Uri.parse_any(text[start + 1 : end])
    tail = text[end + 1 :].lstrip(LWS)
    if not tail:
        return NameAddr(display, uri)
    if tail[0] != ";":
        raise ParseError(400, "Malformed address")
    return NameAddr(display, uri, MappingProxyType(parse_params(tail)))


_name_addr_cached = lru_cache(maxsize=_CACHE_SIZE)(_name_addr)


def _display_word(word: str) -> bool:
    # The grammar wants ASCII tokens; phones send names in UTF-8 without quotes, which harms nobody.
    return bool(is_token("".join([c for c in word if c < "\x80"]) or "x"))


def _spaced_protocol(text: str) -> tuple[str, str, str]:
    """Transport, a blank, and the rest, from a Via whose protocol has white space around its slashes."""
    name, _, rest = text.partition("/")
    version, slash, rest = rest.partition("/")
    if name.strip(LWS).upper() != "SIP" or version.strip(LWS) != "2.0" or not slash:
        raise ParseError(400, "Malformed Via")
    transport, space, rest = rest.strip(LWS).replace("\t", " ").partition(" ")
    return transport, space, rest
