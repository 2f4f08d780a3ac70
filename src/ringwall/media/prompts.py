"""Recorded prompts and music on hold of the installed Debian packages, by name.

The names are looked up in a list that was made from the folders at the start; a name from a request never
becomes a path, so there is none that leads out of them.
"""

import logging
import wave
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ringwall.media.errors import MediaError
from ringwall.media.files import Files
from ringwall.media.g711 import RATE, Samples

log = logging.getLogger(__name__)

VOICE = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
"""Of asterisk-core-sounds-en-wav (CC-BY-SA-3.0, Allison Smith)."""
MUSIC = Path("/usr/share/asterisk/moh")
"""Of asterisk-moh-opsound-wav (CC-BY-SA-3.0)."""
MUSIC_PREFIX = "moh/"

_MOST_FILES = 5000
_CACHE_BYTES = 64 * 1024 * 1024
_MOST_SECONDS = 1800

Ready = Callable[[Samples | None, str], None]
"""Gets the samples, or None and why."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A WAV file and its length in seconds."""

    path: Path
    seconds: float


class Prompts:
    """The prompts that there are; samples are kept in memory, those used last for longest."""

    def __init__(self, files: Files, voice: Path = VOICE, music: Path = MUSIC) -> None:
        self._files = files
        self._known = {**_index(voice, ""), **_index(music, MUSIC_PREFIX)}
        self._cache: OrderedDict[str, Samples] = OrderedDict()
        self._bytes = 0

    @property
    def music(self) -> list[str]:
        """Names of the tracks of music on hold."""
        return sorted(name for name in self._known if name.startswith(MUSIC_PREFIX))

    def seconds(self, name: str) -> float:
        """Return the length of a prompt; MediaError when there is none of that name."""
        return self._find(name).seconds

    def _find(self, name: str) -> Prompt:
        try:
            return self._known[name]
        except KeyError:
            raise MediaError(
                f"There is no prompt {name[:64]!r} in {VOICE} or {MUSIC}.", code="unknown"
            ) from None

    def get(self, name: str, ready: Ready) -> None:
        """Hand the samples to ``ready``, at once or when they are read; MediaError when there are none."""
        found = self._cache.get(name)
        if found is not None:
            self._cache.move_to_end(name)
            ready(found, "")
            return
        path = self._find(name).path

        def done(samples: Samples | None, error: Exception | None) -> None:
            if samples is None:
                log.warning("The prompt %s cannot be read: %s", path, error)
                ready(None, f"the prompt {name} cannot be read")
                return
            self._keep(name, samples)
            ready(samples, "")

        self._files.submit(lambda: _read(path), done)

    def _keep(self, name: str, samples: Samples) -> None:
        if name not in self._cache:
            self._bytes += samples.nbytes
        self._cache[name] = samples
        while self._bytes > _CACHE_BYTES and len(self._cache) > 1:
            self._bytes -= self._cache.popitem(last=False)[1].nbytes


def _index(folder: Path, prefix: str) -> dict[str, Prompt]:
    found = {}
    for path in sorted(folder.rglob("*.wav"))[:_MOST_FILES]:
        try:
            with wave.open(str(path), "rb") as file:
                fits = (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
                seconds = file.getnframes() / RATE
        except (OSError, wave.Error, EOFError) as error:
            log.warning("%s is left out: %s", path, error)
            continue
        if fits and 0 < seconds <= _MOST_SECONDS:
            name = prefix + str(path.relative_to(folder).with_suffix(""))
            found[name] = Prompt(path, seconds)
    return found


def _read(path: Path) -> Samples:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(_MOST_SECONDS * RATE), "<i2").astype(np.int16)
