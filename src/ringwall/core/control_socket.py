"""The door for administrators on this host: named operations over a unix socket, one JSON object a line.

    {"op": "user.add", "args": {"extension": "201", "name": "Anna"}}
    {"ok": true, "result": {...}}      or      {"ok": false, "error": {"code", "message", "field"}}

With a page of a list comes the "cursor" that asks for the next one, as long as there is one.

Kept here:
- Only root and the core's own user get an answer: the socket's mode says so, and the kernel's word about the
  peer is asked as well. That word, never the request, says who the actor is.
- Requests have a size, clients a number and silence an end. A connection runs one operation after the other.
"""

import asyncio
import contextlib
import logging
import os
import pwd
import socket
import struct
from pathlib import Path
from typing import Any

import orjson

from ringwall.core.errors import CoreError, OperationError
from ringwall.core.operations import Actor, Operations

log = logging.getLogger(__name__)

LARGEST_REQUEST = 6 * 1024 * 1024  # a CSV file of all codes
MOST_CLIENTS = 32
SILENCE_S = 300.0

_CREDENTIALS = struct.Struct("3i")


class ControlSocket:
    """Serves `operations` on a unix socket from `start` to `close`."""

    def __init__(self, path: Path, operations: Operations, *, most_clients: int = MOST_CLIENTS) -> None:
        self._path = path
        self._operations = operations
        self._most_clients = most_clients
        self._clients: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, in place of a socket that a dead process left behind; raise CoreError where that fails."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            # The mode counts from the moment of bind: nobody else can connect in between.
            before = os.umask(0o177)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(before)
        except OSError as error:
            listener.close()
            raise CoreError(f"The control socket {self._path} cannot be made: {error.strerror}.") from error
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LARGEST_REQUEST)

    async def close(self) -> None:
        """Stop listening, end all connections and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            actor = _actor(writer)
            self._check_room()
            while True:
                async with asyncio.timeout(SILENCE_S):
                    line = await reader.readuntil(b"\n")
                writer.write(await self._answer(line, actor))
                await writer.drain()
        except OperationError as error:
            writer.write(_refusal(error))
        except asyncio.LimitOverrunError:
            too_long = OperationError("invalid", f"A request has at most {LARGEST_REQUEST} bytes.")
            writer.write(_refusal(too_long))
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        finally:
            self._clients.discard(task)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    def _check_room(self) -> None:
        if len(self._clients) > self._most_clients:
            raise OperationError("unavailable", "Too many programs ask at once: try again.")

    async def _answer(self, line: bytes, actor: Actor) -> bytes:
        try:
            name, args = _request(line)
            answer = await self._operations.ask(name, args, actor)
            more = {} if answer.cursor is None else {"cursor": answer.cursor}
            return orjson.dumps({"ok": True, "result": answer.result, **more}) + b"\n"
        except OperationError as error:
            return _refusal(error)


def _request(line: bytes) -> tuple[str, Any]:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise OperationError("invalid", "A request has to be one line of JSON.") from None
    known = isinstance(request, dict) and not request.keys() - {"op", "args"}
    if not known or not isinstance(request.get("op"), str):
        raise OperationError("invalid", "A request has the fields op and args.")
    return request["op"], request.get("args")


def _refusal(error: OperationError) -> bytes:
    return orjson.dumps({"ok": False, "error": error.to_dict()}) + b"\n"


def _actor(writer: asyncio.StreamWriter) -> Actor:
    """Return who the peer is; raise OperationError for a user who has no business here."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    if uid not in (0, os.geteuid()):
        raise OperationError("refused", "Only root and Ringwall itself may use the control socket.")
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Actor("local", name, "local")
