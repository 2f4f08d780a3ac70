"""Who speaks in clear text at a port where TLS is spoken: asked of the edge, and on record (T1, N4).

Rules that this module keeps:
- One record for each source and minute. It names the device where one alone has signed in from there: it is
  most likely set up wrongly, and what it says is readable on the wire.
- What the edge tells is bounded there, and here in what is followed; an edge that is away is asked later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from ringwall.core.errors import EdgeError
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.events import UNSAID
from ringwall.events.security import SpokenInClear

ASK_SECONDS: Final = 5.0
WINDOW_S: Final = 60.0
_DOORS: Final = ("sips", "https", "phones")


class Control(Protocol):
    """The control link to the edge agent."""

    def call(self, op: dict[str, Any]) -> Awaitable[dict[str, Any]]:
        """Run an operation. Raises EdgeUnavailable, EdgeRefused."""


class ClearTextWatch:
    """Asks the edge every `ASK_SECONDS` and records what it says; `now` gives monotonic seconds."""

    def __init__(
        self,
        control: Control,
        bindings: Bindings,
        record: Callable[..., None],
        now: Callable[[], float],
    ) -> None:
        self._control = control
        self._bindings = bindings
        self._watch = SecurityWatch(record, WINDOW_S)
        self._now = now

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Ask once."""
        try:
            told = await self._control.call({"op": "plain-text"})
        except EdgeError:
            return
        now = self._now()
        sources = told.get("sources")
        if isinstance(sources, list) and sources:
            devices = self._devices()
            for one in sources:
                self._note(one, devices, now)
        self._watch.sweep(now)

    def _note(self, one: Any, devices: dict[str, set[str]], now: float) -> None:
        if not isinstance(one, dict):
            return
        source, door, times = one.get("source"), one.get("door"), one.get("times")
        if not isinstance(source, str) or door not in _DOORS or not isinstance(times, int) or times < 1:
            return
        there = devices.get(source, set())
        device = next(iter(there)) if len(there) == 1 else UNSAID
        self._watch.note(SpokenInClear(source=source[:64], door=door, device=device), now, times)

    def _devices(self) -> dict[str, set[str]]:
        """The devices that are signed in, by the address that they have signed in from."""
        found: dict[str, set[str]] = {}
        for binding in self._bindings:
            found.setdefault(binding.flow.source, set()).add(binding.username)
        return found
