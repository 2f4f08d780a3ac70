"""Everything that touches the disk, in a second thread: no tick waits for it.

A job is a function; its result, or the error that it raised, is handed to its callback in the media thread,
when that collects. Jobs are done in order.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable
from typing import Any

from ringwall.media.errors import MediaError
from ringwall.media.realtime import Parked

log = logging.getLogger(__name__)

MOST_JOBS = 2000

Callback = Callable[[Any, Exception | None], None]


class Files:
    """The thread; `start` begins it, `stop` ends it after all that waits."""

    def __init__(self, thread: Parked) -> None:
        self._thread = thread
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Callback] | None] = queue.SimpleQueue()
        self._done: deque[tuple[Callback, Any, Exception | None]] = deque()
        self._waiting = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start(self._run)

    @property
    def busy(self) -> bool:
        """Say whether anything waits or is not collected."""
        return self._waiting > 0

    def stop(self, seconds: float) -> bool:
        """Do what waits, then end; False when that took longer."""
        self._jobs.put(None)
        return self._thread.join(seconds)

    def submit(self, job: Callable[[], Any], done: Callback, *, must: bool = False) -> None:
        """Have a job done; MediaError when too many wait, unless it ``must`` be (it frees something)."""
        if self._waiting >= MOST_JOBS and not must:
            raise MediaError("The disk is too slow: too many files wait for it.", code="failed")
        self._waiting += 1
        self._jobs.put((job, done))

    def collect(self) -> None:
        """Hand out what is done. Called by the media thread."""
        while self._done:
            callback, result, error = self._done.popleft()
            self._waiting -= 1
            try:
                callback(result, error)
            except Exception:
                log.exception("What follows on a file failed")

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, callback = item
            try:
                self._done.append((callback, job(), None))
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                self._done.append((callback, None, error))
