"""What in one user group opens a fraud path (C7)."""

from collections.abc import Callable, Iterator
from typing import Final

from ringwall.policy.classes import FROM_NOBODY, Callback
from ringwall.policy.findings import Finding, Findings, Severity
from ringwall.policy.groups import CodeMode
from ringwall.policy.scope import NumberClass, Scope
from ringwall.policy.snapshot import CompiledGroup, PolicySnapshot
from ringwall.policy.verdict import CompiledRules

_S = Severity


def _missing_classes(snapshot: PolicySnapshot, group: CompiledGroup) -> Findings:
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


def _open_scope(_: PolicySnapshot, group: CompiledGroup) -> Findings:
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
    for name, rules in both_rules(group):
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


def both_rules(group: CompiledGroup) -> Iterator[tuple[str, CompiledRules]]:
    """Name the rules for calls and, where it is on, for external forwarding."""
    if group.call is not None:
        yield "The call class of service", group.call
    if group.forwarding is not None and group.telephony is not None and group.telephony.external_forwarding:
        yield "External forwarding", group.forwarding


def _forwards_further(_: PolicySnapshot, group: CompiledGroup) -> Findings:
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


def _trunk_to_trunk(_: PolicySnapshot, group: CompiledGroup) -> Findings:
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


def _notices(_: PolicySnapshot, group: CompiledGroup) -> Findings:
    voice_mail, forwarding = group.voice_mail, group.forwarding
    if voice_mail is None or not voice_mail.external_notification or forwarding is None:
        return
    if forwarding.scope >= Scope.INTERNATIONAL:
        own = group.call.scope if group.call is not None else Scope.INTERNAL
        telephony = group.telephony
        real = own >= Scope.INTERNATIONAL or (telephony is not None and telephony.forwarding_overrides)
        yield Finding(
            "notify.abroad",
            _S.HIGH if real else _S.WARNING,
            group.id,
            "Message notices may go to numbers in other countries"
            + ("." if real else ", as soon as the call scope is raised."),
            "Lower the external forwarding scope, which notices follow.",
        )


def _watching(_: PolicySnapshot, group: CompiledGroup) -> Findings:
    telephony = group.telephony
    if telephony is None:
        return
    # The tone is a matter of those whose calls they are; who watches is told as well.
    accepts = (telephony.accept_monitor, telephony.accept_record)
    watched = telephony.record_own or any(each != FROM_NOBODY for each in accepts)
    if (watched or telephony.monitor or telephony.record_others) and not telephony.warning_tone:
        yield Finding(
            "watch.silent",
            _S.WARNING,
            group.id,
            "Calls are listened to or recorded without a warning tone, which many laws forbid.",
            "Turn the warning tone on.",
        )


def _code_modes(snapshot: PolicySnapshot, group: CompiledGroup) -> Findings:
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


GROUP_CHECKS: Final[tuple[Callable[[PolicySnapshot, CompiledGroup], Findings], ...]] = (
    _missing_classes,
    _open_scope,
    _forwards_further,
    _trunk_to_trunk,
    _notices,
    _watching,
    _code_modes,
)
