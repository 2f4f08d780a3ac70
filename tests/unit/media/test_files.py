"""The thread for files: in order, in another thread, and what fails is told to whoever asked."""

import threading
import time

import pytest

from ringwall.media.errors import MediaError
from ringwall.media.files import MOST_JOBS, Files
from ringwall.media.realtime import Parked


@pytest.fixture
def files():
    made = Files(Parked("files", 1))
    made.start()
    yield made
    made.stop(5)


def collect(files, done, count):
    until = time.monotonic() + 10
    while len(done) < count and time.monotonic() < until:
        files.collect()
        time.sleep(0.001)


def test_jobs_are_done_in_order_elsewhere_and_told_here(files):
    done, threads = [], set()

    def job(number):
        threads.add(threading.current_thread())
        return number

    for number in range(50):
        files.submit(lambda number=number: job(number), lambda result, error: done.append((result, error)))
    assert files.busy
    collect(files, done, 50)
    assert done == [(number, None) for number in range(50)]
    assert threads.isdisjoint({threading.current_thread()})
    assert not files.busy


def test_an_error_is_handed_over_and_one_of_a_callback_stops_nothing(files, caplog):
    done = []

    def broken(_result, _error):
        raise RuntimeError("a callback")

    files.submit(lambda: 1 / 0, lambda result, error: done.append((result, type(error))))
    files.submit(lambda: 1, broken)
    files.submit(lambda: 2, lambda result, error: done.append((result, error)))
    collect(files, done, 2)
    assert done == [(None, ZeroDivisionError), (2, None)]
    assert "What follows on a file failed" in caplog.text


def test_what_waits_is_limited_but_for_what_frees_something(files):
    block = threading.Event()
    done = []
    for _ in range(MOST_JOBS):
        files.submit(block.wait, lambda result, error: done.append(result))
    with pytest.raises(MediaError, match="too slow"):
        files.submit(block.wait, lambda result, error: done.append(result))
    files.submit(block.wait, lambda result, error: done.append(result), must=True)
    block.set()
    collect(files, done, MOST_JOBS + 1)
    assert len(done) == MOST_JOBS + 1


def test_stopping_does_what_waits_first():
    made, done = Files(Parked("files", 1)), []
    made.start()
    made.submit(lambda: time.sleep(0.05), lambda result, error: done.append(1))
    assert made.stop(5)
    made.collect()
    assert done == [1]
