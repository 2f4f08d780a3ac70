"""The slots of the trunks at the edge: what the edge is told of them, and what it tells of their connections.

Rules that this module keeps:
- The edge is told all slots at once, after each change and whenever what it has is something else.
- If it refuses one trunk the others are set without it, and the trunk says why.
- When a carrier seems to be away the edge is asked at once whether it knows why.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable
from typing import Any, Final, Protocol

from ringwall.core.errors import EdgeError, EdgeRefused, EdgeUnavailable
from ringwall.core.trunks.trunks import SLOTS, Trunks
from ringwall.events import Record
from ringwall.events.trunks import TrunkDown, TrunkUp

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = 1.0
_SLOT: Final = re.compile(r"slot (\d{1,2})\b")


class Control(Protocol):
    """The control link to the edge agent."""

    def call(self, op: dict[str, Any]) -> Awaitable[dict[str, Any]]:
        """Run an operation. Raises EdgeError."""


class EdgeSlots:
    """Keeps the edge's trunks as they are here."""

    def __init__(self, trunks: Trunks, control: Control, record: Record) -> None:
        self._trunks = trunks
        self._control = control
        self._record = record
        self._wake = asyncio.Event()
        self._outdated = True  # the edge has to be told
        trunks.on_trouble = self._wake.set
        self._refused: dict[int, str] = {}  # by slot, until something changes

    def changed(self) -> None:
        """The trunks are others now, or the edge may be another one."""
        self._refused.clear()
        self._outdated = True
        self._wake.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._wake.clear()
            done = await (self._push() if self._outdated else self._look())
            try:
                await asyncio.wait_for(
                    self._wake.wait() if done else asyncio.sleep(_RETRY_SECONDS), _LOOK_SECONDS
                )
            except TimeoutError:
                continue

    def told(self) -> list[dict[str, Any]]:
        """All slots, as the edge agent takes them."""
        told = []
        for trunk, slot in sorted(self._trunks.slots.items(), key=lambda pair: pair[1]):
            line = self._trunks.line(trunk)
            if line is None or slot in self._refused:
                continue
            tls = line.transport == "tls"
            told.append(
                {
                    "slot": slot,
                    "name": line.name,
                    "host": line.host,
                    "port": line.port,
                    "transport": line.transport,
                    "tls_name": (line.certificate_name or line.host) if tls else "",
                    **({"authority": line.authority} if tls and line.authority else {}),
                }
            )
        return told

    async def _push(self) -> bool:
        """Tell the edge; False when it could not be told."""
        self._outdated = False
        for _ in range(SLOTS + 1):
            try:
                await self._control.call({"op": "trunks", "trunks": self.told()})
            except EdgeUnavailable:
                self._outdated = True
                return False
            except EdgeRefused as error:
                if not self._leave_out(str(error)):
                    log.error("the edge takes no trunks: %s", error)  # noqa: TRY400 - it is the edge's sentence
                    return True
            else:
                return True
        return True

    def _leave_out(self, why: str) -> bool:
        found = _SLOT.search(why)
        slot = int(found[1]) if found is not None else 0
        for trunk, its in self._trunks.slots.items():
            if its == slot and slot not in self._refused:
                self._refused[slot] = why
                self._note(trunk, up=False, connection=f"the edge refuses it: {why}"[:300])
                return True
        return False

    async def _look(self) -> bool:
        """Compare what the edge has, and take over what it knows of the connections."""
        try:
            has = (await self._control.call({"op": "trunk-states"})).get("trunks", [])
        except EdgeError:
            return True
        wanted = {(one["slot"], one["name"], one["transport"]) for one in self.told()}
        if {(one.get("slot"), one.get("name"), one.get("transport")) for one in has} != wanted:
            self._outdated = True
            self._wake.set()
            return True
        by_slot = {slot: trunk for trunk, slot in self._trunks.slots.items()}
        for one in has:
            trunk = by_slot.get(one.get("slot"))
            if trunk is not None and one.get("state") == "down":
                self._note(trunk, up=False, connection=f"no connection: {one.get('error', '')}"[:300])
            elif trunk is not None and one.get("state") == "up":
                self._trunks.states[trunk].connection = ""
                if not self._asks(trunk):
                    self._note(trunk, up=True)
        return True

    def _asks(self, trunk: str) -> bool:
        """Whether OPTIONS says more than the connection."""
        line = self._trunks.line(trunk)
        return line is not None and line.options_seconds > 0

    def _note(self, trunk: str, *, up: bool, connection: str = "") -> None:
        first = self._trunks.states[trunk].up is None
        if self._trunks.note(trunk, time.time(), up=up, connection=connection) and not (first and up):
            kind = TrunkUp if up else TrunkDown
            self._record(kind(trunk=trunk, why=connection))
