"""All mailboxes: what is in them, what changes and what goes (V2, C4, R2).

Rules that this module keeps:
- A change is on the disk before it counts, is seen or is told.
- A mailbox that is open (a session, a request) is one list in memory, so that two sessions of one owner
  cannot do a thing twice.
- What is removed for good is removed only if it still is where it was found.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Self

from ringwall.core.directory import Directory, DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.voicemail.bounds import Bounds, Budget
from ringwall.core.voicemail.counting import moved
from ringwall.core.voicemail.events import Happened, Listener, What
from ringwall.core.voicemail.model import Counts, Folder, Message, Recording
from ringwall.core.voicemail.records import Owned, Records
from ringwall.core.voicemail.rights import MailboxRights
from ringwall.core.voicemail.vault import Vault

log = logging.getLogger(__name__)

_NOTHING = Counts()


class Box:
    """A mailbox that is open: its messages, by their ids."""

    def __init__(self, user: UserEntry, messages: Iterable[Message]) -> None:
        self.user = user
        self.messages = {message.id: message for message in messages}
        self.sessions = 0
        self.changing = asyncio.Lock()

    def of(self, folder: Folder) -> list[Message]:
        """The messages of a folder: urgent ones first, then the oldest first."""
        found = [message for message in self.messages.values() if message.folder is folder]
        return sorted(found, key=lambda message: (not message.urgent, message.received_at))


class Mailboxes:
    """The one place that changes messages. Made by `Mailboxes.open`."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        directory: DirectoryService,
        rights: MailboxRights,
        bounds: Bounds,
        found: tuple[Owned, int],
        clock: Callable[[], float],
    ) -> None:
        self.records = records
        self.vault = vault
        self.rights = rights
        self.bounds = bounds
        self.owned = found[0]
        self.clock = clock
        self.budget = Budget(bounds, found[1], records.note, clock)
        self.listeners: list[Listener] = []
        self._directory = directory
        self._extensions = {user.id: user.extension for user in directory.snapshot.by_extension.values()}
        self._boxes: dict[int, Box] = {}
        self._opening = asyncio.Lock()
        directory.on_change(self._users_changed)

    @classmethod
    async def open(
        cls,
        records: Records,
        vault: Vault,
        directory: DirectoryService,
        rights: MailboxRights,
        bounds: Bounds,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Read what is kept in memory; raise StoreError."""
        found = await records.owned(), await records.size()
        return cls(records, vault, directory, rights, bounds, found, clock)

    # Asking

    def user(self, extension: str) -> UserEntry | None:
        """Who owns a mailbox; None where nobody has the extension, or no class of service for voice mail."""
        user = self._directory.snapshot.by_extension.get(extension)
        return user if user is not None and self.rights.cos(extension) is not None else None

    def users(self) -> list[UserEntry]:
        """All who have a mailbox."""
        found = (self.user(extension) for extension in self._directory.snapshot.by_extension)
        return [user for user in found if user is not None]

    def extension_of(self, user_id: int) -> str:
        """The extension of a user; empty where there is no such user any more."""
        return self._extensions.get(user_id, "")

    def counts(self, user_id: int) -> Counts:
        """How many messages are in a mailbox."""
        return self.owned.counts.get(user_id, _NOTHING)

    def places(self, user: UserEntry) -> int:
        """How many more messages a mailbox takes."""
        cos = self.rights.cos(user.extension)
        return max(0, cos.max_messages - self.counts(user.id).kept) if cos is not None else 0

    @asynccontextmanager
    async def opened(self, user: UserEntry) -> AsyncIterator[Box]:
        """Open a mailbox for a while; raise StoreError."""
        async with self._opening:
            box = self._boxes.get(user.id)
            if box is None:
                box = Box(user, await self.records.messages(user.id))
                self._boxes[user.id] = box
            box.sessions += 1
        try:
            yield box
        finally:
            box.sessions -= 1
            if not box.sessions and self._boxes.get(user.id) is box:
                del self._boxes[user.id]

    async def recordings(self, message: Message) -> list[Recording]:
        """The recordings of a message, in the order in which they are heard; raise StoreError."""
        found = await self.records.recordings(message.parts)
        return [found[name] for name in message.parts if name in found]

    # Changing

    async def hear(self, box: Box, message: Message) -> Message:
        """The owner hears a message; raise OperationError (not_found) or StoreError."""
        now = self.clock()
        return await self._change(box, message.id, What.HEARD, lambda old: replace(old, heard_at=now))

    async def move(self, box: Box, message: Message, folder: Folder) -> Message:
        """Put a message into another folder; raise OperationError (not_found, refused) or StoreError.

        New again makes it unheard. Whoever takes one back from the bin needs a place for it.
        """
        if message.folder is Folder.DELETED and folder is not Folder.DELETED and not self.places(box.user):
            raise OperationError("refused", "The mailbox is full: delete another message first.", "folder")
        what = What.UNHEARD if folder is Folder.NEW else What.MOVED
        deleted = self.clock() if folder is Folder.DELETED else None

        def change(old: Message) -> Message:
            heard = None if folder is Folder.NEW else old.heard_at
            if old.folder is folder and old.heard_at == heard:
                return old
            return replace(old, folder=folder, deleted_at=deleted, heard_at=heard)

        after = await self._change(box, message.id, what, change)
        over = self.counts(box.user.id).deleted - self.bounds.bin_messages
        if over > 0:
            oldest = sorted(box.of(Folder.DELETED), key=lambda one: one.deleted_at or 0.0)
            await self.purge(oldest[:over])
        return after

    async def _change(
        self, box: Box, message_id: str, what: What, change: Callable[[Message], Message]
    ) -> Message:
        async with box.changing:
            before = box.messages.get(message_id)
            if before is None or before.folder is Folder.DRAFT:
                raise OperationError("not_found", "There is no such message any more.", "message")
            after = change(before)
            if after == before:
                return before
            await self.records.change(put=[after])
            box.messages[message_id] = after
            self.count(box.user.id, before, after)
        self.tell(what, box.user.extension, after)
        return after

    async def purge(self, messages: Sequence[Message]) -> int:
        """Remove messages for good that are still in the folder in which they were found; raise StoreError.

        Returns how many went.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._opening)
            for user_id in sorted({message.user_id for message in messages} & self._boxes.keys()):
                await stack.enter_async_context(self._boxes[user_id].changing)
            going = [message for message in messages if self._still(message)]
            if not going:
                return 0
            await self.records.change(drop=going)
            for message in going:
                box = self._boxes.get(message.user_id)
                if box is not None:
                    box.messages.pop(message.id, None)
                self.count(message.user_id, message, None)
        for user_id in {message.user_id for message in going}:
            self.tell(What.REMOVED, self.extension_of(user_id))
        return len(going)

    def _still(self, message: Message) -> bool:
        box = self._boxes.get(message.user_id)
        if box is None:
            return True
        now = box.messages.get(message.id)
        return now is not None and now.folder is message.folder

    # For who else changes messages

    def arrived(self, message: Message) -> None:
        """A message has come, and is on the disk and counted."""
        box = self._boxes.get(message.user_id)
        if box is not None:
            box.messages[message.id] = message
        self.tell(What.ARRIVED, self.extension_of(message.user_id), message)

    def count(self, user_id: int, before: Message | None, after: Message | None) -> None:
        """Keep the counts of a mailbox."""
        self.owned.counts[user_id] = moved(self.counts(user_id), before, after)

    def tell(self, what: What, extension: str, message: Message | None = None) -> None:
        """Tell all listeners what happened to a mailbox."""
        user = self._directory.snapshot.by_extension.get(extension)
        if user is None:
            return
        happened = Happened(what, extension, self.counts(user.id), message)
        for listener in self.listeners:
            try:
                listener(happened)
            except Exception:
                # What happened is on the disk: a lamp or a notice that fails must not make it look undone.
                log.exception("A listener failed after a change of a mailbox")

    def _users_changed(self, old: Directory, new: Directory) -> None:
        """Forget the mailboxes of users who are no more; the database has dropped their rows."""
        for extension, user in old.by_extension.items():
            now = new.by_extension.get(extension)
            if now is None or now.id != user.id:
                self._extensions.pop(user.id, None)
                self._boxes.pop(user.id, None)
                self.owned.forget(user.id)
        for extension, user in new.by_extension.items():
            if extension not in old.by_extension:
                self._extensions[user.id] = extension
