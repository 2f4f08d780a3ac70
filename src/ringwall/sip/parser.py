"""From bytes to messages: one message at a time, or a stream cut by Content-Length (RFC 3261 7, 18.3).

Rules that this module keeps:
- Any bytes give messages, ParseErrors or one FramingError, never another exception.
- A stream gives the same results however it is cut into chunks.
- Lines end with CRLF and nothing else: a lone CR or LF is refused, because two parsers that disagree about
  line ends can be played against each other. For the same reason a message on a stream must say its length
  exactly once (18.3), and what cannot be cut safely ends the connection.
- Every size has a limit, and nothing is parsed before its size is known to be below it.
"""

from dataclasses import dataclass
from typing import Final

from ringwall.sip.errors import FramingError, ParseError
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
)
_METHODS: Final = frozenset(
    "INVITE ACK BYE CANCEL REGISTER OPTIONS INFO UPDATE PRACK SUBSCRIBE NOTIFY REFER MESSAGE PUBLISH".split()
)
_VERSION: Final = "SIP/2.0"
_COOKIE: Final = "z9hG4bK"


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest message that is read; sizes in bytes."""

    start_line: int = 2048
    header_line: int = 8192
    header_count: int = 128
    head: int = 16384
    body: int = 65536
    via_count: int = 70


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Ping:
    """The other side asks whether the connection lives: answer with CRLF (RFC 5626 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping of ours."""


PING: Final = Ping()
PONG: Final = Pong()

StreamItem = Request | Response | ParseError | Ping | Pong


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """The one message that these bytes are; CRLFs before it are skipped (RFC 3261 7.5).

    Raises ParseError: 400 for a malformed message, 505 for another version, 416 for an unsupported scheme of
    the Request-URI, 414 and 513 for sizes. Without a Content-Length the body is all that follows the head.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise ParseError(400, "The headers have no end")
    if end + 4 - start > limits.head:
        raise ParseError(513, f"The headers are longer than {limits.head} bytes")
    text = data[start:end].decode("utf-8", "surrogateescape")
    body = data[end + 4 :]
    try:
        message, length = _read_head(text, limits)
        if len(body) > limits.body:
            raise ParseError(513, f"The body is longer than {limits.body} bytes")  # noqa: TRY301
        if length is not None and length != len(body):
            raise ParseError(400, "Content-Length is not the length of the body")  # noqa: TRY301
    except ParseError as error:
        error.request = _answerable(text)
        raise
    message.body = body
    return message


class StreamParser:
    """Cuts a byte stream into messages.

    A side that sends pings of its own (RFC 5626 4.4.1) says `expects_pong`: each CRLF between messages is
    then a Pong. Otherwise each pair of CRLFs is a Ping.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, expects_pong: bool = False) -> None:
        self._limits = limits
        self._expects_pong = expects_pong
        self._buffer = bytearray()
        self._searched = 0
        self._half_ping = False
        self._pending: Request | Response | ParseError | None = None
        self._body_length = 0
        self._broken = False

    def feed(self, data: bytes) -> list[StreamItem]:
        """What these bytes complete, in order.

        Raises FramingError, once, when the stream cannot be cut any further; its `messages` are what this call
        had read by then. After that every byte is dropped.
        """
        items: list[StreamItem] = []
        if self._broken:
            return items
        self._buffer += data
        try:
            position = self._cut(items)
        except FramingError as error:
            self._broken = True
            self._buffer = bytearray()
            self._pending = None
            error.messages = tuple(items)
            raise
        if position:
            del self._buffer[:position]
            self._searched = max(0, self._searched - position)
        return items

    @property
    def buffered(self) -> int:
        """How many bytes of a message that is not complete are held."""
        return len(self._buffer)

    def _cut(self, items: list[StreamItem]) -> int:
        """Append what is complete to `items`; return how many bytes of the buffer are used up."""
        buffer = self._buffer
        position = 0
        while True:
            if self._pending is None:
                while buffer.startswith(b"\r\n", position):
                    position += 2
                    self._keep_alive(items)
                end = self._head_end(position)
                if end < 0:
                    return position
                self._half_ping = False
                text = bytes(buffer[position:end]).decode("utf-8", "surrogateescape")
                position = end + 4
                self._take_head(text, items)
            end = position + self._body_length
            if len(buffer) < end:
                return position
            item = self._pending
            self._pending = None
            if isinstance(item, ParseError):
                items.append(item)
            elif item is not None:
                item.body = bytes(buffer[position:end])
                items.append(item)
            position = end

    def _keep_alive(self, items: list[StreamItem]) -> None:
        if self._expects_pong:
            items.append(PONG)
        elif self._half_ping:
            items.append(PING)
            self._half_ping = False
        else:
            self._half_ping = True

    def _head_end(self, position: int) -> int:
        """Where the head that begins at `position` ends; -1 if it is not complete yet."""
        buffer = self._buffer
        limit = position + self._limits.head
        end = buffer.find(b"\r\n\r\n", max(position, self._searched), limit)
        if end < 0:
            if len(buffer) >= limit:
                raise FramingError(f"The headers are longer than {self._limits.head} bytes")
            self._searched = max(position, len(buffer) - 3)
        return end

    def _take_head(self, text: str, items: list[StreamItem]) -> None:
        """Set what is pending and how long its body is. FramingError if the end of it cannot be known."""
        fault: ParseError | None = None
        try:
            message, length = _read_head(text, self._limits)
        except ParseError as error:
            fault = error
            length = _claimed_length(text)
        if length is None:
            fault = fault or ParseError(400, "Content-Length is missing")
        elif length > self._limits.body:
            fault = ParseError(513, f"The body is longer than {self._limits.body} bytes")
        if fault is None:
            assert length is not None
            self._pending, self._body_length = message, length
            return
        fault.request = _answerable(text)
        if length is None or length > self._limits.body:
            items.append(fault)
            raise FramingError(fault.reason)
        self._pending, self._body_length = fault, length


def _read_head(text: str, limits: Limits) -> tuple[Request | Response, int | None]:
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
            if len(unfolded) < 2:  # noqa: PLR2004 - the start line cannot be folded
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
        if len(status) != 3 or not (status.isascii() and status.isdigit()) or not "1" <= status[0] <= "6":  # noqa: PLR2004
            raise ParseError(400, "Malformed status code")
        return Response(int(status), reason, _NO_HEADERS)
    parts = line.split(" ")
    if len(parts) != 3:  # noqa: PLR2004 - method, URI, version
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
    if not (text.isascii() and text.isdigit()) or len(text) > 10:  # noqa: PLR2004 - far above any limit
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
    if "max-forwards" in fields:
        _ = message.max_forwards
    if "expires" in fields:
        _ = message.expires


def _claimed_length(text: str) -> int | None:
    """The Content-Length of a head that is malformed elsewhere; None if it is not said clearly, once."""
    found: list[str] = []
    for line in text.split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon and name.strip(LWS).lower() in ("content-length", "l"):
            found.append(value.strip(LWS))
    # A head with lone CR or LF in it may mean another length to another reader.
    if not found or text.count("\n") != text.count("\r\n") or text.count("\r") != text.count("\r\n"):
        return None
    try:
        return _content_length(found)
    except ParseError:
        return None


def _answerable(text: str) -> Request | None:
    """What a refused request needs for its reply, where that much can be read; None for ACK and responses.

    Values are copied as they are: they may be what was wrong, and go back to whoever sent them.
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
        key = header_key(name) if is_token(name) else ""
        if key == "via":
            fields.setdefault(key, []).append(value.strip(LWS))
        elif key in _MANDATORY:
            fields.setdefault(key, [value.strip(LWS)])
    if not all(fields.get(key) for key in _MANDATORY):
        return None
    return Request(method, rest.partition(" ")[0], Headers.of_fields(fields))
