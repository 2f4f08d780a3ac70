"""Limits: how much one account, group and trunk group can use, and what a stolen account can do."""

from dataclasses import replace

import pytest

from ringwall.policy import (
    DEFAULT_LIMITS,
    Action,
    CallRules,
    Denial,
    Directory,
    Grant,
    Heard,
    Limits,
    NumberClass,
    PolicySnapshot,
    Rate,
    Scope,
    TelephonyCos,
    TrunkGroup,
    Use,
    UserSubject,
    compile_snapshot,
)
from support.stolen_account import stolen_account
from support.usage import held_by

from .house import NOW, ask, make

ALICE, BOB = UserSubject("201"), UserSubject("202")
LOCAL, ABROAD = "+14085550123", "+442079460123"


def wide(limits: Limits = DEFAULT_LIMITS, **changes: object) -> PolicySnapshot:
    snapshot = make(rules=CallRules(Scope.INTERNATIONAL))
    return compile_snapshot(replace(snapshot.directory, limits=limits, **changes))


def begin(
    snapshot: PolicySnapshot,
    use: Use,
    name: str,
    number: str = LOCAL,
    now: float = NOW,
    who: UserSubject = ALICE,
) -> bool:
    answer = ask(snapshot, who, Action.DIAL, number, use=use, now=now)
    if not isinstance(answer, Grant):
        return False
    assert answer.way is not None
    assert answer.way.charge is not None
    use.start(name, answer.way.charge, answer.way.trunk_groups[0], now)
    return True


def refusal(
    snapshot: PolicySnapshot, use: Use, number: str = LOCAL, now: float = NOW, who: UserSubject = ALICE
) -> str:
    answer = ask(snapshot, who, Action.DIAL, number, use=use, now=now)
    assert isinstance(answer, Denial), "allowed"
    assert answer.heard is Heard.REORDER
    return answer.rule.id


@pytest.mark.req("C5", "N5")
def test_a_user_has_few_outside_calls_at_once_and_gets_one_back_for_each_that_ends() -> None:
    snapshot, use = wide(), Use()
    for n in range(4):
        assert begin(snapshot, use, f"c{n}")
    assert refusal(snapshot, use) == "limit.user-calls"
    assert ask(snapshot, ALICE, Action.DIAL, "202", use=use).allowed
    assert ask(snapshot, ALICE, Action.DIAL, "911", use=use).allowed
    assert begin(snapshot, use, "other", who=BOB)
    use.end("c0", 10, NOW + 10)
    assert begin(snapshot, use, "c9", now=NOW + 10)


@pytest.mark.req("C5", "N5")
def test_a_group_has_its_own_ceiling() -> None:
    snapshot, use = wide(replace(DEFAULT_LIMITS, group_concurrent=2)), Use()
    assert begin(snapshot, use, "a")
    assert begin(snapshot, use, "b", who=BOB)
    assert refusal(snapshot, use) == "limit.group-calls"
    assert refusal(snapshot, use, who=BOB) == "limit.group-calls"


@pytest.mark.req("C5")
def test_a_full_trunk_group_is_passed_over_and_none_free_is_told() -> None:
    small = make(
        extra=Directory(
            trunk_groups=(
                TrunkGroup("small", "Small", "us", max_calls=1),
                TrunkGroup("next", "Next", "us", max_calls=1),
            )
        )
    ).directory
    groups = tuple(
        replace(one, trunk_groups=("small", "next")) if one.id == "staff" else one for one in small.groups
    )
    snapshot, use = compile_snapshot(replace(small, groups=groups)), Use()
    assert begin(snapshot, use, "a")
    answer = ask(snapshot, ALICE, Action.DIAL, LOCAL, use=use)
    assert isinstance(answer, Grant)
    assert answer.way is not None
    assert answer.way.trunk_groups == ("next",)
    assert begin(snapshot, use, "b")
    assert refusal(snapshot, use) == "trunk.full"
    use.move("b", "elsewhere")
    assert begin(snapshot, use, "c")


@pytest.mark.req("C5", "N5")
def test_calls_a_minute_and_an_hour_are_limited_by_class() -> None:
    limits = replace(
        DEFAULT_LIMITS, rates={**DEFAULT_LIMITS.rates, NumberClass.INTERNATIONAL: Rate(2, 3, 60, 0.1)}
    )
    snapshot, use = wide(limits), Use()
    for n, when in enumerate((0, 1)):
        assert begin(snapshot, use, f"c{n}", ABROAD, NOW + when)
        use.end(f"c{n}", 0, NOW + when)
    assert refusal(snapshot, use, ABROAD, NOW + 2) == "limit.calls-per-minute"
    assert begin(snapshot, use, "local", LOCAL, NOW + 2)
    assert begin(snapshot, use, "c3", ABROAD, NOW + 61)
    use.end("c3", 0, NOW + 61)
    assert refusal(snapshot, use, ABROAD, NOW + 200) == "limit.calls-per-hour"
    assert begin(snapshot, use, "c4", ABROAD, NOW + 3600)


