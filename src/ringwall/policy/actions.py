"""Everything that is asked for, and by whom (C2, C3, C4, C5)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringwall.policy.code_pass import CodePass
from ringwall.policy.usage import Use


class Action(StrEnum):
    """What somebody wants to do."""

    # These can lead outside.
    DIAL = "dial"
    ORIGINATE = "originate"  # click-to-dial, and calls that the API makes
    BLIND_TRANSFER = "blind transfer"
    ATTENDED_TRANSFER = "attended transfer"  # to a leg that is up; the grant makes no other one
    FORWARD_ALWAYS = "forward always"
    FORWARD_BUSY = "forward busy"
    FORWARD_NO_ANSWER = "forward no answer"
    FIND_ME = "find me"
    EXTERNAL_ASSIGNMENT = "external assignment"  # the extension on an outside telephone
    CONFERENCE_ADD = "conference add"
    CALLBACK = "callback"  # call the sender of a message from the mailbox
    NOTIFY = "notify"  # of a message, at an extension or an outside number
    PSTN_FAILOVER = "pstn failover"

    # What is done to a call or with a telephone.
    CONFERENCE_LEAVE = "conference leave"  # the last insider leaves outsiders behind
    RECEIVE_CALL = "receive call"
    PICKUP = "pickup"
    PAGE = "page"
    INTERCOM = "intercom"
    WHISPER = "whisper"
    BARGE_IN = "barge in"
    MONITOR = "monitor"
    COACH = "coach"
    RECORD_OWN = "record own"
    RECORD_OTHER = "record other"
    HUNT_GROUP_BUSY = "hunt group busy"
    REASSIGN = "reassign"
    VIDEO = "video"

    # What is set, shown and sent.
    CHANGE_MODE = "change mode"
    CHANGE_CALL_HANDLING = "change call handling"
    CUSTOMIZE_BUTTONS = "customize buttons"
    ADD_BUDDY = "add buddy"
    SHOW_CALLER_ID = "show caller id"  # of a monitored extension
    SHOW_OTHER_PREFIXES = "show other prefixes"
    COLLABORATE = "collaborate"
    BROADCAST_LIST = "broadcast list"
    SYSTEM_LIST = "system list"
    KEEP_MESSAGE = "keep message"
    USE_PASSWORD = "use password"  # noqa: S105 - the name of an action


FORWARDS: Final = frozenset(
    {
        Action.FORWARD_ALWAYS,
        Action.FORWARD_BUSY,
        Action.FORWARD_NO_ANSWER,
        Action.FIND_ME,
        Action.EXTERNAL_ASSIGNMENT,
    }
)
LEADS_OUTSIDE: Final = FORWARDS | {
    Action.DIAL,
    Action.ORIGINATE,
    Action.BLIND_TRANSFER,
    Action.ATTENDED_TRANSFER,
    Action.CONFERENCE_ADD,
    Action.CALLBACK,
    Action.NOTIFY,
    Action.PSTN_FAILOVER,
}
# An authorization code is never asked for where nobody is there to type it.
TAKES_CODE: Final = frozenset({Action.DIAL, Action.ORIGINATE})


@dataclass(frozen=True, slots=True)
class UserSubject:
    """A person, by extension, and the telephone they are at."""

    user: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class PhoneSubject:
    """A telephone at which nobody has logged in."""

    phone: str


@dataclass(frozen=True, slots=True)
class TrunkSubject:
    """An outside caller, by the trunk on which the call came in."""

    trunk: str


@dataclass(frozen=True, slots=True)
class MailboxSubject:
    """The owner of a mailbox who listens to it; from outside if that session came in on a trunk."""

    mailbox: str
    from_outside: bool = True


@dataclass(frozen=True, slots=True)
class ObjectSubject:
    """A hunt group, workgroup, menu or the like that sends a call on."""

    extension: str


Caller = UserSubject | PhoneSubject


@dataclass(frozen=True, slots=True)
class CodeSubject:
    """A caller whose authorization code was accepted: the rights are those of the code service's group."""

    caller: Caller
    passed: CodePass


Subject = UserSubject | PhoneSubject | TrunkSubject | MailboxSubject | ObjectSubject | CodeSubject


class Party(StrEnum):
    """Where the other party of a call is."""

    INSIDE = "inside"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Context:
    """What the answer depends on besides who, what and whom.

    `now` is in seconds since 1970. `use` holds what was used up to now; it is asked, never changed.
    `party` is the one who is transferred. `count` is how many there are already: calls of the caller (DIAL,
    ORIGINATE) or at the target (RECEIVE_CALL), buddies on the list, parties in the conference with the
    starter, messages in the mailbox; for USE_PASSWORD the age in days. `saving` asks whether a destination
    may be stored: the grant then makes no call.
    """

    now: float
    use: Use
    party: Party = Party.OUTSIDE
    count: int = 0
    insiders: int = 0  # CONFERENCE_LEAVE: how many are left inside after it
    outsiders: int = 2
    calling_number: str = ""  # canonical number of who is forwarded
    emergency_call: bool = False  # the call to be watched or recorded is one
    conference: bool = False  # the call to be watched is a conference
    coached: bool = False  # the call to be recorded is being coached
    saving: bool = False


# What no code asks for yet: the permissions to it can be set, and have no effect (a test holds this list).
NOT_ASKED_YET: Final = frozenset(
    {
        Action.ORIGINATE,
        Action.EXTERNAL_ASSIGNMENT,
        Action.PSTN_FAILOVER,
        Action.VIDEO,
        Action.CUSTOMIZE_BUTTONS,
        Action.ADD_BUDDY,
        Action.SHOW_CALLER_ID,
        Action.SHOW_OTHER_PREFIXES,
        Action.COLLABORATE,
    }
)
