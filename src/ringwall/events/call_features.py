"""What features do with calls: forwarding, transfer, pickup, conferences (I2)."""

from typing import Annotated, Literal

from ringwall.events.base import UNSAID, Event, Maybe, event
from ringwall.events.values import By, CallId, RuleId, Why


@event("call.forwarded")
class CallForwarded(Event):
    """A call goes on to another number, as a user or a hunt group has set."""

    call: CallId
    by: Annotated[str, "The extension whose calls are forwarded."]
    to: Annotated[str, "Where it goes, in canonical form."]
    case: Annotated[str, "In which case it is forwarded: what was asked of the policy."]
    rule: RuleId


@event("call.forward_refused")
class CallForwardRefused(Event):
    """A call is not forwarded although a user has set it."""

    call: CallId
    extension: Annotated[str, "The extension whose calls are forwarded."]
    why: Why


@event("call.find_me")
class CallFindMe(Event):
    """The user is looked for at other numbers."""

    call: CallId
    by: Annotated[str, "The extension that was called."]
    case: Annotated[str, "In which case: what was asked of the policy."]


@event("call.to_voice_mail")
class CallToVoiceMail(Event):
    """A call goes to a mailbox."""

    call: CallId
    mailbox: Annotated[str, "The extension of the mailbox."]
    reason: Annotated[str, "`no answer`, `busy`, `always` or `unreachable`."]


@event("call.picked_up")
class CallPickedUp(Event):
    """Somebody took a call that rang elsewhere."""

    call: CallId
    by: Annotated[str, "Who took it."]
    at: Annotated[str, "The extension at which it rang."]


@event("call.transfer")
class CallTransfer(Event):
    """A party of a call is being transferred (RFC 3515)."""

    call: CallId
    by: Annotated[str, "The extension that transfers."]
    party: Annotated[str, "Who is transferred: extension or outside number."]
    to: Annotated[str, "To whom, in canonical form."]
    rule: RuleId
    path: Annotated[str, "What was asked of the policy: `blind transfer` or `attended transfer`."]
    class_: Annotated[str, "The class of the number; empty without one."]


@event("call.transfer_refused")
class CallTransferRefused(Event):
    """A transfer was refused for another reason than the policy."""

    call: CallId
    by: Annotated[str, "The extension that wanted it."]
    why: Why


@event("call.transfer_failed")
class CallTransferFailed(Event):
    """A transfer was begun and could not be completed."""

    call: CallId
    why: Why


@event("call.conference")
class CallConference(Event):
    """A conference has begun, or one more takes part."""

    conference: Annotated[str, "The id of the conference."]
    by: Annotated[str, "The extension of who made or joined it."]
    parties: Annotated[tuple[str, ...], "Who takes part: extensions and outside numbers."]
    actor: Annotated[Maybe[By], "Who asked for it over the API or the control socket."] = UNSAID


@event("call.conference_refused")
class CallConferenceRefused(Event):
    """A call could not be moved into a conference."""

    call: CallId
    conference: Annotated[str, "The id of the conference."]
    why: Why


@event("call.feature")
class CallFeature(Event):
    """A feature was begun over the API or the control socket."""

    call: CallId
    by: Annotated[str, "The extension for which it was begun."]
    feature: Annotated[str, "Its name, such as `page` or `intercom`."]
    target: Annotated[str, "The extension that it is about."]
    actor: By


@event("call.whisper_muted")
class CallWhisperMuted(Event):
    """The other party of a call hears, or does not hear, who is whispered to."""

    extension: Annotated[str, "Who is whispered to."]
    on: Annotated[bool, "Whether the other party does not hear them."]
    actor: By


@event("admin.call.ended")
class AdminCallEnded(Event):
    """A call was ended over the API or the control socket."""

    call: CallId
    actor: By


@event("admin.call.moved")
class AdminCallMoved(Event):
    """A call was moved between the relay and the media server."""

    call: CallId
    to: Annotated[str, "Where its media goes now."]
    actor: By


@event("admin.conference.added")
class AdminConferenceAdded(Event):
    """Somebody was called into a conference over the API or the control socket."""

    conference: Annotated[str, "The id of the conference."]
    actor: By


@event("admin.conference.dropped")
class AdminConferenceDropped(Event):
    """A party was dropped from a conference over the API or the control socket."""

    conference: Annotated[str, "The id of the conference."]
    call: CallId
    actor: By


# Emergency calls (P2)


@event("emergency.called")
class EmergencyCalled(Event):
    """An emergency number is being called; written before the call is placed."""

    call: CallId
    number: Annotated[str, "The number in canonical form, such as 1/911."]
    caller: Annotated[str, "Who called; empty at a phone without a user."]
    caller_device: Annotated[str, "The device."]
    source: Annotated[str | None, "Address and port of the connection of the device; null without one."]
    callback: Annotated[str, "The number to call back, as it is shown."]
    location: Annotated[str, "Where the phone is, as its site or the phone says."]
    notify: Annotated[tuple[str, ...], "Who is to be told: mail addresses and extensions."]


@event("emergency.told")
class EmergencyTold(Event):
    """Somebody was told of an emergency call."""

    call: CallId
    to: Annotated[str, "The mail address or extension."]
    how: Annotated[Literal["mail", "message"], "By mail, or by a text on phones (RFC 3428)."]
    mail: Annotated[Maybe[str], "By mail: the id of the message in the queue."] = UNSAID
    phones: Annotated[Maybe[int], "By text: how many phones have taken it."] = UNSAID


@event("emergency.not_told")
class EmergencyNotTold(Event):
    """Somebody could not be told of an emergency call."""

    call: CallId
    to: Annotated[str, "The mail addresses or extensions."]
    why: Why
