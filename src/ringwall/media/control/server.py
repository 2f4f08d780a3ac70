"""The control connections, served by the media thread between its beats.

Rules that this module keeps:

- No client can stop the clock: sockets do not block, what is done between two beats is limited in time, what
  waits is limited in number, and a client that does not read is disconnected.
- What breaks the framing or is no request costs the client that connection or an error, nothing else.
"""

import json
import logging
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ringwall.infra.errors import FrameError
from ringwall.infra.frames import MAX_FRAME, Frame, FrameReader, Kind, encode
from ringwall.media.control import requests
from ringwall.media.control.desk import Desk
from ringwall.media.errors import MediaError

if TYPE_CHECKING:
    from ringwall.media.control.owners import Owner

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 8
_MOST_WAITING = 256
_WRITE_LIMIT = 1024 * 1024
_READ = 65536
_HELLO_SECONDS = 5.0
_IDLE_SECONDS = 150.0  # longer than any lease: nobody is there any more
_LEASE_LOOK = 0.25
_BLOCKED = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Wrap = Callable[[socket.socket], socket.socket]
Check = Callable[[socket.socket], str]
"""Returns why a client is refused whose handshake is done; empty when it is not."""


class Connection:
    """One client."""

    def __init__(self, server: "Server", used: socket.socket, check: Check) -> None:
        self._server = server
        self._check = check
        self._reader = FrameReader()
        self._out = bytearray()
        self.socket = used
        self.descriptor = used.fileno()
        self.waiting: deque[Frame] = deque()
        self.owner: Owner | None = None
        self.since = time.monotonic()
        """When it was made, or when its owner was last heard."""
        self.greeting = isinstance(used, ssl.SSLSocket)
        """Whether the TLS handshake is under way."""
        self.open = True

    def read(self) -> None:
        """Take what has come, as far as there is room for it."""
        if self.greeting and not self._greet():
            return
        for _ in range(4):
            if len(self.waiting) >= _MOST_WAITING:
                return
            try:
                data = self.socket.recv(_READ)
            except _BLOCKED:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            try:
                frames = self._reader.feed(data)
            except FrameError as error:
                log.warning("A control connection is closed: %s", error)
                self.close()
                return
            self.waiting += frames
            if self.owner is not None:
                self.since = time.monotonic()

    def _greet(self) -> bool:
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
            why = self._check(self.socket)
        except _BLOCKED:
            return False
        except OSError as error:
            why = f"TLS failed: {error}"
        if why:
            log.warning("A control connection is refused: %s", why)
            self.close()
            return False
        self.greeting = False
        return True

    def answer(self, frame_id: int, values: dict[str, Any]) -> None:
        """Send a reply."""
        self._send(Kind.REPLY, frame_id, values)

    def event(self, values: dict[str, Any]) -> None:
        """Send an event."""
        self._send(Kind.CALL, 0, values)

    def _send(self, kind: Kind, frame_id: int, values: dict[str, Any]) -> None:
        if not self.open:
            return
        self._out += encode(kind, frame_id, json.dumps(values, separators=(",", ":")).encode())
        if len(self._out) > _WRITE_LIMIT:
            log.warning("A control connection is closed: its client does not read")
            self.close()

    def flush(self) -> None:
        """Send as much as the client takes."""
        if not self._out or self.greeting or not self.open:
            return
        try:
            sent = self.socket.send(self._out[:MAX_FRAME])
        except _BLOCKED:
            return
        except OSError:
            self.close()
            return
        del self._out[:sent]

    @property
    def wants(self) -> int:
        """The events that this connection waits for."""
        if self.greeting:
            return select.EPOLLIN
        wanted = 0 if len(self.waiting) >= _MOST_WAITING else select.EPOLLIN
        return wanted | (select.EPOLLOUT if self._out else 0)

    def close(self) -> None:
        """Close it; what its owner has goes on until the lease runs out."""
        if self.open:
            self.open = False
            self._server.forget(self)
            if self.owner is not None:
                self.owner.lost(self)
            with suppress(OSError):
                self.socket.close()


