"""What administrators can ask of voice mail: everything but to hear, see or send a message (V2, I2)."""

from collections.abc import Iterable
from typing import Any, Final

from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Listing, NoArguments, Operation, Operations, Topic
from ringwall.core.voicemail import owner
from ringwall.core.voicemail.model import Folder
from ringwall.core.voicemail.schema import (
    Emptied,
    ListNamed,
    ListSet,
    ListShown,
    MailboxCounts,
    MailboxList,
    MailboxNamed,
    MailboxSet,
    MailboxShort,
    MailboxShown,
    ProfileNamed,
    ProfileSet,
    SystemLists,
    VoiceMailState,
)
from ringwall.core.voicemail.service import VoiceMail
from ringwall.events.voicemail import AdminMailboxEmptied

VOICE_MAIL: Final = Topic(
    "Voice mail", "Mailboxes and their settings; their messages are their owners' alone."
)

STATUS: Final = Operation(
    "voicemail.status",
    "Show whether there is voice mail, and what it takes of the disk.",
    topic=VOICE_MAIL,
    verb="GET",
    path="/api/voicemail",
    permission=Permission.VOICEMAIL_READ,
    result=VoiceMailState,
)
LIST: Final = Operation(
    "voicemail.list",
    "List the mailboxes with how much is in them.",
    topic=VOICE_MAIL,
    verb="GET",
    path="/api/voicemail/mailboxes",
    permission=Permission.VOICEMAIL_READ,
    arguments=MailboxList,
    result=MailboxShort,
    listing=Listing(order=("extension",), search=("extension", "name")),
    example={"q": "Anna"},
)
SHOW: Final = Operation(
    "voicemail.show",
    "Show the settings of a mailbox; messages are their owner's alone.",
    topic=VOICE_MAIL,
    verb="GET",
    path="/api/voicemail/mailboxes/{extension}",
    permission=Permission.VOICEMAIL_READ,
    arguments=MailboxNamed,
    result=MailboxShown,
    errors=("not_found",),
    example={"extension": "201"},
)
SET: Final = Operation(
    "voicemail.set",
    "Change settings of a mailbox; what is left out stays.",
    topic=VOICE_MAIL,
    verb="PATCH",
    path="/api/voicemail/mailboxes/{extension}",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=MailboxSet,
    result=MailboxShown,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "mail_for": "all", "mail_to": "anna@example.com"},
)
EMPTY: Final = Operation(
    "voicemail.empty",
    "Remove all messages of a mailbox, heard or not.",
    topic=VOICE_MAIL,
    verb="DELETE",
    path="/api/voicemail/mailboxes/{extension}/messages",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=MailboxNamed,
    result=Emptied,
    errors=("not_found",),
    changes=True,
    example={"extension": "201"},
)
PROFILE_SET: Final = Operation(
    "voicemail.profile.set",
    "Say who is told of new messages, one after the other.",
    topic=VOICE_MAIL,
    verb="PUT",
    path="/api/voicemail/mailboxes/{extension}/profiles/{number}",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=ProfileSet,
    result=MailboxShown,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "number": 1, "steps": [{"to": "202", "seconds": 300}]},
)
PROFILE_REMOVE: Final = Operation(
    "voicemail.profile.remove",
    "Remove a notification profile.",
    topic=VOICE_MAIL,
    verb="DELETE",
    path="/api/voicemail/mailboxes/{extension}/profiles/{number}",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=ProfileNamed,
    result=MailboxShown,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "number": 1},
)
LISTS: Final = Operation(
    "voicemail.lists.list",
    "List the distribution lists of the system.",
    topic=VOICE_MAIL,
    verb="GET",
    path="/api/voicemail/lists",
    permission=Permission.VOICEMAIL_READ,
    arguments=SystemLists,
    result=ListShown,
    listing=Listing(order=("number",), search=("name", "members")),
)
LISTS_SET: Final = Operation(
    "voicemail.lists.set",
    "Make or change a distribution list of the system.",
    topic=VOICE_MAIL,
    verb="PUT",
    path="/api/voicemail/lists/{number}",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=ListSet,
    result=ListShown,
    errors=("not_found",),
    changes=True,
    example={"number": 1, "name": "Sales", "members": ["201", "202"]},
)
LISTS_REMOVE: Final = Operation(
    "voicemail.lists.remove",
    "Remove a distribution list of the system.",
    topic=VOICE_MAIL,
    verb="DELETE",
    path="/api/voicemail/lists/{number}",
    permission=Permission.VOICEMAIL_WRITE,
    arguments=ListNamed,
    result=ListShown,
    errors=("not_found",),
    changes=True,
    example={"number": 1},
)
OPERATIONS: Final = (
    STATUS,
    LIST,
    SHOW,
    SET,
    EMPTY,
    PROFILE_SET,
    PROFILE_REMOVE,
    LISTS,
    LISTS_SET,
    LISTS_REMOVE,
)


def register(operations: Operations, voice_mail: VoiceMail) -> None:
    """Do what is declared above."""
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

    async def list_all(_actor: Actor, _args: MailboxList) -> Iterable[Any]:
        users = mailboxes.users()
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

    async def empty(actor: Actor, args: MailboxNamed) -> Emptied:
        user = owner.mailbox_of(house, args.extension)
        async with mailboxes.opened(user) as box:
            going = [one for one in box.messages.values() if one.folder is not Folder.DRAFT]
            removed = await mailboxes.purge(going)
        mailboxes.records.note(
            AdminMailboxEmptied(actor=actor.to_dict(), mailbox=args.extension, messages=removed)
        )
        await house.room.sweep()
        return Emptied(extension=args.extension, removed=removed)

    operations.offer(STATUS, status)
    operations.offer(LIST, list_all)
    operations.offer(SHOW, show)
    operations.offer(SET, set_it)
    operations.offer(EMPTY, empty)


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

    operations.offer(PROFILE_SET, set_it)
    operations.offer(PROFILE_REMOVE, remove)


def _register_lists(operations: Operations, voice_mail: VoiceMail) -> None:
    house = voice_mail.house

    async def list_all(_actor: Actor, _args: SystemLists) -> Iterable[Any]:
        return owner.listed(house, None)

    async def set_it(actor: Actor, args: ListSet) -> ListShown:
        return await owner.put_list(house, None, args.number, args, actor.to_dict())

    async def remove(actor: Actor, args: ListNamed) -> ListShown:
        gone = await house.lists.remove(None, args.number, actor.to_dict())
        return ListShown(number=gone.number, name=gone.name, members=house.lists.extensions(gone))

    operations.offer(LISTS, list_all)
    operations.offer(LISTS_SET, set_it)
    operations.offer(LISTS_REMOVE, remove)
