"""`GET /api/events`: a WebSocket that tells what happens, as far as whoever has signed in may see it.

Rules that this module keeps:
- The first message of the client signs in: `{"token": ..., "after": cursor, "kinds": [...]}`. So the token
  stands in no address and no log, and a page of somebody else has nothing to send.
- What is told is on record, with its number there; who comes back with the last number misses nothing.
- The session is looked at before each event: who has signed out, or has another role now, sees no more.
- Everything is bounded: the streams in all, those of one account, those that have not signed in yet, what
  waits for one, the time that a client may take. A slow client is sent away and costs nobody anything.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from ringwall.core.errors import CoreSignal, StoreError
from ringwall.core.feed import CursorTooOld, Feed, Following, Numbered, SubscriptionLost
from ringwall.core.feed.sight import may_see
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.lockout.window import network_of
from ringwall.core.operations import Actor, Arguments
from ringwall.events import Event
from ringwall.events.states import Passing

log = logging.getLogger(__name__)

MOST_STREAMS: Final = 100
MOST_OF_ACCOUNT: Final = 8
MOST_STRANGERS: Final = 50
MOST_STRANGERS_OF_NETWORK: Final = 5
"""Streams that have not signed in: in all, and from one address (IPv6: from one network)."""
SIGN_IN_SECONDS: Final = 10.0
POSITION_SECONDS: Final = 20.0
"""After so long without an event the client is told its cursor, which also shows that the stream is alive."""
SEND_SECONDS: Final = 30.0
LONGEST_HELLO: Final = 4096

# RFC 6455 7.4.1, and the two of the IANA registry that say when to come again.
_UNACCEPTABLE, _POLICY, _BROKEN, _RESTART, _LATER = 1003, 1008, 1011, 1012, 1013

Kind = Annotated[str, Field(max_length=64, pattern=r"^[a-z_]+(\.[a-z_]+)*\.?$")]


class Hello(Arguments):
    """What a client says first.

    `after` is the number of the last event that it has had; without it only new ones come. `kinds` are the
    kinds that it wants or, as in `call.`, what they begin with; without them it gets all that it may see.
    """

    token: Annotated[str, Field(min_length=1, max_length=128)]
    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    kinds: Annotated[list[Kind], Field(max_length=64)] | None = None


class Closing(CoreSignal):
    """Why a stream ends: `code` as in RFC 6455 7.4, and a few words for whoever reads them."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def read_hello(message: Mapping[str, Any]) -> Hello:
    """Return what a client says first; raise Closing where that is something else. Any message will do."""
    text = message.get("text")
    if not isinstance(text, str) or len(text) > LONGEST_HELLO:
        raise Closing(_UNACCEPTABLE, "the first message has to sign in")
    try:
        return Hello.model_validate(orjson.loads(text))
    except (ValidationError, orjson.JSONDecodeError):
        raise Closing(_POLICY, "the first message has to have token, after and kinds") from None


