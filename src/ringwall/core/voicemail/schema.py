"""What administrators and owners send and get about mailboxes."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ringwall.core.operations import Arguments, ListArguments
from ringwall.core.voicemail.escalation import LONGEST_WAIT, MOST_REPEATS, SHORTEST_WAIT, Profile, Step
from ringwall.core.voicemail.model import (
    MOST_MEMBERS,
    MOST_PROFILES,
    MOST_STEPS,
    MOST_SYSTEM_LISTS,
    Counts,
    MailboxSettings,
    Message,
)

Extension = Annotated[str, Field(min_length=1, max_length=32)]
ModeName = Literal["standard", "meeting", "out of office", "extended absence", "custom"]


class SettingsChanges(Arguments):
    """What an owner can choose; what is left out stays."""

    takes_calls: bool | None = Field(default=None, description="calls that nobody takes go to the mailbox")
    always: bool | None = Field(default=None, description="every call goes to the mailbox at once")
    accept_broadcast: bool | None = Field(default=None, description="gets messages to everybody")
    assistant: str | None = Field(
        default=None, max_length=32, description="the extension that 0 leads to; empty: the operator"
    )
    mode: ModeName | None = Field(default=None, description="which greetings and profile count now")
    temporary: bool | None = Field(default=None, description="the temporary greeting counts now")
    say_envelope: bool | None = Field(default=None, description="who and when is said before each message")
    mail_for: Literal["none", "all", "urgent"] | None = None
    mail_to: str | None = Field(default=None, max_length=254)
    mail_audio: bool | None = Field(default=None, description="the sound goes along, unless it is private")
    mail_when_full: bool | None = None
    profiles: dict[ModeName, Annotated[int, Field(ge=1, le=MOST_PROFILES)]] | None = Field(
        default=None, description="the notification profile of each mode"
    )
    every_message: bool | None = Field(
        default=None, description="every new message begins the notification anew, not the first one alone"
    )


class MailboxSet(SettingsChanges):
    """Whose settings are to change, and how."""

    extension: Extension
    recordings: str | None = Field(
        default=None,
        max_length=32,
        description="the mailbox for calls that this user records; empty: this one",
    )


class MailboxList(ListArguments):
    """Which mailboxes."""


class MailboxNamed(Arguments):
    """Which mailbox."""

    extension: Extension


class StepValue(Arguments):
    """One who is told, and how many seconds are waited before the next."""

    to: str = Field(min_length=1, max_length=254)
    seconds: int = Field(default=300, ge=SHORTEST_WAIT, le=LONGEST_WAIT)


class ProfileValue(Arguments):
    """A notification profile."""

    steps: list[StepValue] = Field(min_length=1, max_length=MOST_STEPS)
    repeats: int = Field(default=0, ge=0, le=MOST_REPEATS)
    urgent_only: bool = False

    def profile(self) -> Profile:
        """Return it as a value."""
        steps = tuple(Step(one.to.strip(), one.seconds) for one in self.steps)
        return Profile(steps, self.repeats, self.urgent_only)


class ProfileSet(ProfileValue):
    """Whose profile, which one, and what it is to be."""

    extension: Extension
    number: int = Field(ge=1, le=MOST_PROFILES)


class ProfileNamed(Arguments):
    """Whose profile, and which one."""

    extension: Extension
    number: int = Field(ge=1, le=MOST_PROFILES)


class ListChanges(Arguments):
    """A distribution list; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    members: list[Extension] | None = Field(default=None, max_length=MOST_MEMBERS)


class ListSet(ListChanges):
    """Which list of the system, and what it is to be."""

    number: int = Field(ge=1, le=MOST_SYSTEM_LISTS)


class SystemLists(ListArguments):
    """Which lists."""


class ListNamed(Arguments):
    """Which list of the system."""

    number: int = Field(ge=1, le=MOST_SYSTEM_LISTS)


class ListShown(BaseModel):
    """A distribution list."""

    number: int
    name: str
    members: list[str]


class Emptied(BaseModel):
    """How many messages were removed."""

    extension: str
    removed: int


class MailboxCounts(BaseModel):
    """How many messages a mailbox holds, and how many more it takes."""

    new: int
    new_urgent: int
    saved: int
    saved_urgent: int
    deleted: int
    places: int

    @classmethod
    def of(cls, counts: Counts, places: int) -> "MailboxCounts":
        """Return the counts as they are told."""
        return cls(
            new=counts.new,
            new_urgent=counts.new_urgent,
            saved=counts.saved,
            saved_urgent=counts.saved_urgent,
            deleted=counts.deleted,
            places=places,
        )


class MailboxShort(MailboxCounts):
    """A mailbox in a list."""

    extension: str
    name: str


class SettingsShown(BaseModel):
    """What the owner has chosen."""

    takes_calls: bool
    always: bool
    accept_broadcast: bool
    assistant: str
    recordings: str
    mode: str
    temporary: bool
    say_envelope: bool
    mail_for: str
    mail_to: str
    mail_audio: bool
    mail_when_full: bool
    profiles: dict[str, int]
    every_message: bool

    @classmethod
    def of(cls, settings: MailboxSettings) -> "SettingsShown":
        """Return the settings as they are told."""
        return cls(**settings.to_value())


class MailboxShown(MailboxShort):
    """A mailbox with what its owner has chosen. `greetings` names those that are recorded."""

    settings: SettingsShown
    greetings: list[str]
    profiles: dict[int, ProfileValue]


class MessageShown(BaseModel):
    """A message, for its owner. Times in RFC 3339, UTC."""

    id: str
    folder: str
    received_at: str
    seconds: float
    sender: str
    number: str
    name: str
    urgent: bool
    private: bool
    heard_at: str | None
    deleted_at: str | None

    @classmethod
    def of(cls, message: Message) -> "MessageShown":
        """Return a message as it is told."""
        return cls(
            id=message.id,
            folder=message.folder.value,
            received_at=moment(message.received_at) or "",
            seconds=round(message.seconds, 1),
            sender=message.sender,
            number=message.number,
            name=message.name,
            urgent=message.urgent,
            private=message.private,
            heard_at=moment(message.heard_at),
            deleted_at=moment(message.deleted_at),
        )


class VoiceMailState(BaseModel):
    """What voice mail takes of the disk, in bytes."""

    enabled: bool
    mailboxes: int
    messages: int
    used: int
    budget: int
    free: int | None


def moment(at: float | None) -> str | None:
    """A time in RFC 3339."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
