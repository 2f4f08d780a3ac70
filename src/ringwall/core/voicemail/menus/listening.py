"""Listening to the messages of a folder (V2).

Rules that this module keeps:
- A message counts as heard from its first second: nobody is to be woken again for what is being listened to.
- A new message that was heard is saved when its owner goes on, or hangs up; they can keep it as new.
- A private message is not forwarded. Its sender can be called only if they are inside, from a phone inside,
  and where the class of service says so; call control asks the policy before it connects anybody.
"""

from contextlib import suppress
from typing import Final

from ringwall.core.errors import OperationError
from ringwall.core.media import saying
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import Connect
from ringwall.core.voicemail.menus import sending
from ringwall.core.voicemail.menus.session import Leave, Session
from ringwall.core.voicemail.menus.talk import INVALID, PAUSE, press
from ringwall.core.voicemail.model import MOST_PARTS, Folder, Message
from ringwall.policy import Action, Callback, MailboxSubject

_KEEP_AS_NEW: Final = (*press("4"), Prompt("vm-for"), Prompt("vm-INBOX"), Prompt("vm-message"))


class Listening:
    """One walk through a folder."""

    def __init__(self, session: Session, folder: Folder) -> None:
        self._session = session
        self._talk = session.talk
        self._mailboxes = session.house.mailboxes
        self._folder = folder
        self._messages = session.box.of(folder)
        self._at = 0

    async def run(self) -> None:
        """Play messages until the owner goes back; raise Leave, Over or HungUp."""
        if not self._messages:
            await self._talk.tell(Prompt("vm-youhave"), Prompt("vm-no"), Prompt("vm-messages"))
            return
        key = await self._play()
        while True:
            key = key or await self._talk.choose(*self._choices())
            if key in {"", "#"}:
                await self._left()
                return
            key = await self._act(key)

    async def _act(self, key: str) -> str:
        """Do what a key says; return the key that was pressed meanwhile, if any."""
        match key:
            case "3":
                return await self._advanced()
            case "4":
                return await self._go(-1)
            case "5":
                return await self._play()
            case "6":
                return await self._go(1)
            case "7":
                return await self._delete_or_take_back()
            case "8":
                return await self._forward()
            case "9":
                return await self._move(Folder.SAVED, Prompt("vm-message"), Prompt("vm-saved"))
            case "*":
                return await self._talk.say(*self._choices())
            case _:
                return await self._talk.say(INVALID)

    @property
    def _message(self) -> Message:
        return self._messages[self._at]

    # Playing

    async def _play(self) -> str:
        """Say which message it is, and what was said in it."""
        message = await self._heard()
        session = self._session
        said: list[Item] = [Prompt("vm-Urgent")] if message.urgent else []
        said += [Prompt("vm-message"), *saying.number(self._at + 1)]
        if session.house.preferences.of(session.user).say_envelope:
            said += await self._envelope(message)
        recordings = await self._mailboxes.recordings(message)
        return await self._talk.say(*said, PAUSE, *await session.items(recordings))

    async def _heard(self) -> Message:
        with suppress(OperationError):  # removed by another session meanwhile: it is still said that it was
            if self._message.heard_at is None:
                self._messages[self._at] = await self._mailboxes.hear(self._session.box, self._message)
        return self._message

    async def _envelope(self, message: Message) -> list[Item]:
        house = self._session.house
        when = saying.moment(house.local(message.received_at), house.local(house.clock()))
        return [*await self._session.sender_of(message), Prompt("vm-received"), *when]

    def _choices(self) -> list[Item]:
        """What can be done with this message, in the words of the prompts."""
        deleted = self._message.folder is Folder.DELETED
        said: list[Item] = [Prompt("vm-advopts")]
        said += [Prompt("vm-prev")] if self._at else []
        said += [Prompt("vm-repeat")]
        said += [Prompt("vm-next")] if self._at + 1 < len(self._messages) else []
        said += [Prompt("vm-undelete" if deleted else "vm-delete"), Prompt("vm-toforward")]
        return [*said, Prompt("vm-savemessage"), Prompt("vm-helpexit")]

    # Going on

    async def _go(self, step: int) -> str:
        await self._left()
        if not 0 <= self._at + step < len(self._messages):
            return await self._talk.say(Prompt("vm-nomore"))
        self._at += step
        return await self._play()

    async def _left(self) -> None:
        """A new message that was heard is not new any more."""
        message = self._message
        if message.folder is Folder.NEW and message.heard_at is not None:
            with suppress(OperationError):
                self._messages[self._at] = await self._mailboxes.move(
                    self._session.box, message, Folder.SAVED
                )

    async def leave(self) -> None:
        """The owner has hung up in the midst of a message."""
        if self._messages:
            await self._left()

    # Changing

    async def _move(self, folder: Folder, *said: Item) -> str:
        try:
            self._messages[self._at] = await self._mailboxes.move(self._session.box, self._message, folder)
        except OperationError as error:
            full = error.code == "refused"
            return await self._talk.say(Prompt("vm-mailboxfull" if full else "vm-nomore"))
        return await self._talk.say(*said)

    async def _delete_or_take_back(self) -> str:
        if self._message.folder is Folder.DELETED:
            return await self._move(Folder.SAVED, Prompt("vm-undeleted"))
        return await self._move(Folder.DELETED, Prompt("vm-deleted"))

    async def _forward(self) -> str:
        message = self._message
        if message.private or len(message.parts) >= MOST_PARTS:
            return await self._talk.say(Prompt("feature-not-avail-line"))
        await sending.forward(self._session, message)
        return ""

    # 3: advanced

    async def _advanced(self) -> str:
        message, talk = self._message, self._talk
        sender = self._sender_to_call()
        said = [Prompt("vm-toreply"), *([Prompt("vm-tocallback")] if sender else []), Prompt("vm-tohearenv")]
        match await talk.choose(*said, *_KEEP_AS_NEW, Prompt("vm-star-cancel")):
            case "1":
                await self._reply(message)
            case "2" if sender:
                await self._left()
                subject = MailboxSubject(self._session.user.extension, from_outside=False)
                raise Leave(Connect(sender, subject, Action.CALLBACK))
            case "3":
                length = [Prompt("vm-duration"), *saying.duration(message.seconds)]
                return await talk.say(*await self._envelope(message), *length)
            case "4":
                said_of_it = (Prompt("vm-message"), Prompt("vm-savedto"), Prompt("vm-INBOX"))
                return await self._move(Folder.NEW, *said_of_it)
            case "" | "*" | "#":
                pass
            case _:
                return await talk.say(INVALID)
        return ""

    async def _reply(self, message: Message) -> None:
        sender = self._mailboxes.user(message.sender) if message.sender else None
        if sender is None:
            await self._talk.tell(Prompt("vm-nobox"))
            return
        await sending.compose(self._session, [sender])

    def _sender_to_call(self) -> str:
        """The extension of a sender who may be called from here; empty for all others."""
        session, message = self._session, self._message
        cos = self._mailboxes.rights.cos(session.user.extension)
        at_inside_phone = not session.visitor.outside and bool(session.visitor.extension)
        if cos is None or cos.callback is Callback.OFF or not at_inside_phone:
            return ""
        sender = self._mailboxes.user(message.sender) if message.sender else None
        return sender.extension if sender is not None and sender.id != session.user.id else ""
