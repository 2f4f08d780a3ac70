"""A party with a script instead of a person.

A script is a list: a key for the next prompt or wait that takes one, SILENT for one prompt or wait without a
key, `Speech` for the next recording, LEAVES for hanging up. At its end the party stays silent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ringwall.core.media.interaction import HungUp, Taken, Typed
from ringwall.core.media.items import Item, Prompt, Recorded, Tone

SILENT = "-"
LEAVES = "!"


@dataclass(frozen=True)
class Speech:
    """So many seconds of speech, ended by a key, by silence (an empty text) or by hanging up."""

    seconds: float
    ended_by: str = "#"


class Party:
    """An Interaction that follows its script, in no time at all."""

    def __init__(self, script: Iterable[str | Speech], files, clock=None) -> None:
        self._script = iter(script)
        self._next = next(self._script, SILENT)
        self._files = files
        self._clock = clock
        self.heard: list[Item] = []
        self.recorded: list[str] = []
        self.turns = 0

    @property
    def prompts(self) -> list[str]:
        """The names of all prompts that were played."""
        return [item.name for item in self.heard if isinstance(item, Prompt)]

    @property
    def played(self) -> list[str]:
        """The recordings that were played."""
        return [item.recording for item in self.heard if isinstance(item, Recorded)]

    @property
    def beeps(self) -> int:
        return sum(isinstance(item, Tone) for item in self.heard)

    def _take(self) -> str | Speech:
        self.turns += 1
        if self._clock is not None:
            self._clock.at += 1.0
        found = self._next
        if found == LEAVES:
            raise HungUp
        self._next = next(self._script, SILENT)
        return found

    def _key(self, allowed: str) -> str:
        """The next key of the script, if it is one and counts here."""
        if isinstance(self._next, Speech):
            return ""
        found = self._take()
        return found if found != SILENT and found in allowed else ""

    async def play(self, *items, stop_on="0123456789*#"):
        self.heard += items
        for item in items:
            if isinstance(item, Recorded):
                self._files.opened(item.recording, item.key)
        if self._next == LEAVES:
            raise HungUp
        return self._key(stop_on) if stop_on else ""

    async def key(self, seconds):
        return self._key("0123456789*#")

    async def digits(self, *items, most, end="#", first=5.0, between=3.0):
        self.heard += items
        typed = ""
        while len(typed) < most:
            key = self._key("0123456789*#")
            if not key:
                return Typed(typed, False)
            if key == end:
                return Typed(typed, True)
            typed += key
        return Typed(typed, False)

    async def record(self, recording, key, *, most, silence, stop_on="#"):
        self.recorded.append(recording)
        if self._next == LEAVES:
            self._files.write(recording, key, 0.0)
            raise HungUp
        speech = self._take() if isinstance(self._next, Speech) else None
        if speech is None:
            pressed = self._key(stop_on)
            speech = Speech(silence if not pressed else 1.0, pressed)
        self._files.write(recording, key, min(speech.seconds, most))
        if speech.ended_by == LEAVES:
            raise HungUp
        if speech.seconds > most:
            return Taken(most, "")
        return Taken(speech.seconds, speech.ended_by)
