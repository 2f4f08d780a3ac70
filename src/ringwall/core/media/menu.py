"""Menus: what the system says to a party that it has answered, written as coroutines.

A menu gets the party and what is known of it, and returns what is to happen when it is over:

    async def weather(party: Interaction, visitor: Visitor) -> Next:
        await party.play(Prompt("hello"), Tone("beep"))
        typed = await party.digits(Prompt("vm-extension"), most=4)
        return HANG_UP if not typed.keys else Connect(typed.keys, UserSubject(visitor.extension))

It is made reachable by one line where the core is put together (`Core._build`):

    menus.serve(self.switch, "weather", weather)       # "weather" is a name in calls/star_codes.py

Rules that it keeps:
- A menu places no call. It may ask that its party is connected to somebody inside, in somebody's name; call
  control asks the policy, and a number that is not inside is never called so (V1).
- When the party hangs up, whatever the menu awaits raises HungUp; a menu lets it pass.
- An error in a menu ends that call, with a record, and nothing else.
- A menu that has run for an hour is over.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from ringwall.core.media.interaction import Interaction
from ringwall.policy.actions import Action, MailboxSubject, ObjectSubject, UserSubject


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who has come to a menu.

    `extension` and `device` are proven, and empty for one from outside; a phone at which nobody has logged in
    has a device and no extension. `number` and `name` are what the party is called, and believed by nobody
    where it comes from outside. `typed` is what was dialled behind the code.
    """

    extension: str = ""
    device: str = ""
    number: str = ""
    name: str = ""
    trunk: str = ""
    typed: str = ""

    @property
    def outside(self) -> bool:
        """Whether the party comes from outside."""
        return bool(self.trunk)


@dataclass(frozen=True, slots=True)
class Connect:
    """The party is to talk with somebody inside, in the name of `subject`, whom the policy is asked about."""

    extension: str
    subject: UserSubject | MailboxSubject | ObjectSubject
    action: Action = Action.DIAL


@dataclass(frozen=True, slots=True)
class HangUp:
    """The call is over; `why` is for its record."""

    why: str = "the menu is over"


HANG_UP: Final = HangUp()

Next = Connect | HangUp
Menu = Callable[[Interaction, Visitor], Awaitable[Next]]
