"""Real-time scheduling: the parked thread has it where it is allowed, the thread that loads everything has not."""

import os

import pytest

from ringwall.infra.supervise import Program, may_schedule
from ringwall.media import realtime
from ringwall.media.realtime import Parked


def test_a_parked_thread_has_the_scheduling_that_it_will_work_with_and_its_maker_has_not():
    seen = {}

    def work():
        seen["active"] = realtime.active()
        seen["priority"] = os.sched_getparam(0).sched_priority

    thread = Parked("test", 7)
    realtime.leave()
    thread.start(work)
    assert thread.join(5)
    assert not realtime.active()
    assert seen == ({"active": True, "priority": 7} if may_schedule() else {"active": False, "priority": 0})


def test_what_a_thread_raises_is_raised_where_it_is_waited_for():
    thread = Parked("test", 7)
    thread.start(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        thread.join(5)


def test_a_thread_that_works_on_is_not_waited_for_longer_than_asked():
    thread = Parked("test", 7)
    assert not thread.join(0.01)
    thread.start(lambda: None)
    assert thread.join(5)


def test_programs_are_put_into_real_time_before_their_rights_are_taken_away(monkeypatch):
    program = Program("media", "ringwall-media", ("/bin/true",), realtime=20)
    monkeypatch.setattr("ringwall.infra.supervise.may_schedule", lambda: True)
    command = program.full_command()
    assert command[0].endswith("/chrt")
    assert command[1:3] == ["--fifo", "20"]
    assert command[3].endswith("/setpriv")
    assert "--bounding-set=-all" in command
    monkeypatch.setattr("ringwall.infra.supervise.may_schedule", lambda: False)
    assert program.full_command() == command[3:]
