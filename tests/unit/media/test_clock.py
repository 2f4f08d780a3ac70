"""The clock: what is done on each beat, and what becomes of time that the process did not get."""

import select
import time

import pytest

from ringwall.media.clock import BEAT, Clock
from ringwall.media.playout import FRAME


class Engine:
    """Notes what the clock asks for."""

    class Playout:
        clock = 0

    steps_between = True

    def __init__(self):
        self.playout, self.done, self.skipped, self.fails = self.Playout(), [], 0, 0

    def drain(self, now):
        assert self.playout.clock - FRAME <= now <= self.playout.clock
        if self.fails:
            self.fails -= 1
            raise RuntimeError("a leg")

    def tick(self):
        self.done.append("tick")
        self.playout.clock += FRAME

    def step(self):
        self.done.append("step")

    def housekeeping(self):
        self.done.append("later")

    def skip(self, ticks):
        self.skipped += ticks


class Served:
    def __init__(self, until=None):
        self.times, self.stop = 0, None

    def serve(self, until):
        self.times += 1
        assert until <= time.monotonic() + 2 * BEAT
        if self.stop is not None:
            self.stop()


@pytest.fixture
def rig():
    engine, served = Engine(), Served()
    with select.epoll() as control:
        yield Clock(engine, control, served), engine, served


def test_four_beats_are_a_tick(rig):
    clock, engine, served = rig

    def enough():
        if len(engine.done) >= 12:
            clock.stop()

    served.stop = enough
    clock.run()
    assert engine.done[:12] == ["tick", "later", "step", "later"] * 3
    assert served.times > 3


def test_after_lost_time_the_newest_three_ticks_are_made_up_for_and_the_others_passed_over(rig):
    clock, engine, _ = rig
    for beats in range(13, 200):
        engine.skipped = 0
        left = clock._pass_over(beats)
        assert left + 4 * engine.skipped == beats
        assert 8 < left <= 12


def test_a_fault_is_logged_and_the_clock_goes_on_but_not_for_ever(rig, caplog):
    clock, engine, served = rig
    engine.fails = 3

    def enough():
        if len(engine.done) >= 4:
            clock.stop()

    served.stop = enough
    clock.run()
    assert caplog.text.count("A beat of the media clock failed") == 3
    engine.fails, served.stop = 10_000, None
    again = Clock(engine, clock._control, served)
    with pytest.raises(RuntimeError):
        again.run()


def test_a_stop_before_the_start_is_no_start(rig):
    clock, engine, _ = rig
    clock.stop()
    clock.run()
    assert engine.done == []
