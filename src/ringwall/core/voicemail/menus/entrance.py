"""The door of a mailbox: whose it is, the PIN, and a new PIN where the old one has ended (V2, C4).

Rules that this module keeps:
- The PIN is asked for at every phone. Three wrong ones in a call, and it ends.
- Whether there is such a mailbox makes no difference to what is asked and said.
- Who has to choose a new PIN gets nothing else, and the session ends where they do not.
"""

from typing import Final

from ringwall.core.errors import CoreError, OperationError
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import Visitor
from ringwall.core.pins.rules import LONGEST
from ringwall.core.pins.service import Accepted, Locked
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.menus.session import source_of
from ringwall.core.voicemail.menus.talk import GOODBYE, SORRY, Over, Talk
from ringwall.events.voicemail import VoicemailOpened

TRIES: Final = 3
LONGEST_EXTENSION: Final = 8
_MAILBOX: Final = (Prompt("vm-extension"), Prompt("vm-then-pound"))
_PIN: Final = (Prompt("vm-password"),)


async def admit(house: House, talk: Talk, visitor: Visitor, extension: str = "") -> str:
    """Return the extension of the owner who is at the other end; raise Over where nobody is.

    Without an extension the mailbox is asked for, too.
    """
    source, said = source_of(visitor), tuple[Item, ...]()
    for _ in range(TRIES):
        mailbox = extension or await _asked(talk, *said, *_MAILBOX, most=LONGEST_EXTENSION)
        pin = await _asked(talk, *(said if extension else ()), *_PIN, most=LONGEST)
        own = not visitor.outside and bool(visitor.extension) and visitor.extension == mailbox
        try:
            answer = await house.pins.check(mailbox, pin, source, own_phone=own)
        except CoreError as error:
            raise Over(f"the PIN could not be looked at: {error}", *SORRY) from error
        if isinstance(answer, Accepted):
            return await _admitted(house, talk, mailbox, answer, source)
        if isinstance(answer, Locked):
            raise Over("locked", *SORRY, GOODBYE)
        said = (Prompt("vm-incorrect"),)
    raise Over("wrong PINs", *said, GOODBYE)


async def _asked(talk: Talk, *items: Item, most: int) -> str:
    typed = await talk.digits(*items, most=most)
    if typed is None:
        raise Over("nothing was typed", GOODBYE)
    return typed


async def _admitted(house: House, talk: Talk, mailbox: str, answer: Accepted, source: str) -> str:
    if answer.must_change:
        await new_pin(house, talk, mailbox, source)
    elif answer.warn and answer.days_left is not None:
        hours = saying.number(24 * answer.days_left)
        told = (Prompt("your"), Prompt("vm-password"), Prompt("is"), Prompt("for"), *hours, Prompt("hours"))
        await talk.tell(*told)
    if house.mailboxes.user(mailbox) is None:
        raise Over("the user has no mailbox", Prompt("feature-not-avail-line"), GOODBYE)
    house.mailboxes.records.note(VoicemailOpened(mailbox=mailbox, source=source))
    return mailbox


async def new_pin(house: House, talk: Talk, extension: str, source: str) -> None:
    """Have the owner choose another PIN, twice the same; raise Over where they do not."""
    for _ in range(TRIES):
        first = await _asked(talk, Prompt("vm-newpassword"), most=LONGEST + 1)
        second = await _asked(talk, Prompt("vm-reenterpassword"), most=LONGEST + 1)
        if first != second:
            await talk.tell(Prompt("vm-mismatch"))
            continue
        try:
            await house.pins.choose(extension, first, source)
        except OperationError:
            await talk.tell(Prompt("vm-invalid-password"))
        except CoreError as error:
            raise Over(f"the PIN could not be changed: {error}", *SORRY) from error
        else:
            await talk.tell(Prompt("vm-passchanged"))
            return
    raise Over("no new PIN was chosen", GOODBYE)
