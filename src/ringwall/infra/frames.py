"""The framing of the control link between core and edge. Pure: bytes in, frames out.

A frame is ``!I`` length of what follows, ``!I`` id, ``!B`` kind, payload. The asker chooses the id; the
answer carries the same one, so that any number of questions may be under way. One frame is at most 256 KiB,
its length word included.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from ringwall.infra.errors import FrameError

MAX_FRAME = 256 * 1024
"""Bytes of one frame, the length word included."""

_LENGTH = struct.Struct("!I")
_HEAD = struct.Struct("!IIB")
_REST_OF_HEAD = _HEAD.size - _LENGTH.size
MAX_PAYLOAD = MAX_FRAME - _HEAD.size
MAX_ID = 2**32 - 1


class Kind(IntEnum):
    """What a frame carries."""

    NG = 1
    """A bencoded ng command for rtpengine, without a cookie."""
    NG_REPLY = 2
    """The bencoded reply of rtpengine, without a cookie."""
    CALL = 3
    """JSON ``{"op": ...}``."""
    REPLY = 4
    """JSON ``{"ok": true, ...}`` or ``{"ok": false, "error": ...}``."""
    ERROR = 5
    """JSON: why an ng command has no reply."""
    NG_QUIET = 6
    """As NG, but nobody waits for the reply: it is not sent back, only an ERROR is."""


_KINDS = {int(kind): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: ``id`` 0..2**32-1, ``payload`` at most MAX_PAYLOAD bytes."""

    kind: Kind
    id: int
    payload: bytes


def encode(kind: Kind, frame_id: int, payload: bytes) -> bytes:
    """Return the bytes of a frame; FrameError when the payload or the id does not fit."""
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"a payload of {len(payload)} bytes is longer than a frame may be")
    if not 0 <= frame_id <= MAX_ID:
        raise FrameError(f"frame id {frame_id} is out of range")
    return _HEAD.pack(_REST_OF_HEAD + len(payload), frame_id, kind) + payload


class FrameReader:
    """Cuts a byte stream into frames. After a FrameError the stream has no known place any more: close it."""

    __slots__ = ("_broken", "_buffer")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken: str | None = None

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes and return the frames that are complete; FrameError on a bad length or kind."""
        if self._broken is not None:
            raise FrameError(self._broken)
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        at = 0
        held = len(buffer)
        while held - at >= _LENGTH.size:
            (rest,) = _LENGTH.unpack_from(buffer, at)
            if not _REST_OF_HEAD <= rest <= MAX_FRAME - _LENGTH.size:
                raise self._break(f"a frame of {rest} bytes is out of range")
            end = at + _LENGTH.size + rest
            # The kind is looked at before the payload has come: junk does not get to fill the buffer.
            if held - at >= _HEAD.size:
                _, frame_id, number = _HEAD.unpack_from(buffer, at)
                kind = _KINDS.get(number)
                if kind is None:
                    raise self._break(f"frame kind {number} is unknown")
                if end <= held:
                    frames.append(Frame(kind, frame_id, bytes(buffer[at + _HEAD.size : end])))
            if end > held:
                break
            at = end
        del buffer[:at]
        return frames

    def _break(self, why: str) -> FrameError:
        self._broken = why
        self._buffer.clear()
        return FrameError(why)
