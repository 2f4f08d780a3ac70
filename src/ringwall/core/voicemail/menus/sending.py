"""Sending inside: new messages, replies, forwarded messages; to extensions, lists and everybody (V2, C4).

Rules that this module keeps:
- A recipient is a mailbox, a list, or everybody: what is typed is looked up, never called.
- Nothing is sent before the sender has said so.
"""

from collections.abc import Sequence
from typing import Final

from ringwall.core.directory import UserEntry
from ringwall.core.errors import CoreError, CoreSignal
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.voicemail import delivery
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.delivery import Letter
from ringwall.core.voicemail.menus.entrance import LONGEST_EXTENSION
from ringwall.core.voicemail.menus.session import Session
from ringwall.core.voicemail.menus.talk import INVALID, SORRY, press
from ringwall.core.voicemail.model import MOST_RECIPIENTS, Message, Recording

MOST_TAKES: Final = 5
BROADCAST: Final = "*0"
_PRIVATE: Final = saying.spelled("private")
_UNKNOWN: Final = Prompt("pbx-invalid")
_NOT_ALLOWED: Final = Prompt("feature-not-avail-line")


async def to_others(session: Session) -> None:
    """Ask for recipients, then for the message."""
    chosen = await _recipients(session)
    if chosen is not None:
        await compose(session, *chosen)


async def compose(session: Session, to: Sequence[UserEntry], broadcast: bool = False) -> None:
    """Record a message and send it."""
    await _record_and_send(session, to, (), Prompt("vm-intro"), broadcast=broadcast)


async def forward(session: Session, message: Message) -> None:
    """Send a message on, with an introduction or without."""
    key = await session.talk.choose(Prompt("vm-forwardoptions"), Prompt("vm-star-cancel"))
    if key not in {"1", "2"}:
        return
    chosen = await _recipients(session)
    if chosen is None:
        return
    to, broadcast = chosen
    old = tuple(await session.house.mailboxes.recordings(message))
    if not old:
        await session.talk.tell(Prompt("vm-nomore"))
    elif key == "1":
        await _record_and_send(session, to, old, Prompt("vm-record-prepend"), broadcast=broadcast)
    else:
        await _send(session, to, Letter((), old, message.urgent, broadcast=broadcast), "vm-msgforwarded")


# Recipients


async def _recipients(session: Session) -> tuple[list[UserEntry], bool] | None:
    """Ask until the sender says that these are all; None where they give up. The flag says: a broadcast."""
    chosen: dict[int, UserEntry] = {}
    broadcast = False
    while len(chosen) < MOST_RECIPIENTS:
        typed = await session.talk.digits(Prompt("vm-whichbox"), most=LONGEST_EXTENSION)
        if not typed or typed == "*":
            return None
        found = await _look_up(session, typed)
        if isinstance(found, Prompt):
            await session.talk.tell(found)
            continue
        broadcast = broadcast or typed == BROADCAST
        chosen.update((user.id, user) for user in found)
        said = await session.spoken_name(found[0]) if len(found) == 1 else _how_many(len(found))
        match await session.talk.choose(*said, Prompt("vm-forward-multiple"), Prompt("vm-star-cancel")):
            case "1":
                return list(chosen.values()), broadcast
            case "2":
                continue
            case _:
                return None
    return list(chosen.values()), broadcast


async def _look_up(session: Session, typed: str) -> list[UserEntry] | Prompt:
    """Who is meant: an extension, `*N` an own list, `**N` a list of the system, `*0` everybody."""
    house, user = session.house, session.user
    mailboxes, rights = house.mailboxes, house.mailboxes.rights
    if not typed.startswith("*"):
        one = mailboxes.user(typed)
        return [one] if one is not None and one.id != user.id else _UNKNOWN
    if typed == BROADCAST:
        if not rights.may_broadcast(user.extension):
            return _NOT_ALLOWED
        return delivery.audience(mailboxes, user) or _UNKNOWN
    of_system = typed.startswith("**")
    number = typed.lstrip("*")
    if not number.isdigit() or typed.count("*") > 2:
        return _UNKNOWN
    if of_system and not rights.may_use_system_lists(user.extension):
        return _NOT_ALLOWED
    found = house.lists.find(None if of_system else user, int(number))
    return (delivery.members(mailboxes, user, found.members) if found is not None else []) or _UNKNOWN


def _how_many(count: int) -> list[Item]:
    return [Prompt("vm-for"), *saying.number(count), Prompt("vm-extension")]


# The message


async def _record_and_send(
    session: Session,
    to: Sequence[UserEntry],
    old: tuple[Recording, ...],
    instruction: Prompt,
    *,
    broadcast: bool,
) -> None:
    cos = session.house.mailboxes.rights.cos(session.user.extension)
    longest = float(cos.outgoing_length) if cos is not None else 0.0
    for _ in range(MOST_TAKES):
        try:
            async with session.house.room.taking(longest) as (recording, key):
                await session.talk.instruct(instruction)
                silence = session.house.mailboxes.bounds.silence
                await session.talk.party.record(recording.name, key, most=longest, silence=silence)
                made = await session.house.mailboxes.vault.measured(recording)
                if made.seconds < session.house.mailboxes.bounds.shortest:
                    await session.talk.tell(Prompt("vm-tooshort"))
                    continue
                letter = await _reviewed(session, made, old, broadcast=broadcast)
                if letter is not None:
                    await _send(session, to, letter, "vm-msgforwarded" if old else "vm-msgsaved")
                    return
        except _GivenUpError:
            await session.talk.tell(Prompt("vm-deleted"))
            return
        except NoRoom:
            await session.talk.tell(*SORRY)
            return


class _GivenUpError(CoreSignal):
    """The sender has cancelled the message."""


async def _reviewed(
    session: Session, made: Recording, old: tuple[Recording, ...], *, broadcast: bool
) -> Letter | None:
    """Let the sender listen and decide; None where they record anew."""
    urgent = private = False
    key = ""
    while True:
        mark = Prompt("vm-review-nonurgent" if urgent else "vm-review-urgent")
        alone = (*press("5"), Prompt("vm-for"), *_PRIVATE)
        choices = (Prompt("vm-review"), mark, *alone, Prompt("vm-tocancelmsg"))
        pressed = key or await session.talk.choose(*choices)
        key = ""
        match pressed:
            case "1" | "#":
                return Letter((made,), old, urgent, private, broadcast)
            case "2":
                key = await session.talk.say(*await session.items([made]))
            case "3":
                return None
            case "4":
                urgent = not urgent
                await session.talk.tell(Prompt("vm-marked-urgent" if urgent else "vm-marked-nonurgent"))
            case "5":
                private = not private
                await session.talk.tell(*_PRIVATE, Prompt("enabled" if private else "disabled"))
            case "" | "*":
                raise _GivenUpError
            case _:
                await session.talk.tell(INVALID)


async def _send(session: Session, to: Sequence[UserEntry], letter: Letter, done: str) -> None:
    mailboxes = session.house.mailboxes
    try:
        sent = await delivery.send(mailboxes, session.user, to, letter)
    except CoreError:
        await session.talk.tell(*SORRY)
        return
    for extension in sent.full[:5]:
        await session.talk.tell(Prompt("vm-extension"), *saying.digits(extension), Prompt("vm-mailboxfull"))
    if sent.delivered:
        await session.talk.tell(Prompt(done))
