"""The permissions that lead to no number: what is done to a call, set, shown or sent (C2, C4).

Rules that this module keeps:

- Where a feature has two halves, both sides have to agree, each by its own group.
- Outside callers, and telephones at which nobody has logged in, have no feature at all (P2).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from ringwall.policy.actions import Action, TrunkSubject
from ringwall.policy.case import Case
from ringwall.policy.classes import TelephonyCos, VoiceMailCos, published_names
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.rules import Heard, Rule
from ringwall.policy.snapshot import Member

_NAMES: Final = {**published_names(TelephonyCos), **published_names(VoiceMailCos)}


class _Switch(NamedTuple):
    field: str
    heard: Heard


# Permissions of the one who asks, on or off.
_TELEPHONY: Final[Mapping[Action, _Switch]] = MappingProxyType(
    {
        Action.PAGE: _Switch("paging", Heard.ERROR_TONE),
        Action.HUNT_GROUP_BUSY: _Switch("hunt_group_busy", Heard.ERROR_TONE),
        Action.REASSIGN: _Switch("reassignment", Heard.ERROR_TONE),
        Action.RECORD_OWN: _Switch("record_own", Heard.HIDDEN),
        Action.CHANGE_MODE: _Switch("change_mode", Heard.HIDDEN),
        Action.CHANGE_CALL_HANDLING: _Switch("change_call_handling", Heard.HIDDEN),
        Action.CUSTOMIZE_BUTTONS: _Switch("customize_buttons", Heard.HIDDEN),
        Action.SHOW_CALLER_ID: _Switch("show_monitored_caller_id", Heard.BLANK),
        Action.SHOW_OTHER_PREFIXES: _Switch("show_other_prefixes", Heard.HIDDEN),
    }
)
_VOICE_MAIL: Final[Mapping[Action, _Switch]] = MappingProxyType(
    {
        Action.BROADCAST_LIST: _Switch("broadcast_list", Heard.HIDDEN),
        Action.SYSTEM_LIST: _Switch("system_lists", Heard.HIDDEN),
    }
)


class _Pair(NamedTuple):
    allow: str
    accept: str
    refused: Heard  # what the one who asks meets if the permission is missing
    not_accepted: Heard
    watches: bool  # it listens to or records a call of others


_PAIRS: Final[Mapping[Action, _Pair]] = MappingProxyType(
    {
        Action.INTERCOM: _Pair("intercom", "accept_intercom", Heard.INTERCEPT, Heard.ORDINARY_CALL, False),
        Action.WHISPER: _Pair("intercom", "accept_intercom", Heard.INTERCEPT, Heard.ORDINARY_CALL, False),
        Action.BARGE_IN: _Pair("barge_in", "accept_barge_in", Heard.ERROR_TONE, Heard.ERROR_TONE, True),
        Action.MONITOR: _Pair("monitor", "accept_monitor", Heard.ERROR_TONE, Heard.ERROR_TONE, True),
        Action.COACH: _Pair("monitor", "accept_monitor", Heard.ERROR_TONE, Heard.ERROR_TONE, True),
        Action.RECORD_OTHER: _Pair(
            "record_others", "accept_record", Heard.ERROR_TONE, Heard.ERROR_TONE, True
        ),
    }
)
_NOT_ON_CONFERENCES: Final = frozenset({Action.WHISPER, Action.MONITOR, Action.COACH})


def decide_feature(case: Case) -> Grant | Denial:
    """Decide an action that leads to no number."""
    action = case.action
    about_target = _ABOUT_TARGET.get(action)
    if about_target is not None:
        return about_target(case, _target(case))
    if isinstance(case.subject, TrunkSubject):
        return case.deny(Rule("outside.no-feature"))
    if case.unassigned:
        return case.deny(Rule("phone.unassigned", case.member.label))
    switch = _TELEPHONY.get(action) or _VOICE_MAIL.get(action)
    if switch is not None:
        return _switched(case, switch)
    pair = _PAIRS.get(action)
    if pair is not None:
        return _paired(case, pair)
    return _OTHERS[action](case)


def _target(case: Case) -> Member | None:
    return case.snapshot.users.get(case.target or "")


def _source(member: Member, *, mail: bool = False) -> str:
    if member.group is None:
        return member.label
    return member.group.source if mail else member.group.telephony_source


def _telephony(member: Member) -> TelephonyCos | None:
    return member.group.telephony if member.group is not None else None


def _switched(case: Case, switch: _Switch) -> Grant | Denial:
    member, name = case.member, _NAMES[switch.field]
    mail = case.action in _VOICE_MAIL
    source = _source(member, mail=mail)
    cos: TelephonyCos | VoiceMailCos | None = _telephony(member)
    if mail:
        cos = member.group.voice_mail if member.group is not None else None
    if cos is None:
        return case.deny(Rule("feature.no-class", source, name), heard=switch.heard)
    if case.action is Action.RECORD_OWN and case.context.coached:
        return case.deny(Rule("record.coached"))
    if not getattr(cos, switch.field):
        return case.deny(Rule("feature.denied", source, name), heard=switch.heard)
    return case.allow(Rule("feature.allowed", source, name))


def _paired(case: Case, pair: _Pair) -> Grant | Denial:
    member, context, name = case.member, case.context, _NAMES[pair.allow]
    source, own = _source(member), _telephony(member)
    if own is None:
        return case.deny(Rule("feature.no-class", source, name), heard=pair.refused)
    if not getattr(own, pair.allow):
        return case.deny(Rule("feature.denied", source, name), heard=pair.refused)
    case.note("initiator", "{} has {}", (source, name))
    target = _target(case)
    if target is None:
        return case.deny(Rule("target.unknown", "", case.target or "such extension"))
    if pair.watches and context.emergency_call and not own.watch_emergency_calls:
        return case.deny(Rule("pair.emergency", source))
    if context.conference and case.action in _NOT_ON_CONFERENCES:
        return case.deny(Rule("pair.conference"))
    theirs, accepting = _telephony(target), _NAMES[pair.accept]
    group = member.group.id if member.group is not None else None
    if theirs is None or not getattr(theirs, pair.accept).takes(member.payer, group):
        rule = Rule("pair.not-accepted", _source(target), accepting)
        return case.deny(rule, heard=pair.not_accepted)
    return case.allow(Rule("pair.allowed", source, name))


def _pickup(case: Case) -> Grant | Denial:
    member = case.member
    source, own = _source(member), _telephony(member)
    name = _NAMES["pickup"]
    if own is None:
        return case.deny(Rule("feature.no-class", source, name))
    if not own.pickup:
        return case.deny(Rule("feature.denied", source, name))
    target = _target(case)
    if target is not None:
        group = target.group.id if target.group is not None else ""
        barred = target.user is not None and target.user.no_pickup
        if barred or (own.pickup_from and group not in own.pickup_from):
            return case.deny(Rule("pickup.refused", source, case.target or ""))
    elif own.pickup_from:
        return case.deny(Rule("pickup.refused", source, case.target or "this extension"))
    return case.allow(Rule("feature.allowed", source, name))


def _both(case: Case, field: str, heard: Heard) -> Grant | Denial:
    name = _NAMES[field]
    target = _target(case)
    if target is None:
        return case.deny(Rule("target.unknown", "", case.target or "such extension"), heard=heard)
    for one in (case.member, target):
        cos = _telephony(one)
        if cos is None or not getattr(cos, field):
            return case.deny(Rule("feature.denied", _source(one), name), heard=heard)
    return case.allow(Rule("feature.allowed", _source(case.member), name))


def _video(case: Case) -> Grant | Denial:
    target = _target(case)
    own = case.member.plan
    if target is not None and own is not None and target.plan is own:
        return case.allow(Rule("video.same-site"))
    return _both(case, "inter_site_video", Heard.AUDIO_ONLY)


def _collaborate(case: Case) -> Grant | Denial:
    if case.target is not None:
        return _both(case, "collaboration", Heard.HIDDEN)
    return _switched(case, _Switch("collaboration", Heard.HIDDEN))


def _add_buddy(case: Case) -> Grant | Denial:
    cos, source = _telephony(case.member), _source(case.member)
    most = cos.max_buddies if cos is not None else 0
    if case.context.count >= most:
        return case.deny(Rule("max.buddies", source, str(most)))
    return case.allow(Rule("max.within", source, f"{case.context.count} of {most}"))


def _leave_conference(case: Case) -> Grant | Denial:
    cos, context = _telephony(case.member), case.context
    if context.insiders > 0 or context.outsiders < 2:
        return case.allow(Rule("conference.leave"))
    if cos is None or not cos.trunk_to_trunk:
        return case.deny(Rule("conference.left", _source(case.member)))
    return case.allow(Rule("feature.allowed", _source(case.member), _NAMES["trunk_to_trunk"]))


def _receive(case: Case, target: Member | None) -> Grant | Denial:
    """Whether one more call may come to an extension; its own group counts, whoever calls."""
    if target is None:
        return case.deny(Rule("target.unknown", "", case.target or "such extension"))
    cos = _telephony(target)
    most = cos.max_calls if cos is not None else 1
    if case.context.count >= most:
        return case.deny(Rule("max.calls", _source(target), str(most)))
    return case.allow(Rule("max.within", _source(target), f"{case.context.count} of {most}"))


def _keep_message(case: Case, target: Member | None) -> Grant | Denial:
    if target is None:
        return case.deny(Rule("target.unknown", "", case.target or "such mailbox"))
    cos = target.group.voice_mail if target.group is not None else None
    most = cos.max_messages if cos is not None else 0
    if case.context.count >= most:
        return case.deny(Rule("max.messages", _source(target, mail=True), str(most)))
    return case.allow(Rule("max.within", _source(target, mail=True), f"{case.context.count} of {most}"))


def _use_password(case: Case) -> Grant | Denial:
    group = case.group
    cos = group.voice_mail if group is not None else None
    source = _source(case.member, mail=True)
    days = cos.password_lifespan if cos is not None else 0
    if cos is None or (days and case.context.count >= days):
        return case.deny(Rule("password.expired", source, str(days)))
    return case.allow(Rule("password.valid", source, str(days) if days else "unlimited"))


_ABOUT_TARGET: Final[Mapping[Action, Callable[[Case, Member | None], Grant | Denial]]] = MappingProxyType(
    {Action.RECEIVE_CALL: _receive, Action.KEEP_MESSAGE: _keep_message}
)
_OTHERS: Final[Mapping[Action, Callable[[Case], Grant | Denial]]] = MappingProxyType(
    {
        Action.PICKUP: _pickup,
        Action.VIDEO: _video,
        Action.COLLABORATE: _collaborate,
        Action.ADD_BUDDY: _add_buddy,
        Action.CONFERENCE_LEAVE: _leave_conference,
        Action.USE_PASSWORD: _use_password,
    }
)
FEATURES: Final = frozenset({*_TELEPHONY, *_VOICE_MAIL, *_PAIRS, *_ABOUT_TARGET, *_OTHERS})
MAILBOX_FEATURES: Final = frozenset(
    {Action.BROADCAST_LIST, Action.SYSTEM_LIST, Action.KEEP_MESSAGE, Action.USE_PASSWORD}
)
