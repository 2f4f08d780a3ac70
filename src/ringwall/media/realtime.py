"""Real-time scheduling where the host allows it: voice goes before what can wait.

The supervisor starts the process so (`infra.supervise`, chrt); started otherwise it takes the priority
itself if it may. Without it everything works, with more jitter when all processors are busy.
"""

import logging
import os

log = logging.getLogger(__name__)

PRIORITY = 20
"""Of the media thread (SCHED_FIFO); below what the kernel itself runs in real time."""
FILES_PRIORITY = 10
"""Of the thread of the files: it may hold the interpreter when a tick is due, so it must not be kept
waiting."""


def begin(priority: int = PRIORITY) -> bool:
    """Schedule the calling thread in real time; False when that is not allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return active()
    return True


def active() -> bool:
    """Say whether the calling thread is scheduled in real time."""
    return os.sched_getscheduler(0) == os.SCHED_FIFO
