"""What was recorded, from the ledger to the bus: nobody hears of what is not on the disk (I2).

Rules that this module keeps:
- Events are read from the ledger itself, in its order and with its numbers, whoever wrote them; so there is
  one sequence for those who listen now and for those who come back with a cursor.
- Without subscribers nothing is read. The call path only says that there is something.
- A record that this version cannot read is passed over: the ledger itself still has it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, Final, Protocol, Self

from ringwall.core.errors import CoreError, StoreError
from ringwall.core.feed.bus import Bus, Numbered, Subscription, Wanted
from ringwall.core.ledger.record import now
from ringwall.events import Event, EventError
from ringwall.events.catalogue import event_of
from ringwall.events.states import Passing

log = logging.getLogger(__name__)

PAGE: Final = 500
MOST_BEHIND: Final = 10_000
"""How many records behind the newest one a cursor may be; who is farther behind asks the ledger."""
PACE_SECONDS: Final = 0.5
"""How long a page of events waits for a slow listener to take those before it, before it loses its place."""
_PAUSE_SECONDS: Final = 1.0  # after the database could not be read


class Source(Protocol):
    """What is needed of the ledger."""

    @property
    def durable_seq(self) -> int:
        """The number of the last record that is on the disk."""
        ...

    async def tail(self, after: int, limit: int = 100) -> list[dict[str, Any]]:
        """Records behind a cursor, oldest first."""
        ...

    async def cursor_of_last(self, count: int) -> int:
        """The cursor behind which the last records lie."""
        ...


class CursorTooOld(CoreError):  # noqa: N818 - what is the case
    """There are more records behind the cursor than are told here."""


class Feed:
    """Reads what was recorded and publishes it. Made by `Feed.open`."""

    def __init__(self, ledger: Source, bus: Bus, seq: int) -> None:
        self._ledger = ledger
        self._bus = bus
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.seq = seq
        """The number up to which everything was published or passed over."""

    @classmethod
    async def open(cls, ledger: Source, bus: Bus) -> Self:
        """Begin behind what is on the disk now; raise StoreError."""
        return cls(ledger, bus, await ledger.cursor_of_last(0))

    def changed(self) -> None:
        """More records are on the disk. For any thread."""
        with suppress(RuntimeError):  # the process ends, and its loop has ended before
            self._loop.call_soon_threadsafe(self._changed.set)

    async def run(self) -> None:
        """Publish what is recorded, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._publish()
            except StoreError as error:
                log.warning("What was recorded cannot be told now: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)
                self._changed.set()

    async def _publish(self) -> None:
        end = self._ledger.durable_seq
        while self.seq < end:
            if not len(self._bus):
                self.seq = end
                return
            page = await self._ledger.tail(self.seq, PAGE)
            for record in page:
                if (numbered := _numbered(record)) is not None:
                    self._bus.publish(numbered)
            self.seq = page[-1]["seq"] if page else end
            # After an import of thousands the listeners get time to take them. It is nobody's but theirs.
            with suppress(TimeoutError):
                async with asyncio.timeout(PACE_SECONDS):
                    await self._bus.has_room()

    def pass_on(self, make: Callable[[], Passing]) -> None:
        """Tell those who listen now what is not on record. Where nobody does, it is not even made."""
        if not len(self._bus):
            return
        try:
            event = make()
        except Exception:
            # Whoever tells is in the middle of a call: that goes on.
            log.exception("a state could not be told")
            return
        self._bus.publish(Numbered(self.seq, now(), event))

    def follow(self, after: int | None, wanted: Wanted) -> "Following":
        """Listen to wanted events behind the cursor `after` (None: from now on), first the old ones.

        Raises CursorTooOld.
        """
        if after is not None and after < self.seq - MOST_BEHIND:
            raise CursorTooOld(f"{after} is more than {MOST_BEHIND} records ago")
        return Following(self, self._ledger, self._bus, self.seq if after is None else after, wanted)


class Following:
    """One listener. Made by `Feed.follow`."""

    def __init__(self, feed: Feed, ledger: Source, bus: Bus, after: int, wanted: Wanted) -> None:
        self._feed = feed
        self._ledger = ledger
        self._bus = bus
        self._position = after
        self._wanted = wanted
        self._subscription: Subscription | None = None

    @property
    def position(self) -> int:
        """The cursor behind which to go on: up to here everything that is wanted was yielded."""
        if self._subscription is None or self._subscription.waiting or self._subscription.lost:
            return self._position
        return max(self._position, self._feed.seq)

    async def events(self) -> AsyncGenerator[Numbered, None]:
        """Yield events for ever; raises StoreError, and SubscriptionLost where the listener is too slow."""
        feed = self._feed
        while self._position < feed.seq:
            page = await self._ledger.tail(self._position, PAGE)
            for record in page:
                if record["seq"] > feed.seq:
                    self._position = feed.seq  # the live ones begin here
                    break
                numbered = _numbered(record)
                self._position = record["seq"]
                if numbered is not None and self._wanted(numbered.event):
                    yield numbered
            if not page:
                self._position = feed.seq
        # Nothing is awaited between the last look at `seq` and this, so nothing is missed between them.
        with self._bus.subscribe(self._wanted) as self._subscription:
            async for numbered in self._subscription:
                if isinstance(numbered.event, Passing):
                    yield numbered
                elif numbered.seq > self._position:
                    self._position = numbered.seq
                    yield numbered


def _numbered(record: dict[str, Any]) -> Numbered | None:
    try:
        event: Event = event_of(record["kind"], record["body"])
    except EventError as error:
        log.debug("record %s is not told: %s", record["seq"], error)
        return None
    return Numbered(record["seq"], record["at"], event)