@pytest.mark.req("C5", "N5")
def test_money_is_reserved_while_a_call_is_up_and_spent_when_it_ends() -> None:
    limits = replace(
        DEFAULT_LIMITS,
        user_spend=10.0,
        rates={**DEFAULT_LIMITS.rates, NumberClass.INTERNATIONAL: Rate(9, 99, 600, 1.0)},
    )
    snapshot, use = wide(limits), Use()
    assert begin(snapshot, use, "a", ABROAD)
    assert refusal(snapshot, use, ABROAD) == "limit.user-spend"
    use.end("a", 120, NOW + 120)
    answer = ask(snapshot, ALICE, Action.DIAL, ABROAD, use=use, now=NOW + 120)
    assert isinstance(answer, Grant)
    assert answer.way is not None
    assert answer.way.seconds == 480  # eight are left of ten
    assert begin(snapshot, use, "b", ABROAD, NOW + 120)
    use.end("b", 480, NOW + 600)
    assert refusal(snapshot, use, ABROAD, NOW + 601) == "limit.user-spend"
    assert begin(snapshot, use, "c", ABROAD, NOW + 86400 + 1200)


@pytest.mark.req("C5")
def test_the_group_has_a_purse_too() -> None:
    snapshot, use = wide(replace(DEFAULT_LIMITS, group_spend=21.0)), Use()
    assert begin(snapshot, use, "a", ABROAD)
    assert refusal(snapshot, use, ABROAD, who=BOB) == "limit.group-spend"


def test_a_call_begins_once_and_an_unknown_end_is_nothing() -> None:
    snapshot, use = wide(), Use()
    assert begin(snapshot, use, "a")
    with pytest.raises(ValueError, match="begun already"):
        begin(snapshot, use, "a")
    before = held_by(use)
    use.end("no such call", 5, NOW)
    use.move("no such call", "tg")
    assert held_by(use) == before


@pytest.mark.req("N5")
def test_a_stolen_account_is_cut_within_the_limits_whatever_the_thief_does() -> None:
    snapshot = make(
        rules=CallRules(
            Scope.ALL, opened=frozenset({NumberClass.PREMIUM, NumberClass.SATELLITE, NumberClass.FRAUD_TEST})
        ),
        telephony=TelephonyCos("x"),
    )
    numbers = [
        "+442079460123",
        "+19005551234",
        "+881612345678",
        "+252612345678",
        "+14085550123",
        "+12125550123",
    ]
    for chosen in (numbers, numbers[:1], numbers[1:2], numbers[4:]):
        run = stolen_account(snapshot, "201", chosen, every=1.0, seconds=24 * 3600)
        assert run.cost <= DEFAULT_LIMITS.user_spend + 0.01
        assert run.most_at_once <= DEFAULT_LIMITS.user_concurrent
        assert run.first_cut is not None
        assert run.first_cut < 60
        assert run.cut_by.startswith("limit.")


@pytest.mark.req("N5")
def test_short_calls_are_cut_by_their_rate() -> None:
    snapshot = wide()
    run = stolen_account(snapshot, "201", [ABROAD], every=1.0, seconds=3600, call_seconds=10)
    assert (run.calls_before_cut, run.cut_by) == (3, "limit.calls-per-minute")
    assert run.calls == 20


@pytest.mark.req("C5")
def test_a_number_behind_a_carrier_code_counts_as_the_dearer_of_both() -> None:
    snapshot = make(rules=CallRules(Scope.ALL, opened=frozenset({NumberClass.PREMIUM})))
    answer = ask(snapshot, ALICE, Action.DIAL, "9101028819005551234")
    assert isinstance(answer, Grant)
    assert answer.way is not None
    assert answer.way.charge is not None
    assert answer.way.charge.number_class == NumberClass.PREMIUM


@pytest.mark.req("C5")
def test_completing_a_transfer_makes_no_leg_and_counts_none() -> None:
    snapshot, use = make(telephony=TelephonyCos("x", trunk_to_trunk=True)), Use()
    for n in range(4):
        assert begin(snapshot, use, f"c{n}")
    answer = ask(snapshot, ALICE, Action.ATTENDED_TRANSFER, LOCAL, use=use)
    assert isinstance(answer, Grant)
    assert answer.way is None
    assert not ask(snapshot, ALICE, Action.BLIND_TRANSFER, LOCAL, use=use).allowed
