"""The application's side of the loader: it says that it is up, and asks for new images by name (F2)."""

import asyncio
import json
import os
import socket
from collections import deque
from typing import Any

from ringwall.infra.firmware import FirmwareError

LOADER_FD = "RINGWALL_LOADER_FD"
_LARGEST = 256 * 1024
ANSWER_S = 600.0  # the longest that an image may take


class LoaderLink:
    """One question after the other; made by `LoaderLink.open`. `hello` is what the loader says of itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: dict[str, Any]
    ) -> None:
        self._reader, self._writer = reader, writer
        self._asking = asyncio.Lock()
        self.hello = hello
        self.told: deque[dict[str, Any]] = deque(maxlen=20)

    @classmethod
    async def open(cls) -> "LoaderLink":
        """Take the descriptor that the loader gave; raise FirmwareError where there is none."""
        number = os.environ.get(LOADER_FD, "")
        if not number.isdigit():
            raise FirmwareError("This is started by the boot loader: `./ringwall phone run FOLDER`.")
        connection = socket.socket(fileno=int(number))
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection, limit=_LARGEST)
        return cls(reader, writer, _read(await reader.readline()))

    @property
    def version(self) -> str:
        """The version of the image that runs."""
        return str(self.hello.get("version", ""))

    async def up(self) -> None:
        """Say that this image is up: from now on it is the one that counts."""
        await self._ask(op="up")

    async def update(self, url: str, path: str) -> dict[str, Any]:
        """Have an image fetched; return what became of it: `event` installed, current, refused or busy."""
        told = await self._ask(op="update", url=url, path=path)
        self.told.append(told)
        return told

    async def refusals(self) -> list[dict[str, Any]]:
        """The refusals that the server was not told yet."""
        found = (await self._ask(op="refusals")).get("refusals", [])
        return found if isinstance(found, list) else []

    def reported(self, number: int) -> None:
        """Say that the server was told of the oldest refusals."""
        self._say(op="reported", number=number)

    def restart(self) -> None:
        """Ask to be started anew, from the new image where there is one."""
        self._say(op="restart")

    def off(self) -> None:
        """Ask to be switched off, and not to be started again."""
        self._say(op="off")

    async def _ask(self, **question: Any) -> dict[str, Any]:
        async with self._asking:
            self._say(**question)
            return _read(await asyncio.wait_for(self._reader.readline(), ANSWER_S))

    def _say(self, **told: Any) -> None:
        self._writer.write(json.dumps(told).encode() + b"\n")

    def close(self) -> None:
        """End the link."""
        self._writer.close()


def _read(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise FirmwareError("The loader has gone.")
    return told
