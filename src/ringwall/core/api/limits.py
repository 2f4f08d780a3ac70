"""How often somebody may try to sign in. No clock, no I/O: the time is handed in."""

import ipaddress
from collections import OrderedDict, deque

WINDOW_S = 300.0
TRIES_OF_SOURCE = 10
TRIES_AT_ACCOUNT = 20
MOST_KEYS = 10_000


class Window:
    """Counts events by key in a sliding window; keeps the most recent keys only."""

    def __init__(self, most: int, seconds: float = WINDOW_S, keys: int = MOST_KEYS) -> None:
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


class SignInLimits:
    """A bound on the tries of each source, and on the tries at each account by sources that it does not know.

    A source from which the account was signed in to before stays outside the account's bound, so that nobody
    can lock an administrator out by guessing from elsewhere.
    """

    def __init__(self) -> None:
        self._sources = Window(TRIES_OF_SOURCE)
        self._accounts = Window(TRIES_AT_ACCOUNT)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def begin(self, source: str, account: str, now: float) -> float:
        """Count a try and return 0, or return in how many seconds another one is allowed."""
        network = network_of(source)
        known = (network, account) in self._known
        wait = max(
            self._sources.wait(network, now),
            0.0 if known else self._accounts.wait(account, now),
        )
        if wait > 0:
            return wait
        self._sources.add(network, now)
        if not known:
            self._accounts.add(account, now)
        return 0.0

    def succeeded(self, source: str, account: str, now: float) -> None:
        """Uncount a try that was begun at `now`: it was the right password."""
        network = network_of(source)
        self._sources.take_back(network, now)
        self._accounts.take_back(account, now)
        self._known[network, account] = None
        self._known.move_to_end((network, account))
        if len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)


def network_of(source: str) -> str:
    """Return what counts as one source: an IPv4 address, or the /64 that one IPv6 host has for itself."""
    address = ipaddress.ip_address(source)
    if address.version == 4:
        return source
    return str(ipaddress.ip_network(f"{address}/64", strict=False))
