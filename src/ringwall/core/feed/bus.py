"""Delivers events to subscribers in this process, each of which has a bounded queue.

Rules that this module keeps:
- Whoever publishes never waits: for no subscriber, and for no longer than it takes to look at each of them.
- A subscriber whose queue is full loses its subscription at once. What is in the queue it still gets, then it
  is told; it may subscribe anew and catch up behind the last event that it had.
- Each subscriber gets the events that it wants in the order of their numbers, each once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from ringwall.core.errors import CoreSignal
from ringwall.events import Event

log = logging.getLogger(__name__)

MOST_WAITING: Final = 1000
"""Events that may wait for one subscriber."""

Wanted = Callable[[Event], bool]


class SubscriptionLost(CoreSignal):
    """The subscriber was too slow: there are events that it has not got."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event as it is on record: its number there, when it was recorded (RFC 3339, UTC), and the event.

    One that is not recorded has the number of the last one that was told before.
    """

    seq: int
    at: str
    event: Event


class Subscription:
    """An async iterator over the events that one subscriber wants. Made by `Bus.subscribe`.

    Ends when it is closed; raises SubscriptionLost where the subscriber was too slow.
    """

    def __init__(self, bus: "Bus", wanted: Wanted, most: int) -> None:
        self._bus = bus
        self._wanted = wanted
        self._most = most
        self._queue: deque[Numbered] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self.lost = False

    def offer(self, numbered: Numbered) -> bool:
        """Take an event if it is wanted and has room; False where the subscription is lost."""
        if not self._wanted(numbered.event):
            return True
        if len(self._queue) >= self._most:
            self.lost = True
        else:
            self._queue.append(numbered)
        self._changed.set()
        return not self.lost

    @property
    def has_room(self) -> bool:
        """Whether less than half of what may wait does."""
        return len(self._queue) <= self._most // 2

    @property
    def waiting(self) -> int:
        """How many events wait for the subscriber."""
        return len(self._queue)

    def close(self) -> None:
        """Take no more events; who waits for one is told that there are none."""
        self._bus.drop(self)
        self._closed = True
        self._queue.clear()
        self._changed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Numbered:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            if self.lost:
                raise SubscriptionLost("the subscriber was too slow")
            self._changed.clear()
            await self._changed.wait()
        numbered = self._queue.popleft()
        if self.has_room:
            self._bus.room.set()
        return numbered


class Bus:
    """All subscriptions of this process. For the event loop's thread."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.room = asyncio.Event()
        """Set when there is room in a queue again, and when a subscription ends."""

    async def has_room(self) -> None:
        """Return when no subscriber has more than half of its queue to take."""
        while not all(subscription.has_room for subscription in self._subscriptions):
            self.room.clear()
            await self.room.wait()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, wanted: Wanted, most: int = MOST_WAITING) -> Subscription:
        """Subscribe to the events for which `wanted` says yes; at most `most` of them wait."""
        subscription = Subscription(self, wanted, most)
        self._subscriptions.add(subscription)
        return subscription

    def publish(self, numbered: Numbered) -> None:
        """Offer an event to all subscribers. Never waits, and no subscriber's fault is the publisher's."""
        for subscription in list(self._subscriptions):
            try:
                kept = subscription.offer(numbered)
            except Exception:
                log.exception("A subscriber cannot say whether it wants an event, and is dropped")
                subscription.close()
                continue
            if not kept:
                self.drop(subscription)

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._subscriptions.discard(subscription)
        self.room.set()
