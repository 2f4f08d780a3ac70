"""SIP, SIPS and tel URIs as values (RFC 3261 19.1, RFC 3966).

Rules that this module keeps:
- A field of a `Uri` is always safe to write into a message again: what is escaped on the wire stays escaped,
  except escapes of unreserved characters (`%41` becomes `A`), so two spellings of one user are one text.
- URIs are parsed once: results are cached for texts up to a bounded length, in a cache of bounded size.
"""

import re
import socket
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from ringwall.sip.errors import ParseError
from ringwall.sip.syntax import NO_PARAMS, Params, no_params

MAX_URI_LENGTH = 2048
_CACHED_LENGTH = 256
_CACHE_SIZE = 4096
_MAX_PARAMS = 32

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_HOST = re.compile(r"[A-Za-z0-9._\-]+")
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%]+")
_PASSWORD = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,%]*")
_PARAM = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+")
_HEADERS = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/?:+$%=&]+")
_TEL_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+")
_TEL_SEPARATORS = str.maketrans("", "", "-.()")
_OPAQUE = re.compile(r"[!#-;=?-~]+")  # printable ASCII without the double quote and <>
_GOOD_ESCAPES = re.compile(r"[^%]*(?:%[0-9A-Fa-f]{2}[^%]*)*")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI.

    `host` keeps its case and, for IPv6, its brackets. `params` has lower-case names. `headers` is the text
    after the question mark, without it. A tel URI has its number in `user` and an empty `host`; so has,
    with its whole opaque part, a URI of another scheme, which only `parse_any` returns.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = field(default_factory=no_params)
    headers: str = ""

    @staticmethod
    def parse(text: str) -> "Uri":
        """A sip, sips or tel URI. ParseError: 416 another scheme, 400 malformed, 414 too long."""
        uri = Uri.parse_any(text)
        if uri.scheme not in _PARSERS:
            raise ParseError(416, "Unsupported URI scheme")
        return uri

    @staticmethod
    def parse_any(text: str) -> "Uri":
        """As `parse`, but a URI of any scheme, as From, To and Contact may hold one."""
        return _parse_cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)

    def __str__(self) -> str:
        parts = [self.scheme, ":"]
        if self.user is not None:
            parts.append(self.user)
            if self.password is not None:
                parts += (":", self.password)
            if self.host:
                parts.append("@")
        parts.append(self.host)
        if self.port is not None:
            parts.append(f":{self.port}")
        for name, value in self.params.items():
            parts.append(f";{name}" if value is None else f";{name}={value}")
        if self.headers:
            parts += ("?", self.headers)
        return "".join(parts)

    def __hash__(self) -> int:
        return hash((self.scheme, self.user, self.host, self.port))

    @property
    def aor(self) -> str:
        """The address of record: `sip:user@host`, host in lower case, also for sips; no port, no params."""
        if not self.host:
            return f"{self.scheme}:{self.user}"
        return f"sip:{self.user}@{self.host.lower()}" if self.user is not None else f"sip:{self.host.lower()}"


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host` or `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets.

    ParseError (400) if it is none of them or the port is not from 1 to 65535.
    """
    if text[:1] == "[":
        end = text.find("]") + 1
        host, rest = text[:end], text[end:]
        if not is_ipv6(host[1:-1]):
            raise ParseError(400, "Malformed IPv6 address")
        if rest and rest[0] != ":":
            raise ParseError(400, "Malformed host")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if not _HOST.fullmatch(host):
            raise ParseError(400, "Malformed host")
    if not colon:
        return host, None
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or not 0 < int(port) < 65536:
        raise ParseError(400, "Malformed port")
    return host, int(port)


def is_ipv6(text: str) -> bool:
    """Whether the text is an IPv6 address, without brackets and without a zone."""
    return _is_address(socket.AF_INET6, text)


def is_ipv4(text: str) -> bool:
    """Whether the text is an IPv4 address in four decimal parts."""
    return _is_address(socket.AF_INET, text)


def _is_address(family: socket.AddressFamily, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):  # ValueError: a NUL or a character that is not ASCII
        return False
    return True


def _parse(text: str) -> Uri:
    if len(text) > MAX_URI_LENGTH:
        raise ParseError(414, f"A URI is longer than {MAX_URI_LENGTH} characters")
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        raise ParseError(400, "Malformed URI")
    scheme = scheme.lower()
    return _PARSERS.get(scheme, _parse_opaque)(scheme, rest)


_parse_cached = lru_cache(maxsize=_CACHE_SIZE)(_parse)


def _parse_sip(scheme: str, text: str) -> Uri:
    user: str | None = None
    password: str | None = None
    # Neither parameters nor headers may hold an unescaped "@", so the first one ends the user part, which
    # itself may hold ";" and "?".
    userinfo, at, rest = text.partition("@")
    if at:
        user, colon, secret = userinfo.partition(":")
        if not _USER.fullmatch(user) or not _PASSWORD.fullmatch(secret):
            raise ParseError(400, "Malformed user part of a URI")
        user = _normalise(user)
        password = _normalise(secret) if colon else None
    else:
        rest = text
    rest, question, headers = rest.partition("?")
    if question and not _HEADERS.fullmatch(headers):
        raise ParseError(400, "Malformed headers of a URI")
    host_port, semicolon, params = rest.partition(";")
    host, port = parse_host_port(host_port)
    return Uri(
        scheme,
        user,
        password,
        host,
        port,
        MappingProxyType(_parse_params(params)) if semicolon else NO_PARAMS,
        _normalise(headers),
    )


def _parse_tel(scheme: str, text: str) -> Uri:
    number, semicolon, params = text.partition(";")
    if not _TEL_NUMBER.fullmatch(number) or not number.translate(_TEL_SEPARATORS).strip("+"):
        raise ParseError(400, "Malformed telephone number in a URI")
    return Uri(scheme, number, params=MappingProxyType(_parse_params(params)) if semicolon else NO_PARAMS)


def _parse_opaque(scheme: str, text: str) -> Uri:
    if not _OPAQUE.fullmatch(text):
        raise ParseError(400, "Malformed URI")
    return Uri(scheme, text)


_PARSERS = {"sip": _parse_sip, "sips": _parse_sip, "tel": _parse_tel}


def _parse_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    parts = text.split(";")
    if len(parts) > _MAX_PARAMS:
        raise ParseError(400, "Too many URI parameters")
    for part in parts:
        name, equals, value = part.partition("=")
        if not _PARAM.fullmatch(name) or (equals and not _PARAM.fullmatch(value)):
            raise ParseError(400, "Malformed URI parameter")
        name = _normalise(name).lower()
        if name in params:
            raise ParseError(400, "A URI parameter appears twice")
        params[name] = _normalise(value) if equals else None
    return params


def _normalise(text: str) -> str:
    if "%" not in text:
        return text
    if not _GOOD_ESCAPES.fullmatch(text):
        raise ParseError(400, "Malformed escape in a URI")
    return _ESCAPE.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    character = chr(int(match[0][1:], 16))
    return character if character in _UNRESERVED else match[0].upper()
