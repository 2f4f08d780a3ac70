"""Security events that a stranger can cause at will, folded so that he cannot fill the ledger.

The first event of a kind from a source is recorded at once; further ones within the window are counted and
recorded as one when the window ends. The number of sources that are followed at a time is bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WINDOW_SECONDS = 10.0
MAX_SOURCES = 10_000


@dataclass(slots=True)
class _Window:
    ends_at: float
    fields: dict[str, Any]
    more: int = 0


class SecurityWatch:
    """Folds repeated events of one kind from one source. `record(kind, **fields)` is the ledger's.

    `seconds` is how long a window lasts: one record when it begins and, if more came, one when it ends.
    """

    def __init__(self, record: Callable[..., None], seconds: float = WINDOW_SECONDS) -> None:
        self._record = record
        self._seconds = seconds
        self._open: dict[tuple[str, str], _Window] = {}
        self.unfollowed = 0

    def note(self, kind: str, source: str, now: float, times: int = 1, /, **fields: Any) -> None:
        """Take an event, or so many at once; `now` is monotonic seconds."""
        window = self._open.get((kind, source))
        if window is not None and now < window.ends_at:
            window.more += times
            window.fields = fields
            return
        if window is None and len(self._open) >= MAX_SOURCES:
            self.unfollowed += 1
            return
        if window is not None:
            self._close(kind, source, window)
        self._open[kind, source] = _Window(now + self._seconds, fields, times - 1)
        self._record(kind, source=source, **fields)

    def sweep(self, now: float) -> None:
        """Record and forget the windows that have ended."""
        for (kind, source), window in list(self._open.items()):
            if now >= window.ends_at:
                self._close(kind, source, window)
        if self.unfollowed:
            self._record("security.sources_not_followed", count=self.unfollowed)
            self.unfollowed = 0

    def _close(self, kind: str, source: str, window: _Window) -> None:
        del self._open[kind, source]
        if window.more:
            self._record(kind, source=source, repeated=window.more, **window.fields)
