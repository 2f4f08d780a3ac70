"""What a player plays, item by item: sources of samples, some still on their way from the disk."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ringwall.infra.sealed import Opener, SealedError
from ringwall.media.files import Files
from ringwall.media.g711 import DECODE, PCMU, RATE, Samples, to_codes
from ringwall.media.prompts import Prompts

KIND = "pcmu/8000"
"""What the chunks of a sealed recording hold."""
CHUNK = RATE
"""Bytes, and samples, of one chunk: one second."""
_AHEAD = 3  # chunks that are read before they are needed

NOTHING: Samples = np.zeros(0, np.int16)


class Source(Protocol):
    """Sound from its beginning to its end."""

    @property
    def why(self) -> str:
        """Why it failed, or an empty text."""
        ...

    @property
    def ready(self) -> bool:
        """Say whether samples (or the end) are there now."""
        ...

    def take(self, count: int) -> Samples:
        """Return the next samples, at most ``count``; none at the end."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class Loop:
    """A round of samples, played again and again for so many samples; for ever when ``left`` is None."""

    why = ""
    ready = True

    def __init__(self, round_: Samples, left: int | None) -> None:
        self._round = round_
        self._left = left
        self._at = 0

    def take(self, count: int) -> Samples:
        """Return the next samples."""
        if self._left is not None:
            count = min(count, self._left)
            self._left -= count
        places = np.arange(self._at, self._at + count)
        self._at = (self._at + count) % len(self._round)
        return self._round.take(places, mode="wrap")

    def close(self) -> None:
        """Nothing is open."""


class PromptSound:
    """A prompt, as soon as it is read."""

    def __init__(self, prompts: Prompts, name: str) -> None:
        self._samples: Samples | None = None
        self._at = 0
        self.why = ""
        prompts.get(name, self._set)

    def _set(self, samples: Samples | None, why: str) -> None:
        self._samples, self.why = samples, why

    @property
    def ready(self) -> bool:
        """Say whether it is read, or cannot be."""
        return self._samples is not None or bool(self.why)

    def take(self, count: int) -> Samples:
        """Return the next samples."""
        if self._samples is None:
            return NOTHING
        found = self._samples[self._at : self._at + count]
        self._at += len(found)
        return found

    def close(self) -> None:
        """Nothing is open."""


class RecordingSound:
    """A sealed recording, read a few seconds ahead. ``start`` is in seconds."""

    def __init__(self, files: Files, path: Path, key: bytes, start: float) -> None:
        self._files = files
        self._skip = round(start * RATE)
        self._waiting: deque[Samples] = deque()
        self._reader: _Reader | None = None
        self._asked = False
        self._ended = False
        self._closed = False
        self.why = ""
        self._asked = True
        files.submit(lambda: _Reader(path, key, self._skip), self._opened)

    def _opened(self, reader: "_Reader | None", error: Exception | None) -> None:
        self._asked = False
        self._reader = reader
        if reader is None:
            self.why = _why(error)
            self._ended = True
        elif self._closed:
            self._release()
        else:
            self._fetch()

    def _fetch(self) -> None:
        if not self._asked and not self._ended and self._reader is not None and len(self._waiting) < _AHEAD:
            self._asked = True
            self._files.submit(self._reader.chunk, self._fetched)

    def _fetched(self, samples: Samples | None, error: Exception | None) -> None:
        self._asked = False
        if error is not None:
            self.why = _why(error)
        if samples is None or error is not None:
            self._ended = True
        else:
            self._waiting.append(samples)
        if self._closed:
            self._release()
        else:
            self._fetch()

    @property
    def ready(self) -> bool:
        """Say whether samples, or the end, are there."""
        return bool(self._waiting) or self._ended

    def take(self, count: int) -> Samples:
        """Return the next samples."""
        if not self._waiting:
            return NOTHING
        first = self._waiting.popleft()
        if len(first) > count:
            self._waiting.appendleft(first[count:])
        self._fetch()
        return first[:count]

    def close(self) -> None:
        """Close the file, now or when the disk has answered."""
        self._closed = True
        if not self._asked:
            self._release()

    def _release(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._files.submit(reader.close, lambda _result, _error: None, must=True)


class _Reader:
    """Reads a recording in the thread of the files."""

    def __init__(self, path: Path, key: bytes, skip: int) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._file: BinaryIO = os.fdopen(descriptor, "rb")
        try:
            self._chunks: Iterator[bytes] = _opened(self._file, key)
        except BaseException:
            self._file.close()
            raise
        self._skip = skip

    def chunk(self) -> Samples | None:
        """Return the next samples, or None at the end."""
        for content in self._chunks:
            if self._skip >= len(content):
                self._skip -= len(content)
                continue
            found = DECODE.take(to_codes(content[self._skip :], PCMU))
            self._skip = 0
            return found
        return None

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _opened(file: BinaryIO, key: bytes) -> Iterator[bytes]:
    opener = Opener(file, key)
    if opener.kind != KIND:
        raise SealedError(f"The recording holds {opener.kind!r}, not sound.")
    return opener.chunks()


def _why(error: Exception | None) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such recording"
    return str(error) if isinstance(error, SealedError) else f"the recording cannot be read: {error}"
