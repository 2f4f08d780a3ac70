"""Mailboxes, messages, greetings and lists: the values that voice mail is made of (V2).

Rules that this module keeps:
- A value does not change; a change makes another one.
- What a user can make any number of is bounded here.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

MOST_PARTS: Final = 5  # introductions and the message that was forwarded
MOST_LISTS: Final = 9  # of one user; system lists have numbers of their own
MOST_SYSTEM_LISTS: Final = 99
MOST_MEMBERS: Final = 500
MOST_RECIPIENTS: Final = 100  # that are named one by one for one message
MOST_PROFILES: Final = 9
MOST_STEPS: Final = 10

_ADDRESS: Final = re.compile(r"[^@\s,;<>\"\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,190}\Z")


class Folder(StrEnum):
    """Where a message is. A draft is being recorded; a deleted one can be taken back for a while."""

    DRAFT = "draft"
    NEW = "new"
    SAVED = "saved"
    DELETED = "deleted"


class Reason(StrEnum):
    """Why a call came to a mailbox."""

    NO_ANSWER = "no answer"
    BUSY = "busy"
    ALWAYS = "always"  # the owner's mode or forwarding sends every call there
    UNREACHABLE = "unreachable"  # no phone is signed in


class Mode(StrEnum):
    """The five call-handling modes; their order is that of the keys 1 to 5 in the menus."""

    STANDARD = "standard"
    MEETING = "meeting"
    OUT_OF_OFFICE = "out of office"
    EXTENDED_ABSENCE = "extended absence"
    CUSTOM = "custom"


class Case(StrEnum):
    """What a greeting is for, within a mode: nobody answers, or the owner is on the phone."""

    UNAVAILABLE = "unavailable"
    BUSY = "busy"


NAME: Final = "name"
TEMPORARY: Final = "temporary"


def greeting_key(mode: Mode, case: Case) -> str:
    """The name under which the greeting of a mode and case is kept."""
    return f"{mode.value}/{case.value}"


GREETINGS: Final = (NAME, TEMPORARY, *(greeting_key(mode, case) for mode in Mode for case in Case))


@dataclass(frozen=True, slots=True)
class Recording:
    """A sealed file: its name, its wrapped key, its length in seconds and its size in bytes on the disk."""

    name: str
    wrapped: bytes = field(repr=False)
    created_at: float
    seconds: float = 0.0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a mailbox. Times are in seconds since 1970.

    `sender` is an extension and empty for callers from outside; `number` and `name` are what was shown. The
    newest introduction is the first of `parts`, which are names of recordings.
    """

    id: str
    user_id: int
    folder: Folder
    received_at: float
    parts: tuple[str, ...]
    seconds: float = 0.0
    sender: str = ""
    number: str = ""
    name: str = ""
    urgent: bool = False
    private: bool = False
    heard_at: float | None = None
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages are in a mailbox."""

    new: int = 0
    new_urgent: int = 0
    saved: int = 0
    saved_urgent: int = 0
    deleted: int = 0
    drafts: int = 0

    @property
    def kept(self) -> int:
        """Those that count against Maximum Incoming Messages: drafts hold their place."""
        return self.new + self.saved + self.drafts


class MailFor(StrEnum):
    """Which messages are told by e-mail."""

    NONE = "none"
    ALL = "all"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """What the owner has chosen; `profiles` leads from a mode to the number of a notification profile.

    `every_message` starts the notification at each new message instead of at the first unheard one only;
    `always` sends every call to the mailbox at once; without `takes_calls` none goes there, and who calls
    hears that nobody answers.
    """

    takes_calls: bool = True
    always: bool = False
    accept_broadcast: bool = True
    assistant: str = ""
    recordings: str = ""  # the mailbox that takes the calls that the owner records; empty: this one
    mode: Mode = Mode.STANDARD
    temporary: bool = False  # the temporary greeting takes the place of all others
    say_envelope: bool = True
    mail_for: MailFor = MailFor.NONE
    mail_to: str = ""
    mail_audio: bool = False
    mail_when_full: bool = True
    profiles: dict[str, int] = field(default_factory=dict)
    every_message: bool = False

    def to_value(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, value: dict[str, Any]) -> "MailboxSettings":
        """Read what `to_value` gave, also that of an older version."""
        known = {name: value[name] for name in cls.__slots__ if name in value}
        if "mode" in known:
            known["mode"] = Mode(known["mode"])
        if "mail_for" in known:
            known["mail_for"] = MailFor(known["mail_for"])
        return cls(**known)


@dataclass(frozen=True, slots=True)
class MailList:
    """A distribution list; `owner` is None for one of the system. Members are the ids of users."""

    id: str
    owner: int | None
    number: int
    name: str
    members: tuple[int, ...] = ()


def is_mail_address(text: str) -> bool:
    """Whether it can be the one address of one person."""
    return _ADDRESS.match(text) is not None and ".." not in text
