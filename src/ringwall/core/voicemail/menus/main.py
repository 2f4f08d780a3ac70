"""The main menu of a mailbox, and the way into it (V1, V2)."""

from contextlib import AsyncExitStack

from ringwall.core.directory import UserEntry
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import HangUp, Next
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.menus import options, sending
from ringwall.core.voicemail.menus.listening import Listening
from ringwall.core.voicemail.menus.session import Leave, Session
from ringwall.core.voicemail.menus.talk import GOODBYE, INVALID, PAUSE, press
from ringwall.core.voicemail.model import Folder
from ringwall.core.voicemail.rights import COUNT_DOWN_FROM


async def run(session: Session) -> Next:
    """Offer the mailbox until its owner leaves; raise Over or HungUp."""
    key = await session.talk.say(*_status(session))
    try:
        while True:
            key = key or await session.talk.choose(*_choices())
            match key:
                case "1":
                    await _listen(session, Folder.NEW)
                case "2":
                    await _other_folders(session)
                case "3":
                    await sending.to_others(session)
                case "0":
                    await options.run(session)
                case "*":
                    await session.talk.tell(*_status(session))
                case "" | "#":
                    await session.talk.tell(GOODBYE)
                    return HangUp("the owner has left the mailbox")
                case _:
                    await session.talk.tell(INVALID)
            key = ""
    except Leave as leaving:
        return leaving.then


def _status(session: Session) -> list[Item]:
    """How many messages there are, and how many more there is room for where that is few."""
    mailboxes, user = session.house.mailboxes, session.user
    counts = mailboxes.counts(user.id)
    said: list[Item] = [Prompt("vm-youhave")]
    if counts.new:
        said += [*saying.number(counts.new), Prompt("vm-INBOX")]
    if counts.saved:
        said += [Prompt("vm-and")] if counts.new else []
        said += [*saying.number(counts.saved), Prompt("vm-Old")]
    if not counts.new and not counts.saved:
        said.append(Prompt("vm-no"))
    said.append(Prompt("vm-message" if counts.new + counts.saved == 1 else "vm-messages"))
    places = mailboxes.places(user)
    if not places:
        said.append(Prompt("vm-mailboxfull"))
    elif places <= COUNT_DOWN_FROM:
        # "for three messages ... and sorry, the mailbox is full": the prompts have no better words for it.
        said += [Prompt("vm-for"), *saying.number(places), Prompt("vm-messages"), Prompt("vm-and")]
        said.append(Prompt("vm-mailboxfull"))
    return said


def announcement(house: House, user: UserEntry) -> list[Item]:
    """What somebody hears who is called because of new messages: whose mailbox, how many, and 1 for them."""
    new = house.mailboxes.counts(user.id).new
    count = [*saying.number(new), Prompt("vm-INBOX"), Prompt("vm-message" if new == 1 else "vm-messages")]
    return [
        *(Prompt("vm-extension"), *saying.digits(user.extension), PAUSE),
        *(Prompt("vm-youhave"), *count, PAUSE),
        *(Prompt("vm-onefor-full"), Prompt("vm-INBOX"), Prompt("vm-messages")),
    ]


def _choices() -> list[Item]:
    return [
        Prompt("vm-onefor-full"),
        Prompt("vm-INBOX"),
        Prompt("vm-messages"),
        Prompt("vm-opts-full"),
        Prompt("vm-helpexit"),
    ]


async def _listen(session: Session, folder: Folder) -> None:
    async with AsyncExitStack() as stack:
        walk = Listening(session, folder)
        stack.push_async_callback(walk.leave)
        await walk.run()


async def _other_folders(session: Session) -> None:
    """2: saved or deleted messages."""
    saved = [*press("1"), Prompt("vm-for"), Prompt("vm-Old"), Prompt("vm-messages")]
    deleted = [*press("2"), Prompt("vm-for"), Prompt("removed"), Prompt("vm-messages")]
    match await session.talk.choose(*saved, *deleted, Prompt("vm-star-cancel")):
        case "1":
            await _listen(session, Folder.SAVED)
        case "2":
            await _listen(session, Folder.DELETED)
        case _:
            pass
