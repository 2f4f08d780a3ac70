"""Sealed recordings as the core handles them: closed, read, removed (docs/media-control.md).

Rules that this module keeps:
- The media servers write and remove the files; the core reads them where they lie, or asks for their bytes
  where they lie on another host.
- What is read is authenticated chunk by chunk; what is damaged ends the sound and is told.
- Nothing here knows a key for longer than one call.
"""

import asyncio
import base64
import io
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO, Final

from ringwall.core.errors import CoreError
from ringwall.core.media.errors import MediaError, MediaRefusal
from ringwall.core.media.values import Answer
from ringwall.infra.sealed import Opener, SealedError

_AT_ONCE: Final = 131_072  # bytes of one recording.read
_LONGEST: Final = 64 * 1024 * 1024
_TRIES: Final = 30  # to close what its recorder still writes
_PAUSE: Final = 0.1

Ask = Callable[..., Awaitable[Answer]]


class RecordingError(CoreError):
    """A recording cannot be had now."""

    code = "unavailable"


class Recordings:
    """The recordings of this core's media servers.

    `ask` asks a media server that is there (`Media.ask`); `folder` is where recordings lie on this host.
    """

    def __init__(self, ask: Ask, folder: Path) -> None:
        self._ask = ask
        self._folder = folder

    async def finish(self, name: str, key: bytes) -> float:
        """Close a recording that was cut off; return its seconds, 0 where there is none. RecordingError."""
        fields = {"recording": name, "key": base64.b64encode(key).decode()}
        for left in reversed(range(_TRIES)):
            try:
                answer = await self._ask("recording.finish", **fields)
                return float(answer["seconds"])
            except MediaRefusal as error:
                if error.code == "unknown":
                    return 0.0
                if error.code != "exists" or not left:
                    raise RecordingError(f"The recording cannot be closed: {error}") from error
            except (MediaError, KeyError, TypeError, ValueError) as error:
                raise RecordingError(f"The recording cannot be closed: {error}") from error
            await asyncio.sleep(_PAUSE)
        raise AssertionError("the last try returns or raises")

    async def remove(self, name: str) -> None:
        """Remove a recording; raise RecordingError."""
        try:
            await self._ask("recording.remove", recording=name)
        except MediaRefusal as error:
            if error.code != "unknown":
                raise RecordingError(f"The recording cannot be removed: {error}") from error
        except MediaError as error:
            raise RecordingError(f"The recording cannot be removed: {error}") from error

    async def sound(self, name: str, key: bytes) -> AsyncIterator[bytes]:
        """Give the sound in chunks of a second, PCMU; raise RecordingError."""
        loop = asyncio.get_running_loop()
        file = await self._opened(name)
        try:
            opener = await loop.run_in_executor(None, Opener, file, key)
            chunks = opener.chunks()
            while (chunk := await loop.run_in_executor(None, next, chunks, None)) is not None:
                yield chunk
        except (SealedError, OSError) as error:
            raise RecordingError(f"The recording cannot be read: {error}") from error
        finally:
            file.close()

    async def _opened(self, name: str) -> BinaryIO:
        path = self._folder / name
        try:
            if await asyncio.to_thread(path.is_file):
                return await asyncio.to_thread(path.open, "rb")
        except OSError as error:
            raise RecordingError(f"The recording cannot be read: {error.strerror}.") from error
        return io.BytesIO(await self._fetched(name))

    async def _fetched(self, name: str) -> bytes:
        """The bytes of a recording on another host."""
        content = bytearray()
        try:
            while True:
                answer = await self._ask(
                    "recording.read", recording=name, offset=len(content), length=_AT_ONCE
                )
                data = base64.b64decode(answer["data"], validate=True)
                content += data
                if not data or len(content) >= answer["size"]:
                    return bytes(content)
                if len(content) > _LONGEST:
                    raise RecordingError("The recording is longer than any that is made here.")
        except (MediaError, KeyError, TypeError, ValueError) as error:
            raise RecordingError(f"The recording cannot be read: {error}") from error

    async def free_bytes(self) -> int:
        """Bytes that are free where recordings lie; raise RecordingError."""
        try:
            return (await asyncio.to_thread(shutil.disk_usage, self._folder)).free
        except OSError as error:
            raise RecordingError(
                f"The folder of recordings {self._folder} cannot be looked at: {error.strerror}."
            ) from error
