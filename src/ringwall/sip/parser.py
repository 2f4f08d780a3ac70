"""From bytes to messages: one message at a time, or a stream cut by Content-Length (RFC 3261 7, 18.3).

Rules that this module keeps:
- Any bytes give messages, malformed ones or one FramingError, never another exception.
- A stream gives the same results however it is cut into chunks.
- Lines end with CRLF and nothing else: a lone CR or LF is refused, because two parsers that disagree about
  line ends can be played against each other. For the same reason a message on a stream must say its length
  exactly once (18.3), and what cannot be cut safely ends the connection.
- Every size has a limit, and nothing is parsed before its size is known to be below it.
- A connection may carry the messages of many phones, so one bad message ends it only if its own end cannot be
  known; otherwise it is refused, skipped, and the next one is read.
- An edge of ours checks the end of every message and writes a Content-Length of its own, behind whatever
  others have written. Its stream is cut by that line alone: nothing else in a head can move an end.
"""

from dataclasses import dataclass
from typing import Final

from ringwall.sip.errors import FramingError, ParseError
from ringwall.sip.head import (
    DEFAULT_LIMITS,
    Limits,
    MalformedMessage,
    claimed_length,
    read_head,
    written_length,
)
from ringwall.sip.message import Request, Response

__all__ = [
    "DEFAULT_LIMITS",
    "PING",
    "PONG",
    "Limits",
    "MalformedMessage",
    "Ping",
    "Pong",
    "StreamItem",
    "StreamParser",
    "parse_message",
]


@dataclass(frozen=True, slots=True)
class Ping:
    """The other side asks whether the connection lives: answer with CRLF (RFC 5626 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping of ours."""


PING: Final = Ping()
PONG: Final = Pong()

StreamItem = Request | Response | MalformedMessage | Ping | Pong


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """The one message that these bytes are; CRLFs before it are skipped (RFC 3261 7.5).

    Raises MalformedMessage: 400 for a malformed message, 505 for another version, 416 for an unsupported
    scheme of the Request-URI, 414 and 513 for sizes. Without a Content-Length the body is all that follows
    the head.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise MalformedMessage(ParseError(400, "The headers have no end"), "")
    if end + 4 - start > limits.head:
        raise MalformedMessage(_too_long("headers", limits.head), "")
    text = data[start:end].decode("utf-8", "surrogateescape")
    body = data[end + 4 :]
    try:
        message, length = read_head(text, limits)
        _check_body(body, length, limits)
    except ParseError as error:
        raise MalformedMessage(error, text) from None
    message.body = body
    return message


def _check_body(body: bytes, length: int | None, limits: Limits) -> None:
    if len(body) > limits.body:
        raise _too_long("body", limits.body)
    if length is not None and length != len(body):
        raise ParseError(400, "Content-Length is not the length of the body")


class StreamParser:
    """Cuts a byte stream into messages.

    A side that sends pings of its own (RFC 5626 4.4.1) says `expects_pong`: each CRLF between messages is
    then a Pong. Otherwise each pair of CRLFs is a Ping. `from_edge`: the other side writes each length
    itself; the last line of the head that is exactly "Content-Length: " and a number says where the message
    ends, and a head that is at odds with it is refused like any other malformed one.
    """

    def __init__(
        self, limits: Limits = DEFAULT_LIMITS, *, expects_pong: bool = False, from_edge: bool = False
    ) -> None:
        self._limits = limits
        self._expects_pong = expects_pong
        self._from_edge = from_edge
        self._buffer = bytearray()
        self._searched = 0
        self._half_ping = False
        self._pending: Request | Response | MalformedMessage | None = None
        self._body_length = 0
        self._broken = False

    def feed(self, data: bytes) -> list[StreamItem]:
        """What these bytes complete, in order.

        Raises FramingError, once, when the stream cannot be cut any further; its `messages` are what this
        call had read by then. After that every byte is dropped.
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
                start = position
                text = bytes(buffer[position:end]).decode("utf-8", "surrogateescape")
                position = end + 4
                self._take_head(text, position - start, items)
            end = position + self._body_length
            if len(buffer) < end:
                return position
            item = self._pending
            self._pending = None
            if isinstance(item, MalformedMessage):
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
        limit = position + self._limits.skipped
        end = buffer.find(b"\r\n\r\n", max(position, self._searched), limit)
        if end < 0:
            if len(buffer) >= limit:
                raise FramingError(f"The headers are longer than {self._limits.skipped} bytes")
            self._searched = max(position, len(buffer) - 3)
        return end

    def _take_head(self, text: str, size: int, items: list[StreamItem]) -> None:
        """Set what is pending and how long its body is. FramingError if the end of it cannot be known."""
        limits = self._limits
        fault: ParseError | None = None
        written = written_length(text) if self._from_edge else None
        try:
            if size > limits.head:
                raise _too_long("headers", limits.head)
            message, length = read_head(text, limits)
        except ParseError as error:
            fault = error
            length = written if self._from_edge else claimed_length(text)
        if self._from_edge and length != written:
            fault, length = ParseError(400, "Content-Length is not what the edge has written"), written
        if length is None:
            fault = fault or ParseError(400, "Content-Length is missing")
        elif length > limits.body:
            fault = fault or _too_long("body", limits.body)
        if fault is None:
            assert length is not None
            self._pending, self._body_length = message, length
            return
        malformed = MalformedMessage(fault, text)
        if length is None or length > limits.skipped:
            items.append(malformed)
            raise FramingError(fault.reason)
        self._pending, self._body_length = malformed, length


def _too_long(what: str, limit: int) -> ParseError:
    return ParseError(513, f"The {what} of the message must not be longer than {limit} bytes")
