"""Voice mail as the rest of the core sees it (V1, V2).

    next = await voice_mail.leave(party, visitor, "201", Reason.NO_ANSWER)
    next = await voice_mail.own_mailbox(party, visitor)       # a menu of its own: *98
    next = await voice_mail.any_mailbox(party, visitor)       # *97

Rules that this module keeps:
- Every session ends in a `Next` or in HungUp, whatever is pressed, and in nothing else.
- What the menus cannot do because of the disk or the database is told to the party; nothing that was
  acknowledged is lost by it.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from ringwall.core.errors import CoreError
from ringwall.core.media.interaction import HungUp, Interaction
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.menus import entrance, leaving, main
from ringwall.core.voicemail.menus.session import Session
from ringwall.core.voicemail.menus.talk import GOODBYE, SORRY, Over, Talk
from ringwall.core.voicemail.model import Reason
from ringwall.core.voicemail.recorded import RecordedCalls

log = logging.getLogger(__name__)

TIDY_SECONDS: Final = 60.0
SOON_SECONDS: Final = 3.0
_ROUNDS_TO_EXPIRE: Final = 60


class VoiceMail:
    """The menus, and the care for what lies in the mailboxes.

    Where it is not `enabled` no call goes to a mailbox; owners can still listen to what they have.
    """

    def __init__(self, house: House, *, enabled: bool = True) -> None:
        self.house = house
        self.enabled = enabled
        self.recorded = RecordedCalls(house)

    def takes(self, extension: str) -> bool:
        """Whether a call that nobody takes can go to a mailbox of this extension. From memory."""
        user = self.house.mailboxes.user(extension) if self.enabled else None
        return user is not None and self.house.preferences.of(user).takes_calls

    def takes_all(self, extension: str) -> bool:
        """Whether its owner has every call go there at once. From memory."""
        user = self.house.mailboxes.user(extension)
        return user is not None and self.takes(extension) and self.house.preferences.of(user).always

    async def leave(self, party: Interaction, visitor: Visitor, extension: str, reason: Reason) -> Next:
        """Have a caller leave a message in a mailbox; raise HungUp when they hang up."""
        talk = Talk(party, self.house.clock)
        user = self.house.mailboxes.user(extension)
        if user is None:
            return await leaving.no_mailbox(talk)
        try:
            then = await leaving.Visit(self.house, talk, visitor, user).run(reason)
            return then if then is not None else await self._enter(talk, visitor, extension)
        except (Over, CoreError) as error:
            return await _ended(party, error)

    async def own_mailbox(self, party: Interaction, visitor: Visitor) -> Next:
        """Open the mailbox of the extension that calls; raise HungUp."""
        return await self._retrieve(party, visitor, "" if visitor.outside else visitor.extension)

    async def any_mailbox(self, party: Interaction, visitor: Visitor) -> Next:
        """Ask for a mailbox and its PIN, and open it; raise HungUp."""
        return await self._retrieve(party, visitor, "")

    async def announce(self, party: Interaction, visitor: Visitor, extension: str) -> Next:
        """Tell somebody who was called of the messages in a mailbox; with the PIN they can listen to them."""
        user = self.house.mailboxes.user(extension)
        if user is None:
            return HangUp("the mailbox was removed")
        talk = Talk(party, self.house.clock)
        try:
            if await talk.choose(*main.announcement(self.house, user)) != "1":
                await talk.tell(GOODBYE)
                return HangUp("told of messages")
            return await self._enter(talk, visitor, extension)
        except (Over, CoreError) as error:
            return await _ended(party, error)

    async def _retrieve(self, party: Interaction, visitor: Visitor, extension: str) -> Next:
        try:
            return await self._enter(Talk(party, self.house.clock), visitor, extension)
        except (Over, CoreError) as error:
            return await _ended(party, error)

    async def _enter(self, talk: Talk, visitor: Visitor, extension: str) -> Next:
        owner = await entrance.admit(self.house, talk, visitor, extension)
        user = self.house.mailboxes.user(owner)
        if user is None:
            raise Over("the mailbox was removed")
        async with self.house.mailboxes.opened(user) as box:
            return await main.run(Session(self.house, talk, visitor, user, box))

    # Care

    async def run(self) -> None:
        """Recover what callers said before a crash, and take back room, for as long as the core runs."""
        rounds = 0
        while True:
            try:
                await self.tidy(expire=rounds % _ROUNDS_TO_EXPIRE == 0)
            except CoreError as error:
                log.warning("Voice mail could not be tidied, it is tried again: %s", error)
            rounds += 1
            # A media server that has just been started, or is not reached yet, will be there soon.
            await asyncio.sleep(SOON_SECONDS if self.house.drafts.left else TIDY_SECONDS)

    async def tidy(self, *, expire: bool = True) -> None:
        """Do one round of it; raise CoreError."""
        recovered = await self.house.drafts.recover()
        if recovered:
            log.info("%d messages were recovered", recovered)
        if expire:
            await self.house.room.expire()
        while await self.house.room.sweep():
            pass


async def _ended(party: Interaction, error: Over | CoreError) -> Next:
    """Tell the party that it is over, and why, as far as it may know."""
    if isinstance(error, Over):
        said, why = error.said, error.why
    else:
        log.warning("A session of voice mail ended: %s", error)
        said, why = SORRY, "an error in the system"
    with suppress(HungUp):
        if said:
            await party.play(*said, stop_on="")
    return HangUp(why)
