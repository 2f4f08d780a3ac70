"""Mailbox options: greetings, name, PIN, broadcast, own lists (V2)."""

from typing import Final

from ringwall.core.errors import CoreError, OperationError
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.menus.entrance import LONGEST_EXTENSION, new_pin
from ringwall.core.voicemail.menus.session import Session, source_of
from ringwall.core.voicemail.menus.talk import BEEP, INVALID, SORRY, press
from ringwall.core.voicemail.model import NAME, TEMPORARY, Case, Mode, greeting_key

LONGEST_GREETING: Final = 180.0
LONGEST_NAME: Final = 10.0
MOST_TAKES: Final = 5

_MODES: Final = tuple(Mode)
_MORE: Final = (
    # 6: the greeting of a mode by its number; 7: broadcasts; 8: own lists
    *press("6"), Prompt("vm-for"), *saying.spelled("modes"),
    *press("7"), Prompt("vm-for"), *saying.spelled("broadcast"),
    *press("8"), Prompt("vm-for"), *saying.spelled("lists"),
)  # fmt: skip


async def run(session: Session) -> None:
    """Offer the options until the owner goes back."""
    while True:
        mode = session.house.preferences.of(session.user).mode
        match await session.talk.choose(Prompt("vm-options"), *_MORE):
            case "1":
                await _greet(session, greeting_key(mode, Case.UNAVAILABLE), Prompt("vm-rec-unv"))
            case "2":
                await _greet(session, greeting_key(mode, Case.BUSY), Prompt("vm-rec-busy"))
            case "3":
                await _greet(session, NAME, Prompt("vm-rec-name"))
            case "4":
                await _temporary(session)
            case "5":
                source = source_of(session.visitor)
                await new_pin(session.house, session.talk, session.user.extension, source)
            case "6":
                await _of_mode(session)
            case "7":
                await _broadcasts(session)
            case "8":
                await _own_lists(session)
            case "" | "*" | "#":
                return
            case _:
                await session.talk.tell(INVALID)


async def _temporary(session: Session) -> None:
    preferences = session.house.preferences
    there = preferences.recording_of(session.user, TEMPORARY) is not None
    said = [Prompt("vm-tempgreetactive")] if preferences.of(session.user).temporary else []
    said += [Prompt("vm-tempgreeting2" if there else "vm-tempgreeting"), Prompt("vm-star-cancel")]
    key = await session.talk.choose(*said)
    if key == "1":
        await _greet(session, TEMPORARY, Prompt("vm-rec-temp"))
    elif key == "2" and there:
        await preferences.remove_greeting(session.user, TEMPORARY)
        await session.talk.tell(Prompt("vm-tempremoved"))


async def _of_mode(session: Session) -> None:
    """Record the greeting of one of the five modes, which goes by its number."""
    key = await session.talk.choose(
        Prompt("vm-press"), *saying.number(1), Prompt("to-extension"), *saying.number(5)
    )
    if key.isdigit() and 1 <= int(key) <= len(_MODES):
        mode = _MODES[int(key) - 1]
        await session.talk.tell(*saying.digits(key))
        await _greet(session, greeting_key(mode, Case.UNAVAILABLE), Prompt("vm-rec-unv"))


async def _greet(session: Session, kind: str, instruction: Prompt) -> None:
    """Record a greeting, let its owner listen, and take it when they say so."""
    longest = LONGEST_NAME if kind == NAME else LONGEST_GREETING
    for _ in range(MOST_TAKES):
        try:
            async with session.house.room.taking(longest) as (recording, key):
                await session.talk.instruct(instruction)
                silence = session.house.mailboxes.bounds.silence
                await session.talk.party.record(recording.name, key, most=longest, silence=silence)
                made = await session.house.mailboxes.vault.measured(recording)
                if made.seconds <= 0:
                    await session.talk.tell(Prompt("vm-tooshort"))
                    continue
                while (
                    chosen := await session.talk.choose(Prompt("vm-review"), Prompt("vm-star-cancel"))
                ) == "2":
                    await session.talk.tell(*await session.items([made]))
                if chosen in {"1", "#"}:
                    await session.house.preferences.set_greeting(session.user, kind, made)
                    await session.talk.tell(Prompt("vm-saved"))
                    return
                if chosen != "3":
                    await session.talk.tell(Prompt("cancelled"))
                    return
        except NoRoom:
            await session.talk.tell(*SORRY)
            return


async def _broadcasts(session: Session) -> None:
    """Change whether the owner gets messages to everybody."""
    wanted = not session.house.preferences.of(session.user).accept_broadcast
    await session.house.preferences.change(session.user, {"accept_broadcast": wanted}, session.actor)
    await session.talk.tell(*saying.spelled("broadcast"), Prompt("enabled" if wanted else "disabled"))


async def _own_lists(session: Session) -> None:
    """Ask for the number of an own list; then 1 adds, 2 takes out, 3 says who is on it."""
    number = await session.talk.choose(*saying.spelled("list"), Prompt("number"))
    if not number.isdigit() or number == "0":
        return
    add: list[Item] = [*press("1"), Prompt("vm-for"), Prompt("added")]
    remove: list[Item] = [*press("2"), Prompt("vm-for"), Prompt("removed")]
    hear: list[Item] = [*press("3"), Prompt("to-listen-to-it")]
    while True:
        key = await session.talk.choose(*add, *remove, *hear, Prompt("vm-star-cancel"))
        if key in {"1", "2"}:
            await _change_list(session, int(number), add=key == "1")
        elif key == "3":
            found = session.house.lists.find(session.user, int(number))
            members = session.house.lists.extensions(found) if found is not None else []
            said = [item for each in members[:20] for item in (*saying.digits(each), *BEEP)]
            await session.talk.tell(*(said or [Prompt("vm-no"), Prompt("vm-extension")]))
        elif key in {"", "*", "#"}:
            return
        else:
            await session.talk.tell(INVALID)


async def _change_list(session: Session, number: int, *, add: bool) -> None:
    typed = await session.talk.digits(Prompt("vm-extension"), Prompt("vm-then-pound"), most=LONGEST_EXTENSION)
    if not typed:
        return
    lists = session.house.lists
    found = lists.find(session.user, number)
    members = lists.extensions(found) if found is not None else []
    try:
        wanted = {*members, typed} if add else set(members) - {typed}
        await lists.put(session.user, number, None, sorted(wanted), session.actor)
    except OperationError:
        await session.talk.tell(Prompt("pbx-invalid"))
    except CoreError:
        await session.talk.tell(*SORRY)
    else:
        await session.talk.tell(*saying.digits(typed), Prompt("added" if add else "removed"))
