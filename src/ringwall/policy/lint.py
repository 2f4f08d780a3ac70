"""What in a directory opens a fraud path, or does not do what somebody thinks it does (C7)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from ringwall.policy import world
from ringwall.policy.classes import Callback
from ringwall.policy.groups import CodeMode, ObjectKind
from ringwall.policy.places import Service
from ringwall.policy.scope import CLOSED, NumberClass, Scope
from ringwall.policy.snapshot import CompiledGroup, PolicySnapshot
from ringwall.policy.verdict import CompiledRules


class Severity(IntEnum):
    """How bad it is."""

    NOTICE = 1
    WARNING = 2
    HIGH = 3
    CRITICAL = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. `where` is a group, site, trunk group, code or extension."""

    id: str
    severity: Severity
    where: str
    what: str
    cure: str


_Findings = Iterator[Finding]
_S = Severity


def lint(snapshot: PolicySnapshot) -> tuple[Finding, ...]:
    """Everything that was found, the worst first."""
    found: list[Finding] = []
    for group in snapshot.groups.values():
        for check in _GROUP_CHECKS:
            found += check(snapshot, group)
    for check_all in _CHECKS:
        found += check_all(snapshot)
    return tuple(sorted(found, key=lambda one: (-one.severity, one.where, one.id)))


def _missing_classes(snapshot: PolicySnapshot, group: CompiledGroup) -> _Findings:
    wanted = group.group
    for name, given, found in (
        ("telephony", wanted.telephony, group.telephony),
        ("call", wanted.call, group.call),
        ("voice-mail", wanted.voice_mail, group.voice_mail),
    ):
        if found is None:
            what = (
                f"The {name} class of service {given!r} does not exist."
                if given
                else f"It has no {name} class."
            )
            yield Finding("group.no-class", _S.WARNING, group.id, what, f"Give it a {name} class of service.")
    for name in wanted.trunk_groups:
        if name not in snapshot.trunk_groups:
            what = f"Its trunk group {name} does not exist."
            yield Finding("group.no-trunk-group", _S.WARNING, group.id, what, "Take it off the list.")


def _open_scope(_: PolicySnapshot, group: CompiledGroup) -> _Findings:
    if group.call is None:
        return
    if group.call.scope is Scope.ALL:
        yield Finding(
            "call.all-calls",
            _S.HIGH,
            group.id,
            "Its scope is All Calls, which reaches operators, carrier codes and other countries.",
            "Lower the scope to National Long Distance and permit what is needed beyond it.",
        )
    for name, rules in _both_rules(group):
        for opened in sorted(rules.opened):
            yield Finding(
                "call.opened",
                _S.CRITICAL if opened is NumberClass.FRAUD_TEST else _S.HIGH,
                group.id,
                f"{name} opens {opened.value} numbers.",
                "Close the class and permit the single numbers that are needed.",
            )
        for entry in rules.permitted.entries:
            if not entry.whole and len(entry.text) - 1 <= entry.country_length + 1:
                yield Finding(
                    "call.wide-permission",
                    _S.WARNING,
                    group.id,
                    f"{name} permits {entry.text}, which is a whole country or a large part of one.",
                    "Permit longer prefixes.",
                )


def _both_rules(group: CompiledGroup) -> Iterator[tuple[str, CompiledRules]]:
    if group.call is not None:
        yield "The call class of service", group.call
    if group.forwarding is not None and group.telephony is not None and group.telephony.external_forwarding:
        yield "External forwarding", group.forwarding


def _forwards_further(_: PolicySnapshot, group: CompiledGroup) -> _Findings:
    telephony, call, forwarding = group.telephony, group.call, group.forwarding
    if telephony is None or forwarding is None or not telephony.external_forwarding:
        return
    own = call.scope if call is not None else Scope.INTERNAL
    if forwarding.scope > own:
        abroad = forwarding.scope >= Scope.INTERNATIONAL
        if telephony.forwarding_overrides:
            yield Finding(
                "forward.further-than-dial",
                _S.CRITICAL if abroad else _S.HIGH,
                group.id,
                f"Its members may dial {own.published} but forward and Find Me {forwarding.scope.published}:"
                " whoever calls them is connected there.",
                "Turn the override off, or lower the forwarding scope to the call scope.",
            )
        else:
            yield Finding(
                "forward.no-effect",
                _S.NOTICE,
                group.id,
                f"External forwarding reaches {forwarding.scope.published}, calls only {own.published}; the"
                " lower one counts.",
                "Lower the forwarding scope, so that it says what is so.",
            )
    if forwarding.scope >= Scope.INTERNATIONAL and own >= Scope.INTERNATIONAL:
        yield Finding(
            "forward.abroad",
            _S.HIGH,
            group.id,
            "Its members may forward and Find Me to other countries.",
            "Lower the forwarding scope and permit the numbers that are needed.",
        )


