"""Messages that are being left (V2, R2).

Rules that this module keeps:
- A message that is being left holds its place from the first second: as many callers at once as there are
  places, never one more.
- What a caller says is written down as a draft before they say it. What is left of a draft when this process
  or the media server dies becomes a message, if it is long enough.
"""

import logging
import secrets
from dataclasses import dataclass, field, replace

from ringwall.core.errors import CoreError, StoreError
from ringwall.core.media.menu import Visitor
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.events import What
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Folder, Message, Recording
from ringwall.core.voicemail.room import Room
from ringwall.events.voicemail import VoicemailMailboxFull, VoicemailMessageLeft

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Draft:
    """A message that is being left. `most` is its greatest length in seconds."""

    extension: str
    most: float
    message: Message
    recording: Recording
    key: bytes = field(repr=False)


class Drafts:
    """Begins, ends and recovers drafts."""

    def __init__(self, mailboxes: Mailboxes, room: Room) -> None:
        self._mailboxes = mailboxes
        self._records = mailboxes.records
        self._vault = mailboxes.vault
        self._room = room
        self._active: set[str] = set()  # ids of those whose callers are there
        self.left = 0
        """How many could not be looked at by the last `recover`."""

    async def begin(self, extension: str, visitor: Visitor, *, private: bool = False) -> Draft:
        """Make room for a message and write down that one is being left; raise NoRoom or StoreError."""
        mailboxes = self._mailboxes
        user, cos = mailboxes.user(extension), mailboxes.rights.cos(extension)
        if user is None or cos is None:
            raise NoRoom("no mailbox", f"There is no mailbox {extension}.")
        kept = mailboxes.counts(user.id).kept
        if not mailboxes.rights.may_keep(extension, kept):
            self._records.note(VoicemailMailboxFull(mailbox=extension, messages=kept))
            mailboxes.tell(What.FULL, extension)
            raise NoRoom("full", f"The mailbox {extension} is full.")
        now = mailboxes.clock()
        recording, key = self._vault.new(now)
        message = Message(
            id=secrets.token_hex(8),
            user_id=user.id,
            folder=Folder.DRAFT,
            received_at=now,
            parts=(recording.name,),
            sender="" if visitor.outside else visitor.extension,
            number=visitor.number,
            name=visitor.name,
            private=private,
        )
        draft = Draft(extension, float(cos.incoming_length), message, recording, key)
        mailboxes.count(user.id, None, message)
        self._active.add(message.id)
        try:
            await self._room.make(recording.name, draft.most)
            await self._records.change(put=[recording, message])
        except BaseException:
            self._over(draft)
            mailboxes.count(user.id, message, None)
            raise
        return draft

    async def redo(self, draft: Draft) -> None:
        """Begin a draft anew: what was said before is gone. Raises NoRoom or StoreError."""
        recording, key = self._vault.new(self._mailboxes.clock())
        await self._room.make(recording.name, draft.most)
        message = replace(draft.message, parts=(recording.name,))
        await self._records.change(drop=[draft.message], put=[recording, message])
        self._mailboxes.budget.keep(draft.recording.name)
        draft.message, draft.recording, draft.key = message, recording, key

    async def finish(self, draft: Draft, *, urgent: bool = False, private: bool = False) -> Message | None:
        """Make a draft a message; None where it is too short to be one. Raises StoreError or CoreError.

        Where that fails the draft stays on the disk, and `recover` makes it a message later.
        """
        draft.message = replace(draft.message, urgent=urgent, private=private)
        try:
            return await self._settle(draft.message, draft.recording)
        finally:
            self._over(draft)

    async def discard(self, draft: Draft) -> None:
        """Forget a draft, because its caller said so; raise StoreError."""
        self._over(draft)
        await self._records.change(drop=[draft.message])
        self._mailboxes.count(draft.message.user_id, draft.message, None)

    async def recover(self) -> int:
        """Make messages of drafts whose callers are gone; returns how many. Raises StoreError."""
        count, self.left = 0, 0
        for draft in await self._records.drafts():
            if draft.id in self._active:
                continue
            found = await self._records.recordings(draft.parts)
            try:
                for recording in found.values():
                    message = await self._settle(draft, recording, recovered=True)
                    count += message is not None
            except StoreError:
                raise
            except CoreError as error:
                self.left += 1
                log.warning("What a caller said cannot be looked at now: %s", error)
        return count

    def _over(self, draft: Draft) -> None:
        self._active.discard(draft.message.id)
        self._mailboxes.budget.keep(draft.recording.name)

    async def _settle(
        self, draft: Message, recording: Recording, *, recovered: bool = False
    ) -> Message | None:
        mailboxes = self._mailboxes
        if not mailboxes.extension_of(draft.user_id):
            return None  # the owner was removed meanwhile, and all their rows with them
        measured = await self._vault.measured(recording)
        if measured.seconds < mailboxes.bounds.shortest:
            await self._records.change(drop=[draft])
            mailboxes.count(draft.user_id, draft, None)
            return None
        message = replace(draft, folder=Folder.NEW, seconds=measured.seconds)
        record = self._records.entry(
            VoicemailMessageLeft(
                mailbox=mailboxes.extension_of(draft.user_id),
                sender=message.sender or message.number or None,
                outside=not message.sender,
                seconds=round(message.seconds, 1),
                urgent=message.urgent,
                private=message.private,
                recovered=recovered,
            )
        )
        await self._records.change(put=[measured, message], records=[record])
        mailboxes.budget.keep(recording.name, measured.size)
        mailboxes.count(draft.user_id, draft, message)
        mailboxes.arrived(message)
        return message
