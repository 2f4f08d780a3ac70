"""Messages from one mailbox to others: replies, forwarded ones, lists, broadcast (V2, C4).

Rules that this module keeps:
- One recording serves all who get a message; it goes when the last of them has removed it.
- All mailboxes that have room get the message in one transaction; the sender is told which ones had none.
- A message to everybody does not hold up the calls of anybody: others have their turn all the time.
- The right to a list is asked when it is used. A broadcast leaves out who does not want any.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from ringwall.core.directory import UserEntry
from ringwall.core.voicemail.mailboxes import Mailboxes
from ringwall.core.voicemail.model import Folder, MailboxSettings, Message, Recording
from ringwall.events.voicemail import VoicemailMessageSent

T = TypeVar("T")

_A_TURN: Final = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent: `made` are recordings of now, measured, that come before `old`."""

    made: tuple[Recording, ...]
    old: tuple[Recording, ...] = ()
    urgent: bool = False
    private: bool = False
    broadcast: bool = False

    @property
    def seconds(self) -> float:
        """The length of all of it."""
        return sum(recording.seconds for recording in (*self.made, *self.old))


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it: how many got it, and whose mailbox was full, by extension."""

    delivered: int
    full: tuple[str, ...] = ()


async def send(mailboxes: Mailboxes, sender: UserEntry, to: Iterable[UserEntry], letter: Letter) -> Sent:
    """Put a message into mailboxes; raise StoreError, and then nobody has it."""
    now, records = mailboxes.clock(), mailboxes.records
    names = tuple(recording.name for recording in (*letter.made, *letter.old))
    messages: list[Message] = []
    full: list[str] = []
    async for user in _by_turns(to):
        if mailboxes.user(user.extension) is None or not mailboxes.rights.may_keep(
            user.extension, mailboxes.counts(user.id).kept
        ):
            full.append(user.extension)
            continue
        message = Message(
            id=secrets.token_hex(8),
            user_id=user.id,
            folder=Folder.NEW,
            received_at=now,
            parts=names,
            seconds=letter.seconds,
            sender=sender.extension,
            name=sender.name,
            urgent=letter.urgent,
            private=letter.private,
        )
        mailboxes.count(user.id, None, message)  # holds the place
        messages.append(message)
    if not messages:
        return Sent(0, tuple(full))
    record = records.entry(
        VoicemailMessageSent(
            sender=sender.extension,
            mailboxes=len(messages),
            full=tuple(full[:20]),
            broadcast=letter.broadcast,
            seconds=round(letter.seconds, 1),
        )
    )
    try:
        await records.change(put=[*letter.made, *messages], records=[record])
    except BaseException:
        for message in messages:
            mailboxes.count(message.user_id, message, None)
        raise
    for recording in letter.made:
        mailboxes.budget.keep(recording.name, recording.size)
    async for message in _by_turns(messages):
        mailboxes.arrived(message)
    return Sent(len(messages), tuple(full))


async def _by_turns(things: Iterable[T]) -> AsyncIterator[T]:
    """Give things one by one, and others their turn after some of them."""
    for number, thing in enumerate(things, 1):
        yield thing
        if number % _A_TURN == 0:
            await asyncio.sleep(0)


def audience(mailboxes: Mailboxes, sender: UserEntry) -> list[UserEntry]:
    """Everybody who gets a broadcast of this sender."""
    wants = mailboxes.owned.settings
    return [
        user
        for user in mailboxes.users()
        if user.id != sender.id and wants.get(user.id, MailboxSettings()).accept_broadcast
    ]


def members(mailboxes: Mailboxes, sender: UserEntry, ids: Sequence[int]) -> list[UserEntry]:
    """Who is on a list and still has a mailbox, but for the sender."""
    found = (mailboxes.user(mailboxes.extension_of(each)) for each in ids if each != sender.id)
    return [user for user in found if user is not None]
