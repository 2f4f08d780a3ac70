"""The folder of recordings: where each lies, and how long it is."""

from pathlib import Path

from ringwall.media.errors import MediaError
from ringwall.media.sound import CHUNK

_HEAD = 52  # bytes before the first chunk of a recording
_OVERHEAD = 20  # bytes of length and tag of a chunk


class RecordingFiles:
    """Recordings by their name, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Return where a recording lies; the name was checked by its pattern."""
        return self._folder / name

    def seconds(self, name: str) -> float:
        """Return the length of a recording by its size; MediaError when there is none."""
        try:
            size = self.path(name).lstat().st_size
        except FileNotFoundError:
            raise MediaError(f"There is no recording {name}.", code="unknown") from None
        chunks = -(-max(0, size - _HEAD) // (CHUNK + _OVERHEAD))
        return max(0, size - _HEAD - _OVERHEAD * (chunks + 1)) / CHUNK
