"""Records in the core's own store."""

import asyncio
from collections.abc import Iterable
from typing import Final

from ringwall.core.ledger import Ledger
from ringwall.core.store import Store
from ringwall.core.voicemail import rows
from ringwall.core.voicemail.model import Folder, Message, Recording
from ringwall.core.voicemail.records import Owned, Record, Row
from ringwall.events import Event

_MANY: Final = 200  # rows that are made ready elsewhere than on the event loop


class StoredRecords:
    """What voice mail knows, in the tables of `rows` (see `records.Records`)."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    async def owned(self) -> Owned:
        """What is kept in memory."""
        return await self._store.read(rows.load_owned)

    async def size(self) -> int:
        """Bytes of all recordings."""
        return await self._store.read(rows.load_size)

    async def messages(self, user_id: int) -> list[Message]:
        """All messages of a mailbox, oldest first."""
        return await self._store.read(lambda found: rows.load_messages(found, user_id))

    async def drafts(self) -> list[Message]:
        """Messages that were being recorded."""
        return await self._store.read(rows.load_drafts)

    async def oldest_deleted(self, limit: int) -> list[Message]:
        """The deleted messages of all mailboxes that were deleted first."""
        return await self._store.read(lambda found: rows.load_oldest_deleted(found, limit))

    async def expired(self, folder: Folder, before: float, limit: int) -> list[Message]:
        """Messages of a folder that came, or were deleted, before a time; oldest first."""
        return await self._store.read(lambda found: rows.load_expired(found, folder, before, limit))

    async def recordings(self, names: tuple[str, ...]) -> dict[str, Recording]:
        """Recordings by name."""
        return await self._store.read(lambda found: rows.load_recordings(found, names))

    async def refuse(self, limit: int) -> list[Recording]:
        """Recordings that nothing names any longer."""
        return await self._store.read(lambda found: rows.load_refuse(found, limit))

    async def change(
        self, *, put: Iterable[Row] = (), drop: Iterable[Row] = (), records: Iterable[Record] = ()
    ) -> None:
        """Drop and put these values, in this order, with their records; all or none."""
        wanted = list(put)
        many = len(wanted) > _MANY
        writes = await asyncio.to_thread(rows.put, wanted) if many else rows.put(wanted)
        await self._store.commit([*(rows.drop(row) for row in drop), *writes, *records])

    def entry(self, event: Event) -> Record:
        """Return a record of the ledger for `change`."""
        return self._ledger.entry(event)

    def note(self, event: Event) -> None:
        """Queue a record that stands for itself."""
        self._ledger.record(event)
