"""Requests and responses as values, and the reply to a request (RFC 3261 7 and 8.2.6).

Rules that this module keeps:
- Header names compare without case, compact forms are their long forms.
- A value or start line that holds a line break is a bug of the caller and raises ValueError: no header can
  be injected.
- Content-Length is framing, not content: the parser takes it off, `to_bytes` puts it on.
- From, To, Call-ID, CSeq, the top Via, Contact, Expires and Max-Forwards of a message that came out of the
  parser have been checked there, so their typed accessors do not raise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ringwall.sip.errors import ParseError
from ringwall.sip.headers import CSeq, NameAddr, Via, split_values
from ringwall.sip.names import LIST_HEADERS, SPLIT_HEADERS, display_name, header_key
from ringwall.sip.reasons import REASONS, reason_of
from ringwall.sip.syntax import parse_number, split_outside

__all__ = ["REASONS", "Headers", "Message", "Request", "Response"]

MAX_SECONDS = 2**32 - 1
_FORMS_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "REFER"})


class Headers:
    """Header fields in order of first appearance; several values of one name stay in their order.

    Via, Route, Record-Route, Path, Service-Route and Contact are kept one value an element, however they
    were written; any other field is kept as written, and `all` takes its list apart.
    """

    __slots__ = ("_fields", "typed")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        self.typed: dict[str, Any] = {}
        """What the accessors of the message have parsed, by key; dropped with each change of the field."""
        for name, value in items:
            self.add(name, value)

    @classmethod
    def of_fields(cls, fields: dict[str, list[str]]) -> "Headers":
        """Headers over fields that are already by key, checked and split: for the parser."""
        headers = cls.__new__(cls)
        headers._fields = fields
        headers.typed = {}
        return headers

    def get(self, name: str) -> str | None:
        """The first value, or None."""
        values = self._fields.get(header_key(name))
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """Every value; for a header that is a list, every element of it. Empty if there is none."""
        key = header_key(name)
        values = self._fields.get(key)
        if values is None:
            return []
        if key not in LIST_HEADERS:
            return values.copy()
        return [part for value in values for part in split_outside(value, ",") if part]

    def set(self, name: str, value: str) -> None:
        """Replace every value of that name by this one."""
        key = header_key(name)
        self._fields[key] = _values(key, value)
        self.typed.pop(key, None)

    def add(self, name: str, value: str) -> None:
        """Add a value behind those of that name."""
        key = header_key(name)
        self._fields.setdefault(key, []).extend(_values(key, value))
        self.typed.pop(key, None)

    def prepend(self, name: str, value: str) -> None:
        """Add a value before those of that name; a name that is new comes before all other headers."""
        key = header_key(name)
        values = _values(key, value)
        if key in self._fields:
            self._fields[key][:0] = values
        else:
            self._fields = {key: values, **self._fields}
        self.typed.pop(key, None)

    def remove(self, name: str) -> None:
        """Remove every value of that name, if there is any."""
        key = header_key(name)
        self._fields.pop(key, None)
        self.typed.pop(key, None)

    def items(self) -> Iterator[tuple[str, str]]:
        """Every (name, value) as it is written, names in their usual spelling."""
        for key, values in self._fields.items():
            name = display_name(key)
            for value in values:
                yield name, value

    def lines(self, key: str) -> list[str]:
        """The stored values by key (`header_key`), not copied and not taken apart."""
        return self._fields.get(key, [])

    def copy(self) -> "Headers":
        """An independent copy."""
        headers = Headers.of_fields({key: values.copy() for key, values in self._fields.items()})
        headers.typed = self.typed.copy()
        return headers

    def write(self, start_line: str, body: bytes) -> bytes:
        """A whole message with these headers and the right Content-Length."""
        if "\n" in start_line or "\r" in start_line:
            raise ValueError("A start line must not hold a line break")
        parts = [start_line]
        for key, values in self._fields.items():
            if key != "content-length":
                name = display_name(key)
                parts += [f"{name}: {value}" for value in values]
        parts.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "\r\n".join(parts).encode("utf-8", "surrogateescape") + body

    def __contains__(self, name: str) -> bool:
        return header_key(name) in self._fields

    def __len__(self) -> int:
        return sum(map(len, self._fields.values()))

    def __eq__(self, other: object) -> bool:
        return self._fields == other._fields if isinstance(other, Headers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({sorted(self._fields)})"


def _values(key: str, value: str) -> list[str]:
    if "\n" in value or "\r" in value:
        raise ValueError("A header value must not hold a line break")
    value = value.strip(" \t")
    return split_values(value) if key in SPLIT_HEADERS and "," in value else [value]


class Message:
    """What requests and responses have in common: typed access to headers, parsed once."""

    __slots__ = ()

    headers: Headers
    body: bytes

    @property
    def via(self) -> Via:
        """The top Via."""
        typed = self.headers.typed
        if "via" not in typed:
            typed["via"] = Via.parse(self._one("via"))
        via: Via = typed["via"]
        return via

    @property
    def branch(self) -> str:
        """The branch of the top Via; empty if it has none (RFC 2543 peers)."""
        return self.via.branch or ""

    @property
    def from_(self) -> NameAddr:
        """The From address."""
        return self._address("from")

    @property
    def to(self) -> NameAddr:
        """The To address."""
        return self._address("to")

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._one("call-id")

    @property
    def cseq(self) -> CSeq:
        """The CSeq."""
        typed = self.headers.typed
        if "cseq" not in typed:
            typed["cseq"] = CSeq.parse(self._one("cseq"))
        cseq: CSeq = typed["cseq"]
        return cseq

    @property
    def contacts(self) -> tuple[NameAddr, ...]:
        """Every Contact; empty for none and for `Contact: *`."""
        typed = self.headers.typed
        if "contact" not in typed:
            lines = self.headers.lines("contact")
            typed["contact"] = () if lines == ["*"] else tuple([NameAddr.parse(line) for line in lines])
        contacts: tuple[NameAddr, ...] = typed["contact"]
        return contacts

    @property
    def record_routes(self) -> tuple[NameAddr, ...]:
        """Record-Route from the top; ParseError where one cannot be read: nothing could be sent that way."""
        typed = self.headers.typed
        if "record-route" not in typed:
            typed["record-route"] = tuple([NameAddr.parse(line) for line in self.headers.all("record-route")])
        routes: tuple[NameAddr, ...] = typed["record-route"]
        return routes

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        contacts = self.contacts
        return contacts[0] if contacts else None

    @property
    def expires(self) -> int | None:
        """The Expires header in seconds."""
        text = self.headers.get("expires")
        return None if text is None else parse_number(text, MAX_SECONDS, "Expires")

    @property
    def max_forwards(self) -> int | None:
        """The Max-Forwards header, 0 to 255."""
        text = self.headers.get("max-forwards")
        return None if text is None else parse_number(text, 255, "Max-Forwards")

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without parameters, such as `application/sdp`."""
        text = self.headers.get("content-type")
        return None if text is None else text.partition(";")[0].strip(" \t").lower()

    def _one(self, key: str) -> str:
        lines = self.headers.lines(key)
        if not lines:
            raise ParseError(400, f"Missing {display_name(key)} header")
        return lines[0]

    def _address(self, key: str) -> NameAddr:
        typed = self.headers.typed
        if key not in typed:
            typed[key] = NameAddr.parse(self._one(key))
        address: NameAddr = typed[key]
        return address


