"""What in a directory opens a fraud path, or does not do what somebody thinks it does (C7)."""

from collections.abc import Callable
from typing import Final

from ringwall.policy import world
from ringwall.policy.findings import Finding, Findings, Severity
from ringwall.policy.groups import ObjectKind
from ringwall.policy.lint_groups import GROUP_CHECKS, both_rules
from ringwall.policy.paging import lint_paging
from ringwall.policy.places import Service
from ringwall.policy.scope import CLOSED, NumberClass, Scope
from ringwall.policy.snapshot import PolicySnapshot

_S = Severity


def lint(snapshot: PolicySnapshot) -> tuple[Finding, ...]:
    """Everything that was found, the worst first."""
    found: list[Finding] = []
    for group in snapshot.groups.values():
        for check in GROUP_CHECKS:
            found += check(snapshot, group)
    for check_all in _CHECKS:
        found += check_all(snapshot)
    return tuple(sorted(found, key=lambda one: (-one.severity, one.where, one.id)))


def _wildcards(snapshot: PolicySnapshot) -> Findings:
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


def _emergency(snapshot: PolicySnapshot) -> Findings:
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


def _ways_in(snapshot: PolicySnapshot) -> Findings:
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


def _people(snapshot: PolicySnapshot) -> Findings:
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


def _dear_trunks(snapshot: PolicySnapshot) -> Findings:
    opened = {
        kind
        for group in snapshot.groups.values()
        for _, rules in both_rules(group)
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


_CHECKS: Final[tuple[Callable[[PolicySnapshot], Findings], ...]] = (
    _wildcards,
    _emergency,
    _ways_in,
    lint_paging,
    _people,
    _dear_trunks,
)
