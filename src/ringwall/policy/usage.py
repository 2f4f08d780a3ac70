"""The ledger of use: which outside calls are up and what was spent, for the limits (N5, C5).

Rules that this module keeps:

- It has no clock: every method is told the time, in seconds since 1970, and it may stand still but not run
  back.
- A call that is up counts with the most that it may come to cost, so that calls made at the same time cannot
  together pass the ceiling; when it ends, what it cost stands in its place.
- Old entries leave when new ones come: what is kept is bounded by the limits themselves.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

from ringwall.policy.limits import Limits, Rate
from ringwall.policy.scope import NumberClass

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_BUCKET: Final = 600.0  # seconds of spending that are kept as one sum


class Charge(NamedTuple):
    """What a granted call takes from the limits. `most` is what it costs if it lasts `seconds`."""

    payer: str
    group: str
    number_class: str
    price: float  # a minute
    seconds: int  # the longest that it may last
    most: float


@dataclass(frozen=True, slots=True)
class _Live:
    charge: Charge
    trunk_group: str
    at: float


class _Account:
    """Calls that are up and money that is spent, of one user or group."""

    __slots__ = ("_first", "_spent", "_total", "live", "reserved")

    def __init__(self) -> None:
        self.live = 0
        self.reserved = 0.0
        self._spent: dict[int, float] = {}
        self._first = 0  # the oldest bucket
        self._total = 0.0  # of all buckets

    def spent(self, now: float) -> float:
        """What was spent within the last 24 hours, to ten minutes more."""
        if not self._spent:
            return 0.0
        oldest = int((now - _DAY) // _BUCKET)
        if self._first >= oldest:
            return self._total
        return sum(amount for bucket, amount in self._spent.items() if bucket >= oldest)

    def spend(self, amount: float, now: float) -> None:
        oldest = int((now - _DAY) // _BUCKET)
        for bucket in [one for one in self._spent if one < oldest]:
            del self._spent[bucket]
        bucket = int(now // _BUCKET)
        self._spent[bucket] = self._spent.get(bucket, 0.0) + amount
        self._sum_up()

    def _sum_up(self) -> None:
        self._first = min(self._spent, default=0)
        self._total = sum(self._spent.values())


class Use:
    """What was used up to now. Call control owns one and tells it of every call; the policy only reads it."""

    __slots__ = ("_calls", "_groups", "_live", "_trunks", "_users", "_wrong")

    def __init__(self) -> None:
        self._users: dict[str, _Account] = {}
        self._groups: dict[str, _Account] = {}
        self._trunks: dict[str, int] = {}
        self._live: dict[str, _Live] = {}
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._wrong: dict[str, deque[float]] = {}

    def start(self, call: str, charge: Charge, trunk_group: str, now: float) -> None:
        """An outside call begins; `call` is its name until `end`. A name that is in use replaces nothing."""
        if call in self._live:
            raise ValueError(f"the call {call} has begun already")
        self._live[call] = _Live(charge, trunk_group, now)
        self._hold(charge, trunk_group, 1)
        times = self._calls.setdefault((charge.payer, charge.number_class), deque())
        while times and times[0] <= now - _HOUR:
            times.popleft()
        times.append(now)

    def move(self, call: str, trunk_group: str) -> None:
        """A call goes on over another trunk group, after the first one failed."""
        live = self._live.get(call)
        if live is not None:
            self._hold(live.charge, live.trunk_group, -1)
            self._live[call] = _Live(live.charge, trunk_group, live.at)
            self._hold(live.charge, trunk_group, 1)

    def end(self, call: str, connected: float, now: float) -> None:
        """An outside call ends after `connected` seconds of talk; one that is not known is ignored."""
        live = self._live.pop(call, None)
        if live is None:
            return
        self._hold(live.charge, live.trunk_group, -1)
        cost = live.charge.price * max(connected, 0.0) / 60
        if cost:
            self._users.setdefault(live.charge.payer, _Account()).spend(cost, now)
            self._groups.setdefault(live.charge.group, _Account()).spend(cost, now)

    def _hold(self, charge: Charge, trunk_group: str, count: int) -> None:
        for accounts, name in ((self._users, charge.payer), (self._groups, charge.group)):
            account = accounts.setdefault(name, _Account())
            account.live += count
            account.reserved = account.reserved + count * charge.most if account.live else 0.0
        self._trunks[trunk_group] = self._trunks.get(trunk_group, 0) + count

    def wrong_code(self, payer: str, now: float) -> int:
        """Somebody typed a wrong authorization code; how many they were within the hour."""
        times = self._wrong.setdefault(payer, deque(maxlen=1000))
        times.append(now)
        while times[0] <= now - _HOUR:
            times.popleft()
        return len(times)

    def wrong_codes_before(self, payer: str, now: float) -> int:
        """How many wrong codes somebody typed within the last hour."""
        return sum(1 for moment in self._wrong.get(payer, ()) if moment > now - _HOUR)

    def codes_locked(self, payer: str, limits: Limits, now: float) -> bool:
        """Whether a caller typed too many wrong codes."""
        times = self._wrong.get(payer)
        if times is None or len(times) < limits.wrong_codes:
            return False
        newest, nth = times[-1], times[-limits.wrong_codes]
        return newest - nth <= _HOUR and now < newest + limits.code_lock

    def trunk_calls(self, trunk_group: str) -> int:
        """How many calls are up over a trunk group."""
        return self._trunks.get(trunk_group, 0)

    def over(
        self, payer: str, group: str, number_class: NumberClass, limits: Limits, now: float
    ) -> str | None:
        """The rule by which one more call is too many; None if it may be made."""
        user = self._users.get(payer)
        if (user.live if user is not None else 0) >= limits.user_concurrent:
            return "limit.user-calls"
        mates = self._groups.get(group)
        if (mates.live if mates is not None else 0) >= limits.group_concurrent:
            return "limit.group-calls"
        rate = limits.rate(number_class)
        times = self._calls.get((payer, number_class))
        if times is None:
            return None if rate.per_minute and rate.per_hour else "limit.calls-per-hour"
        if _later_than(times, now - _MINUTE, rate.per_minute):
            return "limit.calls-per-minute"
        if _later_than(times, now - _HOUR, rate.per_hour):
            return "limit.calls-per-hour"
        return None

    def left(self, payer: str, group: str, limits: Limits, now: float) -> tuple[float, float]:
        """What the user and the group may still spend, calls that are up counted at their most."""
        user, mates = self._users.get(payer), self._groups.get(group)
        of_user = limits.user_spend - (user.spent(now) + user.reserved if user is not None else 0.0)
        of_group = limits.group_spend - (mates.spent(now) + mates.reserved if mates is not None else 0.0)
        return of_user, of_group


def _later_than(times: deque[float], moment: float, most: int) -> bool:
    """Whether `most` or more of the times, which ascend, lie after the moment."""
    if not most:
        return True
    return len(times) >= most and times[-most] > moment


def longest(rate: Rate, left: float) -> tuple[int, float]:
    """How many seconds a call may last, and the most that it then costs, with so much money left."""
    if rate.price <= 0:
        return rate.seconds, 0.0
    seconds = min(rate.seconds, int(left / rate.price * 60))
    return seconds, rate.price * seconds / 60
