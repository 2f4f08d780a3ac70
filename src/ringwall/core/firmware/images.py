"""The images themselves: files that are called by their hash (F1).

Rules that this module keeps:
- A file comes in pieces, in order, and takes its name only when its SHA-256 is that name.
- Nothing here says that an image is good: only what people have signed is ever handed out.
- What is on the disk is bounded: so many files at a time on their way in, so many bytes each, and never so
  much that the disk has no room for records.
"""

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from ringwall.core.firmware.metadata import measure
from ringwall.infra.files import sync_directory
from ringwall.infra.firmware import LARGEST_IMAGE, FirmwareError

MOST_ON_THEIR_WAY = 8
KEPT_S = 7 * 86_400.0
"""How long a file stays that is not signed (yet), or is not complete."""
SPARE_BYTES = 512 * 1024 * 1024
LARGEST_PIECE = 3 * 1024 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class ImageStore:
    """The folder of images. Its methods are for one event loop; what takes time runs in a thread."""

    def __init__(self, folder: Path, *, spare_bytes: int = SPARE_BYTES) -> None:
        self._images = folder / "images"
        self._incoming = folder / "incoming"
        self._spare = spare_bytes
        self._busy = asyncio.Lock()
        for one in (folder, self._images, self._incoming):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the image with this hash is, whether it is there or not; raise FirmwareError."""
        if not _SHA256.match(sha256):
            raise FirmwareError("An image is called by its SHA-256: 64 small hexadecimal digits.")
        return self._images / sha256

    def length(self, sha256: str) -> int | None:
        """How many bytes the image has; None where it is not here."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    async def take(self, sha256: str, length: int, offset: int, piece: bytes) -> int:
        """Take a piece of an image; return how many bytes are here now. Raise FirmwareError.

        A piece at another place than the end of what is here is not taken: go on from what is returned.
        """
        final = self.path(sha256)
        if not 0 < length <= LARGEST_IMAGE:
            raise FirmwareError(f"An image has 1 to {LARGEST_IMAGE} bytes.")
        if len(piece) > LARGEST_PIECE:
            raise FirmwareError(f"A piece has at most {LARGEST_PIECE} bytes.")
        async with self._busy:
            return await asyncio.to_thread(self._take, final, length, offset, piece)

    def _take(self, final: Path, length: int, offset: int, piece: bytes) -> int:
        if final.exists():
            return final.stat().st_size
        part = self._incoming / final.name
        have = part.stat().st_size if part.exists() else 0
        if have == 0 and offset == 0:
            self._make_room(length)
        if offset != have:
            return have
        if have + len(piece) > length:
            part.unlink(missing_ok=True)
            raise FirmwareError("More came than the image is long: begin again.")
        descriptor = os.open(
            part, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "ab") as file:
            file.write(piece)
            if have + len(piece) == length:
                file.flush()
                os.fsync(file.fileno())
        have += len(piece)
        if have == length:
            self._complete(part, final)
        return have

    def _complete(self, part: Path, final: Path) -> None:
        with part.open("rb") as file:
            _length, found = measure(file)
        if found != final.name:
            part.unlink()
            raise FirmwareError("What came is another image than its hash says: begin again.")
        part.replace(final)
        sync_directory(self._images)

    def _make_room(self, length: int) -> None:
        self._forget(self._incoming, keep=())
        if len(list(self._incoming.iterdir())) >= MOST_ON_THEIR_WAY:
            raise FirmwareError(f"{MOST_ON_THEIR_WAY} images are on their way in already: finish one first.")
        if shutil.disk_usage(self._images).free < length + self._spare:
            raise FirmwareError("The disk has no room for this image: make room and try again.")

    async def tidy(self, signed: Iterable[str]) -> None:
        """Remove what has been here for a week and is not signed."""
        keep = frozenset(signed)
        async with self._busy:
            await asyncio.to_thread(self._forget, self._images, keep)
            await asyncio.to_thread(self._forget, self._incoming, ())

    @staticmethod
    def _forget(folder: Path, keep: Iterable[str]) -> None:
        kept = frozenset(keep)
        for path in folder.iterdir():
            if path.name not in kept and path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()

    async def damaged(self, sha256: str) -> str | None:
        """What is wrong with an image on the disk, as the end of a sentence; None where it is whole."""
        path = self.path(sha256)

        def look() -> str | None:
            try:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256")
            except FileNotFoundError:
                return "is missing"
            return None if digest.hexdigest() == sha256 else "is changed"

        return await asyncio.to_thread(look)
