"""Talking with a party within bounds: a session cannot go on for ever, whatever is pressed."""

from collections.abc import Callable
from typing import Final

from ringwall.core.errors import CoreSignal
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Item, Prompt, Silence, Tone

SILENT_TRIES: Final = 3
KEY_SECONDS: Final = 5.0
MOST_TURNS: Final = 2000
LONGEST_SESSION: Final = 3 * 3600.0

BEEP: Final = (Tone("beep", 0.2),)
PAUSE: Final = Silence(0.3)
GOODBYE: Final = Prompt("vm-goodbye")
SORRY: Final = (Prompt("im-sorry"), Prompt("please-try-call-later"))
INVALID: Final = Prompt("pm-invalid-option")


class Over(CoreSignal):
    """The session is over; `why` is for the record, `said` is what the party hears of it."""

    def __init__(self, why: str, *said: Item) -> None:
        super().__init__(why)
        self.why = why
        self.said = said


def press(key: str) -> tuple[Item, ...]:
    """Say "press" and a key."""
    return (Prompt("vm-press"), Prompt(f"digits/{ {'*': 'star', '#': 'pound'}.get(key, key) }"))


class Talk:
    """An Interaction with bounds: raises Over where they are reached, HungUp where the party leaves."""

    def __init__(self, party: Interaction, clock: Callable[[], float]) -> None:
        self.party = party
        self._clock = clock
        self._until = clock() + LONGEST_SESSION
        self._turns = 0

    def _turn(self) -> None:
        self._turns += 1
        if self._turns > MOST_TURNS or self._clock() > self._until:
            raise Over("the session went on too long", GOODBYE)

    async def say(self, *items: Item, stop_on: str = "0123456789*#") -> str:
        """Say something; the key that stopped it is returned, an empty text at its end."""
        self._turn()
        return await self.party.play(*items, stop_on=stop_on)

    async def tell(self, *items: Item) -> None:
        """Say something that is not to be cut short, because it says what was done."""
        self._turn()
        await self.party.play(*items, stop_on="")

    async def instruct(self, *items: Item) -> None:
        """Say what is to be recorded, until `#` skips that, and beep."""
        await self.say(*items, stop_on="#")
        await self.tell(*BEEP)

    async def choose(self, *items: Item, seconds: float = KEY_SECONDS) -> str:
        """Say what can be chosen until a key comes; an empty text when the party was silent each time."""
        for _ in range(SILENT_TRIES):
            key = await self.say(*items) or await self._key(seconds)
            if key:
                return key
        return ""

    async def _key(self, seconds: float) -> str:
        self._turn()
        return await self.party.key(seconds)

    async def digits(self, *items: Item, most: int) -> str | None:
        """Ask for digits and `#`; None when the party was silent each time."""
        for _ in range(SILENT_TRIES):
            self._turn()
            typed = await self.party.digits(*items, most=most)
            if typed.keys or typed.ended:
                return typed.keys[:most]
        return None
