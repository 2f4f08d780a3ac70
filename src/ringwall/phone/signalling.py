"""The phone's SIP connection: TLS to the server, and on its way what the SIP stack does not know (T1, P3).

The SIP stack (baresip) registers and calls over a connection to this module, on the phone's own address; here
it is joined with one over TLS to the server.

Rules that this module keeps:
- TLS 1.2 or later, the server's certificate checked against the one authority and the server's name. There
  is no other way out: without TLS nothing is sent.
- Only this phone can use it: the connection must come from the phone's own address, one at a time.
- Messages pass unchanged. NOTIFY for the lamp and for a reload, which the server sends unasked, and texts are
  answered here and told to the phone; the stack would refuse them.
- What cannot be read as SIP ends both connections.
"""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ringwall.sip.errors import FramingError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import MalformedMessage, Ping, Pong, StreamParser

log = logging.getLogger(__name__)

CONNECT_S = 10.0
_PIECE = 64 * 1024

Told = Callable[[str, str, bytes], None]
"""Gets what the server says unasked: the event (or MESSAGE), its content type, its body."""


class Signalling:
    """Listens for the phone's own SIP stack from `start` to `close`; `port` is where."""

    def __init__(self, address: str, server: tuple[str, int], ca_file: Path, told: Told) -> None:
        self._address = address
        self._server = server
        self._trust = ssl.create_default_context(cafile=str(ca_file))
        self._trust.minimum_version = ssl.TLSVersion.TLSv1_2
        self._told = told
        self._listener: asyncio.Server | None = None
        self._joined: asyncio.Task[None] | None = None
        self.port = 0
        self.connected = False

    async def start(self) -> None:
        """Listen on the phone's own address."""
        self._listener = await asyncio.start_server(self._stack, self._address, 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End everything."""
        if self._listener is not None:
            self._listener.close()
        if self._joined is not None:
            self._joined.cancel()
            with suppress(asyncio.CancelledError):
                await self._joined

    async def _stack(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if writer.get_extra_info("peername")[0] != self._address:
            writer.transport.abort()
            return
        if self._joined is not None:
            self._joined.cancel()
        self._joined = asyncio.current_task()
        host, port = self._server
        try:
            there, to_server = await asyncio.wait_for(
                asyncio.open_connection(host, port, ssl=self._trust, server_hostname=host), CONNECT_S
            )
        except (OSError, TimeoutError) as error:
            log.warning("the server %s:%d cannot be reached: %s", host, port, error)
            writer.transport.abort()
            return
        self.connected = True
        try:
            out = asyncio.create_task(_copy(reader, to_server))
            back = asyncio.create_task(self._from_server(there, writer, to_server))
            await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in (out, back):
                task.cancel()
            await asyncio.gather(out, back, return_exceptions=True)
        finally:
            self.connected = False
            for one in (writer, to_server):
                one.transport.abort()

    async def _from_server(
        self, reader: asyncio.StreamReader, to_stack: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        parser = StreamParser()
        while data := await reader.read(_PIECE):
            try:
                items = parser.feed(data)
            except FramingError:
                log.warning("the server sent what is no SIP")
                return
            for item in items:
                match item:
                    case Request(method="NOTIFY" | "MESSAGE"):
                        self._unasked(item, to_stack, to_server)
                    case Request() | Response():
                        to_stack.write(item.to_bytes())
                    case Ping():
                        to_server.write(b"\r\n")
                    case Pong() | MalformedMessage():
                        continue
            await to_stack.drain()

    def _unasked(
        self, request: Request, to_stack: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        event = (request.headers.get("Event") or "").partition(";")[0].strip().lower()
        if request.method == "NOTIFY" and event not in {"check-sync", "message-summary"}:
            to_stack.write(request.to_bytes())  # such as the progress of a transfer
            return
        answer = request.response(200, to_tag=secrets.token_hex(8))
        to_server.write(answer.to_bytes())
        kind = event if request.method == "NOTIFY" else "MESSAGE"
        self._told(kind, request.headers.get("Content-Type") or "", request.body)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()


def waiting_messages(body: bytes) -> tuple[bool, int]:
    """Return what a message summary says (RFC 3842): whether messages wait, and how many new ones."""
    waits, new = False, 0
    for line in body[:4096].decode("utf-8", "replace").splitlines():
        name, _colon, value = line.partition(":")
        if name.strip().lower() == "messages-waiting":
            waits = value.strip().lower() == "yes"
        elif name.strip().lower() == "voice-message":
            count = value.strip().partition("/")[0].strip()
            new = int(count) if count.isascii() and count.isdigit() and len(count) < 7 else 0
    return waits, new
