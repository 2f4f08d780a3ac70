"""The lexical ground of SIP headers: tokens, quoted strings, lists, parameters (RFC 3261 25.1).

Everything here runs in linear time. Regular expressions are single character classes, which cannot backtrack.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from ringwall.sip.errors import ParseError

Params = Mapping[str, str | None]
"""Parameters by lower-case name. None: no value. A quoted value keeps its quotes; see `unquote`."""

NO_PARAMS: Params = MappingProxyType({})


def no_params() -> Params:
    """No parameters, for `default_factory`: a mapping that is not hashable cannot be a default."""
    return NO_PARAMS


LWS = " \t"
MAX_PARAMS = 64

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_UNQUOTED_VALUE = re.compile(r'[^\x00-\x20\x7f",;<>\\]+')
# Parameters as they nearly always are: no quotes, no blanks. Its classes exclude what follows them: linear.
_PLAIN_PARAMS = re.compile(r"(?:;[A-Za-z0-9\-.!%*_+`'~]+(?:=[A-Za-z0-9\-.!%*_+`'~:\[\]/@&$?]+)?)+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NEEDS_ESCAPE = re.compile(r'(["\\])')

is_token = _TOKEN.fullmatch
"""Truthy if the text is a token (RFC 3261 25.1)."""


def closing_quote(text: str, start: int) -> int:
    """Index of the quote that ends the quoted string whose content begins at `start`; -1 if none does."""
    quote = text.find('"', start)
    while quote >= 0:
        backslash = text.find("\\", start, quote)
        if backslash < 0:
            return quote
        start = backslash + 2
        if start > quote:
            quote = text.find('"', start)
    return -1


def quote(text: str) -> str:
    """The text as a quoted string."""
    if '"' in text or "\\" in text:
        text = _NEEDS_ESCAPE.sub(r"\\\1", text)
    return f'"{text}"'


def unquote(text: str) -> str:
    """The content of a quoted string; a text without quotes is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    content = text[1:-1]
    return _ESCAPE.sub(r"\1", content) if "\\" in content else content


def split_outside(text: str, separator: str) -> list[str]:
    """The text cut at each separator outside of quotes and angle brackets; stripped, empty elements kept.

    A quote or bracket that is never closed takes the rest of the text into its element.
    """
    if '"' not in text and "<" not in text:
        return [part.strip(LWS) for part in text.split(separator)]
    parts = []
    start = position = 0
    while True:
        cut = text.find(separator, position)
        if cut < 0:
            break
        quoted = text.find('"', position, cut)
        angle = text.find("<", position, cut)
        if quoted < 0 and angle < 0:
            parts.append(text[start:cut].strip(LWS))
            start = position = cut + 1
            continue
        end = closing_quote(text, quoted + 1) if angle < 0 or 0 <= quoted < angle else text.find(">", angle)
        if end < 0:
            break
        position = end + 1
    parts.append(text[start:].strip(LWS))
    return parts


def split_values(text: str) -> list[str]:
    """The elements of a comma-separated header value (RFC 3261 7.3.1); quotes and <> are respected.

    Raises ParseError (400) where an element is empty.
    """
    parts = split_outside(text, ",")
    if "" in parts:
        raise ParseError(400, "Empty element in a list of header values")
    return parts


def parse_params(text: str) -> dict[str, str | None]:
    """Header parameters from `a=b;c` (a leading semicolon is allowed), names in lower case.

    Raises ParseError (400) for an empty, malformed or repeated parameter (RFC 3261 7.3.1).
    """
    params: dict[str, str | None] = {}
    if _PLAIN_PARAMS.fullmatch(text) and text.count(";") <= MAX_PARAMS:
        for part in text[1:].split(";"):
            name, equals, value = part.partition("=")
            name = name.lower()
            if name in params:
                raise ParseError(400, f"Header parameter {name} appears twice")
            params[name] = value if equals else None
        return params
    parts = split_outside(text, ";") if '"' in text else text.split(";")
    if len(parts) > MAX_PARAMS:
        raise ParseError(400, "Too many header parameters")
    first = 1 if not parts[0].strip(LWS) and len(parts) > 1 else 0
    for part in parts[first:]:
        name, equals, value = part.partition("=")
        name = name.strip(LWS)
        if not is_token(name):
            raise ParseError(400, "Malformed header parameter")
        name = name.lower()
        if name in params:
            raise ParseError(400, f"Header parameter {name} appears twice")
        if not equals:
            params[name] = None
            continue
        value = value.strip(LWS)
        if not _UNQUOTED_VALUE.fullmatch(value) and not (
            value[:1] == '"' and closing_quote(value, 1) == len(value) - 1
        ):
            raise ParseError(400, f"Malformed value of header parameter {name}")
        params[name] = value
    return params


def format_params(params: Params) -> str:
    """Parameters as they follow a header value, `;a=b;c`; empty for none."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params.items()])


def parse_number(text: str, limit: int, what: str) -> int:
    """A decimal number from 0 up to `limit`; ParseError (400) that names `what` for anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or (number := int(text)) > limit:
        raise ParseError(400, f"{what} is not a number from 0 to {limit}")
    return number
