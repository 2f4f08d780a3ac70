"""Joins a request from outside with one of the core's idle connections: two byte streams, nothing read (W2).

HAProxy has checked the request and waited for its body before it comes here. No connection of the core within
two seconds means 503; the number of requests that wait is bounded.
"""

import asyncio
import logging
from collections import deque
from typing import cast

log = logging.getLogger(__name__)

WAIT_SECONDS = 2.0
_MOST_WAITING = 256
_MOST_IDLE = 256
_WRITE_LIMIT = 256 * 1024

_BODY = b'{"error":{"code":"unavailable","message":"The system is starting or busy: try again soon."}}'
UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Joiner:
    """Who is idle and who waits. `outside` and `core` make the protocols of the two listeners."""

    def __init__(self, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.wait_seconds = wait_seconds
        self.idle: deque[_Core] = deque()
        self.waiting: deque[_Outside] = deque()
        self.joined = 0
        self.refused = 0

    def outside(self) -> "asyncio.Protocol":
        """Return the protocol of a request's connection."""
        return _Outside(self)

    def core(self) -> "asyncio.Protocol":
        """Return the protocol of a connection that the core opened."""
        return _Core(self)


class _End(asyncio.Protocol):
    """One end of a pair: what comes in goes out at the other, as fast as the other takes it."""

    transport: asyncio.Transport
    peer: "_End | None" = None

    def __init__(self, joiner: Joiner) -> None:
        self.joiner = joiner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=_WRITE_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.peer = None
            # What was received before the end is still delivered; after an error nothing of it can be
            # trusted.
            if exc is None:
                peer.transport.close()
            else:
                peer.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.transport.resume_reading()


class _Core(_End):
    """A connection of the core: idle until a request takes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        waiting = self.joiner.waiting
        if waiting:
            _join(waiting.popleft(), self)
        elif len(self.joiner.idle) < _MOST_IDLE:
            self.joiner.idle.append(self)
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            # HTTP is asked from outside: a core that speaks first is none.
            self.transport.abort()
            return
        self.peer.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is None and self in self.joiner.idle:
            self.joiner.idle.remove(self)
        super().connection_lost(exc)


class _Outside(_End):
    """A connection from HAProxy: waits, with its first bytes, until there is a connection of the core."""

    timer: asyncio.TimerHandle | None = None
    early: bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        joiner = self.joiner
        if joiner.idle:
            _join(self, joiner.idle.popleft())
        elif len(joiner.waiting) < _MOST_WAITING:
            joiner.waiting.append(self)
            self.timer = asyncio.get_running_loop().call_later(joiner.wait_seconds, self._refuse)
        else:
            self._refuse()

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            # No more than one read waits here. (uvloop reads once even if it is told not to while it
            # connects.)
            self.early += data
            self.transport.pause_reading()
            return
        self.peer.transport.write(data)

    def _refuse(self) -> None:
        if self in self.joiner.waiting:
            self.joiner.waiting.remove(self)
        self.joiner.refused += 1
        self.transport.write(UNAVAILABLE)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.peer is None and self in self.joiner.waiting:
            self.joiner.waiting.remove(self)
        super().connection_lost(exc)


def _join(outside: _Outside, core: _Core) -> None:
    outside.peer, core.peer = core, outside
    outside.joiner.joined += 1
    if outside.timer is not None:
        outside.timer.cancel()
        outside.timer = None
    if outside.early:
        core.transport.write(outside.early)
        outside.early = b""
        outside.transport.resume_reading()
