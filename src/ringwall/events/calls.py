"""Calls: how they ended, and which were refused (I2)."""

from typing import Annotated, Any, Literal

from ringwall.events.base import UNSAID, Event, Maybe, event
from ringwall.events.values import By, CallId, Peer, RuleId, TrunkId, Why


@event("call.ended")
class CallEnded(Event):
    """A call is over: the record of the call."""

    call: CallId
    caller: Annotated[str | None, "Who called: extension or outside number."]
    caller_device: Annotated[str | None, "The device of the caller, empty where they were outside."]
    caller_source: Annotated[Peer, "Where the caller's device was connected from."]
    dialled: Annotated[str | None, "What was dialled, authorization codes left out."]
    callee: Annotated[str | None, "Who answered or rang last: extension or outside number."]
    callee_device: Annotated[str | None, "The device of the callee."]
    callee_source: Annotated[Peer, "Where the callee's device was connected from."]
    started: Annotated[float | None, "When it was dialled, seconds since 1970."]
    answered: Annotated[float | None, "When it was answered, seconds since 1970."]
    ended: Annotated[float, "When it was over, seconds since 1970."]
    seconds: Annotated[float, "How long it was answered, seconds."]
    cause: Annotated[str, "Why it ended."]
    by: Annotated[str, "Who ended it: `caller`, `callee` or `system`."]
    status: Annotated[int, "The SIP status with which it was answered or refused."]
    suites: Annotated[tuple[str, ...], "The SRTP crypto suites of caller and callee (RFC 4568)."]
    direction: Annotated[
        Maybe[Literal["inside", "in", "out", "tandem"]],
        "Whether it stayed inside, came in, went out, or came in and went out again; not of a call that was"
        " lost with the process before.",
    ] = UNSAID
    caller_trunk: Annotated[Maybe[str], "The trunk on which it came in."] = UNSAID
    clear_text: Annotated[Maybe[tuple[str, ...]], "What of it was not encrypted on a trunk."] = UNSAID
    # Of a call that went out: what allowed it.
    rule: Annotated[Maybe[str], "The rule that let it out."] = UNSAID
    class_: Annotated[Maybe[str], "The class of the outside number."] = UNSAID
    path: Annotated[Maybe[str], "By which way it went out: what was asked of the policy."] = UNSAID
    code: Annotated[Maybe[str], "The id of the authorization code that opened it; may be empty."] = UNSAID
    number: Annotated[Maybe[str], "The outside number in canonical form."] = UNSAID
    trunk: Annotated[Maybe[str], "The trunk that was tried last."] = UNSAID
    grants: Annotated[
        Maybe[tuple[dict[str, Any], ...]],
        "Each grant that was spent, with the trunks that were tried and what it counts towards.",
    ] = UNSAID
    # What features say of it (`CallDetails` of the core): not there where it was never said.
    feature: Annotated[Maybe[str], "The feature that was dialled or asked for."] = UNSAID
    asked_by_command: Annotated[Maybe[bool], "It was asked for over the API or the control socket."] = UNSAID
    asked_for: Annotated[Maybe[bool], "A supervisor's phone was called so that they can watch."] = UNSAID
    target: Annotated[Maybe[str], "The extension whose call a feature is about."] = UNSAID
    target_call: Annotated[Maybe[str], "The id of that call."] = UNSAID
    mailbox: Annotated[Maybe[str], "The mailbox of which a notice tells."] = UNSAID
    voice_mail: Annotated[Maybe[str], "The mailbox to which the call went."] = UNSAID
    answered_by: Annotated[
        Maybe[str], "How an intercom call was answered: `hand`, where the phone did not do it by itself."
    ] = UNSAID
    watched_by: Annotated[Maybe[tuple[str, ...]], "The extensions that listened, coached or barged in."] = (
        UNSAID
    )
    recorded_by: Annotated[Maybe[tuple[str, ...]], "The extensions that recorded it."] = UNSAID
    paged: Annotated[Maybe[tuple[str, ...]], "The extensions that heard a page."] = UNSAID
    not_reached: Annotated[Maybe[tuple[str, ...]], "The extensions that a page did not reach."] = UNSAID
    hunt_group: Annotated[Maybe[str], "The hunt group that took it."] = UNSAID
    find_me: Annotated[Maybe[str], "The extension whose user was looked for elsewhere."] = UNSAID
    found_for: Annotated[Maybe[str], "The same, in the call of the one who was found."] = UNSAID
    found_from: Annotated[Maybe[str], "The id of the call for which somebody was looked for."] = UNSAID
    connected_by: Annotated[Maybe[str], "The menu that connected the call."] = UNSAID
    connected_from: Annotated[Maybe[str], "The id of the call of that menu."] = UNSAID
    connected_to: Annotated[Maybe[str], "The id of the call that a menu made of this one."] = UNSAID
    transferred_by: Annotated[Maybe[str], "The extension that transferred a party to here."] = UNSAID
    transferred_from: Annotated[Maybe[str], "The id of the call from which it was transferred."] = UNSAID
    transferred_to: Annotated[Maybe[str], "The id of the call to which a party was transferred."] = UNSAID
    picked_up_by: Annotated[Maybe[str], "The extension that picked it up."] = UNSAID
    picked_up_at: Annotated[Maybe[str], "The extension at which it rang then."] = UNSAID
    picked_up: Annotated[Maybe[str], "The id of the call that was picked up with this one."] = UNSAID
    conference: Annotated[
        Maybe[str | None], "The conference of its caller; empty when they were the last one there."
    ] = UNSAID
    conference_of: Annotated[Maybe[str], "The extension that made the conference."] = UNSAID
    called_into: Annotated[Maybe[str], "The conference into which its party is called."] = UNSAID
    added_by: Annotated[Maybe[str], "Who had the party called into it."] = UNSAID
    came_from: Annotated[Maybe[str], "The id of the call from which its caller came into a conference."] = (
        UNSAID
    )
    went_to_conference: Annotated[Maybe[str], "The conference to which its parties went."] = UNSAID