class Server:
    """All listeners and connections."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listeners: dict[int, tuple[socket.socket, Wrap, Check]] = {}
        self._connections: dict[int, Connection] = {}
        self._registered: dict[int, int] = {}
        self._looked = 0.0
        self.poll = select.epoll()

    def listen(
        self, used: socket.socket, wrap: Wrap = lambda used: used, check: Check = lambda _used: ""
    ) -> None:
        """Take connections from a listening socket."""
        used.setblocking(False)
        self._listeners[used.fileno()] = (used, wrap, check)
        self.poll.register(used.fileno(), select.EPOLLIN)

    def serve(self, until: float) -> None:
        """Do what is due, until the monotonic time ``until`` at the longest but at least one request."""
        for descriptor, event in self.poll.poll(0, 32):
            if descriptor in self._listeners:
                self._accept(*self._listeners[descriptor])
                continue
            connection = self._connections.get(descriptor)
            if connection is not None and event & ~select.EPOLLOUT:
                connection.read()
        self._work_in_turns(until)
        for connection in tuple(self._connections.values()):
            # What TLS has read already wakes nobody.
            if isinstance(connection.socket, ssl.SSLSocket) and connection.socket.pending():
                connection.read()
        now = time.monotonic()
        if now - self._looked >= _LEASE_LOOK:
            self._looked = now
            self._desk.end_leases()
            for connection in tuple(self._connections.values()):
                patience = _HELLO_SECONDS if connection.owner is None else _IDLE_SECONDS
                if now - connection.since > patience:
                    connection.close()
        for connection in tuple(self._connections.values()):
            connection.flush()
            self._register(connection)

    def _work_in_turns(self, until: float) -> None:
        """Answer what waits, one request of each connection in turn: none waits for all of another."""
        while any(connection.waiting for connection in self._connections.values()):
            for connection in tuple(self._connections.values()):
                if connection.waiting:
                    self._work(connection, connection.waiting.popleft())
                if time.monotonic() >= until:
                    return

    def _register(self, connection: Connection) -> None:
        if not connection.open:
            return
        wanted = connection.wants
        if self._registered.get(connection.descriptor) != wanted:
            self.poll.modify(connection.descriptor, wanted)
            self._registered[connection.descriptor] = wanted

    def _accept(self, listener: socket.socket, wrap: Wrap, check: Check) -> None:
        # One a beat: the arithmetic of many TLS handshakes would hold the clock up.
        try:
            made, _ = listener.accept()
        except OSError:
            return
        if len(self._connections) >= MOST_CONNECTIONS:
            made.close()
            return
        made.setblocking(False)
        try:
            made = wrap(made)
        except (OSError, ValueError) as error:
            log.warning("A control connection cannot be taken: %s", error)
            made.close()
            return
        connection = Connection(self, made, check)
        self._connections[connection.descriptor] = connection
        self.poll.register(connection.descriptor, select.EPOLLIN)
        self._registered[connection.descriptor] = select.EPOLLIN

    def _work(self, connection: Connection, frame: Frame) -> None:
        if frame.kind is not Kind.CALL or frame.id == 0:
            log.warning("A control connection is closed: it sent a %s frame", frame.kind.name)
            connection.close()
            return

        def reply(values: dict[str, Any]) -> None:
            connection.answer(frame.id, values)

        try:
            request = requests.parse(frame.payload)
            if connection.owner is None:
                self._hello(connection, request, reply)
                return
            done = self._desk.handle(connection.owner, request, reply)
            if done is not None:
                reply({"ok": True, **done})
        except MediaError as error:
            reply({"ok": False, "error": str(error), "code": error.code})
        except Exception:
            log.exception("A request failed")
            reply({"ok": False, "error": "The media server failed: its log says why.", "code": "failed"})

    def _hello(
        self, connection: Connection, request: requests.Request, reply: Callable[[dict[str, Any]], None]
    ) -> None:
        if isinstance(request, requests.Status):
            reply({"ok": True, **self._desk.status()})
            return
        if not isinstance(request, requests.Hello):
            raise MediaError("The first request must be hello.", code="hello-first")
        owner, answer = self._desk.hello(request)
        owner.take_over(connection, request.lease_seconds)
        connection.owner = owner
        reply({"ok": True, **answer})
        owner.send_waiting()

    def forget(self, connection: Connection) -> None:
        """Take a connection off the list; it is closed."""
        if self._connections.pop(connection.descriptor, None) is not None:
            del self._registered[connection.descriptor]
            with suppress(OSError):
                self.poll.unregister(connection.descriptor)

    def close(self) -> None:
        """Send what waits, and close everything."""
        for connection in tuple(self._connections.values()):
            connection.flush()
            connection.close()
        for used, _, _ in self._listeners.values():
            used.close()
        self.poll.close()
