"""The clock of the media thread: a timer of the kernel with absolute times, and what is done at each beat.

Four beats of 5 ms make a tick. On the first, packets are read, mixed and sent; on the third, legs send whose
packets are not of 20 ms; the second and fourth are for what may wait. Control connections are served in
between, for a bounded time. When the process got no time at all it makes up for a few ticks and passes over
the rest, so that voice stays in time.
"""

import ctypes
import logging
import os
import select
import time
from collections.abc import Callable
from typing import Protocol

from ringwall.media.engine import Engine
from ringwall.media.playout import FRAME

log = logging.getLogger(__name__)

BEAT = 0.005
_BEATS = 4
_TICK_SAMPLES_A_BEAT = FRAME // _BEATS
_MOST_CATCH_UP = 3 * _BEATS
_MOST_FAULTS = 40
_NANO = 1_000_000_000

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK, _TFD_CLOEXEC = 0o4000, 0o2000000
_TFD_TIMER_ABSTIME = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


def _timer(first: float, interval: float) -> int:
    """Return a descriptor that is readable at each beat (timerfd_create(2)); Python 3.11 has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    whole, rest = divmod(round(first * _NANO), _NANO)
    setting = _Itimerspec(_Timespec(0, round(interval * _NANO)), _Timespec(whole, rest))
    if libc.timerfd_settime(descriptor, _TFD_TIMER_ABSTIME, ctypes.byref(setting), None) < 0:
        raise OSError(ctypes.get_errno(), "timerfd_settime")
    return descriptor


class Served(Protocol):
    """What is served between the beats."""

    def serve(self, until: float) -> None:
        """Do what is due for the control side, until the monotonic time ``until`` at the longest."""
        ...


class Clock:
    """Runs the engine until `stop`. ``control`` is an epoll whose readiness wakes the clock, too."""

    def __init__(self, engine: Engine, control: select.epoll, served: Served) -> None:
        self._engine = engine
        self._control = control
        self._served = served
        self._beat = 0
        self._running = True
        self._beats_done = 0
        self._complained = 0.0
        self._faults = 0

    def stop(self) -> None:
        """End `run` with the next beat."""
        self._running = False

    def run(self, on_start: Callable[[], None] = lambda: None) -> None:
        """Beat until stopped."""
        start = time.monotonic() + BEAT
        timer = _timer(start, BEAT)
        poll = select.epoll()
        poll.register(timer, select.EPOLLIN)
        poll.register(self._control.fileno(), select.EPOLLIN)
        on_start()
        try:
            while self._running:
                poll.poll(1.0, 2)
                try:
                    beats = int.from_bytes(os.read(timer, 8), "little")
                except BlockingIOError:
                    beats = 0
                if beats > _MOST_CATCH_UP:
                    beats = self._pass_over(beats)
                for _ in range(beats):
                    self._guarded_beat()
                # The next beat is never later than one interval away.
                self._served.serve(start + self._beats_done * BEAT - BEAT / 4)
        finally:
            poll.close()
            os.close(timer)

    def _pass_over(self, beats: int) -> int:
        """Leave the oldest ticks out, and return the beats that are left to do."""
        ticks = -(-(beats - _MOST_CATCH_UP) // _BEATS)
        self._engine.skip(ticks)
        self._beats_done += ticks * _BEATS
        now = time.monotonic()
        if now - self._complained > 10:
            self._complained = now
            log.warning("The media clock got no time for %d ms", beats * 5)
        return beats - ticks * _BEATS

    def _guarded_beat(self) -> None:
        """Beat; a fault is logged and the voices of the others go on. Too many in a row end the process."""
        try:
            self._on_beat()
        except Exception:
            self._faults += 1
            if self._faults > _MOST_FAULTS:
                raise
            log.exception("A beat of the media clock failed")
        else:
            self._faults = 0

    def _on_beat(self) -> None:
        engine = self._engine
        place = self._beat
        self._beat = (place + 1) % _BEATS
        self._beats_done += 1
        # The next tick begins at the playout's clock; it is `place` beats away from the last one.
        now = engine.playout.clock - (FRAME - place * _TICK_SAMPLES_A_BEAT if place else 0)
        engine.drain(now)
        if place == 0:
            engine.tick()
        elif place == 2:
            if engine.steps_between:
                engine.step()
        else:
            engine.housekeeping()
