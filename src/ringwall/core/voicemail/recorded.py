"""Calls that are recorded: each recording comes into a mailbox, like a message (C2, V2).

Rules that this module keeps:
- It goes to the mailbox that the settings of whoever records name, which is an administrator's choice; else
  to their own.
- It holds its place and its room on the disk before it begins, and is as long as the class of service of that
  mailbox says at most. What is left of it when a process dies becomes a message all the same.
- It is private: it is not forwarded, and its sound goes into no mail.
"""

from ringwall.core.media.menu import Visitor
from ringwall.core.voicemail.drafts import Draft
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.model import Message


class RecordedCalls:
    """The mailboxes, for whoever records calls."""

    def __init__(self, house: House) -> None:
        self._house = house

    def mailbox_of(self, extension: str) -> str:
        """Where the recordings of an extension go."""
        user = self._house.mailboxes.user(extension)
        named = self._house.preferences.of(user).recordings if user is not None else ""
        return named or extension

    async def begin(self, extension: str, number: str, name: str) -> Draft:
        """Make room for a recording by an extension of a call with that number and name.

        Raises NoRoom (no mailbox, mailbox or disk full) or StoreError.
        """
        about = Visitor(extension=extension, number=number, name=f"Recorded call, {name or number}"[:80])
        return await self._house.drafts.begin(self.mailbox_of(extension), about, private=True)

    async def finish(self, draft: Draft) -> Message | None:
        """Make it a message; None where it is too short to be one. Raises CoreError."""
        return await self._house.drafts.finish(draft, private=True)

    async def discard(self, draft: Draft) -> None:
        """Forget it, because nothing was recorded; raise StoreError."""
        await self._house.drafts.discard(draft)
