"""Whose rights a call has after an authorization code (A1)."""

from dataclasses import replace
from typing import NamedTuple

from ringwall.policy.actions import CodeSubject
from ringwall.policy.case import Case
from ringwall.policy.numbers import Number
from ringwall.policy.rules import Rule
from ringwall.policy.snapshot import CompiledGroup


class CodeRights(NamedTuple):
    """The group whose permissions and trunks count, and the code's id, empty where it was skipped."""

    group: CompiledGroup
    code: str


def code_rights(case: Case, subject: CodeSubject, number: Number) -> CodeRights | Rule:
    """The rights of the code service, or of the code itself; a rule that denies where there are none.

    Whether these rights reach the number is asked afterwards, as for everybody.
    """
    snapshot, passed = case.snapshot, subject.passed
    service = snapshot.groups.get(snapshot.directory.code_group or "")
    if service is None or service.call is None:
        return Rule("code.service-away")
    now = case.context.now
    if passed.payer != case.member.payer or passed.canonical != number.canonical or now >= passed.until:
        return Rule("code.unknown")
    if not passed.code:
        return CodeRights(service, "")
    code = snapshot.codes.get(passed.code)
    if code is None or code.locked:
        return Rule("code.unknown")
    if code.owner is not None:
        owner = snapshot.users.get(code.owner)
        if owner is None or owner.locked:
            return Rule("code.unknown")
    if code.wildcard and not code.wildcard_may_exceed:
        own = case.member.group
        if own is None or own.call is None or not own.call.judge(number).allowed:
            return Rule("code.wildcard")
    if code.scope is not None:
        rules = replace(service.call.rules, scope=code.scope)
        return CodeRights(service.with_scope(rules, f"Authorization code {code.name}"), code.id)
    return CodeRights(service, code.id)
