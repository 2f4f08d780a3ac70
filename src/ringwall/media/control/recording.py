"""Recorders and recordings as the core asks for them."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ringwall.infra import sealed
from ringwall.infra.files import sync_directory
from ringwall.media.control import requests as ask
from ringwall.media.control.owners import Owner, target_of
from ringwall.media.control.playing import Playing
from ringwall.media.control.recording_files import RecordingFiles
from ringwall.media.engine import Engine
from ringwall.media.errors import MediaError
from ringwall.media.files import Files
from ringwall.media.legs import Leg
from ringwall.media.players import Player
from ringwall.media.recorders import Recorder
from ringwall.media.rooms import Room
from ringwall.media.sound import CHUNK

MOST_RECORDERS = 250


class Recording:
    """Makes and ends recorders; the recordings lie in one folder, by their name."""

    def __init__(self, files: Files, recordings: RecordingFiles) -> None:
        self._files = files
        self.recordings = recordings
        self._open: set[str] = set()

    def record(self, engine: Engine, owner: Owner, request: ask.Record, playing: Playing) -> dict[str, Any]:
        """Begin a recorder."""
        known = owner.recorders.get(request.recorder)
        if known is not None:
            if known.asked != request:
                raise MediaError(f"The recorder {request.recorder} records something else.", code="exists")
            return {}
        if len(engine.recorders) >= MOST_RECORDERS:
            raise MediaError(f"There are {MOST_RECORDERS} recorders here already.", code="full")
        if request.recording in self._open or self.recordings.path(request.recording).exists():
            raise MediaError(f"A recording {request.recording} is there already.", code="exists")
        target = target_of(owner, request.leg, request.room)
        warning = self._warning(owner, request, target, playing)

        def ended(recorder: Recorder, reason: str) -> None:
            engine.recorders.discard(recorder)
            self._open.discard(recorder.recording)
            if owner.recorders.get(recorder.name) is recorder:
                del owner.recorders[recorder.name]
            if warning is not None:
                warning.stop("stopped")
            event = {
                "event": "recorded",
                "recorder": recorder.name,
                "recording": recorder.recording,
                "seconds": recorder.seconds,
                "voice": round(recorder.voice_seconds, 2),
                "reason": reason,
            }
            owner.tell(event | ({"why": recorder.why} if recorder.why else {}))

        try:
            recorder = Recorder(
                request.recorder,
                target,
                request.recording,
                asked=request,
                files=self._files,
                path=self.recordings.path(request.recording),
                key=request.key,
                most=request.most,
                silence=request.silence,
                ended=ended,
            )
        except MediaError:
            if warning is not None:
                warning.stop("stopped")
            raise
        recorder.of = _names(request.of)
        self._open.add(request.recording)
        engine.recorders.add(recorder)
        owner.recorders[request.recorder] = recorder
        return {}

    def _warning(
        self, owner: Owner, request: ask.Record, target: Leg | Room, playing: Playing
    ) -> Player | None:
        """Begin the tone that says that this is recorded, if one is asked for."""
        tone = request.tone
        if tone is None:
            return None
        sound, length = playing.tone(tone.tone, tone.country, 0)
        if length is None:
            raise MediaError(f"tone: {tone.tone} has no end.", code="syntax")
        items = [sound]
        if tone.every:
            items.append(playing.pause(max(0.1, tone.every - length))[0])
        name = f"{request.recorder}/tone"
        return playing.begin(owner, name, target, items, only=tone.only, loop=bool(tone.every), quiet=True)

    def change(self, owner: Owner, request: ask.OnRecorder | ask.RecordOf) -> dict[str, Any]:
        """Pause, resume or stop a recorder; stopping one that is not there is nothing to do."""
        recorder = owner.recorders.get(request.recorder)
        if recorder is None:
            if request.op == "record.stop":
                return {"seconds": 0.0}
            raise MediaError(f"There is no recorder {request.recorder}.", code="unknown")
        if request.op == "record.stop":
            recorder.stop("stopped")
        elif isinstance(request, ask.RecordOf):
            recorder.of = _names(request.of)
        else:
            recorder.paused = request.op == "record.pause"
        return {"seconds": recorder.seconds}

    def on_file(
        self, request: ask.Finish | ask.Read | ask.Remove, reply: Callable[[dict[str, Any]], None]
    ) -> None:
        """Do what is asked with a file, in the thread of the files."""
        if request.recording in self._open and not isinstance(request, ask.Read):
            raise MediaError(f"The recording {request.recording} is being written.", code="exists")
        path = self.recordings.path(request.recording)

        def job() -> dict[str, Any]:
            match request:
                case ask.Finish():
                    return _finish(path, request.key)
                case ask.Read():
                    return _read(path, request.offset, request.length)
                case ask.Remove():
                    return _remove(path)

        def done(result: dict[str, Any] | None, error: Exception | None) -> None:
            if result is not None:
                reply({"ok": True, **result})
            elif isinstance(error, FileNotFoundError):
                reply({"ok": False, "error": f"There is no recording {path.name}.", "code": "unknown"})
            else:
                reply({"ok": False, "error": f"{path.name}: {error}", "code": "failed"})

        self._files.submit(job, done)


def _names(of: list[str] | None) -> frozenset[str] | None:
    return frozenset(of) if of is not None else None


def _finish(path: Path, key: bytes) -> dict[str, Any]:
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b") as file:
        total, end = sealed.finish(file, key)
    return {"seconds": total / CHUNK, "end": end.value}


def _read(path: Path, offset: int, length: int) -> dict[str, Any]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        data = os.pread(descriptor, length, offset)
        return {"data": base64.b64encode(data).decode(), "size": os.fstat(descriptor).st_size}
    finally:
        os.close(descriptor)


def _remove(path: Path) -> dict[str, Any]:
    path.unlink(missing_ok=True)
    sync_directory(path.parent)
    return {}
