"""What voice mail takes of the disk: a budget, with room kept for what is being recorded.

Rules that this module keeps:
- A recording begins only if all that it may become has room: nobody is cut off because the disk is full.
- Where there is no room, deleted messages make some, the oldest first; then it is refused, and on record.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from ringwall.core.errors import CoreError
from ringwall.core.voicemail.vault import BYTES_PER_SECOND
from ringwall.events import Record
from ringwall.events.voicemail import VoicemailDiskFull

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """What administrators set: sizes in bytes, times in seconds, days; 0 days is without end."""

    disk_bytes: int = 8192 * MIB
    least_free_bytes: int = 512 * MIB
    bin_messages: int = 200
    bin_days: int = 14
    saved_days: int = 0
    shortest: float = 2.0
    silence: float = 10.0


class NoRoom(CoreError):  # noqa: N818 - what is the case
    """No message can be taken: the mailbox is full, the disk is, or there is no such mailbox."""

    def __init__(self, why: Literal["full", "disk", "no mailbox"], message: str) -> None:
        super().__init__(message, code="no-room")
        self.why = why


class Budget:
    """Counts the bytes of recordings, those that are there and those that are being made."""

    def __init__(
        self, bounds: Bounds, used: int, note: Record, clock: Callable[[], float] = time.time
    ) -> None:
        self.bounds = bounds
        self.used = used
        self._promised: dict[str, int] = {}
        self._note = note
        self._clock = clock
        self._told_at = 0.0

    def lacking(self, seconds: float, free: int) -> int:
        """How many bytes are missing for a recording of this length; 0 where there is room."""
        need = round(seconds * BYTES_PER_SECOND) + sum(self._promised.values())
        of_budget = self.used + need - self.bounds.disk_bytes
        of_disk = need + self.bounds.least_free_bytes - free
        return max(0, of_budget, of_disk)

    def promise(self, name: str, seconds: float) -> None:
        """Keep room for a recording of this length while it is made."""
        self._promised[name] = round(seconds * BYTES_PER_SECOND)

    def keep(self, name: str, size: int = 0) -> None:
        """The recording is made: it has this size, or is to go."""
        self._promised.pop(name, None)
        self.used += size

    def refused(self, free: int) -> NoRoom:
        """Return what says that the disk is full, and put it on record, at most once a minute."""
        now = self._clock()
        if now >= self._told_at + 60:
            self._told_at = now
            self._note(VoicemailDiskFull(used=self.used, budget=self.bounds.disk_bytes, free=free))
        return NoRoom(
            "disk",
            "There is no room on the disk for another message: delete some, or raise disk_megabytes in"
            " [voicemail].",
        )
