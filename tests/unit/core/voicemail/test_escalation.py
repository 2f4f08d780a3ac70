"""Who is told of an unheard message, in which order, and that it ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.voicemail.escalation import (
    LONGEST_WAIT,
    MOST_REPEATS,
    SHORTEST_WAIT,
    Profile,
    State,
    Step,
    advanced,
    begun,
    starts,
)
from ringwall.core.voicemail.model import MOST_STEPS

pytestmark = pytest.mark.req("V2", "C4")

steps = st.builds(
    Step,
    st.sampled_from(["anna@example.com", "202", "203", "914085550123"]),
    st.integers(SHORTEST_WAIT, LONGEST_WAIT),
)
profiles = st.builds(
    Profile,
    st.lists(steps, min_size=1, max_size=MOST_STEPS).map(tuple),
    st.integers(0, MOST_REPEATS),
    st.booleans(),
)


def run(profile, *, allowed=lambda _step: True, until=float("inf"), now=1000.0):
    """All that is told, each with its time; time jumps to whatever is due next."""
    state, told = begun(1, "m1", now), []
    while state is not None and state.due <= until:
        now = max(now, state.due)
        state, step = advanced(state, profile, now, allowed)
        if step is not None:
            told.append((now, step))
        elif state is not None:
            assert state.due > now, "time has to go on"
    return state, told


@given(profiles)
def test_the_round_runs_repeat_count_plus_one_times_in_order(profile):
    state, told = run(profile)
    assert state is None
    assert [step for _, step in told] == list(profile.steps) * (profile.repeats + 1)


@given(profiles)
def test_each_step_has_its_time_before_the_next_one(profile):
    _, told = run(profile)
    for (before, step), (after, _) in itertools.pairwise(told):
        assert after == before + step.seconds


@given(profiles, st.sets(st.sampled_from(["anna@example.com", "202", "203", "914085550123"])))
def test_steps_that_are_not_allowed_are_passed_over_without_waiting(profile, denied):
    state, told = run(profile, allowed=lambda step: step.to not in denied)
    assert state is None
    kept = [step for step in profile.steps if step.to not in denied]
    assert [step for _, step in told] == kept * (profile.repeats + 1)
    for (before, step), (after, _) in itertools.pairwise(told):
        assert after == before + step.seconds


@given(profiles)
def test_it_ends_in_bounded_time(profile):
    _, told = run(profile)
    assert len(told) <= MOST_STEPS * (MOST_REPEATS + 1)
    assert told[-1][0] - told[0][0] <= MOST_STEPS * (MOST_REPEATS + 1) * LONGEST_WAIT


@given(profiles, st.floats(0, 10**6))
def test_nothing_is_told_before_it_is_due(profile, early):
    state, _ = advanced(begun(1, "m1", 1000.0), profile, 1000.0, lambda _step: True)
    if state is not None and early < state.due - 1000.0:
        assert advanced(state, profile, 1000.0 + early, lambda _step: True) == (state, None)


@given(profiles, profiles, st.integers(0, 30))
def test_a_profile_that_is_changed_meanwhile_still_ends(profile, other, after):
    state, now = begun(1, "m1", 0.0), 0.0
    for _ in range(after):
        if state is None:
            return
        now = state.due
        state, _ = advanced(state, profile, now, lambda _step: True)
    for _ in range(MOST_STEPS * (MOST_REPEATS + 2)):
        if state is None:
            break
        now = max(now, state.due)
        state, _ = advanced(state, other, now, lambda _step: True)
    assert state is None


@given(profiles, st.integers(0, 10), st.integers(0, 10), st.floats(0, 10**9))
def test_profile_and_state_are_kept_as_json(profile, step, number, due):
    assert Profile.of(profile.to_value()) == profile
    state = State(1, "m1", due, step, number)
    assert State.of(state.to_value()) == state


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": ()},
        {"steps": (Step("202"),) * (MOST_STEPS + 1)},
        {"steps": (Step("202", 1),)},
        {"steps": (Step("202", 10**6),)},
        {"steps": (Step("202"),), "repeats": 10},
        {"steps": (Step("202"),), "repeats": -1},
    ],
)
def test_a_profile_beyond_its_bounds_does_not_come_to_be(wrong):
    with pytest.raises(ValueError, match=r"^a (profile|step) "):
        Profile(**wrong)


def test_which_messages_start_it():
    both, urgent = Profile((Step("202"),)), Profile((Step("202"),), urgent_only=True)
    assert starts(both, urgent=False, unheard=1, every_message=False)
    assert not starts(both, urgent=False, unheard=2, every_message=False)
    assert starts(both, urgent=False, unheard=2, every_message=True)
    assert not starts(urgent, urgent=False, unheard=1, every_message=True)
    assert starts(urgent, urgent=True, unheard=1, every_message=False)
