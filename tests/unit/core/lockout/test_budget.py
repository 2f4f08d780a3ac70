"""Lock-out: counted at the account and at the source, before the PIN is looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.lockout.budget import FORGET_S, LOCK_S, LONGEST_LOCK_S, MOST, AttemptBudget, SourceBudget

pytestmark = pytest.mark.req("V2")


def _wrong(budget, now, source="caller:1"):
    budget.begin(source, now)
    return budget.wrong(now)


def test_ten_in_a_row_lock_for_half_an_hour_and_each_further_lock_is_twice_as_long() -> None:
    budget, now = AttemptBudget(), 1_000_000.0
    for seconds in (LOCK_S, LOCK_S * 2, LOCK_S * 4):
        assert [_wrong(budget, now) for _ in range(MOST)] == [0.0] * (MOST - 1) + [seconds]
        assert budget.wait(now) == seconds
        now += seconds
        assert budget.wait(now) == 0
    for _ in range(10):
        longest = [_wrong(budget, now) for _ in range(MOST)][-1]
        now += longest
    assert longest == LONGEST_LOCK_S


def test_a_day_without_a_lock_makes_the_next_one_short_again() -> None:
    budget = AttemptBudget()
    for _ in range(MOST):
        _wrong(budget, 0.0)
    later = LOCK_S + FORGET_S + 1
    assert [_wrong(budget, later) for _ in range(MOST)][-1] == LOCK_S


def test_wrong_tries_of_yesterday_do_not_count() -> None:
    budget = AttemptBudget()
    for _ in range(MOST - 1):
        _wrong(budget, 0.0)
    assert _wrong(budget, FORGET_S + 1) == 0
    assert len(budget.failures) == 1


def test_the_owner_who_signs_in_gives_nobody_else_new_tries() -> None:
    budget = AttemptBudget()
    for at in range(MOST - 1):
        _wrong(budget, float(at), "caller:thief")
    budget.begin("phone:desk", 20.0)
    budget.right("phone:desk")
    assert _wrong(budget, 21.0, "caller:thief") == LOCK_S


def test_many_at_once_get_no_further_than_many_in_turn() -> None:
    budget = AttemptBudget()
    for _ in range(MOST):
        assert budget.wait(5.0) == 0
        budget.begin("web:1", 5.0)
    assert budget.wait(5.0) > 0
    assert [budget.wrong(5.0) for _ in range(MOST)] == [LOCK_S] + [0.0] * (MOST - 1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 3600)), max_size=60))
def test_no_source_gets_more_than_ten_wrong_tries_before_the_account_is_locked(events) -> None:
    budget, now, wrong = AttemptBudget(), 0.0, dict.fromkeys("abc", 0)
    for source, right, pause in events:
        now += pause
        if budget.wait(now):
            continue
        budget.begin(source, now)
        if right:
            budget.right(source)
            wrong[source] = 0
            continue
        wrong[source] += 1
        locked = budget.wrong(now)
        assert wrong[source] <= MOST
        assert locked or sum(wrong.values()) < MOST
        if locked:
            wrong = dict.fromkeys("abc", 0)


def test_a_source_has_a_budget_over_all_accounts_and_its_answers_get_slower() -> None:
    sources, pauses = SourceBudget(), []
    for at in range(MOST):
        assert sources.wait("caller:1", float(at)) == 0
        sources.begin("caller:1", float(at))
        pauses.append(sources.pause("caller:1", float(at)))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.5, 8.0)
    assert sources.wait("caller:1", 10.0) > 0
    assert sources.wait("caller:2", 10.0) == 0


def test_a_right_pin_costs_a_source_nothing() -> None:
    sources = SourceBudget()
    for at in range(50):
        assert sources.wait("phone:lobby", float(at)) == 0
        sources.begin("phone:lobby", float(at))
        sources.right("phone:lobby", float(at))
