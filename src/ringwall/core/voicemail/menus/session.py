"""An owner in their mailbox: what all menus of one session share."""

from collections.abc import Iterable
from dataclasses import dataclass

from ringwall.core.directory import UserEntry
from ringwall.core.errors import CoreError, CoreSignal
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import Connect, Visitor
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.mailboxes import Box
from ringwall.core.voicemail.menus.talk import Talk
from ringwall.core.voicemail.model import Message, Recording
from ringwall.events.voicemail import VoicemailCannotOpen


class Leave(CoreSignal):
    """The session ends because its owner wants to be connected with the sender of a message."""

    def __init__(self, then: Connect) -> None:
        super().__init__("the owner calls the sender")
        self.then = then


@dataclass(frozen=True, slots=True)
class Session:
    """The owner `user` has proven who they are and listens to `box`."""

    house: House
    talk: Talk
    visitor: Visitor
    user: UserEntry
    box: Box

    @property
    def actor(self) -> dict[str, str]:
        """Who changes something, for the record."""
        return {"kind": "user", "name": self.user.extension, "source": source_of(self.visitor)}

    async def items(self, recordings: Iterable[Recording]) -> list[Item]:
        """What plays recordings; what cannot be opened is left out."""
        found: list[Item] = []
        for recording in recordings:
            try:
                found.append(self.house.mailboxes.vault.item(recording))
            except CoreError:
                self.house.mailboxes.records.note(VoicemailCannotOpen(recording=recording.name))
        return found

    async def spoken_name(self, user: UserEntry) -> list[Item]:
        """A user's recorded name, else their extension."""
        name = self.house.preferences.name(user)
        if name is not None:
            recorded = await self.house.mailboxes.records.recordings((name,))
            items = await self.items(recorded.values())
            if items:
                return items
        return [Prompt("vm-extension"), *saying.digits(user.extension)]

    async def sender_of(self, message: Message) -> list[Item]:
        """Who left a message, in words."""
        if message.sender:
            sender = self.house.mailboxes.user(message.sender)
            if sender is not None and self.house.preferences.name(sender):
                return [Prompt("vm-from"), *await self.spoken_name(sender)]
            return [Prompt("vm-from-extension"), *saying.digits(message.sender)]
        if saying.digits(message.number):
            return [Prompt("vm-from-phonenumber"), *saying.digits(message.number)]
        return [Prompt("vm-unknown-caller")]


def source_of(visitor: Visitor) -> str:
    """By what wrong PINs are counted: the phone inside, or what the caller from outside shows."""
    if visitor.device and not visitor.outside:
        return f"phone:{visitor.device}"
    return f"caller:{visitor.number or visitor.trunk or 'unknown'}"
