"""Sealed files: sound at rest, encrypted and authenticated chunk by chunk while it is written.

Rules that this module keeps:

- Each file has keys of its own, made of the caller's 32 bytes, a random salt and the whole head of the file:
  the same key given twice never encrypts two files alike, and a changed head opens nothing.
- Chunks are sealed with AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizar,
  2015): the nonce holds the place of the chunk and whether it is the last one, so that none can be moved,
  repeated, removed or taken for the end.
- A file that a crash cut off opens up to its last whole chunk and says that it was cut; what cannot be
  authenticated is never handed out.
- What is read from a file is limited before memory is taken for it.

Layout: ``RWSEALED`` | version (1 byte) | length of the kind (1) | kind | salt (32), then for each chunk:
``!I``, the length of what follows | sealed bytes with their tag of 16. The end mark is an empty chunk with
the highest bit of its length set.
"""

import os
import struct
from collections.abc import Iterator
from enum import Enum
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringwall.infra.errors import RingwallError

KEY_BYTES = 32
MAX_CHUNK = 64 * 1024
"""Bytes of plain text in one chunk."""

_MAGIC = b"RWSEALED"
_VERSION = 1
_SALT = 32
_TAG = 16
_LENGTH = struct.Struct("!I")
_LAST = 1 << 31
_INFO = b"ringwall sealed file"


class SealedError(RingwallError):
    """The file is no sealed file, or the key is not its key."""

    code = "sealed-file"


class End(Enum):
    """How a file that was read ended."""

    COMPLETE = "complete"
    """With its end mark."""
    CUT = "cut"
    """After a whole chunk or in the midst of one, without end mark: its writer crashed, or still writes."""
    DAMAGED = "damaged"
    """With something that was not written so: all before it is good."""


class Sealer:
    """Makes the bytes of one sealed file: `head` first, then a `chunk` at a time, then `end`."""

    def __init__(self, key: bytes, kind: str) -> None:
        """``kind`` says what the chunks hold, such as ``pcmu/8000``; 1 to 64 characters. ValueError."""
        name = kind.encode("ascii")
        if not 1 <= len(name) <= 64:
            raise ValueError("the kind has 1 to 64 characters")
        self.head = _MAGIC + bytes([_VERSION, len(name)]) + name + os.urandom(_SALT)
        self._cipher = _cipher(key, self.head)
        self._count = 0
        self._ended = False

    def chunk(self, content: bytes) -> bytes:
        """Return the sealed form of the next chunk, 1 to MAX_CHUNK bytes. ValueError."""
        if self._ended or not 1 <= len(content) <= MAX_CHUNK:
            raise ValueError("a chunk has 1 to 65536 bytes, and none follows the end mark")
        return self._seal(content)

    def end(self) -> bytes:
        """Return the end mark. ValueError when it was set."""
        if self._ended:
            raise ValueError("the end mark is set once")
        self._ended = True
        return _end_mark(self._cipher, self._count)

    def _seal(self, content: bytes) -> bytes:
        sealed = self._cipher.encrypt(_nonce(self._count, last=False), content, None)
        self._count += 1
        return _LENGTH.pack(len(sealed)) + sealed


def _end_mark(cipher: AESGCM, place: int) -> bytes:
    # Always empty: whoever sets it again after a crash makes the same bytes, and no nonce meets two contents.
    sealed = cipher.encrypt(_nonce(place, last=True), b"", None)
    return _LENGTH.pack(len(sealed) | _LAST) + sealed


class Opener:
    """Reads one sealed file; SealedError when it is none, or when the first chunk does not open.

    A wrong key cannot be told from a damaged first chunk.
    """

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        fixed = _read(file, len(_MAGIC) + 2)
        if len(fixed) < len(_MAGIC) + 2 or not fixed.startswith(_MAGIC):
            raise SealedError("This is no sealed file.")
        if fixed[-2] != _VERSION:
            raise SealedError(f"This sealed file is of version {fixed[-2]}; only {_VERSION} is known.")
        name = _read(file, fixed[-1])
        salt = _read(file, _SALT)
        if not 1 <= len(name) <= 64 or len(name) != fixed[-1] or len(salt) != _SALT or not name.isascii():
            raise SealedError("The head of this sealed file is damaged.")
        self.kind = name.decode("ascii")
        self._head = fixed + name + salt
        self.cipher = _cipher(key, self._head)
        self.good_bytes = len(self._head)
        """Length of the file up to the last chunk that was good."""
        self.chunks_read = 0
        self.end: End | None = None
        """How it ended, once it was read to its end."""

    def chunks(self) -> Iterator[bytes]:
        """Give the contents in order, authenticated; sets `end`. SealedError when the first is not good."""
        while self.end is None:
            content = self._next()
            if content is not None:
                yield content

    def _next(self) -> bytes | None:
        head = _read(self._file, _LENGTH.size)
        if len(head) < _LENGTH.size:
            self.end = End.CUT
            return None
        (word,) = _LENGTH.unpack(head)
        length, last = word & ~_LAST, bool(word & _LAST)
        if word == 0 and self._only_zeros_follow():
            # What a file system leaves behind where the power went away before the data came.
            self.end = End.CUT
            return None
        if length != _TAG if last else not _TAG < length <= MAX_CHUNK + _TAG:
            self._bad()
            return None
        sealed = _read(self._file, length)
        if len(sealed) < length:
            self.end = End.CUT
            return None
        try:
            content = self.cipher.decrypt(_nonce(self.chunks_read, last=last), sealed, None)
        except InvalidTag:
            self._bad()
            return None
        if last:
            self.end = End.DAMAGED if _read(self._file, 1) else End.COMPLETE
            return None
        self.chunks_read += 1
        self.good_bytes += _LENGTH.size + length
        return content

    def _only_zeros_follow(self) -> bool:
        while block := self._file.read(MAX_CHUNK):
            if any(block):
                return False
        return True

    def _bad(self) -> None:
        if self.chunks_read == 0:
            raise SealedError("This sealed file does not open with this key, or its beginning is damaged.")
        self.end = End.DAMAGED


def finish(file: BinaryIO, key: bytes) -> tuple[int, End]:
    """Close a file that was cut off: keep its good chunks, cut the rest away, set the end mark.

    Returns the bytes of content, and how it had ended. A complete file is left as it is, and so is one that
    is damaged: that is no crash's work, and evidence. ``file`` is open for reading and writing. SealedError.
    """
    opener = Opener(file, key)
    total = sum(len(chunk) for chunk in opener.chunks())
    assert opener.end is not None
    if opener.end is End.CUT:
        file.seek(opener.good_bytes)
        file.truncate()
        file.write(_end_mark(opener.cipher, opener.chunks_read))
        file.flush()
        os.fsync(file.fileno())
    return total, opener.end


def _cipher(key: bytes, head: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError("the key of a sealed file has 32 bytes")
    return AESGCM(HKDF(SHA256(), 32, salt=head[-_SALT:], info=_INFO + head).derive(key))


def _nonce(place: int, *, last: bool) -> bytes:
    return place.to_bytes(11) + bytes([last])


def _read(file: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes, or fewer only at the end of the file; raw files may give less at a time."""
    found = file.read(count) or b""
    while 0 < len(found) < count:
        more = file.read(count - len(found))
        if not more:
            break
        found += more
    return found
