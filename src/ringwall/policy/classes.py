"""The three classes of service: telephony (C2), calls (C3) and voice mail (C4).

Rules that this module keeps:

- A field has the published name of its permission in its metadata, so that administrators recognise it.
- What a field is without anybody's choice is safe: scope National, forwarding Local, nothing to be accepted
  except the intercom, no way from one trunk to another.
- A value that breaks a range does not come to be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from ringwall.policy import checks
from ringwall.policy.errors import PolicyError
from ringwall.policy.expressions import Expression, parse_list
from ringwall.policy.scope import CLOSED, NumberClass, Scope

# ruff: noqa: RUF009 - a field's default is made by a function that adds its published name


def _permission(name: str, default: Any, least: int = 0, most: int = 0) -> Any:
    return field(default=default, metadata={"published": name, "range": (least, most) if most else None})


WITHOUT_EFFECT: Final = frozenset(
    {
        *(
            "max_buddies",
            "inter_site_video",
            "pstn_failover",
            "show_monitored_caller_id",
            "customize_buttons",
        ),
        *("show_other_prefixes", "collaboration", "external_assignment"),
    }
)
"""Permissions for what does not exist yet (`actions.NOT_ASKED_YET`): whoever sets them is told so."""


class AcceptKind(StrEnum):
    """From whom something is accepted."""

    NONE = "none"
    ALL = "all"
    ONLY_FROM = "only from"


@dataclass(frozen=True, slots=True)
class Accept:
    """The accepting half of a pair: from nobody, from everybody, or only from some users and groups."""

    kind: AcceptKind = AcceptKind.NONE
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        checks.member(self.kind, "accept", AcceptKind)
        checks.names(self.users, "accept only from users")
        checks.names(self.groups, "accept only from groups")
        named = bool(self.users or self.groups)
        if named != (self.kind is AcceptKind.ONLY_FROM):
            raise PolicyError("accept", "names users or groups with 'only from', and with nothing else.")

    @staticmethod
    def only_from(*, users: Iterable[str] = (), groups: Iterable[str] = ()) -> "Accept":
        """Accept from these users (by extension) and the members of these groups."""
        return Accept(AcceptKind.ONLY_FROM, frozenset(users), frozenset(groups))

    def takes(self, user: str, group: str | None) -> bool:
        """Whether it accepts from a user of a group."""
        if self.kind is AcceptKind.ALL:
            return True
        return self.kind is AcceptKind.ONLY_FROM and (user in self.users or group in self.groups)


FROM_NOBODY: Final = Accept()
FROM_ALL: Final = Accept(AcceptKind.ALL)


def _check(value: Any) -> None:
    """Check each field by its type, its range and its published name."""
    for one in fields(value):
        published = one.metadata.get("published")
        if published is None:
            continue
        given = getattr(value, one.name)
        if one.metadata["range"] is not None:
            checks.integer(given, published, *one.metadata["range"])
        elif one.type is bool:
            checks.flag(given, published)
        elif one.type is Accept and not isinstance(given, Accept):
            raise PolicyError(published, f"has to be none, all or only from some, not {given!r}.")
        elif one.type is Scope and not isinstance(given, Scope):
            raise PolicyError(
                published, f"has to be one of {', '.join(s.published for s in Scope)}, not {given!r}."
            )


def published_names(kind: type) -> Mapping[str, str]:
    """The published name of each permission of a class of service, by field."""
    return {one.name: one.metadata["published"] for one in fields(kind) if "published" in one.metadata}


def _expressions(value: object, name: str) -> None:
    if not isinstance(value, tuple) or not all(isinstance(one, Expression) for one in value):
        raise PolicyError(name, "has to be a list of number expressions, as parse_list returns it.")


@dataclass(frozen=True, slots=True)
class CallRules:
    """A scope with what is taken from it and added to it; grammar in `expressions` (C3).

    `opened` names the classes among premium, satellite and fraud test that the scope really reaches; on their
    rung of the ladder all three are closed until named here.
    """

    scope: Scope = _permission("Scope", Scope.NATIONAL)
    restrictions: tuple[Expression, ...] = ()
    permissions: tuple[Expression, ...] = ()
    opened: frozenset[NumberClass] = frozenset()

    def __post_init__(self) -> None:
        _check(self)
        _expressions(self.restrictions, "Restrictions")
        _expressions(self.permissions, "Permissions")
        if not self.opened <= CLOSED:
            accepted = ", ".join(sorted(CLOSED))
            raise PolicyError(
                "opened", f"can name {accepted}, not {', '.join(map(str, self.opened - CLOSED))}."
            )

    @staticmethod
    def of(
        scope: Scope,
        restrictions: str | Iterable[str] = "",
        permissions: str | Iterable[str] = "",
        opened: Iterable[NumberClass] = (),
    ) -> "CallRules":
        """Read the lists from text; PolicyError names the list and the entry."""
        return CallRules(
            scope,
            parse_list(restrictions, "Restrictions"),
            parse_list(permissions, "Permissions"),
            frozenset(opened),
        )


@dataclass(frozen=True, slots=True)
class CallCos:
    """Class of service for calls: what may be dialled (C3)."""

    name: str
    rules: CallRules = CallRules()

    def __post_init__(self) -> None:
        checks.name(self.name, "name")


FORWARD_LOCAL: Final = CallRules(Scope.LOCAL)


@dataclass(frozen=True, slots=True)
class TelephonyCos:
    """Class of service for telephony: the 25 permissions of C2, and what goes with them."""

    name: str
    max_calls: int = _permission("Maximum Number of Calls", 8, 1, 16)
    max_buddies: int = _permission("Maximum Buddies per User", 100, 0, 500)
    max_conference_parties: int = _permission("Maximum Parties in Make Me Conference", 3, 3, 6)
    inter_site_video: bool = _permission("Allow Inter-site Video Calls", False)
    pickup: bool = _permission("Allow Call Pickup", True)
    trunk_to_trunk: bool = _permission("Allow Trunk-to-Trunk Transfer", False)
    paging: bool = _permission("Allow Overhead and Group Paging", False)
    hunt_group_busy: bool = _permission("Allow Make Hunt Group Busy", False)
    reassignment: bool = _permission("Allow Extension Reassignment", False)
    pstn_failover: bool = _permission("Allow PSTN Failover", False)
    show_monitored_caller_id: bool = _permission("Show Caller ID on Monitored Extensions", True)
    customize_buttons: bool = _permission("Allow Customization of IP Phone Buttons", True)
    show_other_prefixes: bool = _permission("Show Extensions with Different Prefixes", True)
    collaboration: bool = _permission("Allow Collaboration Features", True)
    record_own: bool = _permission("Allow Recording of Own Calls", False)
    intercom: bool = _permission("Allow Initiation for Directed Intercom/Paging", True)
    accept_intercom: Accept = _permission("Accept Directed Intercom/Paging", FROM_ALL)
    barge_in: bool = _permission("Allow Initiation for Barge In", False)
    accept_barge_in: Accept = _permission("Accept Barge In", FROM_NOBODY)
    record_others: bool = _permission("Allow Initiation for Record Other's Calls", False)
    accept_record: Accept = _permission("Accept Record Other's Calls", FROM_NOBODY)
    monitor: bool = _permission("Allow Initiation for Silent Monitor Other's Calls", False)
    accept_monitor: Accept = _permission("Accept Silent Monitor Other's Calls", FROM_NOBODY)
    change_mode: bool = _permission("Allow Call Handling Changes: current mode", True)
    change_call_handling: bool = _permission("Allow Call Handling Changes: detailed settings", True)
    external_forwarding: bool = _permission("Allow External Call Forwarding and Find Me Destinations", True)
    # Beside the 25:
    forwarding: CallRules = FORWARD_LOCAL  # scope and lists of external destinations; not Internal Only
    forwarding_overrides: bool = _permission("External destinations override Call Permissions", False)
    external_assignment: bool = _permission("Allow External Extension Reassignment", False)
    warning_tone: bool = _permission("Warning tone while recording and monitoring", True)
    recording_notice: bool = _permission("Spoken notice when a recording begins", True)
    watch_emergency_calls: bool = _permission("Allow watching of emergency calls", False)
    pickup_from: frozenset[str] = frozenset()  # groups whose calls may be picked up; empty: everybody's

    def __post_init__(self) -> None:
        checks.name(self.name, "name")
        _check(self)
        checks.names(self.pickup_from, "pickup from")
        if not isinstance(self.forwarding, CallRules) or self.forwarding.scope is Scope.INTERNAL:
            raise PolicyError(
                "External forwarding scope",
                "has to be Local Only or a higher rung; for inside destinations alone, turn it off.",
            )


class Callback(StrEnum):
    """Whom the owner of a mailbox may call back from it."""

    OFF = "off"
    INSIDE = "inside"
    OUTSIDE = "outside"  # inside too; needs the trunk-to-trunk right and the call permission besides


@dataclass(frozen=True, slots=True)
class VoiceMailCos:
    """Class of service for voice mail (C4). Lengths in seconds, life spans in days; 0 days is off."""

    name: str
    max_messages: int = _permission("Maximum Incoming Messages", 100, 1, 500)
    password_lifespan: int = _permission("Lifespan of Voice Mail Password", 90, 0, 365)
    broadcast_list: bool = _permission("Allow Access to Broadcast Distribution List", False)
    system_lists: bool = _permission("Allow Access to System Distribution Lists", False)
    notification: bool = _permission("Allow Message Notification", True)
    external_notification: bool = _permission("Allow Message Notification to External Number", False)
    # Beside those of C4:
    password_warning: int = _permission("Days of warning before the password ends", 7, 0, 30)
    incoming_length: int = _permission("Maximum length of an incoming message", 300, 1, 3600)
    outgoing_length: int = _permission("Maximum length of an outgoing message", 300, 1, 3600)
    callback: Callback = Callback.OFF

    def __post_init__(self) -> None:
        checks.name(self.name, "name")
        _check(self)
        checks.member(self.callback, "callback", Callback)
        if 0 < self.password_lifespan < 30:
            raise PolicyError("Lifespan of Voice Mail Password", "has to be 0 (off) or 30 to 365 days.")
        if self.external_notification and not self.notification:
            raise PolicyError(
                "Allow Message Notification to External Number", "needs Allow Message Notification to be on."
            )
