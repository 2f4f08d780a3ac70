"""The wire of a trunk's connection: what HAProxy and Kamailio are told, and two joined byte streams."""

import asyncio
import re
import secrets
import socket
import struct
from typing import cast

from ringwall.edge.agent.trunks import Trunk

_WRITE_LIMIT = 256 * 1024
_EARLY_LIMIT = 4096
_PP2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_PP2_TCP4, _PP2_PROXY, _PP2_AUTHORITY = 0x11, 0x21, 0x02  # the PROXY protocol, sections 2.2 and 2.2.1

_LOG_LINE = re.compile(r"(127\.255\.[01]\.\d+) (\d+) (..) (\S+) (.*)")
_MADE = "--"
_WRONG_NAME = "Server presented an SSL certificate different from the expected one"


class HaproxyLog(asyncio.DatagramProtocol):
    """Hears from HAProxy what became of each connection, by its made-up source address and port."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], asyncio.Future[str]] = {}

    def expect(self, source: tuple[str, int]) -> asyncio.Future[str]:
        """Return what will be "" when the connection is made, else the reason in a sentence."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[source] = future
        future.add_done_callback(lambda _: self._waiting.pop(source, None))
        return future

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio's signature
        """Take a line of the log."""
        found = _LOG_LINE.match(data.decode(errors="replace").strip())
        if found is None:
            return
        waiting = self._waiting.get((found[1], int(found[2])))
        if waiting is not None and not waiting.done():
            waiting.set_result(_reason(found[3], found[5]))


def _reason(state: str, error: str) -> str:
    if state == _MADE:
        return ""
    if state[0] == "s":
        return "The carrier does not answer."
    if error == _WRONG_NAME:
        return "The carrier's certificate is for another name."
    if "SSL" in error:
        return (
            "TLS failed: the carrier's certificate has expired or is of an unknown authority, or it has no "
            "TLS 1.2."
        )
    return "The carrier refuses the connection or cannot be reached."


class Line:
    """The two ends of a trunk's connection."""

    def __init__(self) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.greeted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """"" when Kamailio has said yes to the hello, else its answer."""
        self._carrier: End | None = None
        self._kamailio: End | None = None

    def open_carrier(self) -> "End":
        """Make the end towards HAProxy."""
        self._carrier = End(self)
        return self._carrier

    def open_kamailio(self) -> "End":
        """Make the end towards Kamailio."""
        self._kamailio = _Kamailio(self)
        return self._kamailio

    def join(self) -> None:
        """Let the two streams flow."""
        carrier, kamailio = self._carrier, self._kamailio
        assert carrier is not None
        assert kamailio is not None
        carrier.peer, kamailio.peer = kamailio, carrier
        carrier.release()
        kamailio.release()

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self._carrier, self._kamailio):
            if end is not None and end.open:
                end.transport.abort()

    def lost(self, end: "End", *, clean: bool) -> None:
        """Close the other end, when one was."""
        if not self.closed.done():
            self.closed.set_result(None)
        peer = end.peer
        if peer is not None and clean:
            # What came before the end is still delivered.
            peer.transport.close()
        else:
            self.abort()


class End(asyncio.Protocol):
    """One end: what comes in goes out at the other, as fast as the other takes it."""

    transport: asyncio.Transport

    def __init__(self, line: Line) -> None:
        self.line = line
        self.early = b""
        self.peer: End | None = None
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport."""
        self.transport = cast("asyncio.Transport", transport)
        self.open = True
        self.transport.set_write_buffer_limits(high=_WRITE_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the line."""
        self.open = False
        self.line.lost(self, clean=exc is None)

    def data_received(self, data: bytes) -> None:
        """Hand on, or hold until there is somebody to hand on to."""
        if self.peer is not None:
            self.peer.transport.write(data)
            return
        # No more than a few reads wait here.
        self.early += data
        if len(self.early) > _EARLY_LIMIT:
            self.transport.pause_reading()

    def release(self) -> None:
        """Hand on what came before the two ends were joined."""
        assert self.peer is not None
        early, self.early = self.early, b""
        if early:
            self.peer.transport.write(early)
        self.transport.resume_reading()

    def pause_writing(self) -> None:
        """Read no more at the other end."""
        if self.peer is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again at the other end."""
        if self.peer is not None:
            self.peer.transport.resume_reading()


class _Kamailio(End):
    """Kamailio's end: the first thing it says is the answer to the hello, which is for nobody else."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.line.greeted.done():
            return
        head, end, rest = self.early.partition(b"\r\n\r\n")
        if end:
            self.early = rest
            self.line.greeted.set_result(
                "" if head.startswith(b"SIP/2.0 200 ") else head[:100].decode(errors="replace")
            )


def proxy_v1(source: tuple[str, int], to: tuple[str, int]) -> bytes:
    """Return the PROXY line by which Kamailio knows a connection again."""
    return f"PROXY TCP4 {source[0]} {to[0]} {source[1]} {to[1]}\r\n".encode()


def proxy_v2(source: tuple[str, int], to: tuple[str, int], authority: str) -> bytes:
    """Return the PROXY header that tells HAProxy where to connect and which name to ask for."""
    content = socket.inet_aton(source[0]) + socket.inet_aton(to[0]) + struct.pack("!HH", source[1], to[1])
    if authority:
        name = authority.encode("ascii")
        content += struct.pack("!BH", _PP2_AUTHORITY, len(name)) + name
    return _PP2_SIGNATURE + struct.pack("!BBH", _PP2_PROXY, _PP2_TCP4, len(content)) + content


def hello(trunk: Trunk, address: str, token: str) -> bytes:
    """Return the OPTIONS that tells Kamailio which trunk a connection is and where it leads."""
    word = secrets.token_hex(8)
    return (
        "OPTIONS sip:trunk@ringwall.internal SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP agent.ringwall.internal;branch=z9hG4bK{word}\r\nMax-Forwards: 1\r\n"
        f"From: <sip:agent@ringwall.internal>;tag={word}\r\nTo: <sip:trunk@ringwall.internal>\r\n"
        f"Call-ID: {word}\r\nCSeq: 1 OPTIONS\r\nP-Ringwall-Link: {token}\r\n"
        f"P-Ringwall-Trunk: {trunk.slot}\r\n"
        f"P-Ringwall-Flow: {address}:{trunk.port};proto={trunk.transport}\r\nContent-Length: 0\r\n\r\n"
    ).encode()
