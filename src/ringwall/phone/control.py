"""The phone's keys and display for programs: one JSON object a line over a unix socket (P5).

    {"op": "dial", "number": "202"}
    {"ok": true, ...what the display shows}      or      {"ok": false, "error": "..."}

Kept here: the socket is for the phone's owner alone (0600); requests and clients have limits.
"""

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ringwall.infra.errors import RingwallError

_LARGEST = 16 * 1024
MOST_CLIENTS = 8

Keys = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Control:
    """Serves the keys of a phone from `start` to `close`."""

    def __init__(self, path: Path, keys: Keys) -> None:
        self._path = path
        self._keys = keys
        self._clients: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, in place of a socket that a dead process left behind."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_LARGEST)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """End."""
        if self._server is not None:
            self._server.close()
        for task in list(self._clients):
            task.cancel()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        self._clients.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            with suppress(OSError):
                writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            told = json.loads(line)
            operation = str(told.pop("op"))
            return {"ok": True, **await self._keys(operation, told)}
        except RingwallError as error:
            return {"ok": False, "error": str(error)}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"ok": False, "error": "This request cannot be understood."}


async def press(path: Path, operation: str, **arguments: Any) -> dict[str, Any]:
    """Press a key of a phone that runs; return what it shows. Raise RingwallError with what it says."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 20)
    except OSError:
        raise RingwallError(f"No phone runs at {path}.", code="phone") from None
    try:
        writer.write(json.dumps({"op": operation, **arguments}).encode() + b"\n")
        line = await reader.readline()
    finally:
        writer.close()
    told: dict[str, Any] = json.loads(line) if line else {"ok": False, "error": "The phone has ended."}
    if not told.pop("ok"):
        raise RingwallError(str(told["error"]), code="phone")
    return told


def encoded(pcm: bytes) -> str:
    """Sound as it goes over the socket."""
    return base64.b64encode(pcm).decode()
