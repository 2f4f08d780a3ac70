"""Security events that a stranger can cause at will, folded so that they cannot fill the ledger.

The first event of a kind from a source is recorded at once; further ones within the window are counted and
recorded as one when the window ends. The number of sources that are followed at a time is bounded.
"""

from dataclasses import dataclass, replace

from ringwall.events import Record
from ringwall.events.security import Folded, SourcesNotFollowed

WINDOW_SECONDS = 10.0
MAX_SOURCES = 10_000


@dataclass(slots=True)
class _Window:
    ends_at: float
    event: Folded
    more: int = 0


class SecurityWatch:
    """Folds repeated events of one kind from one source. `record` is the ledger's.

    `seconds` is how long a window lasts: one record when it begins and, if more came, one when it ends.
    """

    def __init__(self, record: Record, seconds: float = WINDOW_SECONDS) -> None:
        self._record = record
        self._seconds = seconds
        self._open: dict[tuple[str, str], _Window] = {}
        self.unfollowed = 0

    def note(self, event: Folded, now: float, times: int = 1) -> None:
        """Take an event, or so many at once; `now` is monotonic seconds."""
        key = event.kind, event.source
        window = self._open.get(key)
        if window is not None and now < window.ends_at:
            window.more += times
            window.event = event
            return
        if window is None and len(self._open) >= MAX_SOURCES:
            self.unfollowed += 1
            return
        if window is not None:
            self._close(key, window)
        self._open[key] = _Window(now + self._seconds, event, times - 1)
        self._record(event)

    def sweep(self, now: float) -> None:
        """Record and forget the windows that have ended."""
        for key, window in list(self._open.items()):
            if now >= window.ends_at:
                self._close(key, window)
        if self.unfollowed:
            self._record(SourcesNotFollowed(count=self.unfollowed))
            self.unfollowed = 0

    def _close(self, key: tuple[str, str], window: _Window) -> None:
        del self._open[key]
        if window.more:
            self._record(replace(window.event, repeated=window.more))