class EventStreams:
    """All streams. `actor_of(token, source)` tells who has signed in, or raises NotSignedInError."""

    def __init__(self, feed: Feed, actor_of: Callable[[str, str], Actor]) -> None:
        self._feed = feed
        self._actor_of = actor_of
        self._strangers: Counter[str] = Counter()
        self._accounts: Counter[str] = Counter()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it goes or is sent away."""
        network = network_of(socket.scope["state"]["source"])
        if (
            self._strangers.total() >= MOST_STRANGERS
            or self._strangers[network] >= MOST_STRANGERS_OF_NETWORK
            or self._accounts.total() >= MOST_STREAMS
        ):
            await socket.close(_LATER)
            return
        self._strangers[network] += 1
        try:
            await socket.accept()
            hello, actor = await self._signed_in(socket)
        except Closing as closing:
            await _close(socket, closing)
            return
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self._strangers[network] -= 1
            self._strangers += Counter()  # forgets who has none
        if self._accounts[actor.name] >= MOST_OF_ACCOUNT or self._accounts.total() >= MOST_STREAMS:
            await _close(socket, Closing(_LATER, "too many streams are open"))
            return
        self._accounts[actor.name] += 1
        try:
            await _Stream(socket, self._feed, self._actor_of, hello, actor).run()
        finally:
            self._accounts[actor.name] -= 1
            self._accounts += Counter()

    async def _signed_in(self, socket: WebSocket) -> tuple[Hello, Actor]:
        try:
            async with asyncio.timeout(SIGN_IN_SECONDS):
                message = await socket.receive()
        except TimeoutError:
            raise Closing(_POLICY, "nobody has signed in") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        hello = read_hello(message)
        return hello, _actor(self._actor_of, hello, socket)


def _actor(actor_of: Callable[[str, str], Actor], hello: Hello, socket: WebSocket) -> Actor:
    try:
        return actor_of(hello.token, socket.scope["state"]["source"])
    except NotSignedInError:
        raise Closing(_POLICY, "the session has ended: sign in at /api/tokens") from None


class _Stream:
    """One client that has signed in."""

    def __init__(
        self,
        socket: WebSocket,
        feed: Feed,
        actor_of: Callable[[str, str], Actor],
        hello: Hello,
        actor: Actor,
    ) -> None:
        self._socket = socket
        self._feed = feed
        self._actor_of = actor_of
        self._hello = hello
        self._role = actor.role

    async def run(self) -> None:
        """Tell events until the client goes or is sent away."""
        telling = asyncio.ensure_future(self._tell())
        hearing = asyncio.ensure_future(self._hear())
        try:
            await asyncio.wait({telling, hearing}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (hearing, telling):
                error = ended.exception() if ended.done() else None
                if isinstance(error, Closing):
                    await _close(self._socket, error)
                elif error is not None and not isinstance(error, WebSocketDisconnect):
                    log.error("a stream of events broke", exc_info=error)
                    await _close(self._socket, Closing(_BROKEN, "an error in the system"))
        finally:
            for task in (telling, hearing):
                task.cancel()
            await asyncio.gather(telling, hearing, return_exceptions=True)

    async def _hear(self) -> None:
        """Wait for the end: nothing else is said by a client after its first message."""
        if (await self._socket.receive())["type"] != "websocket.disconnect":
            raise Closing(_UNACCEPTABLE, "nothing more is expected")

    async def _tell(self) -> None:
        try:
            following = self._feed.follow(self._hello.after, self._wants)
        except CursorTooOld as error:
            raise Closing(_POLICY, f"{error}: read the ledger") from None
        await self._send({"type": "begin", "seq": following.position})
        found = following.events()
        try:
            while True:
                await self._send(await self._next(found, following))
        except SubscriptionLost:
            raise Closing(_LATER, "too slow: come again with the last number") from None
        except StoreError:
            raise Closing(_RESTART, "the ledger cannot be read now") from None
        finally:
            await found.aclose()

    async def _next(self, found: Any, following: Following) -> dict[str, Any]:
        """Return the next event as it is told, or where the client stands when there is none for a while."""
        following_event = asyncio.ensure_future(anext(found))
        try:
            while True:
                await asyncio.wait({following_event}, timeout=POSITION_SECONDS)
                self._look_at_session()
                if not following_event.done():
                    await self._send({"type": "position", "seq": following.position})
                    continue
                numbered: Numbered = following_event.result()
                if may_see(self._role, numbered.event):
                    return _told(numbered)
                following_event = asyncio.ensure_future(anext(found))
        finally:
            following_event.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await following_event

    def _wants(self, event: Event) -> bool:
        kinds = self._hello.kinds
        named = kinds is None or any(
            event.kind.startswith(kind) if kind.endswith(".") else event.kind == kind for kind in kinds
        )
        return named and may_see(self._role, event)

    def _look_at_session(self) -> None:
        self._role = _actor(self._actor_of, self._hello, self._socket).role

    async def _send(self, said: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(orjson.dumps(said).decode())
        except TimeoutError:
            # A client that takes nothing also takes no farewell.
            if (abort := self._socket.scope["state"].get("abort")) is not None:
                abort()
            raise Closing(_LATER, "too slow") from None


def _told(numbered: Numbered) -> dict[str, Any]:
    event = numbered.event
    what = {"at": numbered.at, "kind": event.kind, "body": event.to_body()}
    if isinstance(event, Passing):
        return {"type": "state", **what}
    return {"type": "event", "seq": numbered.seq, **what}


async def _close(socket: WebSocket, closing: Closing) -> None:
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(SEND_SECONDS):
            await socket.close(closing.code, closing.why)
