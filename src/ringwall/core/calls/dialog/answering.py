"""From an answer to two parties that talk.

Rules that this module keeps:
- The first branch that answers wins; the others are cancelled, and an answer that crosses that is hung up.
- An answer without SRTP, or with a suite that was not offered, joins nothing: that phone is hung up and the
  caller told why (T5).
- The two legs never share a key; that is checked on what is about to be sent, whatever the relay did.
"""

import secrets

from ringwall.core.calls.dialog import agreement, glare, session, teardown
from ringwall.core.calls.media import descriptions, leaving, media_places
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.states import CallEvent, CallState, LegEvent, LegState
from ringwall.core.calls.switch.switch import ALLOW, PRODUCT, Switch
from ringwall.core.errors import EdgeError
from ringwall.events.system import SystemRelayFailed
from ringwall.sip.dialog import Dialog
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.reliable import PrackMissing, ReliableSender, requires_reliable, supports_reliable

TRYING_SECONDS = 2.0  # the edge gives a request up that has no answer at all after five


def still_trying(switch: Switch, caller: Leg) -> None:
    """No phone has rung yet: say that we are at work, or the edge takes us for dead."""
    if caller.invite is not None and caller.state is LegState.SETUP and not caller.ringing_sent:
        switch.respond(caller.key, caller.invite.response(100))


def tell_caller(switch: Switch, call: Call, status: int, body: bytes = b"") -> None:
    """Send the caller a provisional answer, reliably where it asks for that or early media hangs on it."""
    caller = call.caller
    invite = caller.invite
    if invite is None or caller.state is not LegState.SETUP:
        return
    caller.ringing_sent = status
    response = invite.response(
        status,
        to_tag=caller.tag,
        headers=[("Contact", caller.contact), ("Allow", ALLOW)],
        body=body,
        content_type="application/sdp" if body else None,
    )
    if body:
        caller.local_sdp = body
    if requires_reliable(invite) or (body and supports_reliable(invite)):
        if caller.reliable is None:
            caller.reliable = ReliableSender.start(invite, secrets.randbelow)
        ready = caller.reliable.send(response, switch.now())
        _arm_reliable(switch, caller)
        if ready is None:
            return
        response = ready
    switch.respond(caller.key, response)


def _arm_reliable(switch: Switch, leg: Leg) -> None:
    at = leg.reliable.deadline() if leg.reliable else None
    if at is None:
        switch.timers.cancel(("reliable", leg))
    else:
        switch.timers.set(("reliable", leg), at)


def repeat_reliable(switch: Switch, call: Call, leg: Leg) -> None:
    """A reliable provisional answer was not acknowledged yet: send it again, or give up (RFC 3262 3)."""
    if leg.reliable is None:
        return
    again = leg.reliable.expire(switch.now())
    if isinstance(again, PrackMissing):
        teardown.end(switch, call, "the caller does not acknowledge", status=again.status)
        return
    if again is not None:
        switch.respond(leg.key, again)
    _arm_reliable(switch, leg)


