"""What administrators can ask of voice mail: everything but to hear, see or send a message (V2, I2)."""

from typing import Any

from ringwall.core.operations import Actor, NoArguments, Operations
from ringwall.core.voicemail import owner
from ringwall.core.voicemail.model import Folder
from ringwall.core.voicemail.schema import (
    ListNamed,
    ListSet,
    ListShown,
    MailboxCounts,
    MailboxNamed,
    MailboxSet,
    MailboxShort,
    MailboxShown,
    ProfileNamed,
    ProfileSet,
    VoiceMailState,
)
from ringwall.core.voicemail.service import VoiceMail


def register(operations: Operations, voice_mail: VoiceMail) -> None:
    """Add voicemail.status, list, show, set, empty; voicemail.profile.*; voicemail.list.*."""
    _register_mailboxes(operations, voice_mail)
    _register_profiles(operations, voice_mail)
    _register_lists(operations, voice_mail)


def _register_mailboxes(operations: Operations, voice_mail: VoiceMail) -> None:
    house = voice_mail.house
    mailboxes = house.mailboxes

    async def status(_actor: Actor, _args: NoArguments) -> VoiceMailState:
        users = mailboxes.users()
        counts = [mailboxes.counts(user.id) for user in users]
        return VoiceMailState(
            enabled=voice_mail.enabled,
            mailboxes=len(users),
            messages=sum(one.new + one.saved + one.deleted for one in counts),
            used=mailboxes.budget.used,
            budget=mailboxes.bounds.disk_bytes,
            free=await owner.free_bytes(house),
        )

    async def list_all(_actor: Actor, _args: NoArguments) -> list[Any]:
        users = sorted(mailboxes.users(), key=lambda user: user.extension)
        told = ((user, MailboxCounts.of(mailboxes.counts(user.id), mailboxes.places(user))) for user in users)
        return [
            MailboxShort(extension=user.extension, name=user.name, **counts.model_dump())
            for user, counts in told
        ]

    async def show(_actor: Actor, args: MailboxNamed) -> MailboxShown:
        return owner.shown(house, owner.mailbox_of(house, args.extension))

    async def set_it(actor: Actor, args: MailboxSet) -> MailboxShown:
        user = owner.mailbox_of(house, args.extension)
        return await owner.change(house, user, args, actor.to_dict())

    async def empty(actor: Actor, args: MailboxNamed) -> dict[str, Any]:
        user = owner.mailbox_of(house, args.extension)
        async with mailboxes.opened(user) as box:
            going = [one for one in box.messages.values() if one.folder is not Folder.DRAFT]
            removed = await mailboxes.purge(going)
        mailboxes.records.note(
            "admin.mailbox.emptied", actor=actor.to_dict(), mailbox=args.extension, messages=removed
        )
        await house.room.sweep()
        return {"extension": args.extension, "removed": removed}

    operations.add("voicemail.status", NoArguments, status)
    operations.add("voicemail.list", NoArguments, list_all)
    operations.add("voicemail.show", MailboxNamed, show)
    operations.add("voicemail.set", MailboxSet, set_it, changes=True)
    operations.add("voicemail.empty", MailboxNamed, empty, changes=True)


def _register_profiles(operations: Operations, voice_mail: VoiceMail) -> None:
    house = voice_mail.house

    async def set_it(actor: Actor, args: ProfileSet) -> MailboxShown:
        user = owner.mailbox_of(house, args.extension)
        await house.preferences.put_profile(user, args.number, args.profile(), actor.to_dict())
        return owner.shown(house, user)

    async def remove(actor: Actor, args: ProfileNamed) -> MailboxShown:
        user = owner.mailbox_of(house, args.extension)
        await house.preferences.put_profile(user, args.number, None, actor.to_dict())
        return owner.shown(house, user)

    operations.add("voicemail.profile.set", ProfileSet, set_it, changes=True)
    operations.add("voicemail.profile.remove", ProfileNamed, remove, changes=True)


def _register_lists(operations: Operations, voice_mail: VoiceMail) -> None:
    house = voice_mail.house

    async def list_all(_actor: Actor, _args: NoArguments) -> list[Any]:
        return list(owner.listed(house, None))

    async def set_it(actor: Actor, args: ListSet) -> ListShown:
        return await owner.put_list(house, None, args.number, args, actor.to_dict())

    async def remove(actor: Actor, args: ListNamed) -> ListShown:
        gone = await house.lists.remove(None, args.number, actor.to_dict())
        return ListShown(number=gone.number, name=gone.name, members=house.lists.extensions(gone))

    operations.add("voicemail.lists.list", NoArguments, list_all)
    operations.add("voicemail.lists.set", ListSet, set_it, changes=True)
    operations.add("voicemail.lists.remove", ListNamed, remove, changes=True)
