"""A conversation with one party by prompts and keys, as menus are written against it.

Rules that it keeps:
- A menu is a coroutine; when the party hangs up, whatever it awaits raises HungUp.
- Nothing here can place a call: what a menu wants to happen afterwards, it returns.
"""

from dataclasses import dataclass
from typing import Protocol

from ringwall.core.errors import CoreSignal
from ringwall.core.media.items import Item


class HungUp(CoreSignal):
    """The party has left, or its media has been silent for too long."""


@dataclass(frozen=True, slots=True)
class Typed:
    """Keys that were typed; `ended` says whether the closing key came, which is not in `keys`."""

    keys: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """A recording: its length in seconds, and the key that ended it (empty: silence or length)."""

    seconds: float
    ended_by: str


class Interaction(Protocol):
    """One party that hears prompts and types keys."""

    async def play(self, *items: Item, stop_on: str = "0123456789*#") -> str:
        """Play the items in order; return the key that stopped them, or an empty text at their end."""
        ...

    async def key(self, seconds: float) -> str:
        """Wait for one key; an empty text when none came."""
        ...

    async def digits(
        self, *items: Item, most: int, end: str = "#", first: float = 5.0, between: float = 3.0
    ) -> Typed:
        """Play the items and collect keys, until `most` are there, `end` is typed or a wait is over.

        The first key stops the items. `first` and `between` are seconds to wait for a key.
        """
        ...

    async def record(
        self, recording: str, key: bytes, *, most: float, silence: float, stop_on: str = "#"
    ) -> Taken:
        """Record the party to a sealed file of that name with that key (32 bytes).

        It ends after `most` seconds, after `silence` seconds without voice, or by a key of `stop_on`. When
        the party hangs up, what was said until then is kept, and HungUp is raised.
        """
        ...
