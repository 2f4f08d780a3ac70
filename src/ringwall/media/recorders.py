"""Recorders: what a leg says or a room hears, sealed on disk second by second (C2, V2).

The media thread collects a second of sound and hands it over; the thread of the files seals and writes it. So
a crash loses the second that was not full, and what is on disk is never readable without the core's key.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ringwall.infra.files import sync_directory
from ringwall.infra.sealed import Sealer
from ringwall.media.errors import MediaError
from ringwall.media.files import Files
from ringwall.media.g711 import RATE, encode_u_law
from ringwall.media.mixer import Sound, limited
from ringwall.media.playout import FRAME
from ringwall.media.sound import CHUNK, KIND

if TYPE_CHECKING:
    from ringwall.media.legs import Leg
    from ringwall.media.rooms import Room

log = logging.getLogger(__name__)

_MOST_WAITING = 30  # seconds of sound that may wait for the disk
_SYNC_EVERY = 10  # chunks
_FILE_MODE = 0o640
# Voice is what is well above the softest that was heard so far.
_LEAST_VOICE, _MOST_VOICE, _ABOVE = 120.0, 1000.0, 3.0
_FLOOR_RISE = 1.002


class Voice:
    """Tells voice from silence, tick by tick, by its level above the noise of the line."""

    def __init__(self) -> None:
        self._floor = _MOST_VOICE
        self.ticks = 0
        """Ticks with voice."""
        self.quiet = 0
        """Ticks since the last voice."""

    def tick(self, sound: Sound) -> None:
        """Take the next 20 ms."""
        level = float(np.abs(sound).mean())
        self._floor = level if level < self._floor else min(self._floor * _FLOOR_RISE + 0.1, _MOST_VOICE)
        if level > min(max(_ABOVE * self._floor, _LEAST_VOICE), _MOST_VOICE):
            self.ticks += 1
            self.quiet = 0
        else:
            self.quiet += 1


class SealedRecording:
    """The file of a recorder, written in the thread of the files."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE
        )
        self._count = 0
        try:
            self._sealer = Sealer(key, KIND)
            self._write(self._sealer.head)
        except BaseException:
            os.close(self._descriptor)
            raise

    def chunk(self, content: bytes) -> None:
        """Seal and write one second, or the rest at the end."""
        self._write(self._sealer.chunk(content))
        self._count += 1
        if self._count % _SYNC_EVERY == 0:
            os.fdatasync(self._descriptor)

    def finish(self) -> None:
        """Set the end mark and close; what was written is on disk then."""
        try:
            self._write(self._sealer.end())
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        sync_directory(self._path.parent)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


class Recorder:
    """One recorder. ``most`` and ``silence`` are in seconds; no silence ends it when that is 0."""

    def __init__(
        self,
        name: str,
        target: "Leg | Room",
        recording: str,
        *,
        asked: Any,
        files: Files,
        path: Path,
        key: bytes,
        most: float,
        silence: float,
        ended: Callable[["Recorder", str], None],
    ) -> None:
        self.name = name
        self.target = target
        self.recording = recording
        self.asked = asked
        self.why = ""
        self.paused = False
        self.of: frozenset[str] | None = None
        """Whom of a room it records, by the names of their legs; None: everybody."""
        self._files = files
        self._most = round(most * RATE)
        self._silence = round(silence * RATE / FRAME)
        self._ended = ended
        self._buffer = bytearray()
        self._samples = 0
        self._voice = Voice()
        self._file: SealedRecording | None = None
        self._waiting = 0
        self._reason = ""
        files.submit(lambda: SealedRecording(path, key), self._opened)

    @property
    def seconds(self) -> float:
        """Seconds recorded so far."""
        return self._samples / RATE

    @property
    def voice_seconds(self) -> float:
        """Seconds of them with voice."""
        return min(self._voice.ticks * FRAME, self._samples) / RATE

    @property
    def over(self) -> bool:
        """Say whether it takes no more sound."""
        return bool(self._reason)

    def tick(self, sound: Sound) -> None:
        """Record FRAME samples, and end when it is time to."""
        if self.paused or self._reason:
            return
        self._voice.tick(sound)
        self._buffer += encode_u_law(limited(sound))
        self._samples += FRAME
        if len(self._buffer) >= CHUNK:
            self._flush(CHUNK)
        if self._samples >= self._most:
            self.stop("most")
        elif self._silence and self._voice.quiet >= self._silence:
            self.stop("silence")

    def stop(self, reason: str) -> None:
        """Take no more and close the file; `ended` is called when it is on disk."""
        if self._reason:
            return
        if self._buffer:
            self._flush(len(self._buffer))
        self._reason = self._reason or reason
        if self._file is not None:
            self._finish(self._file)

    def _opened(self, file: SealedRecording | None, error: Exception | None) -> None:
        if file is None:
            self._fail(error)
            self._ended(self, "failed")
            return
        self._file = file
        if self._reason:
            self._flush(len(self._buffer))
            self._finish(file)
        elif len(self._buffer) >= CHUNK:
            self._flush(CHUNK)

    def _flush(self, count: int) -> None:
        """Hand the first ``count`` bytes over; before the file is open they wait here."""
        file = self._file
        if file is None or not count:
            if len(self._buffer) > _MOST_WAITING * CHUNK:
                self._fail(MediaError("the disk is too slow"))
            return
        if self._waiting >= _MOST_WAITING:
            self._fail(MediaError("the disk is too slow"))
            self._finish(file)
            return
        while count:
            part = bytes(self._buffer[: min(count, CHUNK)])
            del self._buffer[: len(part)]
            count -= len(part)
            self._waiting += 1
            self._files.submit(lambda part=part: file.chunk(part), self._written, must=True)  # type: ignore[misc]

    def _written(self, _result: object, error: Exception | None) -> None:
        self._waiting -= 1
        if error is not None and not self._reason:
            self._fail(error)
            if self._file is not None:
                self._finish(self._file)

    def _finish(self, file: SealedRecording) -> None:
        def done(_result: object, error: Exception | None) -> None:
            if error is not None:
                self._fail(error)
            self._ended(self, self._reason)

        self._files.submit(file.finish, done, must=True)

    def _fail(self, error: Exception | None) -> None:
        if isinstance(error, FileExistsError):
            self.why = "a recording of that name is there already"
        else:
            strerror = error.strerror if isinstance(error, OSError) else None
            self.why = self.why or str(strerror or error)
        self._reason = "failed"
        log.warning("The recording %s failed: %s", self.recording, self.why)
