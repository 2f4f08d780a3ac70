"""Who is let in and who is not gets one answer, and who guesses is turned away for good (P4).

Rules that this module keeps:
- Every refusal is the same answer after the same time, whatever it was refused for: a phone that is not
  known, one that has not proven itself, another MAC address than the certificate's, a secret address that is
  none, a wrong code or PIN.
- Each is counted for its source. Guessing (a secret, a code, a foreign address) is told from a phone that is
  new and asks for itself: an office with a hundred new phones behind one address is no attack.
- Too many of either and the edge turns the source away, which is on record.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from starlette.responses import Response

from ringwall.core.lockout.window import Window, network_of
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.events import Record
from ringwall.events.security import PhoneGuessed, PhonesBanned, PhoneUnknown

log = logging.getLogger(__name__)

FLOOR_S: Final = 0.25
"""How long every refusal takes at least: more than anything that is looked at before."""
WINDOW_S: Final = 600.0
MOST_GUESSES: Final = 20
MOST_UNKNOWN: Final = 300
BAN_S: Final = 3600.0
REALM: Final = "Ringwall phones"

Kind = Literal["guess", "unknown"]
Ban = Callable[[str, float, str], Awaitable[None]]


class Guard:
    """Refuses, counts and bans. `ban(source, seconds, reason)` asks the edge."""

    def __init__(self, record: Record, ban: Ban, networks: tuple[str, ...]) -> None:
        self._record = record
        self._ban = ban
        self._networks = tuple(ipaddress.ip_network(text) for text in networks)
        self._watch = SecurityWatch(record)
        self._guesses = Window(MOST_GUESSES, WINDOW_S)
        self._unknown = Window(MOST_UNKNOWN, WINDOW_S)
        self._tasks: set[asyncio.Task[None]] = set()

    def is_ours(self, source: str) -> bool:
        """Whether an address is in one of the house's own networks."""
        address = ipaddress.ip_address(source)
        return any(address in network for network in self._networks)

    async def refuse(self, began: float, source: str, kind: Kind, why: str, mac: str = "") -> Response:
        """Return the one refusal, `FLOOR_S` after `began` (the time of the loop)."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._watch.sweep(now)
        seen = PhoneGuessed if kind == "guess" else PhoneUnknown
        self._watch.note(seen(source=source, why=why, mac=mac), now)
        self._count(source, kind, now)
        await asyncio.sleep(max(0.0, began + FLOOR_S - loop.time()))
        return Response(
            "You have to prove who you are.\n",
            401,
            {"WWW-Authenticate": f'Basic realm="{REALM}", charset="UTF-8"'},
            "text/plain",
        )

    def _count(self, source: str, kind: Kind, now: float) -> None:
        key, window = network_of(source), self._guesses if kind == "guess" else self._unknown
        window.add(key, now)
        if window.wait(key, now) <= 0 or (kind == "unknown" and self.is_ours(source)):
            return
        window.forget(key)
        reason = "guessed secrets of phones" if kind == "guess" else "asked for too many phones"
        self._record(PhonesBanned(source=source, reason=reason, seconds=BAN_S))
        task = asyncio.get_running_loop().create_task(self._ask_for_ban(source, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_for_ban(self, source: str, reason: str) -> None:
        try:
            await self._ban(source, BAN_S, reason)
        except Exception as error:  # noqa: BLE001 - an edge that is away must not cost the answer
            log.warning("%s could not be banned: %s", source, error)
