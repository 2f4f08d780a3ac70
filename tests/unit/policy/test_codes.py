"""Authorization codes: when one is asked for, what it gives, and that it fails closed."""

from dataclasses import replace

import pytest

from ringwall.policy import (
    Accepted,
    Action,
    AuthCode,
    CallCos,
    CallRules,
    CodeMode,
    CodeSubject,
    Denial,
    Directory,
    Grant,
    PhoneSubject,
    PolicySnapshot,
    Scope,
    Subject,
    Use,
    User,
    UserGroup,
    UserSubject,
    Wrong,
    codes,
    compile_snapshot,
)

from .house import NOW, ask, make

ALICE = UserSubject("201")
LOCAL, NATIONAL, ABROAD = "+14085550123", "+12125550123", "+442079460123"
SERVICE = UserGroup("codes", "Code service", "tel", "code calls", "mail", ("tg-us",))
BOOK = {"1234": "plain", "12345": "longer", "77": "own", "88": "locked", "99": "orphan"}
CODES = (
    AuthCode("plain", "Client A"),
    AuthCode("longer", "Client B", owner="203"),
    AuthCode("own", "Boss", scope=Scope.INTERNATIONAL),
    AuthCode("locked", "Gone", locked=True),
    AuthCode("orphan", "Nobody's", owner="999"),
)


def house(
    mode: CodeMode = CodeMode.FORCED,
    *,
    service: bool = True,
    more: tuple[AuthCode, ...] = (),
    scope: Scope = Scope.LOCAL,
) -> PolicySnapshot:
    group = UserGroup("staff", "Staff", "staff tel", "staff calls", "staff mail", ("tg-us",), codes=mode)
    extra = Directory(
        groups=(SERVICE,),
        calls=(CallCos("code calls", CallRules.of(Scope.NATIONAL, "+1900")),),
        codes=(*CODES, *more),
    )
    snapshot = make(group=group, rules=CallRules(scope), extra=extra)
    return compile_snapshot(replace(snapshot.directory, code_group="codes" if service else None))


def denied(snapshot: PolicySnapshot, number: str = NATIONAL, who: Subject = ALICE) -> Denial:
    answer = ask(snapshot, who, Action.DIAL, number)
    assert isinstance(answer, Denial)
    return answer


def type_in(
    snapshot: PolicySnapshot, denial: Denial, typed: str, *, tried: int = 0, use: Use | None = None
) -> Accepted | Wrong:
    return codes.check(snapshot, denial, typed, find=BOOK.get, tried=tried, use=use or Use(), now=NOW)


def call_with(
    snapshot: PolicySnapshot, typed: str, number: str = NATIONAL, who: Subject = ALICE
) -> Grant | Denial:
    outcome = type_in(snapshot, denied(snapshot, number, who), typed)
    assert isinstance(outcome, Accepted)
    return ask(snapshot, outcome.subject, Action.DIAL, number)


@pytest.mark.req("A1")
def test_a_code_is_asked_for_only_when_the_callers_own_permissions_refuse() -> None:
    snapshot = house()
    assert ask(snapshot, ALICE, Action.DIAL, LOCAL).allowed
    assert denied(snapshot).codes is CodeMode.FORCED
    assert codes.prompt(snapshot, denied(snapshot), Use()) == codes.Prompt(may_skip=False)
    assert codes.prompt(house(CodeMode.OPTIONAL), denied(house(CodeMode.OPTIONAL)), Use()) == codes.Prompt(
        may_skip=True
    )
    assert codes.prompt(house(CodeMode.DISABLED), denied(house(CodeMode.DISABLED)), Use()) is None
    assert denied(snapshot, "garbage").codes is CodeMode.DISABLED
    for action in (Action.FORWARD_ALWAYS, Action.FIND_ME, Action.BLIND_TRANSFER, Action.CONFERENCE_ADD):
        answer = ask(snapshot, ALICE, action, NATIONAL)
        assert isinstance(answer, Denial)
        assert answer.codes is CodeMode.DISABLED


@pytest.mark.req("A1")
def test_an_accepted_code_calls_with_the_services_rights_and_trunks() -> None:
    snapshot = house()
    answer = call_with(snapshot, "1234#")
    assert isinstance(answer, Grant)
    assert (answer.code, answer.rule.source) == ("plain", "code calls of group Code service")
    assert answer.way is not None
    assert answer.way.trunk_groups == ("tg-us",)
    assert answer.record()["code"] == "plain"
    refused = call_with(snapshot, "1234", ABROAD)
    assert isinstance(refused, Denial)
    assert refused.rule.id == "call.beyond-scope"
    assert refused.codes is CodeMode.DISABLED


@pytest.mark.req("A1")
def test_a_user_with_a_code_calls_from_a_restricted_telephone() -> None:
    answer = call_with(house(), "12-34 5", who=PhoneSubject("lobby"))
    assert isinstance(answer, Grant)
    assert answer.code == "longer"
    assert answer.way is not None
    assert answer.way.charge is not None
    assert answer.way.charge.payer == "203"  # its owner pays


@pytest.mark.req("A1")
def test_a_code_can_have_a_scope_of_its_own() -> None:
    assert call_with(house(), "77", ABROAD).allowed
    assert not call_with(house(), "77", "+19005551234").allowed


