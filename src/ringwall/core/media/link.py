"""The link to one media server: frames over a unix socket, or mutual TLS to another host. The core dials.

Rules that this module keeps (docs/media-control.md):
- The first word is a hello with the name of the owner: a new core takes over what the one before it had.
- The lease is renewed in time; if that fails the connection is dropped and dialled again.
- The link is up when it is known what the server has: `settled` sees its list first, and nothing else is
  asked before.
- Nobody waits longer for an answer than a few seconds.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast

from ringwall.core.errors import EdgeUnavailable
from ringwall.core.links.tls import Backoff, Complaints, Dialler, tls_of
from ringwall.core.media.errors import MediaAway, MediaError, MediaRefusal
from ringwall.core.media.values import Answer, Reconcile, Request
from ringwall.infra.errors import FrameError
from ringwall.infra.frames import MAX_ID, Frame, FrameReader, Kind, encode

log = logging.getLogger(__name__)

ALPN: Final = "ringwall-media"
LEASE_SECONDS: Final = 30
ANSWER_SECONDS: Final = 3.0
_MOST_UNDER_WAY: Final = 250  # the server reads 256 ahead
_WRITE_LIMIT: Final = 1024 * 1024

Dial = Callable[[Callable[[], asyncio.Protocol]], Awaitable[None]]


def unix_dial(path: Path) -> Dial:
    """How a server on this host is reached."""

    async def dial(protocol: Callable[[], asyncio.Protocol]) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(protocol, str(path))
        except OSError as error:
            raise MediaAway(f"{path.name}: {error.strerror or error}") from None

    return dial


def tls_dial(dialler: Dialler) -> Dial:
    """How a server on another host is reached."""

    async def dial(protocol: Callable[[], asyncio.Protocol]) -> None:
        try:
            await dialler.dial(protocol, ALPN)
        except EdgeUnavailable as error:
            raise MediaAway(str(error)) from None

    return dial


class MediaLink(asyncio.Protocol):
    """Keeps the link up; `run` does the work until it is cancelled.

    `event` gets each event of the server. `settled` gets the answers to hello and list on each new connection
    and returns the requests that have to be made before anybody else's; `after` is called when it is up,
    `down` when it is lost.
    """

    def __init__(
        self,
        dial: Dial,
        owner: str,
        *,
        name: str = "media server 1",
        lease_seconds: int = LEASE_SECONDS,
        retry_seconds: float = 0.5,
    ) -> None:
        self._dial = dial
        self._owner = owner
        self._lease = lease_seconds
        self._backoff = Backoff(retry_seconds)
        self._complaints = Complaints("media", name)
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._closed = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._last_id = 0
        self._why = ""
        self.up = False
        self.event: Callable[[Answer], None] = lambda _event: None
        self.settled: Reconcile = lambda _hello, _list: []
        self.after: Callable[[], None] = lambda: None
        self.down: Callable[[], None] = lambda: None

    @property
    def tls(self) -> dict[str, str] | None:
        """Protocol and cipher of the connection, where it leads to another host."""
        return tls_of(self._transport)

    async def run(self) -> None:
        """Dial, keep, dial again, until cancelled."""
        try:
            while True:
                self._closed.clear()
                try:
                    await self._dial(lambda: self)
                    await self._begin()
                    await self._renew_until_lost()
                    self._complaints.down(self._why)
                except MediaError as error:
                    self._drop(str(error))
                    self._complaints.down(str(error))
                await asyncio.sleep(self._backoff.take())
        finally:
            self._drop("the core stops")

    async def _begin(self) -> None:
        hello = await self._ask({"op": "hello", "owner": self._owner, "lease_seconds": self._lease})
        found = await self._ask({"op": "list"})
        for request in self.settled(hello, found):
            try:
                await self._ask(request)
            except MediaRefusal as error:  # it went by itself meanwhile
                log.info("the media server: %s", error)
        self.up = True
        self._backoff.reset()
        self._complaints.up()
        self.after()

    async def _renew_until_lost(self) -> None:
        while not self._closed.is_set():
            try:
                await asyncio.wait_for(self._closed.wait(), self._lease / 3)
            except TimeoutError:
                await self._ask({"op": "renew"})

    async def call(self, op: str, **fields: Any) -> Answer:
        """Ask for something and return the answer without `ok`. Raises MediaAway, MediaRefusal."""
        if not self.up:
            raise MediaAway("the media server is not there")
        return await self._ask({"op": op, **fields})

    def tell(self, op: str, **fields: Any) -> None:
        """Ask for something whose answer changes nothing; it is dropped while the link is down."""
        if self.up:
            self._send({"op": op, **fields})

    def _send(self, request: Request) -> int:
        transport = self._transport
        if transport is None:
            raise MediaAway("the media server is not there")
        self._last_id = self._last_id + 1 if self._last_id < MAX_ID else 1
        transport.write(encode(Kind.CALL, self._last_id, json.dumps(request).encode()))
        if transport.get_write_buffer_size() > _WRITE_LIMIT:
            self._drop("the media server does not read")
        return self._last_id

    async def _ask(self, request: Request) -> Answer:
        if len(self._waiting) >= _MOST_UNDER_WAY:
            raise MediaAway("too many requests wait for the media server")
        loop = asyncio.get_running_loop()
        asked = self._send(request)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting[asked] = answer
        timer = loop.call_later(ANSWER_SECONDS, _expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()
            self._waiting.pop(asked, None)

    def _drop(self, why: str) -> None:
        if self._transport is not None:
            self._why = why
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a new stream of frames."""
        self._transport = cast("asyncio.Transport", transport)
        self._reader = FrameReader()
        self._why = "the media server closed it"

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything that waits for an answer."""
        was_up, self._transport, self.up = self.up, None, False
        if exc is not None:
            self._why = f"{type(exc).__name__}: {exc}"
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(MediaAway("the media server was lost"))
        self._closed.set()
        if was_up:
            self.down()

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who asked, and events to whom they concern."""
        try:
            for frame in self._reader.feed(data):
                self._frame(frame)
        except (FrameError, ValueError, TypeError) as error:
            self._drop(f"the media server said what cannot be read: {error}")

    def _frame(self, frame: Frame) -> None:
        value = json.loads(frame.payload)
        if not isinstance(value, dict):
            raise TypeError("no object")
        if frame.kind is Kind.CALL:
            self.event(value)
            return
        answer = self._waiting.get(frame.id)
        if answer is None or answer.done():
            return
        if value.pop("ok", False) is True:
            answer.set_result(value)
        else:
            answer.set_exception(
                MediaRefusal(str(value.get("error", ""))[:300], str(value.get("code", ""))[:32])
            )


def _expire(answer: asyncio.Future[Answer]) -> None:
    if not answer.done():
        answer.set_exception(MediaAway(f"the media server did not answer within {ANSWER_SECONDS:g} s"))
