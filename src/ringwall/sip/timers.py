"""Many timers, one deadline: the queue in which transactions and calls keep their timers.

Rules that this module keeps:

- It reads no clock. Every time is a float in seconds on whatever monotonic clock the caller uses.
- A key has at most one timer; setting it again moves it.
- Setting and cancelling touch a heap and a dictionary, nothing else. A cancelled timer stays in the heap as
  an empty shell until its time comes, or until shells outnumber timers: then the heap is rebuilt. The key,
  which may be a whole call, is let go at once.
"""

import heapq
from collections.abc import Hashable, Iterator
from typing import Any, Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SHELLS_ALLOWED: Final = 256  # below this a rebuild is not worth its walk
_AT, _KEY = 0, 2  # an entry is [time, number, key]; the number breaks ties, so that keys need no order


class _Shell:
    """Stands in place of the key of a timer that was cancelled."""


class TimerQueue(Generic[K]):
    """One timer for each key, popped in the order of their times."""

    __slots__ = ("_count", "_heap", "_live")

    def __init__(self) -> None:
        self._live: dict[K, list[Any]] = {}
        self._heap: list[list[Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: K) -> bool:
        return key in self._live

    def set(self, key: K, at: float) -> None:
        """Let `key` come due at the time `at` (seconds), instead of whenever it was due before."""
        live = self._live
        before = live.get(key)
        if before is not None:
            before[_KEY] = _Shell
        self._count += 1
        live[key] = entry = [at, self._count, key]
        heapq.heappush(self._heap, entry)
        if len(self._heap) > _SHELLS_ALLOWED + 2 * len(live):
            self._heap = list(live.values())
            heapq.heapify(self._heap)

    def cancel(self, key: K) -> None:
        """Forget the timer of `key`, if it has one."""
        entry = self._live.pop(key, None)
        if entry is not None:
            entry[_KEY] = _Shell

    def at(self, key: K) -> float | None:
        """When `key` is due, or None."""
        entry = self._live.get(key)
        return None if entry is None else entry[_AT]

    def items(self) -> Iterator[tuple[K, float]]:
        """Every key that has a timer, with its time, in no particular order."""
        return ((key, entry[_AT]) for key, entry in self._live.items())

    def next(self) -> float | None:
        """When the next timer is due, or None where there is none."""
        heap = self._heap
        while heap:
            at, _, key = heap[0]
            if key is not _Shell:
                return float(at)
            heapq.heappop(heap)
        return None

    def pop_due(self, now: float) -> list[K]:
        """Take out every key whose time is `now` or earlier, earliest first."""
        heap = self._heap
        due: list[K] = []
        while heap and heap[0][_AT] <= now:
            key = heapq.heappop(heap)[_KEY]
            if key is not _Shell:
                del self._live[key]
                due.append(key)
        return due
