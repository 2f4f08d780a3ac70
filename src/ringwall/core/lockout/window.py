"""Counts events by key in a sliding window. No clock, no I/O: the time is handed in."""

import ipaddress
from collections import OrderedDict, deque
from typing import Final

MOST_KEYS: Final = 10_000


class Window:
    """Counts events by key in a sliding window of `seconds`; keeps the most recent keys only."""

    def __init__(self, most: int, seconds: float, keys: int = MOST_KEYS) -> None:
        self._most = most
        self._seconds = seconds
        self._keys = keys
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Return in how many seconds there is room for another event; 0 where there is room now."""
        events = self._events.get(key)
        if events is None:
            return 0.0
        while events and events[0] <= now - self._seconds:
            events.popleft()
        return events[0] + self._seconds - now if len(events) >= self._most else 0.0

    def count(self, key: str, now: float) -> int:
        """Return how many events there were within the window."""
        return sum(at > now - self._seconds for at in self._events.get(key, ()))

    def add(self, key: str, now: float) -> None:
        """Count an event."""
        self._events.setdefault(key, deque(maxlen=self._most)).append(now)
        self._events.move_to_end(key)
        if len(self._events) > self._keys:
            self._events.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget all events of a key."""
        self._events.pop(key, None)

    def take_back(self, key: str, now: float) -> None:
        """Uncount an event that was counted with this time."""
        events = self._events.get(key)
        if events is not None and now in events:
            events.remove(now)
            if not events:
                del self._events[key]


def network_of(source: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 that one IPv6 host has for itself.

    What is no address counts as it is.
    """
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:64]
    if address.version == 4:
        return source
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
