"""Recordings at rest: a key for each, wrapped, and the sound for who may hear it.

Rules that this module keeps:
- Each recording is sealed with a key of its own (`infra.sealed`). The key is kept wrapped with AES-256-GCM,
  bound to the recording's name: a row that was put in another's place opens nothing.
- A key is unwrapped for one use; nothing here keeps it.
"""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ringwall.core.errors import CoreError
from ringwall.core.media.items import Recorded
from ringwall.core.voicemail.model import Recording

BYTES_PER_SECOND: Final = 8000  # PCMU
PREFIX: Final = "vm-"
PURPOSE: Final = b"ringwall voice mail recordings 1"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Files(Protocol):
    """Where sealed recordings lie; the media server writes them. All raise CoreError where that fails."""

    async def finish(self, name: str, key: bytes) -> float:
        """Close a recording that was cut off, if it was; return its seconds, 0 where there is none."""
        ...

    def sound(self, name: str, key: bytes) -> AsyncIterator[bytes]:
        """Give the sound: PCMU, 8000 bytes a second, in pieces."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a recording; one that is not there is removed already."""
        ...

    async def free_bytes(self) -> int:
        """Bytes that are free where they lie."""
        ...


class Vault:
    """Makes, wraps and opens recordings. `key` is derived for PURPOSE alone (32 bytes)."""

    def __init__(self, key: bytes, files: Files) -> None:
        self._wrap = AESGCM(key)
        self.files = files

    def new(self, now: float) -> tuple[Recording, bytes]:
        """Return a recording that is not there yet, and its key."""
        name, key, nonce = PREFIX + secrets.token_hex(16), secrets.token_bytes(_KEY_BYTES), _nonce()
        wrapped = nonce + self._wrap.encrypt(nonce, key, name.encode())
        return Recording(name, wrapped, now), key

    def key(self, recording: Recording) -> bytes:
        """Return the key of a recording; raise CoreError where it was wrapped with another key."""
        nonce, wrapped = recording.wrapped[:_NONCE_BYTES], recording.wrapped[_NONCE_BYTES:]
        try:
            return self._wrap.decrypt(nonce, wrapped, recording.name.encode())
        except (InvalidTag, ValueError):
            raise CoreError(
                "A recording cannot be opened with this key: restore core/secrets.key from its backup.",
                code="keys",
            ) from None

    def item(self, recording: Recording) -> Recorded:
        """Return what plays a recording."""
        return Recorded(recording.name, self.key(recording))

    async def measured(self, recording: Recording) -> Recording:
        """Return a recording with the length that its file has, also after its writer crashed."""
        seconds = await self.files.finish(recording.name, self.key(recording))
        return replace(recording, seconds=seconds, size=round(seconds * BYTES_PER_SECOND))

    def sound(self, recording: Recording) -> AsyncIterator[bytes]:
        """Give the sound of a recording."""
        return self.files.sound(recording.name, self.key(recording))


def _nonce() -> bytes:
    return secrets.token_bytes(_NONCE_BYTES)
