"""What the menus stand on, handed to each of them as one value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from ringwall.core.pins.service import Accepted, Locked, Wrong
from ringwall.core.voicemail.drafts import Drafts
from ringwall.core.voicemail.lists import Lists
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.preferences import Preferences
from ringwall.core.voicemail.room import Room


class Pins(Protocol):
    """What voice mail asks of the PINs; rules, lock-out and slow answers are theirs."""

    async def check(
        self, extension: str, pin: str, source: str, *, own_phone: bool = False
    ) -> Accepted | Wrong | Locked:
        """Look at a PIN; raise CoreError where that cannot be done now."""
        ...

    async def choose(self, extension: str, pin: str, source: str) -> None:
        """Give a user, who has proven who they are, another PIN; raise OperationError or CoreError."""
        ...


@dataclass(frozen=True, slots=True)
class House:
    """Everything that a menu may use. Nothing in it can make a leg (V1)."""

    mailboxes: Mailboxes
    drafts: Drafts
    room: Room
    preferences: Preferences
    lists: Lists
    pins: Pins
    clock: Callable[[], float]
    zone: tzinfo | None = None  # None: that of this host

    def local(self, at: float) -> datetime:
        """A time as it is said to people here."""
        return datetime.fromtimestamp(at).astimezone(self.zone)
