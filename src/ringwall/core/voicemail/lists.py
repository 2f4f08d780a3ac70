"""Distribution lists: those of owners, and those of the system (V2, C4).

Rules that this module keeps:
- A list names users, not extensions: who gets a removed user's extension is on no list by that.
- Numbers and members are bounded.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import MOST_LISTS, MOST_MEMBERS, MOST_SYSTEM_LISTS, MailList
from ringwall.events.voicemail import VoicemailListChanged, VoicemailListRemoved


class Lists:
    """The one place that changes lists. An owner of None is the system."""

    def __init__(self, mailboxes: Mailboxes, directory: DirectoryService) -> None:
        self._mailboxes = mailboxes
        self._owned = mailboxes.owned
        self._records = mailboxes.records
        self._directory = directory

    def of(self, owner: UserEntry | None) -> list[MailList]:
        """The lists of a user, or of the system, by number."""
        number = owner.id if owner is not None else None
        found = [one for one in self._owned.lists.values() if one.owner == number]
        return sorted(found, key=lambda one: one.number)

    def find(self, owner: UserEntry | None, number: int) -> MailList | None:
        """One list by its number."""
        return next((one for one in self.of(owner) if one.number == number), None)

    async def put(
        self,
        owner: UserEntry | None,
        number: int,
        name: str | None,
        extensions: Iterable[str] | None,
        actor: Mapping[str, str],
    ) -> MailList:
        """Make or change a list; what is None stays. Raises OperationError (invalid) or StoreError."""
        most = MOST_LISTS if owner is not None else MOST_SYSTEM_LISTS
        if not 1 <= number <= most:
            raise OperationError("invalid", f"number: lists have the numbers 1 to {most}.", "number")
        old = self.find(owner, number)
        base = old or MailList(secrets.token_hex(8), owner.id if owner else None, number, f"List {number}")
        members = base.members if extensions is None else self._members(extensions)
        after = replace(base, name=base.name if name is None else name, members=members)
        if after == old:
            return after
        record = self._records.entry(
            VoicemailListChanged(
                owner=owner.extension if owner is not None else None,
                number=number,
                actor=dict(actor),
                name=after.name,
                added=self._told(set(after.members) - set(base.members)),
                removed=self._told(set(base.members) - set(after.members)),
            )
        )
        await self._records.change(put=[after], records=[record])
        self._owned.lists[after.id] = after
        return after

    async def remove(self, owner: UserEntry | None, number: int, actor: Mapping[str, str]) -> MailList:
        """Remove a list; raise OperationError (not_found) or StoreError."""
        old = self.find(owner, number)
        if old is None:
            raise OperationError("not_found", "There is no list with this number.", "number")
        record = self._records.entry(
            VoicemailListRemoved(
                owner=owner.extension if owner is not None else None, number=number, actor=dict(actor)
            )
        )
        await self._records.change(drop=[old], records=[record])
        self._owned.lists.pop(old.id, None)
        return old

    def extensions(self, one: MailList) -> list[str]:
        """The members of a list who are still there, by extension."""
        return sorted(filter(None, (self._mailboxes.extension_of(each) for each in one.members)))

    def _members(self, extensions: Iterable[str]) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for extension in extensions:
            user = self._directory.snapshot.by_extension.get(extension)
            if user is None:
                raise OperationError(
                    "invalid", f"members: there is no extension {extension[:16]}.", "members"
                )
            found[user.id] = None
        if len(found) > MOST_MEMBERS:
            raise OperationError("invalid", f"members: a list has at most {MOST_MEMBERS}.", "members")
        return tuple(found)

    def _told(self, ids: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(filter(None, map(self._mailboxes.extension_of, ids)))[:100])