def pracked(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """The caller acknowledges a provisional answer."""
    if leg.reliable is None:
        switch.respond(key, request.response(481))
        return
    if request.body:
        # An offer in a PRACK would change media that nobody has agreed to yet.
        switch.respond(key, request.response(488, headers=[teardown.warning("no offer in PRACK, please")]))
        return
    try:
        status, following = leg.reliable.receive_prack(request, switch.now())
    except ParseError as error:
        switch.respond(key, request.response(error.status, error.reason))
        return
    switch.respond(key, request.response(status))
    if following is not None:
        switch.respond(leg.key, following)
    _arm_reliable(switch, leg)
    if call.state is CallState.ANSWERING and call.joined and leg.reliable.may_accept:
        _accept(switch, call)


def branch_answered(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    """A 2xx to the INVITE of a branch."""
    dialog = leg.dialog
    if dialog is None or dialog.remote_tag != response.to.tag:
        leg.dialog = dialog = Dialog.from_invite_sent(request, response)
        leg.remote_sdp = b""  # early media, if any, was of another fork
        switch.acknowledge(leg, request.cseq.number)
    leg.apply(LegEvent.ACCEPTED)
    if not call.apply(CallEvent.ANSWERED):
        teardown.send_bye(switch, leg)
        return
    call.answered_by(leg)
    relay = leg.give_relay()
    if relay is not None:
        call.join_by(relay)
    leg.allows_update = "UPDATE" in response.headers.all("allow")
    switch.timers.cancel(("ring", call))
    for branch in call.branches:
        if branch is not leg and branch.state is LegState.SETUP:
            teardown.cancel_branch(switch, branch, 200)
    session.start_from_answer(switch, leg, response)
    switch.spawn(call, _join(switch, call, leg, response))


async def _join(switch: Switch, call: Call, leg: Leg, response: Response) -> None:
    try:
        body = await join_answer(switch, call, leg, response)
    except MediaRefused as error:
        glare.media_refused(switch, call, leg, error.why, "answer")
        teardown.end(switch, call, error.why, status=488)
        return
    except EdgeError as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        teardown.end(switch, call, "the media relay is not available", status=503)
        return
    if call.state is not CallState.ANSWERING:
        return
    if call.on_answer is not None:
        call.answer_is_ready()
        call.on_answer(body)
        return
    answer_caller(switch, call, body)


def answer_caller(switch: Switch, call: Call, body: bytes) -> None:
    """Give the caller its answer, at once or when it has acknowledged what was said before it."""
    caller = call.caller
    caller.local_sdp = body
    call.answer_is_ready()
    if caller.reliable is not None and not caller.reliable.may_accept:
        return  # the answer waits for the PRACK of the early media (RFC 3262 3)
    _accept(switch, call)


async def join_answer(switch: Switch, call: Call, leg: Leg, response: Response) -> bytes:
    """Give the callee's answer to the relay; returns the answer for the caller.

    Raises MediaRefused, EdgeError.
    """
    caller, relay = call.caller, leg.relay or call.relay
    if relay is None:
        raise MediaRefused("the branch has no relay any more")
    if response.body and response.body == leg.remote_sdp and caller.local_sdp:
        return caller.local_sdp  # the answer says again what the early media said
    answer = descriptions.check_answer(
        response.body,
        response.headers.get("content-type"),
        leg.local_sdp,
        leg.clear_text,
        places=media_places.of_leg(switch, leg),
    )
    leg.remote_sdp = response.body
    leg.suite = answer.suite
    leg.offers.received_answer()
    made = await switch.relays.answer(relay, Side.A, answer.for_relay, caller.profile)
    body = descriptions.outgoing_answer(
        made, caller.profile, caller.rejected_streams, call.offer, answer.for_relay, leg.local_sdp
    )
    return leaving.answer(caller, body)


def _accept(switch: Switch, call: Call) -> None:
    """Tell the caller that the other side has answered."""
    caller, invite = call.caller, call.caller.invite
    assert invite is not None
    headers = [
        ("Contact", caller.contact),
        ("Allow", ALLOW),
        ("Supported", "timer"),
        *session.answer_headers(switch, caller, invite),
        ("Server", PRODUCT),
    ]
    response = invite.response(
        200, to_tag=caller.tag, headers=headers, body=caller.local_sdp, content_type="application/sdp"
    )
    if caller.reliable is not None:
        caller.reliable.stop()  # and stays: a PRACK that is under way is still answered
        switch.timers.cancel(("reliable", caller))
    switch.respond(caller.key, response)
    caller.apply(LegEvent.WE_ACCEPTED)
    caller.offers.sent_answer()
    if caller.dialog is not None:
        caller.dialog.confirm()
    call.apply(CallEvent.CONNECTED, caller.answered_at)
    call.offer = b""
    switch.persist(call)
    switch.store.hasten()  # a process that dies now leaves a call to its successor, and not to nobody
    if call.callee is not None:
        for binding in switch.bindings.of_device(call.callee.device_id):
            switch.registrar.note_suites(binding, (call.callee.suite,))


def acknowledged(switch: Switch, call: Call, leg: Leg, key: str, ack: Request) -> None:
    """A party's ACK for our 2xx, to its first INVITE or a later one."""
    switch.server_invites.pop(key, None)
    leg.unacknowledged.discard(key)
    if teardown.acknowledged(switch, leg):
        return
    leg.apply(LegEvent.ACKNOWLEDGED)
    if leg.late_offer == key:
        agreement.answered_late(switch, call, leg, ack)


def never_acknowledged(switch: Switch, call: Call, leg: Leg, key: str) -> None:
    """Our 2xx was repeated for 32 seconds and never acknowledged (RFC 3261 13.3.1.4): the call ends."""
    switch.server_invites.pop(key, None)
    leg.unacknowledged.discard(key)
    if teardown.acknowledged(switch, leg):
        return
    leg.apply(LegEvent.ACKNOWLEDGED)  # so that it gets a BYE
    teardown.end(switch, call, "the answer was never acknowledged")
