"""Where voice mail keeps what it knows: the store, or memory in tests.

Rules that this module keeps:
- `change` answers when everything is on the disk, or nothing is (R2).
- What menus need at each key press (counts, settings, greetings, lists) is in memory; messages are read when
  a mailbox is opened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ringwall.core.store.grouping import Statement
from ringwall.core.voicemail.model import Counts, Folder, MailboxSettings, MailList, Message, Recording
from ringwall.events import Event

Record = tuple[Statement, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Greeting:
    """The recording of a user's greeting of one kind (see `model.GREETINGS`)."""

    user_id: int
    kind: str
    recording: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The settings of a mailbox."""

    user_id: int
    settings: MailboxSettings


@dataclass(frozen=True, slots=True)
class Profile:
    """A notification profile as JSON values (see `escalation`)."""

    user_id: int
    number: int
    value: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alarm:
    """How far the notification of a mailbox has come, as JSON values (see `escalation`)."""

    user_id: int
    value: dict[str, Any]


Row = Recording | Message | Greeting | Kept | MailList | Profile | Alarm


@dataclass(slots=True)
class Owned:
    """What is kept in memory of all mailboxes."""

    counts: dict[int, Counts] = field(default_factory=dict)
    settings: dict[int, MailboxSettings] = field(default_factory=dict)
    greetings: dict[tuple[int, str], str] = field(default_factory=dict)
    lists: dict[str, MailList] = field(default_factory=dict)
    profiles: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    alarms: dict[int, dict[str, Any]] = field(default_factory=dict)

    def forget(self, user_id: int) -> None:
        """Drop all that a user has had, also from lists."""
        self.counts.pop(user_id, None)
        self.settings.pop(user_id, None)
        self.alarms.pop(user_id, None)
        self.greetings = {key: one for key, one in self.greetings.items() if key[0] != user_id}
        self.profiles = {key: one for key, one in self.profiles.items() if key[0] != user_id}
        for name, one in list(self.lists.items()):
            if one.owner == user_id:
                del self.lists[name]
            elif user_id in one.members:
                left = tuple(member for member in one.members if member != user_id)
                self.lists[name] = replace(one, members=left)


class Records(Protocol):
    """What voice mail asks of the store. All but `note` raise StoreError."""

    async def owned(self) -> Owned:
        """What is kept in memory."""
        ...

    async def size(self) -> int:
        """Bytes of all recordings."""
        ...

    async def messages(self, user_id: int) -> list[Message]:
        """All messages of a mailbox, oldest first."""
        ...

    async def drafts(self) -> list[Message]:
        """Messages that were being recorded."""
        ...

    async def oldest_deleted(self, limit: int) -> list[Message]:
        """The deleted messages of all mailboxes that were deleted first."""
        ...

    async def expired(self, folder: Folder, before: float, limit: int) -> list[Message]:
        """Messages of a folder that came, or were deleted, before a time; oldest first."""
        ...

    async def recordings(self, names: tuple[str, ...]) -> dict[str, Recording]:
        """Recordings by name."""
        ...

    async def refuse(self, limit: int) -> list[Recording]:
        """Recordings that nothing names any longer."""
        ...

    async def change(
        self, *, put: Iterable[Row] = (), drop: Iterable[Row] = (), records: Iterable[Record] = ()
    ) -> None:
        """Drop and put these values, in this order, with their records; all or none."""
        ...

    def entry(self, event: Event) -> Record:
        """Return a record of the ledger for `change`."""
        ...

    def note(self, event: Event) -> None:
        """Queue a record that stands for itself."""
        ...
