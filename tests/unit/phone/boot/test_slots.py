"""Whatever happens, in whatever order, there is an image that verifies, and none is older than what was up."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringwall.infra.firmware import FirmwareError, version_of
from ringwall.phone.boot.slots import AGAIN_S, TRIES, State


class PowerCuts(RuleBasedStateMachine):
    """The phone's disk: two slots with versions (None: half written), and a state that is written as a whole.

    Each rule is one step of the loader; between any two the power may go, which loses nothing but what the
    loader had in mind (`booted`).
    """

    @initialize()
    def made(self) -> None:
        self.disk: dict[str, int | None] = {"a": 1, "b": None}
        self.state = State().installed().came_up("a", "1")
        self.good: dict[int, bool] = {1: True}
        self.highest_up = 1
        self.writing = False
        self.booted: str | None = None

    def may_write(self) -> bool:
        """The loader writes to the spare slot only while it runs the active one."""
        return self.booted is not None and self.booted == self.state.active

    @rule()
    def power_cut(self) -> None:
        self.booted, self.writing = None, False

    @precondition(lambda self: self.may_write() and not self.writing)
    @rule()
    def begin_writing(self) -> None:
        self.state = self.state.writing()
        self.disk[self.state.spare] = None
        self.writing = True

    @precondition(lambda self: self.may_write() and self.writing)
    @rule(comes_up=st.booleans(), step=st.integers(1, 3))
    def finish_writing(self, comes_up: bool, step: int) -> None:
        version = version_of(self.state.floor)[0] + step
        self.disk[self.state.spare] = version
        self.good[version] = comes_up
        self.writing = False
        self.state = self.state.installed()

    @precondition(lambda self: not self.writing)
    @rule()
    def start(self) -> None:
        slot, state = self.state.next_start()
        if self.state.trial is not None and state.trial is None:
            given_up = self.state.trial
            self.state = self.state.gave_up(given_up, str(self.disk[given_up]), 1.0)
            return
        self.state = state
        assert slot is not None
        assert self.disk[slot] is not None, "a slot is started that is half written"
        assert self.disk[slot] >= self.highest_up, "an older image is started"
        self.booted = slot

    @precondition(lambda self: self.booted is not None and self.disk[self.booted] is not None)
    @rule()
    def comes_up(self) -> None:
        version = self.disk[self.booted]
        if self.good[version] and self.booted in {self.state.active, self.state.trial}:
            self.state = self.state.came_up(self.booted, str(version))
            self.highest_up = max(self.highest_up, version)

    @precondition(lambda self: self.state.trial is not None)
    @rule()
    def the_trial_does_not_verify(self) -> None:
        """A byte of the new image changed on the disk: it is refused, and the old one is there."""
        self.state = self.state.gave_up(self.state.trial, "x", 1.0)

    @invariant()
    def the_active_slot_is_whole_and_not_older_than_what_was_up(self) -> None:
        if hasattr(self, "state"):
            assert self.state.active is not None
            assert self.disk[self.state.active] is not None
            assert self.good[self.disk[self.state.active]]
            assert self.disk[self.state.active] == self.highest_up
            assert self.state.spare != self.state.active

    @invariant()
    def the_state_survives_being_written_and_read(self) -> None:
        if hasattr(self, "state"):
            assert State.from_dict(self.state.to_dict()) == self.state


TestPowerCuts = pytest.mark.req("F2", "F3")(PowerCuts.TestCase)
TestPowerCuts.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)


@pytest.mark.req("F2")
def test_an_image_that_never_comes_up_is_tried_three_times_and_then_the_old_one_is_back() -> None:
    state = State().installed().came_up("a", "1").installed()
    for _ in range(TRIES):
        slot, state = state.next_start()
        assert slot == "b"
    slot, state = state.next_start()
    assert (slot, state.trial) == ("a", None)


def test_an_image_that_did_not_come_up_is_not_tried_again_for_a_day() -> None:
    state = State().installed().came_up("a", "1").installed().gave_up("b", "bad", 1000.0)
    assert not state.may_try("bad", 1000.0 + AGAIN_S)
    assert state.may_try("bad", 1001.0 + AGAIN_S)
    assert state.may_try("other", 1000.0)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {"active": "c"},
        {"tries": "x"},
        {"floor": "no"},
        {"unknown": 1},
        {"latest": "x"},
        {"floor": 1},
    ],
)
def test_a_damaged_state_is_not_taken_for_one(told) -> None:
    with pytest.raises(FirmwareError):
        State.from_dict(told if not isinstance(told, dict) else {**State().to_dict(), **told})


def test_the_latest_time_only_grows() -> None:
    assert State(latest=5).seen(3).latest == 5
    assert State(latest=5).seen(8) == replace(State(), latest=8)
