"""Whatever leads to a number: dialling, transfers, forwards, Find Me, conference, callback, notices (C3, C5).

Rules that this module keeps:

- The order is that of section 2 of the semantics: emergency, inside, the number itself, whose rights, the
  right to this path, the scope and its lists, trunks, limits.
- Emergency calls pass all gates but one: nothing that acts by itself calls them.
- A path never gives more than dialling would, but for the two where an administrator says so by name:
  `forwarding_overrides`, and an authorization code's group.
"""

from ringwall.policy.actions import (
    FORWARDS,
    TAKES_CODE,
    Action,
    CodeSubject,
    MailboxSubject,
    Party,
    TrunkSubject,
)
from ringwall.policy.case import Case
from ringwall.policy.classes import Callback
from ringwall.policy.codes_rights import code_rights
from ringwall.policy.grant import Denial, Grant, Way
from ringwall.policy.groups import PAGED, CodeMode
from ringwall.policy.numbers import Number
from ringwall.policy.rules import Note, Rule
from ringwall.policy.scope import NumberClass
from ringwall.policy.snapshot import CompiledGroup
from ringwall.policy.usage import Charge, longest
from ringwall.policy.verdict import Verdict

_AUTOMATIC = FORWARDS | {Action.NOTIFY, Action.CALLBACK, Action.PSTN_FAILOVER}
_TRANSFERS = frozenset({Action.BLIND_TRANSFER, Action.ATTENDED_TRANSFER})
_BY_FORWARDING = FORWARDS | {Action.NOTIFY}
_NO_EMERGENCY: Note = ("emergency", "it is no emergency number", None)
_ROOM: Note = ("limits", "there is room", None)
_LEAST_SECONDS = 30  # a call that money left for less is not begun


def decide_number(case: Case, dialled: str | None) -> Grant | Denial:
    """Decide an action that leads to a number."""
    if dialled is None:
        return case.deny(Rule("number.missing"))
    number = case.read(dialled)
    number_class = number.number_class
    if number_class is NumberClass.EMERGENCY:
        return _emergency(case)
    case.notes.append(_NO_EMERGENCY)
    if case.unassigned:
        return case.deny(Rule("phone.unassigned", case.member.label))
    if number_class is NumberClass.INSIDE:
        return _inside(case, number)
    if number_class is NumberClass.INVALID:
        return case.deny(Rule("number.invalid", "", number.why))
    case.notes.append(("number", "it is {}, {}", (number.canonical, number_class)))
    return _outside(case, number)


def _emergency(case: Case) -> Grant | Denial:
    case.note("emergency", "it is an emergency number")
    member, phone = case.member, case.phone
    plan = case.snapshot.plans.get((phone.site if phone is not None else None) or "") or case.read_by
    site = plan.site
    if case.action in _AUTOMATIC:
        return case.deny(Rule("emergency.automatic", case.action.value))
    if case.unassigned and phone is not None and not site.unassigned_emergency:
        return case.deny(Rule("emergency.unassigned", site.name))
    if isinstance(case.subject, TrunkSubject) and case.group is None:
        return case.deny(Rule("trunk.no-tandem", member.label))
    at_home = member.plan is None or member.plan.site.id == site.id
    own = member.caller_id if case.group is None or case.group.group.emergency_did else ""
    caller_id = (phone.callback_number if phone is not None else "") or (own if at_home else "")
    return case.allow(
        Rule("emergency", site.name),
        Way(
            tuple(one.id for one in case.snapshot.emergency_route(site)),
            caller_id or site.callback_number,
            emergency=True,
            location=(phone.location if phone is not None else "") or site.location,
            notify=site.notify,
        ),
    )


def _inside(case: Case, number: Number) -> Grant | Denial:
    case.note("inside", "{} is inside", (number.canonical,))
    if isinstance(case.subject, TrunkSubject) and number.canonical[:1] == "*":
        return case.deny(Rule("outside.no-feature"))
    one = case.snapshot.objects.get(number.canonical)
    if one is not None and one.kind in PAGED:
        refused = _may_page(case)
        if refused is not None:
            return refused
    gate = _gate(case, number, outside=False)
    return gate if gate is not None else case.allow(Rule("inside"))


