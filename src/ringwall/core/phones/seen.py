"""Who asked for a phone's configuration last, in memory: for administrators who decide whether to let it in.

Rules that this module keeps:
- What is kept of strangers is bounded; the oldest goes.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MOST_SEEN: Final = 20_000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request; `at` in Unix seconds, `proven` whether it was let in."""

    at: float
    source: str
    user_agent: str
    proven: bool


class SeenPhones:
    """The last request for each phone."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, Seen] = OrderedDict()

    def note(self, mac: str, seen: Seen) -> None:
        """Keep a request. One that proved nothing does not hide one that did from the same moment on."""
        before = self._last.get(mac)
        if before is not None and before.proven and not seen.proven:
            return
        self._last[mac] = seen
        self._last.move_to_end(mac)
        if len(self._last) > MOST_SEEN:
            self._last.popitem(last=False)

    def of(self, mac: str) -> Seen | None:
        """The last request for a phone."""
        return self._last.get(mac)
