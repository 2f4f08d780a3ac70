"""Voice mail: messages, greetings, lists, settings, notices (V1, V2)."""

from typing import Annotated, Any, Literal

from ringwall.events.base import UNSAID, Event, Maybe, event
from ringwall.events.values import By, Mailbox, Why

# Messages


@event("voicemail.opened")
class VoicemailOpened(Event):
    """Somebody opened a mailbox with its PIN."""

    mailbox: Mailbox
    source: Annotated[str, "From where: a device, an outside number, or the web."]


@event("voicemail.message_left")
class VoicemailMessageLeft(Event):
    """A caller has left a message."""

    mailbox: Mailbox
    sender: Annotated[str | None, "Extension or outside number of the caller; null where it is not known."]
    outside: Annotated[bool, "Whether they called from outside."]
    seconds: Annotated[float, "How long the message is, seconds."]
    urgent: Annotated[bool, "Whether it is marked urgent."]
    private: Annotated[bool, "Whether it is marked private."]
    recovered: Annotated[bool, "Whether it was found after a crash."]


@event("voicemail.message_sent")
class VoicemailMessageSent(Event):
    """A user has sent a message to mailboxes."""

    sender: Annotated[str, "The extension of the sender."]
    mailboxes: Annotated[int, "To how many it was delivered."]
    full: Annotated[tuple[str, ...], "Mailboxes that were full, 20 at most."]
    broadcast: Annotated[bool, "Whether it went to everybody."]
    seconds: Annotated[float, "How long the message is, seconds."]


@event("voicemail.given_out")
class VoicemailGivenOut(Event):
    """The sound of a message was read over the API."""

    mailbox: Mailbox
    message: Annotated[str, "The id of the message."]
    actor: By


@event("voicemail.cannot_open")
class VoicemailCannotOpen(Event):
    """A recording cannot be opened: its key or its file is damaged."""

    recording: Annotated[str, "The name of the recording."]


@event("voicemail.mailbox_full")
class VoicemailMailboxFull(Event):
    """A message was refused, because the mailbox is full."""

    mailbox: Mailbox
    messages: Annotated[int, "How many it keeps."]


@event("voicemail.disk_full")
class VoicemailDiskFull(Event):
    """A message was refused, because the disk is full; once a minute."""

    used: Annotated[int, "Bytes of all recordings."]
    budget: Annotated[int, "How many bytes they may have."]
    free: Annotated[int, "Bytes that are free on the disk."]


@event("admin.mailbox.emptied")
class AdminMailboxEmptied(Event):
    """An administrator removed all messages of a mailbox."""

    actor: By
    mailbox: Mailbox
    messages: Annotated[int, "How many there were."]


# What owners and administrators set


@event("voicemail.settings_changed")
class VoicemailSettingsChanged(Event):
    """Settings of a mailbox were changed."""

    mailbox: Mailbox
    actor: By
    before: Annotated[dict[str, Any], "What changed, as it was."]
    after: Annotated[dict[str, Any], "What changed, as it is."]


@event("voicemail.change_denied")
class VoicemailChangeDenied(Event):
    """The policy does not let an owner change a setting."""

    mailbox: Mailbox
    setting: Annotated[str, "The setting."]
    action: Annotated[str, "What was asked of the policy."]
    why: Why
    actor: By


@event("voicemail.greeting_recorded")
class VoicemailGreetingRecorded(Event):
    """An owner has recorded a greeting or their name."""

    mailbox: Mailbox
    greeting: Annotated[str, "Which one."]
    seconds: Annotated[float, "How long it is, seconds."]


@event("voicemail.greeting_removed")
class VoicemailGreetingRemoved(Event):
    """A greeting was removed."""

    mailbox: Mailbox
    greeting: Annotated[str, "Which one."]


@event("voicemail.profile_changed")
class VoicemailProfileChanged(Event):
    """A notification profile was changed or removed."""

    mailbox: Mailbox
    number: Annotated[int, "The number of the profile."]
    actor: By
    after: Annotated[dict[str, Any] | None, "The profile as it is now; null where it was removed."]


@event("voicemail.list_changed")
class VoicemailListChanged(Event):
    """A distribution list was made or changed."""

    owner: Annotated[str | None, "The extension of its owner; null for a list of the house."]
    number: Annotated[int, "The number of the list."]
    actor: By
    name: Annotated[str, "Its name now."]
    added: Annotated[tuple[str, ...], "Extensions that were added."]
    removed: Annotated[tuple[str, ...], "Extensions that were removed."]


@event("voicemail.list_removed")
class VoicemailListRemoved(Event):
    """A distribution list was removed."""

    owner: Annotated[str | None, "The extension of its owner; null for a list of the house."]
    number: Annotated[int, "The number of the list."]
    actor: By


# Notices


@event("voicemail.told")
class VoicemailTold(Event):
    """Somebody was told of messages."""

    mailbox: Mailbox
    how: Annotated[Literal["mail", "call"], "By mail or by a call."]
    about: Annotated[str, "Of what, such as `message`, `escalation` or `full`."]
    mail: Annotated[Maybe[str], "By mail: the id of the message in the queue."] = UNSAID
    to: Annotated[Maybe[str], "By a call: whom."] = UNSAID


@event("voicemail.not_told")
class VoicemailNotTold(Event):
    """Somebody could not be told of messages."""

    mailbox: Mailbox
    how: Annotated[Literal["mail", "call"], "By mail or by a call."]
    about: Annotated[str, "Of what, such as `message`, `escalation` or `full`."]
    why: Why
    to: Annotated[Maybe[str], "By a call: whom."] = UNSAID


@event("voicemail.notice_denied")
class VoicemailNoticeDenied(Event):
    """The policy does not let a mailbox tell anybody at this number."""

    mailbox: Mailbox
    why: Why
