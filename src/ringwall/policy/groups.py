"""User groups and who is in them; authorization codes (C1, A1)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringwall.policy import checks
from ringwall.policy.classes import (
    FROM_NOBODY,
    CallCos,
    CallRules,
    TelephonyCos,
    VoiceMailCos,
)
from ringwall.policy.errors import PolicyError
from ringwall.policy.scope import Scope


class CodeMode(StrEnum):
    """What happens to a call that the group's own permissions refuse."""

    DISABLED = "disabled"  # it is refused
    OPTIONAL = "optional"  # a code is asked for; a bare # goes on without one, as the code service's group
    FORCED = "forced"  # a code is asked for and needed


@dataclass(frozen=True, slots=True)
class UserGroup:
    """What its members may do: classes of service, trunk groups, code mode, emergency identity.

    A class of service is given by its name; None, or a name that nobody defined, leaves inside and
    emergency calls.
    """

    id: str
    name: str
    telephony: str | None = None
    call: str | None = None
    voice_mail: str | None = None
    trunk_groups: tuple[str, ...] = ()
    codes: CodeMode = CodeMode.DISABLED
    emergency_caller_id: bool = True  # send the user's caller ID on an emergency call
    emergency_did: bool = True  # send the user's own number on an emergency call
    limits: str | None = None  # the set of limits that counts for its members; None: the organisation's

    def __post_init__(self) -> None:
        checks.identifier(self.id, "group")
        checks.name(self.name, "name")
        checks.names(self.trunk_groups, "trunk groups")
        checks.member(self.codes, "authorization codes", CodeMode)
        checks.flag(self.emergency_caller_id, "emergency caller id")
        checks.flag(self.emergency_did, "emergency did")
        if self.limits is not None:
            checks.name(self.limits, "limits")


@dataclass(frozen=True, slots=True)
class User:
    """One person with an extension, the group that says what they may do, and their site."""

    extension: str
    name: str
    group: str | None
    site: str | None
    caller_id: str = ""  # the number in canonical form that calls outside show; empty: the trunk's own
    no_pickup: bool = False  # calls to this user may not be picked up by others
    locked: bool = False  # by the operations centre: inside and emergency calls only

    def __post_init__(self) -> None:
        checks.digits(self.extension, "extension", 2, 8)
        checks.name(self.name, "name")


@dataclass(frozen=True, slots=True)
class Phone:
    """One telephone. `user` has logged in at it; else `group` says what it may do, and None nothing (P2)."""

    id: str
    site: str | None
    user: str | None = None
    group: str | None = None
    location: str = ""  # the place within the site, for emergency calls; empty: the site's
    callback_number: str = ""

    def __post_init__(self) -> None:
        checks.identifier(self.id, "phone")


class ObjectKind(StrEnum):
    """An extension that is not a person's."""

    HUNT_GROUP = "hunt group"
    WORKGROUP = "workgroup"
    MENU = "menu"
    PAGING_GROUP = "paging group"
    OVERHEAD_PAGING = "overhead paging"  # of a site: its loudspeakers, or all its phones
    MAILBOX = "mailbox"
    CONFERENCE = "conference"
    CODE_SERVICE = "code service"
    ROUTE_POINT = "route point"


PAGED: Final = frozenset({ObjectKind.PAGING_GROUP, ObjectKind.OVERHEAD_PAGING})
MOST_PAGED: Final = 100
MOST_HUNTED: Final = 64


class Ringing(StrEnum):
    """In which order the members of a hunt group ring."""

    TOP_DOWN = "top down"
    AT_ONCE = "at once"


@dataclass(frozen=True, slots=True)
class InsideObject:
    """A hunt group, menu or the like. Only an administrator's choice of a `group` gives it a way outside.

    `members` are the extensions of people. The rest is about hunt groups: each member rings for
    `member_seconds`, all of them for `seconds`; `busy` has taken the group out of service; calls that nobody
    takes go to the inside extensions `busy_to` and `no_answer_to`, or are refused.
    """

    extension: str
    kind: ObjectKind
    group: str | None = None
    site: str | None = None
    name: str = ""
    members: tuple[str, ...] = ()
    ringing: Ringing = Ringing.TOP_DOWN
    member_seconds: int = 12
    seconds: int = 36
    skip_busy: bool = False
    busy: bool = False
    busy_to: str = ""
    no_answer_to: str = ""

    def __post_init__(self) -> None:
        checks.digits(self.extension, "extension", 2, 8)
        checks.member(self.kind, "kind", ObjectKind)
        checks.member(self.ringing, "ringing", Ringing)
        most = MOST_PAGED if self.kind in PAGED else MOST_HUNTED
        if len(self.members) > most:
            raise PolicyError("members", f"can be {most} of a {self.kind.value}, not {len(self.members)}.")
        for member in self.members:
            checks.digits(member, "members", 2, 8)
        checks.integer(self.member_seconds, "member seconds", 5, 120)
        checks.integer(self.seconds, "seconds", 5, 600)
        checks.flag(self.skip_busy, "skip busy")
        checks.flag(self.busy, "busy")
        for name, extension in (("busy to", self.busy_to), ("no answer to", self.no_answer_to)):
            if extension:
                checks.digits(extension, name, 2, 8)
                if extension == self.extension:
                    raise PolicyError(name, "has to be another extension.")


@dataclass(frozen=True, slots=True)
class AuthCode:
    """An authorization code. The digits are kept elsewhere, hashed; here is what the code gives.

    `owner` is the extension of the person it belongs to, who pays for its calls; `scope` is its own instead
    of the code service's. `wildcard` is a length: any digits of that length pass, and give no more than the
    caller has, unless `wildcard_may_exceed`.
    """

    id: str
    name: str
    owner: str | None = None
    scope: Scope | None = None
    wildcard: int = 0
    wildcard_may_exceed: bool = False
    locked: bool = False

    def __post_init__(self) -> None:
        checks.identifier(self.id, "code")
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= 50 or not self.name.isprintable():
            raise PolicyError("name", "has to have 1 to 50 printable characters.")
        checks.integer(self.wildcard, "wildcard length", 0, 20)
        if self.scope is not None and not isinstance(self.scope, Scope):
            raise PolicyError("scope", f"has to be one of {', '.join(s.published for s in Scope)}.")


# What a new user gets: a telephone for inside and emergency calls.
LEAST_TELEPHONY: Final = TelephonyCos(
    "Least privileged",
    max_calls=2,
    max_buddies=0,
    pickup=False,
    show_monitored_caller_id=False,
    customize_buttons=False,
    collaboration=False,
    intercom=False,
    accept_intercom=FROM_NOBODY,
    change_call_handling=False,
    external_forwarding=False,
)
LEAST_CALL: Final = CallCos("Least privileged", CallRules(Scope.INTERNAL))
LEAST_VOICE_MAIL: Final = VoiceMailCos("Least privileged", max_messages=30)
LEAST_GROUP: Final = UserGroup(
    "least-privileged", "Least privileged", LEAST_TELEPHONY.name, LEAST_CALL.name, LEAST_VOICE_MAIL.name
)