@pytest.mark.req("A1")
def test_three_wrong_tries_end_the_call_and_many_lock_the_caller() -> None:
    snapshot, use = house(), Use()
    denial = denied(snapshot)
    for tried, again in ((0, True), (1, True), (2, False)):
        outcome = type_in(snapshot, denial, "5555", tried=tried, use=use)
        assert isinstance(outcome, Wrong)
        assert (outcome.again, outcome.rule.id, outcome.alarm) == (again, "code.unknown", False)
    assert isinstance(type_in(snapshot, denial, "1234", tried=3), Wrong)
    for n in range(9):
        use.wrong_code("201", NOW + n - 20)
    outcome = type_in(snapshot, denial, "5555", use=use)
    assert isinstance(outcome, Wrong)
    assert outcome.alarm
    use.wrong_code("201", NOW - 1)
    assert codes.prompt(snapshot, denial, use) is None
    locked = type_in(snapshot, denial, "1234", use=use)
    assert isinstance(locked, Wrong)
    assert (locked.rule.id, locked.again) == ("code.locked", False)
    later = replace_time(denial, NOW + 1800)
    assert codes.prompt(snapshot, later, use) is not None


def replace_time(denial: Denial, now: float) -> Denial:
    return replace(denial, answer=denial.answer._replace(at=now))


@pytest.mark.req("A1")
@pytest.mark.parametrize(
    "typed", ["", "#", "88", "99999", "abc", "1" * 21, "12345678901234567890#", "12#34", "\u0661", "-"]
)
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert isinstance(type_in(house(), denied(house()), typed), Wrong)


@pytest.mark.req("A1")
def test_an_owner_who_is_gone_or_locked_makes_a_code_worthless() -> None:
    assert call_with(house(), "99").rule.id == "code.unknown"
    snapshot = house()
    users = tuple(replace(u, locked=True) if u.extension == "203" else u for u in snapshot.directory.users)
    assert (
        call_with(compile_snapshot(replace(snapshot.directory, users=users)), "12345").rule.id
        == "code.unknown"
    )


@pytest.mark.req("A1")
def test_an_optional_code_can_be_skipped_and_a_forced_one_not() -> None:
    snapshot = house(CodeMode.OPTIONAL)
    answer = call_with(snapshot, "#")
    assert isinstance(answer, Grant)
    assert answer.code == ""
    assert answer.rule.source == "code calls of group Code service"


@pytest.mark.req("A1")
@pytest.mark.parametrize("mode", [CodeMode.OPTIONAL, CodeMode.FORCED])
def test_without_the_service_the_call_is_refused_in_both_modes(mode: CodeMode) -> None:
    away = house(mode, service=False)
    assert codes.prompt(away, denied(away), Use()) is None
    assert isinstance(type_in(away, denied(away), "1234"), Wrong)
    # The service goes away between the code and the call.
    outcome = type_in(house(mode), denied(house(mode)), "1234")
    assert isinstance(outcome, Accepted)
    assert ask(away, outcome.subject, Action.DIAL, NATIONAL).rule.id == "code.service-away"
    assert ask(away, ALICE, Action.DIAL, LOCAL).allowed


@pytest.mark.req("A1")
def test_a_wildcard_checks_the_length_and_gives_no_more_than_the_caller_has() -> None:
    plain = house(more=(AuthCode("wild", "Any four", wildcard=4),))
    assert call_with(plain, "5555").rule.id == "code.wildcard"
    assert isinstance(type_in(plain, denied(plain), "55555"), Wrong)
    exceeding = house(more=(AuthCode("wild", "Any four", wildcard=4, wildcard_may_exceed=True),))
    answer = call_with(exceeding, "5555")
    assert isinstance(answer, Grant)
    assert answer.code == "wild"


@pytest.mark.req("A1")
def test_a_pass_is_for_its_caller_number_and_moment() -> None:
    snapshot = house()
    outcome = type_in(snapshot, denied(snapshot), "1234")
    assert isinstance(outcome, Accepted)
    subject = outcome.subject
    assert ask(snapshot, subject, Action.DIAL, NATIONAL, now=NOW + 29).allowed
    assert ask(snapshot, subject, Action.DIAL, NATIONAL, now=NOW + 30).rule.id == "code.unknown"
    assert ask(snapshot, subject, Action.DIAL, "+12125550124").rule.id == "code.unknown"
    other = CodeSubject(UserSubject("202"), subject.passed)
    assert ask(snapshot, other, Action.DIAL, NATIONAL).rule.id == "code.unknown"
    assert ask(snapshot, subject, Action.FORWARD_ALWAYS, NATIONAL).rule.id == "action.not-for-subject"


@pytest.mark.req("A1", "P2")
def test_a_bare_telephone_or_a_locked_user_gets_nowhere_with_a_code() -> None:
    snapshot = house()
    assert denied(snapshot, who=PhoneSubject("bare")).codes is CodeMode.DISABLED
    users = (*snapshot.directory.users, User("209", "Locked", "staff", "us", locked=True))
    locked = compile_snapshot(replace(snapshot.directory, users=users))
    assert denied(locked, who=UserSubject("209")).codes is CodeMode.DISABLED
