"""The head of a message: start line and headers, from text to a checked message (RFC 3261 7, 8.1.1).

What may be done with a head that is refused is here too: how long its body says it is, and whom to answer.
"""

from dataclasses import dataclass
from typing import Final

from ringwall.sip.errors import ParseError
from ringwall.sip.headers import split_values
from ringwall.sip.message import Headers, Message, Request, Response
from ringwall.sip.names import KNOWN_KEYS, SPLIT_HEADERS, header_key
from ringwall.sip.syntax import LWS, is_token
from ringwall.sip.uri import Uri

_MANDATORY: Final = ("via", "from", "to", "call-id", "cseq")
_SINGLE: Final = (
    "from",
    "to",
    "call-id",
    "cseq",
    "max-forwards",
    "content-type",
    "expires",
    "session-expires",
    "min-se",
    # What the edge says to the core.
    "p-ringwall-flow",
    "p-ringwall-trunk",
    "p-ringwall-event",
)
_METHODS: Final = frozenset(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "REGISTER",
        "OPTIONS",
        "INFO",
        "UPDATE",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "REFER",
        "MESSAGE",
        "PUBLISH",
    ]
)
_VERSION: Final = "SIP/2.0"
_COOKIE: Final = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest message that is read; sizes in bytes.

    What is larger than `head` or `body`, but not than `skipped`, is refused and skipped; beyond that the
    connection ends.
    """

    start_line: int = 2048
    header_line: int = 8192
    header_count: int = 128
    head: int = 16384
    body: int = 65536
    via_count: int = 70
    skipped: int = 262144


DEFAULT_LIMITS: Final = Limits()


def read_head(text: str, limits: Limits) -> tuple[Request | Response, int | None]:
    """The message without its body, and its Content-Length. ParseError without `request`."""
    lines = text.split("\r\n")
    line_ends = len(lines) - 1
    if text.count("\n") != line_ends or text.count("\r") != line_ends:
        raise ParseError(400, "A line ends with something else than CRLF")
    if "\r\n " in text or "\r\n\t" in text:
        lines = _unfold(lines)
    if len(lines) - 1 > limits.header_count:
        raise ParseError(513, f"There are more than {limits.header_count} headers")
    if len(text) > limits.start_line:
        _check_lengths(lines, limits)
    message = _start_line(lines[0])
    fields: dict[str, list[str]] = {}
    known = KNOWN_KEYS.get
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = known(name)
        if key is None:
            if not colon:
                raise ParseError(400, "A header has no colon")
            key = header_key(name.rstrip(LWS))
        values = fields.get(key)
        if values is None:
            fields[key] = [value.strip(LWS)]
        else:
            values.append(value.strip(LWS))
    length = _content_length(fields.pop("content-length", None))
    for key in SPLIT_HEADERS & fields.keys():
        values = fields[key]
        if any("," in value for value in values):
            fields[key] = [part for value in values for part in split_values(value)]
    message.headers = Headers.of_fields(fields)
    _check(message, fields, limits)
    return message, length


def _unfold(lines: list[str]) -> list[str]:
    """Lines that begin with white space, joined to the line before by one blank (RFC 3261 7.3.1)."""
    unfolded: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if len(unfolded) < 2:
                raise ParseError(400, "The start line is folded")
            unfolded[-1].append(line.strip(LWS))
        else:
            unfolded.append([line])
    return [line[0] if len(line) == 1 else " ".join(line) for line in unfolded]


def _check_lengths(lines: list[str], limits: Limits) -> None:
    if len(lines[0]) > limits.start_line:
        raise ParseError(414, f"The start line is longer than {limits.start_line} bytes")
    if max(map(len, lines)) > limits.header_line:
        raise ParseError(513, f"A header is longer than {limits.header_line} bytes")


def _start_line(line: str) -> Request | Response:
    if line.startswith("SIP/2.0 "):
        status, _, reason = line[8:].partition(" ")
        if len(status) != 3 or not (status.isascii() and status.isdigit()) or not "1" <= status[0] <= "6":
            raise ParseError(400, "Malformed status code")
        return Response(int(status), reason, _NO_HEADERS)
    parts = line.split(" ")
    if len(parts) != 3:
        raise ParseError(400, "Malformed start line")
    method, uri, version = parts
    if version != _VERSION:
        if not version.upper().startswith("SIP/"):
            raise ParseError(400, "Malformed start line")
        if version.upper() != _VERSION:
            raise ParseError(505, "Only SIP/2.0 is spoken here")
    if method not in _METHODS and not is_token(method):
        raise ParseError(400, "Malformed method")
    if Uri.parse(uri).headers:
        raise ParseError(400, "A Request-URI must not hold headers")  # RFC 3261 19.1.1, table 1
    return Request(method, uri, _NO_HEADERS)


_NO_HEADERS: Final = Headers()


def _content_length(values: list[str] | None) -> int | None:
    if values is None:
        return None
    if len(values) > 1:
        raise ParseError(400, "Content-Length appears twice")
    text = values[0]
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise ParseError(400, "Malformed Content-Length")
    return int(text)


def _check(message: Request | Response, fields: dict[str, list[str]], limits: Limits) -> None:
    """The mandatory headers are there, once, well formed; what they say of the method is true (8.1.1)."""
    for key in _MANDATORY:
        if key not in fields:
            raise ParseError(400, f"Missing {key} header")
    for key in _SINGLE:
        values = fields.get(key)
        if values is not None and len(values) > 1:
            raise ParseError(400, f"Header {key} appears more than once")
    if len(fields["via"]) > limits.via_count:
        raise ParseError(513, f"There are more than {limits.via_count} Via values")
    if not fields["call-id"][0]:
        raise ParseError(400, "Empty Call-ID")
    _typed(message)
    if isinstance(message, Request):
        method = message.method
        if message.cseq.method != method:
            # An unknown method may have a reason of its own; RFC 4475 3.1.2.18 allows either.
            raise ParseError(400 if method in _METHODS else 501, "CSeq and start line name different methods")
        if message.branch == _COOKIE:
            # Such a branch names no transaction; every request that has it would be taken for one.
            raise ParseError(400, "The branch of the top Via is empty")


def _typed(message: Message) -> None:
    """Fill the typed accessors, so that nobody behind the parser meets a malformed value in them."""
    _ = (message.via, message.from_, message.to, message.cseq)
    fields = message.headers
    if "contact" in fields:
        _ = message.contacts
    if "record-route" in fields:
        _ = message.record_routes
    if "max-forwards" in fields:
        _ = message.max_forwards
    if "expires" in fields:
        _ = message.expires


def claimed_length(text: str) -> int | None:
    """The Content-Length of a head that is malformed somewhere; None if not every reader would read the same.

    A head with lone CR or LF in it has another reading, in which they end lines: both must find the same one
    value, and neither the end of the headers before their end.
    """
    loose = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = _lengths(loose)
    if "" in loose or len(set(found)) != 1 or found != _lengths(text.split("\r\n")):
        return None
    try:
        return _content_length(found[:1])
    except ParseError:
        return None


_WRITTEN: Final = "\r\nContent-Length: "
_LONGEST_NUMBER: Final = 7


def written_length(text: str) -> int | None:
    """The Content-Length that an edge of ours wrote into this head: the last line of just its form.

    Whatever else the head says of lengths, in other forms or before that line, does not count. None if there
    is no such line: then it was not our edge that wrote the head.
    """
    start = text.rfind(_WRITTEN)
    if start < 0:
        return None
    digits = text[start + len(_WRITTEN) :].partition("\r\n")[0]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _LONGEST_NUMBER:
        return None
    return int(digits)


def _lengths(lines: list[str]) -> list[str]:
    """What each Content-Length line says; a folded one says nothing that is sure."""
    found = []
    for line, following in zip(lines[1:], [*lines[2:], ""], strict=False):
        name, colon, value = line.partition(":")
        if colon and name.rstrip(LWS).lower() in ("content-length", "l"):
            found.append("folded" if following[:1] in (" ", "\t") else value.strip(LWS))
    return found


class MalformedMessage(ParseError):  # noqa: N818 - an item of a stream as much as an error
    """A whole message that breaks the grammar or a limit.

    `head` is its head as it came. `request` holds what a reply needs (Via, From, To, Call-ID, CSeq) where
    that much could be read; it is None for an ACK and for a response, which are dropped without a word.
    """

    def __init__(self, fault: ParseError, head: str) -> None:
        super().__init__(fault.status, fault.reason)
        self.head = head
        self.request = answerable(head)


def answerable(text: str) -> Request | None:
    """What a refused request needs for its reply, where that much can be read; None for ACK and responses.

    Values are copied as they are, as they may be what was wrong; of a header that must be single, the first.
    """
    lines = text.split("\r\n")
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        return None
    method, _, rest = lines[0].partition(" ")
    if method == "ACK" or not is_token(method) or lines[0].startswith("SIP/"):
        return None
    try:
        lines = _unfold(lines)
    except ParseError:
        return None
    fields: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name = name.rstrip(LWS)
        if not is_token(name):
            continue
        key = header_key(name)
        if key in _SINGLE:
            fields.setdefault(key, [value.strip(LWS)])
        elif key != "content-length":
            fields.setdefault(key, []).append(value.strip(LWS))
    if not all(fields.get(key) for key in _MANDATORY):
        return None
    return Request(method, rest.partition(" ")[0], Headers.of_fields(fields))
