"""One key for each live call, in memory alone: what is sealed with it is gone when the call ends.

A call is written to the database so that the next process can take it up (R1), and its descriptions hold SRTP
keys. A database forgets nothing: deleted rows stay in free pages, in its log, in backups. So these parts are
sealed with a key that was never on a disk, and the end of the call destroys that key.

Rules that this module keeps:
- The keys lie in a file of `infra.memory_folder`, mapped into this process: it outlives kill -9 and no
  restart of the host. Where there is no such file they live in this process alone, and the next one takes up
  no call.
- The pages are locked, so that none is swapped out, and left out of crash dumps, as far as the host lets us.
- A place is the digest of the call's name and its key. A new key is there before its name, and goes before
  its name does: a process that is killed in between leaves nothing that could be taken for a key.
"""

import ctypes
import hashlib
import logging
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ringwall.infra.layout import Layout
from ringwall.infra.memory_folder import memory_folder

log = logging.getLogger(__name__)

_KEY = 32
_NAME = 32
_PLACE = _NAME + _KEY
FILE = "call-keys"
PLACES = 4096
"""Places of one segment of the file."""
MOST_SEGMENTS = 64
_SEGMENT = PLACES * _PLACE
_NONCE = 12
_NOTHING = bytes(_NAME)


class CallKeys:
    """Seals and opens what is secret of live calls. `path` is the file, None for this process alone.

    Raises OSError where the file cannot be opened. To be used by one thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._descriptor: int | None = None
        if path is not None:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        self._segments: list[mmap.mmap] = []
        self._places: dict[bytes, int] = {}
        self._free: list[int] = []
        self._ciphers: dict[bytes, AESGCM] = {}
        there = 0 if self._descriptor is None else os.fstat(self._descriptor).st_size // _SEGMENT
        for _ in range(min(max(there, 1), MOST_SEGMENTS)):
            self._add_segment()

    @property
    def outlive_the_process(self) -> bool:
        """Whether the next process will find the keys."""
        return self._descriptor is not None

    def __len__(self) -> int:
        return len(self._places)

    def seal(self, call_id: str, secret: bytes) -> bytes:
        """Encrypt what is secret of a call (AES-256-GCM), with a key that is made where it has none yet."""
        name = _name(call_id)
        cipher = self._ciphers.get(name) or self._new(name)
        nonce = os.urandom(_NONCE)
        return nonce + cipher.encrypt(nonce, secret, name)

    def unseal(self, call_id: str, sealed: bytes) -> bytes | None:
        """Decrypt that; None where the key is gone, or is not the one that sealed it."""
        name = _name(call_id)
        cipher = self._ciphers.get(name)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name)
        except (InvalidTag, ValueError):
            return None

    def destroy(self, call_id: str) -> None:
        """Forget the key of a call that has ended; what was sealed with it can never be read again."""
        self._destroy(_name(call_id))

    def keep_only(self, call_ids: Iterable[str]) -> None:
        """Forget all keys but those of these calls: the others ended when no process saw it."""
        alive = {_name(call_id) for call_id in call_ids}
        for name in self._places.keys() - alive:
            self._destroy(name)

    def close(self) -> None:
        """Let go of the file; the keys stay in it."""
        self._ciphers.clear()
        self._places.clear()
        for segment in self._segments:
            segment.close()
        self._segments.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _new(self, name: bytes) -> AESGCM:
        key = os.urandom(_KEY)
        cipher = self._ciphers[name] = AESGCM(key)
        if not self._free and len(self._segments) < MOST_SEGMENTS:
            self._add_segment()
        if self._free:
            place = self._places[name] = self._free.pop()
            segment, at = self._segments[place // PLACES], place % PLACES * _PLACE
            segment[at + _NAME : at + _PLACE] = key
            segment[at : at + _NAME] = name
        return cipher

    def _destroy(self, name: bytes) -> None:
        self._ciphers.pop(name, None)
        place = self._places.pop(name, None)
        if place is not None:
            segment, at = self._segments[place // PLACES], place % PLACES * _PLACE
            segment[at + _NAME : at + _PLACE] = bytes(_KEY)
            segment[at : at + _NAME] = _NOTHING
            self._free.append(place)

    def _add_segment(self) -> None:
        number = len(self._segments)
        if self._descriptor is None:
            segment = mmap.mmap(-1, _SEGMENT)
        else:
            if os.fstat(self._descriptor).st_size < (number + 1) * _SEGMENT:
                os.ftruncate(self._descriptor, (number + 1) * _SEGMENT)
            segment = mmap.mmap(self._descriptor, _SEGMENT, offset=number * _SEGMENT)
        _guard(segment)
        self._segments.append(segment)
        for place in range((number + 1) * PLACES - 1, number * PLACES - 1, -1):
            at = place % PLACES * _PLACE
            name, key = segment[at : at + _NAME], segment[at + _NAME : at + _PLACE]
            if name == _NOTHING or not any(key):
                segment[at : at + _PLACE] = bytes(_PLACE)  # also what a killed process left half made
                self._free.append(place)
            else:
                self._places[name] = place
                self._ciphers[name] = AESGCM(key)


def open_call_keys(layout: Layout) -> CallKeys:
    """Return the keys that the process before left, or new ones; never raises, says what is missing."""
    folder = memory_folder(layout)
    if folder is None:
        log.warning("No folder of this host is in memory: calls that are up do not outlive this process")
        return CallKeys()
    try:
        return CallKeys(folder / FILE)
    except OSError as error:
        why = f"{folder / FILE} cannot be opened ({error.strerror})"
        log.error("%s: calls that are up do not outlive this process", why)  # noqa: TRY400 - it says it all
        return CallKeys()


def _name(call_id: str) -> bytes:
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()


def _guard(segment: mmap.mmap) -> None:
    """Keep the pages out of swap and out of crash dumps."""
    segment.madvise(mmap.MADV_DONTDUMP)
    first = ctypes.c_char.from_buffer(segment)
    address = ctypes.addressof(first)
    del first  # it would keep the mapping from being closed
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(len(segment))):
        why = os.strerror(ctypes.get_errno())
        log.warning("Keys of live calls cannot be kept out of swap (%s): use encrypted swap or none", why)
