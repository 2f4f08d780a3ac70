"""Waiting for a change of a leg or a call, instead of looking again and again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Observed:
    """Something whose changes can be awaited. Whoever changes it calls `announce`."""

    _waiters: set[asyncio.Future[None]] = field(default_factory=set, init=False, repr=False)

    def announce(self) -> None:
        """Let everybody who waits look at what they wait for."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until the condition holds, for so long at most; returns whether it does."""
        if condition():
            return True
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while (left := ends - loop.time()) > 0:
            waiter = loop.create_future()
            self._waiters.add(waiter)
            try:
                async with asyncio.timeout(left):
                    await waiter
            except TimeoutError:
                break
            finally:
                self._waiters.discard(waiter)
            if condition():
                return True
        return condition()
