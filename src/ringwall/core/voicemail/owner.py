"""What an owner can do with their mailbox without a telephone (V2): the same as with one, by the same rules.

Rules that this module keeps:
- Whoever is asked here has proven to be the owner; an administrator is not.
- Each time that a message's sound is given out, that is on record.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from ringwall.core.directory import UserEntry
from ringwall.core.errors import CoreError, OperationError
from ringwall.core.media import wav
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.mailboxes import Box
from ringwall.core.voicemail.model import GREETINGS, Folder, MailFor, Message, Mode
from ringwall.core.voicemail.schema import (
    ListChanges,
    ListShown,
    MailboxShown,
    MessageShown,
    ProfileValue,
    SettingsChanges,
    SettingsShown,
    StepValue,
)
from ringwall.events.voicemail import VoicemailGivenOut


def mailbox_of(house: House, extension: str) -> UserEntry:
    """The owner of a mailbox; raise OperationError (not_found)."""
    user = house.mailboxes.user(extension)
    if user is None:
        raise OperationError("not_found", f"There is no mailbox {extension[:16]}.", "extension")
    return user


def shown(house: House, user: UserEntry) -> MailboxShown:
    """A mailbox and what its owner has chosen, without its messages."""
    counts = house.mailboxes.counts(user.id)
    profiles = {
        number: ProfileValue(
            steps=[StepValue(to=step.to, seconds=step.seconds) for step in one.steps],
            repeats=one.repeats,
            urgent_only=one.urgent_only,
        )
        for number, one in house.preferences.profiles(user).items()
    }
    return MailboxShown(
        extension=user.extension,
        name=user.name,
        new=counts.new,
        new_urgent=counts.new_urgent,
        saved=counts.saved,
        saved_urgent=counts.saved_urgent,
        deleted=counts.deleted,
        places=house.mailboxes.places(user),
        settings=SettingsShown.of(house.preferences.of(user)),
        greetings=[kind for kind in GREETINGS if house.preferences.recording_of(user, kind)],
        profiles=profiles,
    )


async def change(
    house: House, user: UserEntry, changes: SettingsChanges, actor: Mapping[str, str]
) -> MailboxShown:
    """Change settings; raise OperationError or StoreError."""
    given: dict[str, Any] = changes.model_dump(exclude_none=True, exclude={"extension"})
    if "mode" in given:
        given["mode"] = Mode(given["mode"])
    if "mail_for" in given:
        given["mail_for"] = MailFor(given["mail_for"])
    await house.preferences.change(user, given, actor)
    return shown(house, user)


def listed(house: House, owner: UserEntry | None) -> list[ListShown]:
    """The lists of an owner, or of the system."""
    return [
        ListShown(number=one.number, name=one.name, members=house.lists.extensions(one))
        for one in house.lists.of(owner)
    ]


async def put_list(
    house: House, owner: UserEntry | None, number: int, changes: ListChanges, actor: Mapping[str, str]
) -> ListShown:
    """Make or change a list; raise OperationError or StoreError."""
    made = await house.lists.put(owner, number, changes.name, changes.members, actor)
    return ListShown(number=made.number, name=made.name, members=house.lists.extensions(made))


# Messages


async def messages(house: House, user: UserEntry) -> list[MessageShown]:
    """All messages but those that are being left, the newest first; raise StoreError."""
    async with house.mailboxes.opened(user) as box:
        found = [one for one in box.messages.values() if one.folder is not Folder.DRAFT]
    return [MessageShown.of(one) for one in sorted(found, key=lambda one: -one.received_at)]


def _message(box: Box, message_id: str) -> Message:
    message = box.messages.get(message_id)
    if message is None or message.folder is Folder.DRAFT:
        raise OperationError("not_found", "There is no such message.", "message")
    return message


async def message(house: House, user: UserEntry, message_id: str) -> MessageShown:
    """One message; raise OperationError (not_found) or StoreError."""
    async with house.mailboxes.opened(user) as box:
        return MessageShown.of(_message(box, message_id))


async def move(house: House, user: UserEntry, message_id: str, folder: Folder) -> MessageShown:
    """Put a message into another folder; raise OperationError or StoreError."""
    async with house.mailboxes.opened(user) as box:
        return MessageShown.of(await house.mailboxes.move(box, _message(box, message_id), folder))


async def remove(house: House, user: UserEntry, message_id: str) -> None:
    """Remove a message for good; raise OperationError or StoreError."""
    async with house.mailboxes.opened(user) as box:
        await house.mailboxes.purge([_message(box, message_id)])
    await house.room.sweep()


async def sound(
    house: House, user: UserEntry, message_id: str, actor: Mapping[str, str]
) -> AsyncIterator[bytes]:
    """The sound of a message as a WAV file, piece by piece; its owner has heard it then.

    Raises OperationError, StoreError or CoreError before the first piece.
    """
    async with house.mailboxes.opened(user) as box:
        wanted = _message(box, message_id)
        recordings = await house.mailboxes.recordings(wanted)
        if not recordings:
            raise OperationError("not_found", "The sound of this message is not there.", "message")
        if wanted.heard_at is None:
            await house.mailboxes.hear(box, wanted)
    house.mailboxes.records.note(
        VoicemailGivenOut(mailbox=user.extension, message=message_id, actor=dict(actor))
    )
    sounds = [house.mailboxes.vault.sound(recording) for recording in recordings]
    first = await anext(sounds[0], b"")

    async def pieces() -> AsyncIterator[bytes]:
        yield wav.header(sum(recording.size for recording in recordings))
        yield wav.linear(first)
        for each in sounds:
            async for piece in each:
                yield wav.linear(piece)

    return pieces()


async def remove_greeting(house: House, user: UserEntry, kind: str) -> None:
    """Remove a greeting; raise OperationError (not_found) or StoreError."""
    if kind not in GREETINGS or not await house.preferences.remove_greeting(user, kind):
        raise OperationError("not_found", "There is no such greeting.", "greeting")


async def free_bytes(house: House) -> int | None:
    """What is free where recordings lie; None where that cannot be known now."""
    try:
        return await house.mailboxes.vault.files.free_bytes()
    except CoreError:
        return None
