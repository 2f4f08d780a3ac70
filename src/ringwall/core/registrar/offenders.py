"""Who sends what no phone sends: on record, and turned away by the edge for a while (N3, N4, R3).

Rules that this module keeps:
- One record for each source and minute, however often it offends and over however many connections.
- A source is turned away as a whole only where nobody has signed in and no carrier calls from: a whole office
  may sit behind one address. The edge has closed the one connection that offended, which is enough there.
- Who comes back for more is turned away for twice as long each time, for an hour at most.
- Everything is bounded: the sources that are counted, the bans that are remembered, those that are asked for
  at one time. Who does not fit in is counted anew, and asked for when they offend again.
"""

import asyncio
import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ringwall.core.registrar.watch import SecurityWatch
from ringwall.events import Record
from ringwall.events.security import BanSpared, MalformedMessage, SourceBanned

log = logging.getLogger(__name__)

WINDOW_S: Final = 60.0
MOST: Final = 10
"""Offences of one source within `WINDOW_S` that are put up with."""
BAN_S: Final = 60.0
LONGEST_BAN_S: Final = 3600.0
REMEMBERED_S: Final = 86400.0
MOST_SOURCES: Final = 10_000
MOST_ASKED: Final = 16
_LONGEST_WHY: Final = 120

Ban = Callable[[str, float, str], Awaitable[None]]


@dataclass(slots=True)
class _Count:
    ends_at: float
    offences: int = 0


@dataclass(slots=True)
class _Strikes:
    last_at: float
    number: int = 0


class Offenders:
    """Counts offences and has the edge turn their sources away.

    `ban(source, seconds, reason)` asks the edge. `spares(source)` says in a few words why a source must not
    be turned away as a whole, or nothing. `own` are addresses of this system.
    """

    def __init__(
        self,
        record: Record,
        ban: Ban,
        spares: Callable[[str], str],
        own: frozenset[str] = frozenset(),
    ) -> None:
        self._record = record
        self._ban = ban
        self._spares = spares
        self._own = own
        self._watch = SecurityWatch(record, WINDOW_S)
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._strikes: OrderedDict[str, _Strikes] = OrderedDict()
        self._asked: dict[str, asyncio.Task[None]] = {}

    def note(self, source: str, why: str, now: float, times: int = 1) -> None:
        """Take `times` offences of a source: an address, or "trunk 3". `now` is monotonic seconds."""
        self._watch.note(MalformedMessage(source=source, why=why[:_LONGEST_WHY]), now, times)
        count = self._counts.get(source)
        if count is None or now >= count.ends_at:
            count = self._counts[source] = _Count(now + WINDOW_S)
            self._counts.move_to_end(source)
            if len(self._counts) > MOST_SOURCES:
                self._counts.popitem(last=False)
        count.offences += times
        if count.offences > MOST and source not in self._asked and self._bannable(source):
            self._turn_away(source, now)

    def sweep(self, now: float) -> None:
        """Record what has come together, and forget what is long over."""
        self._watch.sweep(now)
        for source in [source for source, count in self._counts.items() if now >= count.ends_at]:
            del self._counts[source]
        while self._strikes and (first := next(iter(self._strikes.items())))[1].last_at < now - REMEMBERED_S:
            del self._strikes[first[0]]

    def _bannable(self, source: str) -> bool:
        """Whether the edge can turn the source away: not a carrier behind the agent, nor the host itself."""
        try:
            address = ipaddress.ip_address(source)
        except ValueError:
            return False
        kept = address.is_loopback or address.is_unspecified or address.is_multicast
        return not kept and source not in self._own

    def _turn_away(self, source: str, now: float) -> None:
        if len(self._asked) >= MOST_ASKED:
            return
        del self._counts[source]
        spared = self._spares(source)
        strikes = self._strikes.setdefault(source, _Strikes(now))
        strikes.last_at = now
        self._strikes.move_to_end(source)
        if len(self._strikes) > MOST_SOURCES:
            self._strikes.popitem(last=False)
        if spared:
            self._watch.note(BanSpared(source=source, why=spared), now)
            return
        seconds = min(BAN_S * 2**strikes.number, LONGEST_BAN_S)
        task = asyncio.get_running_loop().create_task(self._ask(source, seconds, strikes))
        self._asked[source] = task

    async def _ask(self, source: str, seconds: float, strikes: _Strikes) -> None:
        reason = "sent messages that no phone sends"
        try:
            await self._ban(source, seconds, reason)
        except Exception as error:  # noqa: BLE001 - an edge that is away or says no must not stop call control
            log.warning("%s could not be banned: %s", source, error)
        else:
            strikes.number = min(strikes.number + 1, 10)
            self._record(SourceBanned(source=source, seconds=seconds, reason=reason))
        finally:
            del self._asked[source]