def _trunk_to_trunk(_: PolicySnapshot, group: CompiledGroup) -> _Findings:
    telephony, voice_mail = group.telephony, group.voice_mail
    if telephony is None or not telephony.trunk_to_trunk:
        return
    abroad = group.call is not None and group.call.scope >= Scope.INTERNATIONAL
    yield Finding(
        "transfer.trunk-to-trunk",
        _S.HIGH if abroad else _S.WARNING,
        group.id,
        "Its members may join two outside callers" + (", also to other countries." if abroad else "."),
        "Turn trunk-to-trunk transfer off, or give it to a small group with a low call scope.",
    )
    if voice_mail is not None and voice_mail.callback is Callback.OUTSIDE:
        yield Finding(
            "mailbox.callback-outside",
            _S.CRITICAL if abroad else _S.HIGH,
            group.id,
            "Mailboxes may call outside senders back, and a sender's number can be forged.",
            "Set callback to inside or off.",
        )


def _notices(_: PolicySnapshot, group: CompiledGroup) -> _Findings:
    voice_mail, forwarding = group.voice_mail, group.forwarding
    if voice_mail is None or not voice_mail.external_notification or forwarding is None:
        return
    if forwarding.scope >= Scope.INTERNATIONAL:
        yield Finding(
            "notify.abroad",
            _S.HIGH,
            group.id,
            "Message notices may go to numbers in other countries.",
            "Lower the external forwarding scope, which notices follow.",
        )


def _watching(_: PolicySnapshot, group: CompiledGroup) -> _Findings:
    telephony = group.telephony
    if telephony is None:
        return
    if (telephony.monitor or telephony.record_others) and not telephony.warning_tone:
        yield Finding(
            "watch.silent",
            _S.WARNING,
            group.id,
            "Its members listen or record without a warning tone, which many laws forbid.",
            "Turn the warning tone on.",
        )


def _code_modes(snapshot: PolicySnapshot, group: CompiledGroup) -> _Findings:
    if group.group.codes is CodeMode.DISABLED:
        return
    service = snapshot.groups.get(snapshot.directory.code_group or "")
    if service is None or service.call is None:
        yield Finding(
            "codes.no-service",
            _S.WARNING,
            group.id,
            "It asks for authorization codes, but there is no code service: such calls are refused.",
            "Give the code service a user group with a call class of service.",
        )
    elif group.group.codes is CodeMode.OPTIONAL and group.call and service.call.scope > group.call.scope:
        yield Finding(
            "codes.optional",
            _S.HIGH,
            group.id,
            f"A bare # instead of a code reaches {service.call.scope.published}: no code is needed to exceed"
            f" {group.call.scope.published}.",
            "Make authorization codes forced.",
        )


def _wildcards(snapshot: PolicySnapshot) -> _Findings:
    service = snapshot.groups.get(snapshot.directory.code_group or "")
    for code in snapshot.codes.values():
        if code.wildcard and code.wildcard_may_exceed:
            yield Finding(
                "code.wildcard",
                _S.CRITICAL,
                code.id,
                f"Any {code.wildcard} digits give more than the caller's own group.",
                "Take the right to exceed from the wildcard code, or replace it by real codes.",
            )
        if code.owner is not None and code.owner not in snapshot.users:
            what = f"Its owner {code.owner} does not exist: it is refused."
            yield Finding("code.no-owner", _S.NOTICE, code.id, what, "Remove it, or give it to somebody.")
        if (
            code.scope is not None
            and service is not None
            and service.call
            and code.scope > service.call.scope
        ):
            yield Finding(
                "code.exceeds-service",
                _S.WARNING,
                code.id,
                f"Its own scope {code.scope.published} is wider than the code service's.",
                "Lower the scope of the code, if this is not meant.",
            )


