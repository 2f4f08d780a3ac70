"""One deadline for many timers."""

import gc
import weakref

from hypothesis import given
from hypothesis import strategies as st

from ringwall.sip.timers import TimerQueue


def test_timers_come_due_in_the_order_of_their_times():
    queue = TimerQueue()
    for key, at in (("b", 2.0), ("a", 1.0), ("c", 3.0), ("b2", 2.0)):
        queue.set(key, at)
    assert queue.next() == 1.0
    assert queue.pop_due(0.999) == []
    assert queue.pop_due(2.0) == ["a", "b", "b2"]
    assert queue.next() == 3.0
    assert queue.pop_due(100.0) == ["c"]
    assert queue.next() is None


def test_setting_a_timer_again_moves_it():
    queue = TimerQueue()
    queue.set("a", 5.0)
    queue.set("a", 1.0)
    queue.set("b", 1.0)
    queue.set("b", 5.0)
    assert queue.pop_due(1.0) == ["a"]
    assert queue.pop_due(5.0) == ["b"]


def test_a_timer_that_is_set_twice_for_one_time_comes_due_once():
    queue = TimerQueue()
    queue.set("a", 1.0)
    queue.set("a", 1.0)
    assert queue.pop_due(1.0) == ["a"]


def test_a_cancelled_timer_never_comes_due():
    queue = TimerQueue()
    queue.set("a", 1.0)
    queue.cancel("a")
    queue.cancel("unknown")
    assert queue.next() is None
    assert queue.pop_due(10.0) == []
    assert ("a" in queue, len(queue), queue.at("a")) == (False, 0, None)


def test_keys_need_no_order():
    queue = TimerQueue()
    queue.set(("call", 1), 1.0)
    queue.set("text", 1.0)
    assert queue.pop_due(1.0) == [("call", 1), "text"]


def test_timers_that_were_cancelled_do_not_pile_up():
    queue = TimerQueue()
    for number in range(100_000):
        queue.set(number, 32.0 + number)
        if number % 10:
            queue.cancel(number)
    assert len(queue) == 10_000
    assert len(queue._heap) <= 3 * len(queue) + 300
    for number in range(0, 100_000, 10):
        queue.cancel(number)
        queue.set("other", float(number))
    assert len(queue._heap) < 1000
    assert dict(queue.items()) == {"other": 99_990.0}


def test_a_timer_that_was_cancelled_or_moved_does_not_keep_its_key_alive():
    class Call:
        """Stands for something large."""

    queue = TimerQueue()
    calls = [Call(), Call(), Call()]
    ended = [weakref.ref(call) for call in calls]
    for call in calls:
        queue.set(("session", call), 1800.0)
    queue.set(("session", calls[0]), 900.0)
    queue.cancel(("session", calls[0]))
    queue.cancel(("session", calls[1]))
    del call, calls
    gc.collect()
    assert [reference() is None for reference in ended] == [True, True, False]
    assert queue.next() == 1800.0


def test_a_timer_that_is_set_again_and_again_does_not_pile_up():
    # As when one side repeats a provisional answer within one read: the same key, the same time.
    queue = TimerQueue()
    longest = 0
    for _ in range(10_000):
        queue.set("a", 5.0)
        longest = max(longest, len(queue._heap))
    assert longest < 300
    assert queue.pop_due(5.0) == ["a"]
    assert queue.pop_due(5.0) == []


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 20)) | st.integers(0, 20), max_size=60
)


@given(STEPS)
def test_it_behaves_as_a_dictionary_of_times(steps):
    queue: TimerQueue[str] = TimerQueue()
    plain: dict[str, float] = {}
    for step in steps:
        if isinstance(step, int):
            due = sorted(key for key, at in plain.items() if at <= step)
            times = [plain.pop(key) for key in due]
            popped = queue.pop_due(float(step))
            assert sorted(popped) == due
            assert len(times) == len(due)
        elif step[1] is None:
            queue.cancel(step[0])
            plain.pop(step[0], None)
        else:
            queue.set(step[0], float(step[1]))
            plain[step[0]] = float(step[1])
        assert queue.next() == min(plain.values(), default=None)
        assert dict(queue.items()) == plain
