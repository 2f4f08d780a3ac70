"""Who may try a password now: guessing is bounded, and who is known is not locked out by it.

Rules that this module keeps:
- A stranger's try is looked at only while there is room: for their source at this account, for it over
  all accounts, and for the account over all strangers. What is not looked at says nothing.
- A try is no stranger's that comes from where the account was signed in to lately (`known`), or over a
  connection that speaks for it already. Nothing that others do takes its room away; there are so many wrong
  ones on each connection.
- A try counts before it is looked at, so that many at once get no further than many in turn; a right one is
  taken back.
- A name that does not exist is treated like one that does. The two are counted apart, so that made-up names
  push no real one out of the tables, whose size is bounded.
- One account counts for its source only a few times: a phone that was forgotten in a corner, with a password
  of yesterday, does not use up what its office has.
"""

from dataclasses import dataclass, field
from typing import Final

from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.known import KnownPlaces
from ringwall.core.lockout.window import Window, network_of
from ringwall.core.store.schema import Write

LONGEST_NAME: Final = 64
_MOST_ACCOUNTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How many wrong tries there may be within `seconds`."""

    of_pair: int
    """Of one source at one account, by strangers."""
    of_source: int
    """Of one source over all accounts, by strangers."""
    of_source_for_account: int
    """How many tries at one account count for their source."""
    at_account: int
    """At one account by all strangers."""
    of_connection: int
    """At one account on one connection, by who is known."""
    seconds: float = 300.0


DEVICE_LIMITS: Final = Limits(
    of_pair=10, of_source=30, of_source_for_account=3, at_account=20, of_connection=10
)
ADMINISTRATOR_LIMITS: Final = Limits(
    of_pair=10, of_source=10, of_source_for_account=10, at_account=20, of_connection=10
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the name that was typed, and where it comes from.

    `identity` is what `KnownPlaces` calls the account, None where there is no such account; `shown` is the
    name as it may stand in a record. `marks` are what the place can be known by besides its address,
    `connection` names the connection, where there is one; `trusted` says that it speaks for the account.
    """

    account: str
    identity: str | None
    shown: str | None
    source: str
    network: str = field(init=False)
    marks: tuple[str, ...] = ()
    connection: str = ""
    trusted: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "account", self.account[:LONGEST_NAME])
        object.__setattr__(self, "network", network_of(self.source))

    @property
    def places(self) -> tuple[str, ...]:
        """All by which the place can be known again."""
        return (f"network {self.network}", *self.marks)


class Pending:
    """A try that was counted and is being looked at: say what came of it."""

    def __init__(
        self, gate: "Lockout", attempt: Attempt, at: float, counted: list[tuple[Window, str]]
    ) -> None:
        self._gate = gate
        self._attempt = attempt
        self._at = at
        self._counted = counted

    def right(self) -> None:
        """It was the right password: uncount the try."""
        for window, key in self._counted:
            window.take_back(key, self._at)

    def wrong(self) -> None:
        """It was wrong."""
        self._gate.refused(self._attempt, self._at)


class Lockout:
    """The bounds on tries at one kind of password. `now` is seconds of any one clock."""

    def __init__(self, known: KnownPlaces, limits: Limits, alarm: GuessingAlarm) -> None:
        self._known = known
        self._limits = limits
        self._alarm = alarm
        seconds = limits.seconds
        self._pairs = Window(limits.of_pair, seconds)
        self._sources = Window(limits.of_source, seconds)
        self._accounts = Window(limits.at_account, seconds, _MOST_ACCOUNTS)
        self._made_up = Window(limits.at_account, seconds)
        self._connections = Window(limits.of_connection, seconds)

    def is_known(self, attempt: Attempt) -> bool:
        """Whether it comes from where the account was signed in to lately, or over its own connection."""
        # It is looked for as long where there is no such account.
        known = self._known.knows(attempt.identity or "", attempt.places)
        return known or attempt.trusted

    def wait(self, attempt: Attempt, now: float) -> float:
        """Return in how many seconds the try may be looked at; 0 now."""
        if self.is_known(attempt):
            if not attempt.connection:
                return 0.0
            return self._connections.wait(_on_connection(attempt), now)
        return self.wait_of_stranger(attempt, now)

    def wait_of_stranger(self, attempt: Attempt, now: float) -> float:
        """Return in how many seconds a stranger's try from there may be looked at; 0 now."""
        return max(
            self._pairs.wait(_pair(attempt), now),
            self._sources.wait(attempt.network, now),
            self._of(attempt).wait(attempt.account, now),
        )

    def begin(self, attempt: Attempt, now: float) -> Pending:
        """Count a try that is looked at now."""
        pair = _pair(attempt)
        counting = [(self._pairs, pair)]
        if self._pairs.count(pair, now) < self._limits.of_source_for_account:
            counting.append((self._sources, attempt.network))
        if self.is_known(attempt):
            counting.append((self._connections, _on_connection(attempt)))
        else:
            counting.append((self._of(attempt), attempt.account))
        # Into a full window nothing goes: what it would push out could not be taken back.
        counted = [(window, key) for window, key in counting if window.wait(key, now) <= 0]
        for window, key in counted:
            window.add(key, now)
        return Pending(self, attempt, now, counted)

    def refused(self, attempt: Attempt, now: float) -> None:
        """Somebody tried and failed, whether it was looked at or not."""
        self._alarm.failed(attempt.account, attempt.shown, attempt.network, attempt.source, now)

    def learn(self, attempt: Attempt) -> list[Write]:
        """Somebody has signed in: return what is to be written so that they are known there from now on."""
        return [] if attempt.identity is None else self._known.learn(attempt.identity, attempt.places)

    def forget(self, identity: str) -> list[Write]:
        """The account is gone: return what is to be written for that."""
        return self._known.forget(identity)

    def sweep(self, now: float) -> None:
        """Tell the ledger of guessing whose time is over."""
        self._alarm.sweep(now)

    def _of(self, attempt: Attempt) -> Window:
        return self._made_up if attempt.identity is None else self._accounts


def _pair(attempt: Attempt) -> str:
    return f"{attempt.network} {attempt.account}"


def _on_connection(attempt: Attempt) -> str:
    return f"{attempt.connection} {attempt.account}"