def _may_page(case: Case) -> Denial | None:
    """Whoever reaches a page by any path needs the right to page; outside callers never do."""
    transferred = case.action in _TRANSFERS and case.context.party is Party.OUTSIDE
    if isinstance(case.subject, TrunkSubject) or transferred or case.action in _AUTOMATIC:
        return case.deny(Rule("outside.no-feature"))
    group = case.group
    if group is None or group.telephony is None:
        return case.deny(Rule("feature.no-class", case.member.label, "paging"))
    if not group.telephony.paging:
        return case.deny(Rule("feature.denied", group.telephony_source, "paging"))
    return None


def _outside(case: Case, number: Number) -> Grant | Denial:
    member = case.member
    if member.locked:
        return case.deny(Rule("subject.locked", member.label))
    group, code = member.group, ""
    if isinstance(case.subject, CodeSubject):
        rights = code_rights(case, case.subject, number)
        if isinstance(rights, Rule):
            return case.deny(rights)
        group, code = rights.group, rights.code
        case.note("code", "an authorization code was accepted: {}", (code or "skipped",))
    if group is None:
        kind = "trunk.no-tandem" if isinstance(case.subject, TrunkSubject) else "subject.no-group"
        return case.deny(Rule(kind, member.label))
    if member.plan is None:
        return case.deny(Rule("subject.no-site", member.label))
    gate = _gate(case, number, outside=True)
    if gate is not None:
        return gate
    verdict = _judge(case, group, number)
    if not verdict.allowed:
        asks = case.action in TAKES_CODE and not isinstance(case.subject, CodeSubject)
        return case.deny(verdict.rule, codes=group.group.codes if asks else CodeMode.DISABLED)
    case.notes.append(("permission", "", verdict.rule))
    if case.action is Action.ATTENDED_TRANSFER:
        # Both legs are up; the consulted one had its grant, and is counted, since it was dialled.
        return case.allow(verdict.rule)
    return _by_trunk(case, group, number, verdict.rule, code)


def _judge(case: Case, group: CompiledGroup, number: Number) -> Verdict:
    """Apply the scope and lists that count on this path."""
    if group.call is None:
        return Verdict(False, Rule("call.no-class", group.source))
    if case.action in _BY_FORWARDING:
        if group.forwarding is None or group.telephony is None:
            return Verdict(False, Rule("feature.no-class", group.source, "external forwarding"))
        verdict = group.forwarding.judge(number)
        if not verdict.allowed or group.telephony.forwarding_overrides:
            return verdict
    return group.call.judge(number)


def _gate(case: Case, number: Number, *, outside: bool) -> Denial | None:
    """Ask for the right to this path itself; None if there is nothing against it."""
    action, group, context = case.action, case.group, case.context
    telephony = group.telephony if group is not None else None
    if action in TAKES_CODE:
        if telephony is None or context.count < telephony.max_calls or case.member.user is None:
            return None
        return case.deny(Rule("max.calls", case.member.label, str(telephony.max_calls)))
    source = group.telephony_source if group is not None else case.member.label
    if action is Action.NOTIFY:
        return _gate_notify(case, outside=outside)
    if action is Action.CALLBACK:
        return _gate_callback(case, outside=outside)
    if action is Action.CONFERENCE_ADD:
        most = telephony.max_conference_parties if telephony is not None else 0
        return case.deny(Rule("conference.full", source, str(most))) if context.count >= most else None
    if not outside:
        return None
    if action in _TRANSFERS and context.party is not Party.INSIDE:
        return (
            None
            if telephony is not None and telephony.trunk_to_trunk
            else case.deny(Rule("transfer.trunk-to-trunk", source))
        )
    if action in FORWARDS:
        return _gate_forward(case, number)
    if action is Action.PSTN_FAILOVER and (telephony is None or not telephony.pstn_failover):
        return case.deny(Rule("failover.off", source))
    return None


