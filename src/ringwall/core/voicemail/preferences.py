"""What owners have chosen: settings, greetings, their name, lists (V2).

Rules that this module keeps:
- Where a caller can be sent from a greeting is inside, and checked when it is set.
- A greeting that is replaced or removed is refuse, and swept.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import (
    MOST_LISTS,
    MOST_MEMBERS,
    MOST_SYSTEM_LISTS,
    NAME,
    TEMPORARY,
    Case,
    MailboxSettings,
    MailFor,
    MailList,
    Reason,
    Recording,
    greeting_key,
    is_mail_address,
)
from ringwall.core.voicemail.records import Greeting, Kept


class Preferences:
    """The one place that changes settings, greetings and lists. `operator` is the house's, may be empty."""

    def __init__(self, mailboxes: Mailboxes, directory: DirectoryService, operator: str = "") -> None:
        self._mailboxes = mailboxes
        self._owned = mailboxes.owned
        self._records = mailboxes.records
        self._directory = directory
        self.operator = operator

    # Settings

    def of(self, user: UserEntry) -> MailboxSettings:
        """What the owner has chosen."""
        return self._owned.settings.get(user.id, MailboxSettings())

    def assistant(self, user: UserEntry) -> str:
        """Where 0 leads: the owner's assistant, else the operator; empty where there is neither."""
        for extension in (self.of(user).assistant, self.operator):
            if extension and extension != user.extension and self._is_inside(extension):
                return extension
        return ""

    async def change(
        self, user: UserEntry, given: Mapping[str, Any], actor: Mapping[str, str]
    ) -> MailboxSettings:
        """Change settings; raise OperationError (invalid) or StoreError."""
        before = self.of(user)
        after = replace(before, **given)
        self._check(user, after)
        if after == before:
            return after
        changed = {name for name in given if getattr(before, name) != getattr(after, name)}
        record = self._records.entry(
            "voicemail.settings_changed",
            mailbox=user.extension,
            actor=dict(actor),
            before={name: getattr(before, name) for name in sorted(changed)},
            after={name: getattr(after, name) for name in sorted(changed)},
        )
        await self._records.change(put=[Kept(user.id, after)], records=[record])
        self._owned.settings[user.id] = after
        return after

    def _check(self, user: UserEntry, settings: MailboxSettings) -> None:
        if settings.assistant and (
            settings.assistant == user.extension or not self._is_inside(settings.assistant)
        ):
            raise OperationError(
                "invalid", "assistant: has to be another extension of this house.", "assistant"
            )
        if settings.mail_to and not is_mail_address(settings.mail_to):
            raise OperationError(
                "invalid", "mail_to: has to be one address, such as anna@example.com.", "mail_to"
            )
        if settings.mail_for is not MailFor.NONE and not settings.mail_to:
            raise OperationError("invalid", "mail_to: say where notices are to go.", "mail_to")

    def _is_inside(self, extension: str) -> bool:
        return extension in self._directory.snapshot.by_extension or self._mailboxes.rights.is_object(
            extension
        )

    # Greetings

    def greeting(self, user: UserEntry, reason: Reason) -> str | None:
        """The recording that greets a caller; None where the owner has made none that fits."""
        settings, kinds = self.of(user), []
        if settings.temporary:
            kinds.append(TEMPORARY)
        if reason is Reason.BUSY:
            kinds.append(greeting_key(settings.mode, Case.BUSY))
        kinds.append(greeting_key(settings.mode, Case.UNAVAILABLE))
        return next((found for kind in kinds if (found := self.recording_of(user, kind))), None)

    def name(self, user: UserEntry) -> str | None:
        """The recording in which the owner says his name."""
        return self.recording_of(user, NAME)

    def recording_of(self, user: UserEntry, kind: str) -> str | None:
        """The recording of one kind of greeting."""
        return self._owned.greetings.get((user.id, kind))

    async def set_greeting(self, user: UserEntry, kind: str, recording: Recording) -> None:
        """Take a recording, measured, for a greeting; a temporary one counts at once. Raises StoreError."""
        greeting = Greeting(user.id, kind, recording.name)
        settings = replace(self.of(user), temporary=True) if kind == TEMPORARY else self.of(user)
        record = self._records.entry(
            "voicemail.greeting_recorded", mailbox=user.extension, greeting=kind, seconds=recording.seconds
        )
        await self._records.change(put=[recording, greeting, Kept(user.id, settings)], records=[record])
        self._mailboxes.budget.keep(recording.name, recording.size)
        self._owned.greetings[user.id, kind] = recording.name
        self._owned.settings[user.id] = settings

    async def remove_greeting(self, user: UserEntry, kind: str) -> bool:
        """Remove a greeting; False where there was none. Raises StoreError."""
        name = self.recording_of(user, kind)
        if name is None:
            return False
        settings = replace(self.of(user), temporary=False) if kind == TEMPORARY else self.of(user)
        record = self._records.entry("voicemail.greeting_removed", mailbox=user.extension, greeting=kind)
        await self._records.change(
            drop=[Greeting(user.id, kind, name)], put=[Kept(user.id, settings)], records=[record]
        )
        self._owned.greetings.pop((user.id, kind), None)
        self._owned.settings[user.id] = settings
        return True

    # Lists

    def lists(self, owner: UserEntry | None) -> list[MailList]:
        """The lists of a user, or of the system, by number."""
        number = owner.id if owner is not None else None
        found = [one for one in self._owned.lists.values() if one.owner == number]
        return sorted(found, key=lambda one: one.number)

    def find_list(self, owner: UserEntry | None, number: int) -> MailList | None:
        """One list by its number."""
        return next((one for one in self.lists(owner) if one.number == number), None)

    async def put_list(
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
        old = self.find_list(owner, number)
        base = old or MailList(secrets.token_hex(8), owner.id if owner else None, number, f"List {number}")
        members = base.members if extensions is None else self._members(extensions)
        after = replace(base, name=base.name if name is None else name, members=members)
        if after == old:
            return after
        record = self._records.entry(
            "voicemail.list_changed",
            owner=owner.extension if owner is not None else None,
            number=number,
            actor=dict(actor),
            name=after.name,
            added=self._told(set(after.members) - set(base.members)),
            removed=self._told(set(base.members) - set(after.members)),
        )
        await self._records.change(put=[after], records=[record])
        self._owned.lists[after.id] = after
        return after

    async def remove_list(self, owner: UserEntry | None, number: int, actor: Mapping[str, str]) -> MailList:
        """Remove a list; raise OperationError (not_found) or StoreError."""
        old = self.find_list(owner, number)
        if old is None:
            raise OperationError("not_found", "There is no list with this number.", "number")
        record = self._records.entry(
            "voicemail.list_removed",
            owner=owner.extension if owner is not None else None,
            number=number,
            actor=dict(actor),
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

    def _told(self, ids: Iterable[int]) -> list[str]:
        return sorted(filter(None, map(self._mailboxes.extension_of, ids)))[:100]
