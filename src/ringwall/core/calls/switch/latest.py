"""Telling somebody the latest state of a thing: in order, and never an older one behind a newer one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Telling:
    wanted: int = 0
    told: int = 0
    users: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Latest:
    """What is told of each thing, by its name. However many changes come meanwhile, they are told at once."""

    def __init__(self) -> None:
        self._telling: dict[str, _Telling] = {}

    def __len__(self) -> int:
        return len(self._telling)

    async def tell(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Return when the state of now, or a later one, was told by `work`; raises what it raises.

        `work` reads the state when its turn has come. Whose change was told in another one's turn does
        not tell it again.
        """
        telling = self._telling.setdefault(name, _Telling())
        telling.wanted += 1
        mine = telling.wanted
        telling.users += 1
        try:
            async with telling.turn:
                if telling.told >= mine:
                    return
                now = telling.wanted
                await work()
                telling.told = now
        finally:
            telling.users -= 1
            if not telling.users:
                self._telling.pop(name, None)