def _gate_forward(case: Case, number: Number) -> Denial | None:
    group = case.group
    telephony = group.telephony if group is not None else None
    source = group.telephony_source if group is not None else case.member.label
    if case.action is Action.EXTERNAL_ASSIGNMENT:
        if telephony is None or not telephony.external_assignment:
            return case.deny(Rule("assignment.off", source))
    elif telephony is None or not telephony.external_forwarding:
        return case.deny(Rule("forward.off", source))
    if case.context.calling_number and case.context.calling_number == number.canonical:
        return case.deny(Rule("forward.loop", source, number.canonical))
    return None


def _gate_notify(case: Case, *, outside: bool) -> Denial | None:
    group = case.group
    voice_mail = group.voice_mail if group is not None else None
    if voice_mail is None or not voice_mail.notification:
        return case.deny(Rule("notify.off", group.source if group is not None else case.member.label))
    if outside and not voice_mail.external_notification:
        return case.deny(
            Rule("notify.external-off", group.source if group is not None else case.member.label)
        )
    return None


def _gate_callback(case: Case, *, outside: bool) -> Denial | None:
    group = case.group
    voice_mail = group.voice_mail if group is not None else None
    source = group.source if group is not None else case.member.label
    if isinstance(case.subject, MailboxSubject) and case.subject.from_outside:
        return case.deny(Rule("callback.from-outside"))
    if voice_mail is None or voice_mail.callback is Callback.OFF:
        return case.deny(Rule("callback.off", source))
    if not outside:
        return None
    if voice_mail.callback is not Callback.OUTSIDE:
        return case.deny(Rule("callback.inside-only", source))
    if group is None or group.telephony is None or not group.telephony.trunk_to_trunk:
        return case.deny(Rule("transfer.trunk-to-trunk", source))
    return None


def _by_trunk(case: Case, group: CompiledGroup, number: Number, rule: Rule, code: str) -> Grant | Denial:
    """Find the trunk groups, ask the limits, grant."""
    snapshot, context, member = case.snapshot, case.context, case.member
    route = snapshot.route(group, case.plan, number)
    if not route:
        return case.deny(Rule("trunk.none", group.source, number.number_class.value))
    use, limits = context.use, group.limits
    free = tuple([one.id for one in route if use.trunk_calls(one.id) < one.max_calls])
    if not free:
        return case.deny(Rule("trunk.full", group.source, number.number_class.value))
    case.notes.append(("trunks", "free and allowed: {}", (free,)))
    payer = _payer(case, code)
    # The dearer of the two counts where a number stands behind a code.
    counted = number.number_class
    rate = limits.rate(counted)
    if number.behind is not None and limits.rate(number.behind.number_class).price > rate.price:
        counted = number.behind.number_class
        rate = limits.rate(counted)
    over = use.over(payer, group.id, counted, limits, context.now)
    if over is not None:
        most_calls = {
            "limit.user-calls": limits.user_concurrent,
            "limit.group-calls": limits.group_concurrent,
            "limit.calls-per-minute": rate.per_minute,
            "limit.calls-per-hour": rate.per_hour,
        }[over]
        return case.deny(
            Rule(over, member.label, f"{most_calls} {counted.value}" if "per" in over else str(most_calls))
        )
    of_user, of_group = use.left(payer, group.id, limits, context.now)
    seconds, most = longest(rate, min(of_user, of_group))
    if seconds < min(_LEAST_SECONDS, rate.seconds):
        kind, figure = (
            ("limit.user-spend", limits.user_spend)
            if of_user <= of_group
            else ("limit.group-spend", limits.group_spend)
        )
        return case.deny(Rule(kind, member.label, f"{figure:g}"))
    case.notes.append(_ROOM)
    charge = Charge(payer, group.id, counted, rate.price, seconds, most)
    return case.allow(rule, Way(free, member.caller_id, seconds=seconds, charge=charge), code)


def _payer(case: Case, code: str) -> str:
    known = case.snapshot.codes.get(code) if code else None
    return known.owner if known is not None and known.owner is not None else case.member.payer
