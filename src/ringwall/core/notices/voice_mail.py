"""Mail about voice messages, with the sound where the owner wants it (V2, C4).

Rules that this module keeps:
- It goes to the address that the owner has set, and says who, when and how long.
- The sound goes along only if the owner said so, never that of a private message, and only up to a size that
  mail servers take.
- Whatever becomes of the mail, the message stays in the mailbox. What could not be sent is on record.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from ringwall.core.errors import CoreError
from ringwall.core.mail import Attachment
from ringwall.core.media import wav
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.model import Message
from ringwall.core.voicemail.notices import Order
from ringwall.events import Record
from ringwall.events.voicemail import VoicemailNotTold, VoicemailTold

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 4  # notices whose sound is made ready
LONGEST_SECONDS: Final = 600.0


class Mail(Protocol):
    """What is needed of outgoing mail."""

    async def send(
        self,
        to: str | Sequence[str],
        subject: str,
        text: str,
        attachments: Sequence[Attachment] = (),
        *,
        about: str = "",
        urgent: bool = False,
    ) -> list[str]:
        """Keep a message for sending; raise CoreError."""
        ...


class MailNotices:
    """Carries out the orders that go to an e-mail address."""

    def __init__(self, mail: Mail, house: House, record: Record) -> None:
        self._mail = mail
        self._house = house
        self._record = record
        self._few = asyncio.Semaphore(MOST_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def mail(self, order: Order) -> None:
        """Write to the address of the order, some time soon."""
        task = asyncio.get_running_loop().create_task(self._send(order))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, order: Order) -> None:
        try:
            async with self._few:
                subject, text = self._words(order)
                files = await self._files(order)
                (mail,) = await self._mail.send(order.to, subject, text, files, about="voicemail")
            self._record(VoicemailTold(mailbox=order.mailbox, how="mail", about=order.about, mail=mail))
        except CoreError as error:
            self._not_told(order, str(error))
        except Exception:
            log.exception("somebody could not be told of a message")
            self._not_told(order, "this failed inside Ringwall: the log of the core says why")

    def _not_told(self, order: Order, why: str) -> None:
        try:
            self._record(VoicemailNotTold(mailbox=order.mailbox, how="mail", about=order.about, why=why))
        except CoreError as error:
            log.error("a notice failed (%s), and the record of it: %s", why, error)  # noqa: TRY400

    def _words(self, order: Order) -> tuple[str, str]:
        counts = order.counts
        total = f"Mailbox {order.mailbox}: {counts.new} new, {counts.saved} saved."
        if order.about == "full":
            subject = f"Mailbox {order.mailbox} is full"
            return subject, f"{total}\nCallers cannot leave messages until some are deleted.\n"
        message = order.message
        if message is None:
            return f"Unheard messages in mailbox {order.mailbox}", f"{total}\n"
        who = _who(message)
        mark = "URGENT: " if message.urgent else ""
        when = self._house.local(message.received_at).strftime("%Y-%m-%d %H:%M")
        lines = [
            f"From: {who}",
            f"When: {when}",
            f"Length: {length(message.seconds)}",
            *(["Private: it cannot be forwarded."] if message.private else []),
            "",
            total,
        ]
        return f"{mark}Voice message from {who} ({length(message.seconds)})", "\n".join(lines) + "\n"

    async def _files(self, order: Order) -> list[Attachment]:
        message, mailboxes = order.message, self._house.mailboxes
        user = mailboxes.user(order.mailbox)
        wanted = user is not None and self._house.preferences.of(user).mail_audio
        if message is None or not wanted or message.private or message.seconds > LONGEST_SECONDS:
            return []
        sound = bytearray()
        async for part in sound_of(self._house, message):
            sound += part
        content = wav.header(len(sound)) + wav.linear(bytes(sound))
        return [Attachment(f"message-{message.id}.wav", "audio/wav", content)]


def _who(message: Message) -> str:
    number = message.sender or message.number
    if number and message.name:
        return f"{message.name} ({number})"
    return number or message.name or "an unknown caller"


def length(seconds: float) -> str:
    """A length as people read it: minutes and seconds."""
    whole = max(1, round(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


async def sound_of(house: House, message: Message) -> AsyncIterator[bytes]:
    """The sound of a message with its introductions, PCMU; raise CoreError."""
    for recording in await house.mailboxes.recordings(message):
        async for part in house.mailboxes.vault.sound(recording):
            yield part
