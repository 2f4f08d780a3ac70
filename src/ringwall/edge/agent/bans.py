"""Bans: sources that HAProxy turns away for a time, and whose connections it ends at once (N4).

The list is kept twice: bans.json, with reasons and ends, is this agent's memory; the list of addresses beside
the sockets is what HAProxy reads when it starts. So neither the agent's nor HAProxy's restart opens a gap.
"""

import asyncio
import ipaddress
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ringwall.edge.haproxy_admin import HaproxyAdmin, HaproxyError
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.layout import Layout

log = logging.getLogger(__name__)

LONGEST_SECONDS = 366 * 86400
_MOST_BANS = 50_000
_REASON_LIMIT = 200
_LOOK_SECONDS = 30.0
_FILE_LIMIT = 32 * 1024 * 1024
_NEVER_CUT = frozenset({"inner"})


def acl_file(layout: Layout) -> Path:
    """Return the list that HAProxy reads at its start; it is the agent's, HAProxy may only read it."""
    return layout.edge_run / "bans.acl"


class BanError(RingwallError):
    """A ban cannot be done; the text says why."""

    code = "ban"


@dataclass(frozen=True, slots=True)
class Ban:
    """A source that is turned away; ``until`` is Unix time in seconds."""

    source: str
    until: float
    reason: str


class Bans:
    """All bans of this edge. ``own`` are addresses that are never banned, beside loopback."""

    def __init__(
        self,
        memory: Path,
        acl: Path,
        haproxy: HaproxyAdmin,
        own: frozenset[str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._acl = acl
        self._haproxy = haproxy
        self._own = own
        self._clock = clock
        self._bans: dict[str, Ban] = {}
        self._changing = asyncio.Lock()
        self._added = asyncio.Event()

    def load(self) -> None:
        """Read the memory; a damaged one is put aside and said so, for a ban list must not stop the edge."""
        try:
            entries = json.loads(read_limited(self._memory, _FILE_LIMIT))
            found = [
                Ban(_source(entry["source"]), float(entry["until"]), str(entry["reason"]))
                for entry in entries
            ]
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, RingwallError) as error:
            log.error("The bans in %s cannot be read and are forgotten: %s", self._memory, error)  # noqa: TRY400
            self._memory.replace(self._memory.with_suffix(".damaged"))
            return
        now = self._clock()
        self._bans = {ban.source: ban for ban in found if ban.until > now}

    def all(self) -> list[Ban]:
        """Return the bans that hold now, the first to end first."""
        now = self._clock()
        return sorted((ban for ban in self._bans.values() if ban.until > now), key=lambda ban: ban.until)

    async def ban(self, source: str, seconds: float, reason: str) -> int:
        """Ban ``source`` for ``seconds`` and return how many of its connections were ended; BanError."""
        address = self._bannable(source)
        if not 1 <= seconds <= LONGEST_SECONDS:
            raise BanError(f"A ban lasts from 1 second to {LONGEST_SECONDS // 86400} days.")
        async with self._changing:
            if len(self._bans) >= _MOST_BANS and address not in self._bans:
                raise BanError(f"There are {_MOST_BANS} bans already: ban networks in the firewall instead.")
            self._bans[address] = Ban(address, self._clock() + seconds, reason[:_REASON_LIMIT])
            self._added.set()
            return await asyncio.to_thread(self._apply, [address], [])

    async def unban(self, source: str) -> bool:
        """Lift the ban of ``source``; False when there was none. BanError."""
        address = _source(source)
        async with self._changing:
            if self._bans.pop(address, None) is None:
                return False
            await asyncio.to_thread(self._apply, [], [address])
            return True

    async def keep(self, seconds: float = 0.2) -> None:
        """Lift bans whose time is over, look after a HAProxy that was away, until cancelled."""
        while True:
            async with self._changing:
                try:
                    await asyncio.to_thread(self._synchronise)
                except RingwallError as error:
                    log.debug("Bans cannot be synchronised now: %s", error)
            await self._sleep_until_next(seconds)

    async def _sleep_until_next(self, seconds: float) -> None:
        now = self._clock()
        first = min((ban.until for ban in self._bans.values()), default=now + _LOOK_SECONDS)
        self._added.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._added.wait(), min(max(first - now, seconds), _LOOK_SECONDS))

    def _synchronise(self) -> None:
        """Make HAProxy's list what ours is; in a thread, with the lock held."""
        now = self._clock()
        over = [source for source, ban in self._bans.items() if ban.until <= now]
        for source in over:
            del self._bans[source]
        if over or not self._acl.exists():
            self._write()
        there = self._haproxy.banned(str(self._acl))
        for source in there - self._bans.keys():
            self._haproxy.unban(str(self._acl), source)
        for source in self._bans.keys() - there:
            self._haproxy.ban(str(self._acl), source)
            self._haproxy.cut(source, _NEVER_CUT)

    def _apply(self, add: list[str], remove: list[str]) -> int:
        """Write both files, then tell HAProxy; one that does not run reads the list at its start."""
        self._write()
        cut = 0
        try:
            there = self._haproxy.banned(str(self._acl))
            for source in remove:
                if source in there:
                    self._haproxy.unban(str(self._acl), source)
            for source in add:
                if source not in there:
                    self._haproxy.ban(str(self._acl), source)
                cut += self._haproxy.cut(source, _NEVER_CUT)
        except HaproxyError as error:
            log.warning("A change of the bans holds from HAProxy's next start: %s", error)
        return cut

    def _write(self) -> None:
        bans = list(self._bans.values())
        write_atomically(self._memory, json.dumps([asdict(ban) for ban in bans]).encode(), mode=0o600)
        write_atomically(self._acl, "".join(f"{ban.source}\n" for ban in bans).encode(), mode=0o640)

    def _bannable(self, text: str) -> str:
        source = _source(text)
        address = ipaddress.ip_address(source)
        if address.is_loopback or address.is_unspecified or address.is_multicast or source in self._own:
            raise BanError(
                f"{source} is an address of this system itself, or of no host: it cannot be banned."
            )
        return source


def _source(text: object) -> str:
    """Return an address in its one form; BanError when it is none."""
    try:
        address = ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        address = None
    if address is None:
        raise BanError("A source is one IPv4 or IPv6 address.")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
