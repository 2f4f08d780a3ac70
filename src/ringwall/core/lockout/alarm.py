"""Tells the ledger that somebody guesses: at one account, from one source, or everywhere a little.

Rules that this module keeps:
- Every try that failed counts, also one that was not looked at any more.
- One guessing is one record when it is noticed and one at the end of its five minutes, however many tries it
  is; the number of guessings that are told in that time is bounded, and how many were not is told too.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Literal

from ringwall.events import UNSAID, Record
from ringwall.events.security import Guessing

SECONDS: Final = 300.0
AT_ACCOUNT: Final = 10
OF_SOURCE: Final = 20
EVERYWHERE: Final = 300
"""From how many failed tries within `SECONDS` on it is guessing."""
MOST_FOLLOWED: Final = 5_000
MOST_TOLD: Final = 50
MOST_OTHERS: Final = 64

Scope = Literal["account", "source", "everywhere"]


@dataclass(slots=True)
class _Guessing:
    began: float
    tries: int = 0
    told: int = 0
    others: set[str] = field(default_factory=set)
    account: str | None = None
    source: str = ""


class GuessingAlarm:
    """Counts failed tries at one kind of secret; `record` is the ledger's."""

    def __init__(self, record: Record, guessed: str) -> None:
        self._record = record
        self._guessed = guessed
        self._open: dict[Scope, OrderedDict[str, _Guessing]] = {
            "account": OrderedDict(),
            "source": OrderedDict(),
            "everywhere": OrderedDict(),
        }
        self._told_since = float("-inf")
        self._told = 0
        self._untold = 0

    def failed(self, account: str, shown: str | None, network: str, source: str, now: float) -> None:
        """Count a failed try; `shown` is the account as it may stand in a record, `now` in seconds."""
        self._count("account", account, network, AT_ACCOUNT, shown, source, now)
        self._count("source", network, account, OF_SOURCE, shown, source, now)
        self._count("everywhere", "", network, EVERYWHERE, shown, source, now)

    def sweep(self, now: float) -> None:
        """Tell how the guessings went whose time is over, and forget them."""
        for scope, guessings in self._open.items():
            while guessings:
                key, first = next(iter(guessings.items()))
                if now < first.began + SECONDS:
                    break
                self._end(scope, key, now)

    def _count(
        self,
        scope: Scope,
        key: str,
        other: str,
        limit: int,
        account: str | None,
        source: str,
        now: float,
    ) -> None:
        guessings = self._open[scope]
        guessing = guessings.get(key)
        if guessing is not None and now >= guessing.began + SECONDS:
            self._end(scope, key, now)
            guessing = None
        if guessing is None:
            if len(guessings) >= MOST_FOLLOWED:
                self._end(scope, next(iter(guessings)), now)
            guessing = guessings[key] = _Guessing(now)
        guessing.tries += 1
        guessing.account, guessing.source = account, source
        if len(guessing.others) < MOST_OTHERS:
            guessing.others.add(other)
        if guessing.tries == limit and self._may_tell(now):
            self._tell(scope, guessing, now)

    def _may_tell(self, now: float) -> bool:
        if now >= self._told_since + SECONDS:
            self._told_since, self._told = now, 0
        if self._told >= MOST_TOLD:
            self._untold += 1
            return False
        self._told += 1
        return True

    def _end(self, scope: Scope, key: str, now: float) -> None:
        guessing = self._open[scope].pop(key)
        if guessing.told and guessing.tries > guessing.told:
            self._tell(scope, guessing, now)

    def _tell(self, scope: Scope, guessing: _Guessing, now: float) -> None:
        untold, self._untold = self._untold, 0
        guessing.told = guessing.tries
        # Of one account the sources count, of one source the accounts; more than MOST_OTHERS are not counted.
        others = len(guessing.others)
        self._record(
            Guessing(
                guessed=self._guessed,
                scope=scope,
                account=guessing.account,
                source=guessing.source,
                tries=guessing.tries,
                seconds=round(min(now - guessing.began, SECONDS)),
                accounts=others if scope == "source" else UNSAID,
                sources=others if scope != "source" else UNSAID,
                others_not_told=untold or UNSAID,
            )
        )
