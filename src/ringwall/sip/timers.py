"""Many timers, one deadline: the queue in which transactions and calls keep their timers.

Rules that this module keeps:

- It reads no clock. Every time is a float in seconds on whatever monotonic clock the caller uses.
- A key has at most one timer; setting it again moves it.
- Setting and cancelling touch a heap and a dictionary, nothing else. A cancelled timer stays in the heap as a
  shell until its time comes, or until shells outnumber timers: then the heap is rebuilt. So a timer that is
  set for 32 seconds and cancelled after one millisecond, as most are, does not cost memory for 32 seconds.
"""

import heapq
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SHELLS_ALLOWED: Final = 256  # below this a rebuild is not worth its walk


class TimerQueue(Generic[K]):
    """One timer for each key, popped in the order of their times."""

    __slots__ = ("_count", "_heap", "_live")

    def __init__(self) -> None:
        self._live: dict[K, tuple[float, int, K]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0  # breaks ties, so that keys need no order and equal times fire as they were set

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: K) -> bool:
        return key in self._live

    def set(self, key: K, at: float) -> None:
        """Let `key` come due at the time `at` (seconds), instead of whenever it was due before."""
        self._count += 1
        entry = (at, self._count, key)
        self._live[key] = entry
        heapq.heappush(self._heap, entry)
        if len(self._heap) > _SHELLS_ALLOWED + 2 * len(self._live):
            self._heap = list(self._live.values())
            heapq.heapify(self._heap)

    def cancel(self, key: K) -> None:
        """Forget the timer of `key`, if it has one."""
        self._live.pop(key, None)

    def at(self, key: K) -> float | None:
        """When `key` is due, or None."""
        entry = self._live.get(key)
        return None if entry is None else entry[0]

    def items(self) -> Iterator[tuple[K, float]]:
        """Every key that has a timer, with its time, in no particular order."""
        return ((key, entry[0]) for key, entry in self._live.items())

    def next(self) -> float | None:
        """When the next timer is due, or None where there is none."""
        heap = self._heap
        while heap:
            entry = heap[0]
            if self._live.get(entry[2]) is entry:
                return entry[0]
            heapq.heappop(heap)
        return None

    def pop_due(self, now: float) -> list[K]:
        """Take out every key whose time is `now` or earlier, earliest first."""
        heap = self._heap
        due: list[K] = []
        while heap and heap[0][0] <= now:
            entry = heapq.heappop(heap)
            key = entry[2]
            if self._live.get(key) is entry:
                del self._live[key]
                due.append(key)
        return due
