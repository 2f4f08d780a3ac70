"""Room on the disk: made before it is needed, and taken back from what nobody needs any longer (V2, R2).

Rules that this module keeps:
- A recording begins only if all that it may become has room. Where there is none, deleted messages make some,
  the oldest first; then it is refused, and on record.
- Only what nothing names is removed, the file first and then its row.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from ringwall.core.errors import CoreError
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Folder, Recording

log = logging.getLogger(__name__)

DAY_S: Final = 86400.0
_AT_ONCE: Final = 100


class Room:
    """Makes room and sweeps."""

    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes
        self._records = mailboxes.records
        self._vault = mailboxes.vault
        self._held: set[str] = set()  # recordings that no row names yet

    async def make(self, recording: str, seconds: float) -> None:
        """Keep room for a recording of this length until `budget.keep`; raise NoRoom or StoreError."""
        budget, files = self._mailboxes.budget, self._vault.files
        try:
            free = await files.free_bytes()
            if budget.lacking(seconds, free):
                while oldest := await self._records.oldest_deleted(_AT_ONCE):
                    gone = await self._mailboxes.purge(oldest)
                    await self.sweep()
                    free = await files.free_bytes()
                    if not gone or not budget.lacking(seconds, free):
                        break
        except NoRoom:
            raise
        except CoreError as error:
            log.warning("It is not known how much room there is for recordings: %s", error)
            raise NoRoom("disk", str(error)) from error
        if budget.lacking(seconds, free):
            raise budget.refused(free)
        budget.promise(recording, seconds)

    @asynccontextmanager
    async def taking(self, longest: float) -> AsyncIterator[tuple[Recording, bytes]]:
        """Make a recording that no message names yet: what nothing names afterwards is refuse.

        Raises NoRoom or StoreError.
        """
        recording, key = self._vault.new(self._mailboxes.clock())
        await self.make(recording.name, longest)
        self._held.add(recording.name)
        try:
            await self._records.change(put=[recording])
            yield recording, key
        finally:
            self._held.discard(recording.name)
            self._mailboxes.budget.keep(recording.name)

    async def sweep(self) -> int:
        """Remove recordings that nothing names, as many as are looked at in one go; returns how many."""
        gone: list[Recording] = []
        try:
            for recording in await self._records.refuse(_AT_ONCE):
                if recording.name not in self._held:
                    await self._vault.files.remove(recording.name)
                    gone.append(recording)
        finally:
            if gone:
                await self._records.change(drop=gone)
                self._mailboxes.budget.used -= sum(recording.size for recording in gone)
        return len(gone)

    async def expire(self) -> int:
        """Remove messages whose days are over; returns how many. Raises StoreError."""
        bounds, now, count = self._mailboxes.bounds, self._mailboxes.clock(), 0
        for folder, days in ((Folder.DELETED, bounds.bin_days), (Folder.SAVED, bounds.saved_days)):
            while days:
                old = await self._records.expired(folder, now - days * DAY_S, _AT_ONCE)
                gone = await self._mailboxes.purge(old)
                count += gone
                if not gone:
                    break
        return count