@event("call.refused")
class CallRefused(Event):
    """An INVITE was refused for another reason than the policy."""

    caller: Annotated[str, "Who called: extension or outside number."]
    caller_device: Annotated[Maybe[str], "The device; not of a call from a trunk."] = UNSAID
    caller_trunk: Annotated[Maybe[str], "The trunk on which it came."] = UNSAID
    source: Peer
    dialled: Annotated[str, "What was dialled, authorization codes left out."]
    status: Annotated[int, "The SIP status of the answer."]
    why: Why
    call: Annotated[Maybe[str], "The id of the call, where it was let in before."] = UNSAID


@event("call.denied")
class CallDenied(Event):
    """The policy said no.

    What was asked of it is not there where a phone without a user dialled what needs one.
    """

    call: Annotated[str | None, "The id of the call; null where there was none yet."]
    caller: Annotated[str, "Who asked: extension or outside number; empty at a phone without a user."]
    caller_device: Annotated[str, "The device; empty where there is none."]
    source: Annotated[str | None, "Address and port of the connection; null without one."]
    dialled: Annotated[str, "What was dialled, authorization codes left out; empty where nothing was."]
    rule: RuleId
    because: Annotated[str, "The rule as a sentence."]
    why: Annotated[str, "The same: what the caller is told."]
    status: Annotated[int, "The SIP status of the rule; 0 where it has none."]
    caller_trunk: Annotated[Maybe[str], "The trunk on which it came."] = UNSAID
    actor: Annotated[Maybe[By], "Who asked over the API or the control socket."] = UNSAID
    subject: Annotated[
        Maybe[dict[str, Any]],
        "Who the policy took it for: `kind` (`user`, `phone`, `trunk`, `mailbox`, `object` or `code`) and"
        " what names them.",
    ] = UNSAID
    action: Annotated[Maybe[str], "What was asked for."] = UNSAID
    target: Annotated[Maybe[str | None], "The extension to which it was to be done."] = UNSAID
    canonical: Annotated[Maybe[str], "The number in canonical form; empty without one."] = UNSAID
    class_: Annotated[Maybe[str], "The class of the number; empty without one."] = UNSAID
    allowed: Annotated[Maybe[Literal[False]], "Always false: grants say the same with true."] = UNSAID
    heard: Annotated[Maybe[str], "What whoever asked meets."] = UNSAID


@event("call.clear_text")
class CallClearText(Event):
    """Something of a call with a carrier is not encrypted, as its trunk allows."""

    call: CallId
    trunk: TrunkId
    why: Annotated[str, "What is not encrypted."]


@event("media.refused")
class MediaRefusal(Event):
    """Somebody wanted media that is not let through, such as RTP without encryption (T5)."""

    why: Why
    method: Annotated[str, "In which message: `INVITE`, `UPDATE`, `offer` or `answer`."]
    call: Annotated[Maybe[str], "The id of the call, where there was one already."] = UNSAID
    extension: Annotated[Maybe[str], "Of a party of a call: its extension; empty outside."] = UNSAID
    device: Annotated[Maybe[str], "Of a party of a call: its device; empty outside."] = UNSAID
    caller: Annotated[Maybe[str], "Of a new call: who called."] = UNSAID
    caller_device: Annotated[Maybe[str], "Of a new call from inside: the device."] = UNSAID
    caller_trunk: Annotated[Maybe[str], "Of a new call from outside: the trunk."] = UNSAID
    dialled: Annotated[Maybe[str], "Of a new call: what was dialled."] = UNSAID
    source: Peer