@dataclass(slots=True)
class Request(Message):
    """A request. `uri` is the Request-URI as it was written; `Uri.parse(request.uri)` is cached."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire, with its Content-Length."""
        return self.headers.write(f"{self.method} {self.uri} SIP/2.0", self.body)

    def response(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> "Response":
        """The reply with this status (RFC 3261 8.2.6).

        Via (all), From, To, Call-ID and CSeq are copied; `to_tag` is added where To has no tag yet, except in
        a 100. A 1xx above 100 or a 2xx to a request that can form a dialog gets the Record-Route (12.1.1), a
        100 the Timestamp. It works also on the `request` of a ParseError, whose headers may be malformed.
        """
        mine = self.headers
        fields = {"via": mine.lines("via").copy()}
        for key in ("from", "to", "call-id", "cseq"):
            fields[key] = [self._one(key)]
        reply = Headers.of_fields(fields)
        if to_tag is not None and status > 100:
            _add_tag(fields, to_tag)
        if 100 < status < 300 and self.method in _FORMS_DIALOG:
            routes = mine.lines("record-route")
            if routes:
                fields["record-route"] = routes.copy()
        elif status == 100 and (timestamp := mine.get("timestamp")) is not None:
            fields["timestamp"] = [timestamp]
        for name, value in headers:
            reply.add(name, value)
        if content_type is not None:
            reply.set("Content-Type", content_type)
        return Response(status, reason if reason is not None else reason_of(status), reply, body)


@dataclass(slots=True)
class Response(Message):
    """A response."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """The message as it goes on the wire, with its Content-Length."""
        return self.headers.write(f"SIP/2.0 {self.status} {self.reason}", self.body)


def _add_tag(fields: dict[str, list[str]], tag: str) -> None:
    to = fields["to"][0]
    try:
        tagged = NameAddr.parse(to).tag is not None
    except ParseError:
        tagged = ";tag=" in to.lower().replace(" ", "")
    if not tagged:
        fields["to"] = [f"{to};tag={tag}"]
