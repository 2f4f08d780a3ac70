"""The control link: rtpengine's commands, bans and the engines' health, in frames over one TLS connection.

Any number of questions may be under way. What is asked within one turn of the event loop goes out in one
write.
"""

import asyncio
import json
import logging
from collections import deque
from typing import Any, cast

from ringwall.core.errors import EdgeError, EdgeRefused, EdgeUnavailable
from ringwall.core.links.tls import Backoff, Complaints, Dialler, tls_of
from ringwall.infra.errors import FrameError
from ringwall.infra.frames import MAX_ID, Frame, FrameReader, Kind, encode

log = logging.getLogger(__name__)

ALPN = "ringwall-control"

_PING_SECONDS = 4.0
_LINGER_SECONDS = 0.01
_WRITE_LIMIT = 8 * 1024 * 1024
_MOST_UNDER_WAY = 10_000
_MOST_KEPT = 10_000
_UNSURE_SECONDS = 5.0  # what was sent this shortly before a loss may not have arrived

_Answer = asyncio.Future[Frame]


class ControlLink(asyncio.Protocol):
    """Keeps the link up; ``run`` does the work until it is cancelled."""

    def __init__(
        self, dialler: Dialler, *, ping_seconds: float = _PING_SECONDS, retry_seconds: float = 0.5
    ) -> None:
        self._dialler = dialler
        self._ping_seconds = ping_seconds
        self._backoff = Backoff(retry_seconds)
        self._complaints = Complaints("control")
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._closed = asyncio.Event()
        self._waiting: dict[int, _Answer] = {}
        self._last_id = 0
        self._out: list[bytes] = []
        self._quiet: deque[tuple[float, bytes]] = deque(maxlen=_MOST_KEPT)
        self._flush_soon = False
        self._flush_later: asyncio.TimerHandle | None = None
        self._why = ""
        self.up = False

    @property
    def tls(self) -> dict[str, str] | None:
        """Protocol and cipher of the connection."""
        return tls_of(self._transport)

    async def run(self) -> None:
        """Dial, keep, dial again, until cancelled."""
        try:
            while True:
                self._closed.clear()
                try:
                    await self._dialler.dial(lambda: self, ALPN)
                    await self._ping_until_lost()
                    self._complaints.down(self._why)
                except EdgeUnavailable as error:
                    self._complaints.down(str(error))
                await asyncio.sleep(self._backoff.take())
        finally:
            self._drop("the core stops")

    async def ng(self, payload: bytes, timeout: float = 2.0) -> bytes:  # noqa: ASYNC109 - one timer, no extra task
        """Run a bencoded ng command and return rtpengine's bencoded reply.

        Raises EdgeUnavailable when the link is down or no answer came within ``timeout`` seconds, EdgeRefused
        when the edge does not let the command through.
        """
        frame = await self._ask(Kind.NG, payload, timeout)
        if frame.kind is Kind.NG_REPLY:
            return frame.payload
        raise _error_of(frame)

    def ng_nowait(self, payload: bytes) -> bool:
        """Send a bencoded ng command whose reply nobody waits for and that may come twice, as a delete may.

        It goes out with the next other command, or after 10 ms. The last ones before a loss of the link are
        sent again when it is back, and with them those that came meanwhile: False says that it has to wait.
        """
        now = asyncio.get_running_loop().time()
        if self.up:
            self._forget_quiet(now)
        self._quiet.append((now, payload))
        if not self.up:
            return False
        self._out.append(encode(Kind.NG_QUIET, self._next_id(), payload))
        if not self._flush_soon and self._flush_later is None:
            self._flush_later = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._flush)
        return True

    def _forget_quiet(self, now: float) -> None:
        while self._quiet and self._quiet[0][0] < now - _UNSURE_SECONDS:
            self._quiet.popleft()

    def _repeat_quiet(self) -> None:
        self._out += [encode(Kind.NG_QUIET, self._next_id(), payload) for _, payload in self._quiet]
        self._flush()

    async def call(self, op: dict[str, Any], timeout: float = 5.0) -> dict[str, Any]:  # noqa: ASYNC109 - as above
        """Run an operation of the edge agent, ``{"op": name, ...}``, and return its answer without ``ok``.

        Raises EdgeUnavailable as `ng`, EdgeRefused with the agent's sentence when it says no.
        """
        frame = await self._ask(Kind.CALL, json.dumps(op).encode(), timeout)
        if frame.kind is not Kind.REPLY:
            raise _error_of(frame)
        answer = _object_of(frame)
        if answer.pop("ok", False) is not True:
            raise EdgeRefused(str(answer.get("error", "the edge refused")))
        return answer

    async def _ask(self, kind: Kind, payload: bytes, timeout: float) -> Frame:  # noqa: ASYNC109 - as above
        # The ping that makes the link up is asked before it is up.
        if self._transport is None or not (self.up or kind is Kind.CALL):
            raise EdgeUnavailable("the control link to the edge is down")
        if len(self._waiting) >= _MOST_UNDER_WAY:
            raise EdgeUnavailable("too many commands wait for the edge")
        loop = asyncio.get_running_loop()
        asked = self._next_id()
        data = encode(kind, asked, payload)
        answer: _Answer = loop.create_future()
        self._waiting[asked] = answer
        self._out.append(data)
        if not self._flush_soon:
            self._flush_soon = True
            loop.call_soon(self._flush)
        timer = loop.call_later(timeout, _expire, answer, timeout)
        try:
            return await answer
        finally:
            timer.cancel()
            self._waiting.pop(asked, None)

    def _next_id(self) -> int:
        self._last_id = self._last_id + 1 if self._last_id < MAX_ID else 1
        return self._last_id

    def _flush(self) -> None:
        self._flush_soon = False
        if self._flush_later is not None:
            self._flush_later.cancel()
            self._flush_later = None
        out, self._out = self._out, []
        if self._transport is not None and out:
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > _WRITE_LIMIT:
                self._drop("the edge does not read")

    async def _ping_until_lost(self) -> None:
        while not self._closed.is_set():
            try:
                await self.call({"op": "ping"}, self._ping_seconds)
            except EdgeError as error:
                self._drop(str(error))
                await self._closed.wait()
                return
            if not self.up and self._transport is not None:
                self.up = True
                self._backoff.reset()
                self._complaints.up()
                self._repeat_quiet()
            try:
                await asyncio.wait_for(self._closed.wait(), self._ping_seconds)
            except TimeoutError:
                continue

    def _drop(self, why: str) -> None:
        if self._transport is not None:
            self._why = why
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin a new stream of frames."""
        self._transport = cast("asyncio.Transport", transport)
        self._reader = FrameReader()
        self._why = "the edge closed it"

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything that waits for an answer."""
        self._transport = None
        if self.up:
            self._forget_quiet(asyncio.get_running_loop().time())
        self.up = False
        self._out.clear()
        if exc is not None:
            self._why = f"{type(exc).__name__}: {exc}"
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(EdgeUnavailable("the control link to the edge was lost"))
        self._closed.set()

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who asked; late ones, and those that nobody waits for, are dropped."""
        try:
            frames = self._reader.feed(data)
        except FrameError as error:
            self._drop(f"the edge broke the framing: {error}")
            return
        for frame in frames:
            answer = self._waiting.get(frame.id)
            if answer is not None and not answer.done():
                answer.set_result(frame)
            elif frame.kind is Kind.ERROR:
                log.warning("An ng command that nobody waited for failed: %s", _error_of(frame))


def _expire(answer: _Answer, seconds: float) -> None:
    if not answer.done():
        answer.set_exception(EdgeUnavailable(f"the edge did not answer within {seconds:g} s"))


def _object_of(frame: Frame) -> dict[str, Any]:
    try:
        value = json.loads(frame.payload)
    except ValueError:
        raise EdgeUnavailable("the edge answered with something that is no JSON") from None
    if not isinstance(value, dict):
        raise EdgeUnavailable("the edge answered with something that is no object")
    return value


def _error_of(frame: Frame) -> Exception:
    if frame.kind not in (Kind.ERROR, Kind.REPLY):
        return EdgeUnavailable(f"the edge answered with an unexpected {frame.kind.name}")
    try:
        value = _object_of(frame)
    except EdgeUnavailable as error:
        return error
    text = str(value.get("error", "the edge refused"))
    return EdgeUnavailable(text) if value.get("code") == "unavailable" else EdgeRefused(text)