def _emergency(snapshot: PolicySnapshot) -> _Findings:
    trunk_groups = snapshot.trunk_groups.values()
    for plan in snapshot.plans.values():
        site = plan.site
        near = {site.id, site.proxy}
        if not any(Service.EMERGENCY in one.services and one.site in near for one in trunk_groups):
            yield Finding(
                "emergency.no-trunk",
                _S.CRITICAL,
                site.id,
                "Neither this site nor its proxy has a trunk group that carries emergency calls.",
                "Add one; until then such calls leave from another site, if there is any trunk at all.",
            )
        missing = set(world.emergency_numbers(site.country)) - set(site.emergency_numbers)
        if missing:
            what = f"Emergency numbers of {site.country} are not on its list: {', '.join(sorted(missing))}."
            yield Finding("emergency.missing-number", _S.HIGH, site.id, what, "Add them.")
        if not site.location:
            what = "No location goes with an emergency call from here."
            yield Finding("emergency.no-location", _S.WARNING, site.id, what, "Set the site's location.")
        if not site.unassigned_emergency:
            what = "Telephones at which nobody has logged in cannot call emergency numbers."
            yield Finding(
                "emergency.unassigned", _S.WARNING, site.id, what, "Check that the law allows this."
            )
        for extension in (*snapshot.users, *snapshot.objects):
            if extension in site.emergency_numbers or extension in {
                site.access_code + number for number in site.emergency_numbers
            }:
                what = f"Extension {extension} is dialled like an emergency number of {site.id}."
                yield Finding("emergency.extension", _S.HIGH, extension, what, "Give it another extension.")


def _ways_in(snapshot: PolicySnapshot) -> _Findings:
    for one in snapshot.trunk_groups.values():
        group = snapshot.groups.get(one.tandem_group or "")
        if group is None or group.call is None or group.call.scope is Scope.INTERNAL:
            continue
        yield Finding(
            "trunk.tandem",
            _S.CRITICAL if group.call.scope >= Scope.INTERNATIONAL else _S.HIGH,
            one.id,
            f"Whoever calls in on it may dial out again, as far as {group.call.scope.published}.",
            "Take the tandem group away, unless another of your own systems is behind these trunks.",
        )
    for thing in snapshot.objects.values():
        group = snapshot.groups.get(thing.group or "")
        if group is None or thing.kind is ObjectKind.CODE_SERVICE:
            continue
        telephony = group.telephony
        if telephony is not None and telephony.external_forwarding and group.group.trunk_groups:
            yield Finding(
                "object.outside",
                _S.WARNING,
                thing.extension,
                f"The {thing.kind.value} may send callers outside, by the rights of group {group.id}.",
                "Take the group away, unless this is meant.",
            )


def _people(snapshot: PolicySnapshot) -> _Findings:
    for user in snapshot.directory.users:
        for kind, name, there in (
            ("group", user.group, user.group in snapshot.groups),
            ("site", user.site, user.site in snapshot.plans),
        ):
            if not there:
                what = f"The {kind} {name!r} does not exist: inside and emergency calls only."
                yield Finding(f"user.no-{kind}", _S.WARNING, user.extension, what, f"Give the user a {kind}.")
    for phone in snapshot.directory.phones:
        group = snapshot.groups.get(phone.group or "")
        if (
            group is not None
            and phone.user is None
            and group.call is not None
            and group.call.scope > Scope.INTERNAL
        ):
            yield Finding(
                "phone.outside",
                _S.WARNING,
                phone.id,
                f"Nobody has to log in at it to call as far as {group.call.scope.published}.",
                "Give it a group with the scope Internal Only.",
            )


def _dear_trunks(snapshot: PolicySnapshot) -> _Findings:
    opened = {
        kind
        for group in snapshot.groups.values()
        for _, rules in _both_rules(group)
        for kind in rules.opened & CLOSED
    }
    for one in snapshot.trunk_groups.values():
        if Service.PREMIUM in one.services and NumberClass.PREMIUM not in opened:
            yield Finding(
                "trunk.premium",
                _S.NOTICE,
                one.id,
                "It carries premium calls, which no group opens by name.",
                "Take the service away, unless single numbers are permitted.",
            )


_GROUP_CHECKS: Final[tuple[Callable[[PolicySnapshot, CompiledGroup], _Findings], ...]] = (
    _missing_classes,
    _open_scope,
    _forwards_further,
    _trunk_to_trunk,
    _notices,
    _watching,
    _code_modes,
)
_CHECKS: Final[tuple[Callable[[PolicySnapshot], _Findings], ...]] = (
    _wildcards,
    _emergency,
    _ways_in,
    _people,
    _dear_trunks,
)
