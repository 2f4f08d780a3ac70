"""HTTP without a listener: idle connections to the edge agent, each of which may become a request.

The agent joins the byte stream of a request with one of them. With the first byte the connection is served as
if it had been accepted here, by uvicorn, keep-alive and WebSocket included, and another idle one is dialled
in its place. The edge writes the true source address into every request; the application sees it as the
client's.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState

from ringwall.core.errors import EdgeUnavailable
from ringwall.core.links.tls import Backoff, Complaints, Dialler, tls_of

log = logging.getLogger(__name__)

ALPN = "ringwall-http"
SOURCE_HEADER = b"x-ringwall-source"
"""Set by the edge after everything like it from outside was removed."""

_MOST_CONNECTIONS = 300
_REJECTED_SECONDS = 1.0
_MOST_REQUESTS = 256
_KEEP_ALIVE_SECONDS = 75  # longer than HAProxy keeps a connection that it may use again
_WEBSOCKET_MESSAGE_BYTES = 65_536

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class HttpPool:
    """Keeps ``size`` idle connections; ``run`` does the work until it is cancelled."""

    def __init__(self, app: AsgiApp, dialler: Dialler, *, size: int = 8, retry_seconds: float = 0.5) -> None:
        self._dialler = dialler
        self._size = size
        self._backoff = Backoff(retry_seconds)
        self._complaints = Complaints("HTTP")
        self._idle: set[_Idle] = set()
        self._rejected = False
        self._changed = asyncio.Event()
        self._state = ServerState()
        self._config = Config(
            _with_source(app),
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=_WEBSOCKET_MESSAGE_BYTES,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_REQUESTS,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )

    @property
    def idle(self) -> int:
        """Connections that wait for a request."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Connections on which there was a request."""
        return len(self._state.connections)

    @property
    def up(self) -> bool:
        """Whether a request from outside would find a connection."""
        return bool(self._idle)

    @property
    def tls(self) -> dict[str, str] | None:
        """Protocol and cipher of one of the idle connections."""
        return next((tls_of(connection.transport) for connection in self._idle), None)

    async def run(self) -> None:
        """Fill the pool whenever it has fewer than its size, until cancelled."""
        self._config.load()
        try:
            while True:
                self._changed.clear()
                try:
                    await self._fill()
                except EdgeUnavailable as error:
                    self._complaints.down(str(error))
                    await asyncio.sleep(self._backoff.take())
                    continue
                settled = asyncio.get_running_loop().call_later(_REJECTED_SECONDS, self._accepted)
                await self._changed.wait()
                settled.cancel()
        finally:
            for connection in list(self._idle):
                connection.transport.abort()
            for served in list(self._state.connections):
                # A WebSocket that is closing by itself needs no second farewell.
                with suppress(InvalidState):
                    served.shutdown()

    async def _fill(self) -> None:
        while (missing := min(self._size - len(self._idle), _MOST_CONNECTIONS - self.active)) > 0:
            # An edge that accepts and hangs up at once, as one without its agent does, is not dialled in a
            # tight loop.
            if self._rejected:
                self._rejected = False
                raise EdgeUnavailable("the edge closes new connections at once")
            results = await asyncio.gather(
                *(self._dialler.dial(lambda: _Idle(self), ALPN) for _ in range(missing)),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    def opened(self, connection: "_Idle") -> None:
        """Take a new connection into the pool."""
        self._idle.add(connection)

    def lost(self, connection: "_Idle", age: float) -> None:
        """Forget an idle connection that the edge closed, ``age`` seconds after it was opened."""
        self._idle.discard(connection)
        if age < _REJECTED_SECONDS:
            self._rejected = True
        else:
            self._accepted()
        self._changed.set()

    def _accepted(self) -> None:
        self._backoff.reset()
        self._complaints.up()

    def used(self, connection: "_Idle") -> HttpToolsProtocol:
        """Take a connection out of the pool and return what serves it from now on."""
        self._idle.discard(connection)
        self._accepted()
        self._changed.set()
        return _Served(self._config, self._state, {}, self._changed)


class _Idle(asyncio.Protocol):
    """A connection that has had no request yet."""

    transport: asyncio.Transport

    def __init__(self, pool: HttpPool) -> None:
        self._pool = pool

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._opened_at = asyncio.get_running_loop().time()
        self._pool.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._pool.lost(self, asyncio.get_running_loop().time() - self._opened_at)

    def data_received(self, data: bytes) -> None:
        server = self._pool.used(self)
        self.transport.set_protocol(server)
        server.connection_made(self.transport)
        # For an answer that nobody takes: it can only be ended with its connection.
        server.app_state["abort"] = self.transport.abort
        server.data_received(data)


class _Served(HttpToolsProtocol):
    """uvicorn's protocol that tells the pool when its connection is gone."""

    def __init__(
        self, config: Config, state: ServerState, app_state: dict[str, Any], changed: asyncio.Event
    ) -> None:
        super().__init__(config, state, app_state, asyncio.get_running_loop())
        self._pool_changed = changed

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._pool_changed.set()


def _with_source(app: AsgiApp) -> AsgiApp:
    """Return ``app`` with the source that the edge saw as the client of every request."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope["client"] = source_of(scope["headers"])
        await app(scope, receive, send)

    return wrapped


def source_of(headers: list[tuple[bytes, bytes]]) -> tuple[str, int] | None:
    """Return the source address that the edge wrote, with port 0; None unless it is one valid address."""
    found = [value for name, value in headers if name == SOURCE_HEADER]
    if len(found) != 1:
        return None
    try:
        return str(ipaddress.ip_address(found[0].decode("ascii"))), 0
    except ValueError:
        return None
