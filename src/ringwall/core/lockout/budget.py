"""How often a PIN may be wrong, counted at each account and for each source. No clock, no I/O.

Rules that this module keeps:
- A try is counted before it is looked at, so that many at once get no further than many in turn.
- Ten wrong tries at an account, from wherever they come, lock it for half an hour, and each lock within a
  day after another one lasts twice as long. A right PIN takes back only what came from the same place: who
  guesses gets no new tries because the owner signs in.
- The owner's own phone has a budget of its own: guessing elsewhere does not lock anybody out of their desk.
- A source gets ten wrong tries in a quarter of an hour over all accounts together, and each answer takes
  longer than the one before.
"""

from dataclasses import dataclass, field
from typing import Final

from ringwall.core.lockout.window import Window

MOST_OF_CALL: Final = 3
"""After how many wrong tries in one call the caller is sent away."""

MOST: Final = 10
LOCK_S: Final = 30 * 60.0
LONGEST_LOCK_S: Final = 24 * 3600.0
FORGET_S: Final = 24 * 3600.0
SOURCE_WINDOW_S: Final = 15 * 60.0
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 8.0


@dataclass(slots=True)
class AttemptBudget:
    """The wrong tries at one account: `failures` are (time, source); times in Unix seconds."""

    failures: list[tuple[float, str]] = field(default_factory=list)
    locked_until: float = 0.0
    locks: int = 0

    def wait(self, now: float) -> float:
        """Return in how many seconds a try is allowed; 0 now."""
        if self.locked_until > now:
            return self.locked_until - now
        # Ten are being looked at in this moment: what comes of them is known soon.
        return 1.0 if len(self._kept(now)) >= MOST else 0.0

    def begin(self, source: str, now: float) -> None:
        """Count a try."""
        self.failures = [*self._kept(now), (now, source)]

    def right(self, source: str) -> None:
        """A try was right: take back what came from there."""
        self.failures = [one for one in self.failures if one[1] != source]

    def wrong(self, now: float) -> float:
        """A try that was counted was wrong: return for how many seconds the account is locked now, or 0."""
        if len(self.failures) < MOST or self.locked_until > now:
            return 0.0
        if now - self.locked_until > FORGET_S:
            self.locks = 0
        seconds = min(LOCK_S * float(2**self.locks), LONGEST_LOCK_S)
        self.locks += 1
        self.locked_until = now + seconds
        self.failures = []
        return seconds

    @property
    def empty(self) -> bool:
        """Whether nothing was ever counted."""
        return not self.failures and not self.locks

    def _kept(self, now: float) -> list[tuple[float, str]]:
        return [one for one in self.failures if one[0] > now - FORGET_S]


class SourceBudget:
    """The wrong tries of each source."""

    def __init__(self) -> None:
        self._window = Window(MOST, SOURCE_WINDOW_S)

    def wait(self, source: str, now: float) -> float:
        """Return in how many seconds a try is allowed; 0 now."""
        return self._window.wait(source, now)

    def begin(self, source: str, now: float) -> None:
        """Count a try."""
        self._window.add(source, now)

    def right(self, source: str, now: float) -> None:
        """Uncount a try that was begun at `now`."""
        self._window.take_back(source, now)

    def pause(self, source: str, now: float) -> float:
        """How many seconds the answer to a wrong try is to take."""
        count = self._window.count(source, now)
        return min(FIRST_PAUSE_S * float(2 ** max(0, count - 1)), LONGEST_PAUSE_S)
