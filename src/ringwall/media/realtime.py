"""Real-time scheduling where the host allows it: voice goes before what can wait.

The supervisor starts the process with it (`infra.supervise`, chrt) and takes the right to it away; a process
that is started otherwise takes it itself if it may. Without it everything works, with more jitter when all
processors are busy.

Only the work that must be in time gets it. To load a program and its libraries takes half a second, for which
nobody else may be kept waiting; but who has left real-time scheduling without the right to it cannot come
back. So threads are parked while the process still has it, and the main thread leaves it.
"""

import os
import threading
from collections.abc import Callable

PRIORITY = 20
"""Of the media thread (SCHED_FIFO); below what the kernel itself runs in real time."""
FILES_PRIORITY = 10
"""Of the thread of the files: it may hold the interpreter when a tick is due, and must not wait then."""


class Parked:
    """A thread that waits for its work with the scheduling that it will have."""

    def __init__(self, name: str, priority: int) -> None:
        self._priority = priority
        self._work: Callable[[], None] | None = None
        self._failure: BaseException | None = None
        self._ready, self._begin = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def start(self, work: Callable[[], None]) -> None:
        """Give it its work."""
        self._work = work
        self._begin.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for its end; False when that takes longer. Raises what the work raised."""
        self._thread.join(seconds)
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def _run(self) -> None:
        _take(self._priority)
        self._ready.set()
        self._begin.wait()
        assert self._work is not None
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._failure = error


def leave() -> None:
    """Go back to ordinary scheduling with the calling thread."""
    if active():
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def active() -> bool:
    """Say whether the calling thread is scheduled in real time."""
    return os.sched_getscheduler(0) == os.SCHED_FIFO


def _take(priority: int) -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return  # not allowed: it stays as it is
