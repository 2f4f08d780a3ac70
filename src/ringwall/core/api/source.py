"""What holds for every request, before anything else looks at it.

Kept here:
- The address of whoever asks is what the edge says in X-Ringwall-Source, which the edge removes from all that
  comes from outside. A request without it did not come through the edge and is refused.
- A body has a limit, whether its length was announced or not.
- Answers are never kept by anything on the way, but for those that say so themselves.
"""

from collections.abc import Iterable

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringwall.core.errors import CoreSignal
from ringwall.core.links.http_pool import source_of

LARGEST_BODY = 64 * 1024
LARGER_BODIES = {"/api/firmware/": 1024 * 1024}
"""Where signed metadata and pieces of images come in; the edge has the same limit for all."""

EVENTS = "/api/events"
"""The only path at which there is a WebSocket."""

_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class _TooLargeError(CoreSignal):
    pass


class Entrance:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        source = source_of(scope["headers"])
        if scope["type"] != "http":
            if source is None or scope["path"] != EVENTS:
                # There is no WebSocket here: closing before accepting answers 403.
                await send({"type": "websocket.close", "code": 1008})
                return
            scope.setdefault("state", {})["source"] = source[0]
            await self._app(scope, receive, send)
            return
        if source is None:
            await _refuse(send, 400, "refused", "This request did not come through the edge.")
            return
        scope.setdefault("state", {})["source"] = source[0]
        most = next(
            (most for path, most in LARGER_BODIES.items() if scope["path"].startswith(path)), LARGEST_BODY
        )
        if _announced(scope["headers"]) > most:
            await _refuse(send, 413, "invalid", f"A request has at most {most} bytes.")
            return
        await self._limited(scope, receive, send, most)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        taken, began = 0, False

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooLargeError
            return message

        async def marked(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                if taken > most:
                    raise _TooLargeError
                began = True
                said = list(message.get("headers", []))
                known = {name for name, _value in said}
                message["headers"] = [*said, *(one for one in _HEADERS if one[0] not in known)]
            await send(message)

        try:
            await self._app(scope, counted, marked)
        except _TooLargeError:
            if not began:
                await _refuse(send, 413, "invalid", f"A request has at most {most} bytes.")


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int:
    lengths = [value for name, value in headers if name == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit() and len(value) < 20), default=0)


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = orjson.dumps({"error": {"code": code, "message": message, "field": None}})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *_HEADERS]
    # What is left of the body is not read: the connection cannot be used again.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
