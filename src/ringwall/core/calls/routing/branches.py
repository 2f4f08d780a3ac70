"""Branches of a call: from a place where somebody may answer to what they say.

Rules that this module keeps:
- All devices of a user ring, each as a branch with a dialog, a relay and keys of its own.
- The caller hears of ringing once. Early media reaches it only from the first branch that has any: two would
  mix, and an answer that comes later would contradict the description that came early.
"""

import time
from collections.abc import Callable, Sequence

from ringwall.core.calls.dialog import answering, glare, keepalive, session, teardown
from ringwall.core.calls.media import descriptions, leaving
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Continuation, Leg
from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.switch.switch import ALLOW, PRODUCT, Switch
from ringwall.core.errors import EdgeError
from ringwall.core.registrar.bindings import Binding
from ringwall.events.system import SystemRelayFailed
from ringwall.sip.dialog import Dialog
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.reliable import ReliableReceiver, requires_reliable
from ringwall.sip.syntax import quote

Build = Callable[[bytes], Request]  # the INVITE with this description


def phones_of(switch: Switch, call: Call, extension: str) -> list[Binding]:
    """The phones of a user that are signed in, but the one that calls."""
    found = switch.bindings.of_extension(extension, time.time())
    return [b for b in found if call.caller.trunk or b.device_id != call.caller.device_id]


def ring_user(switch: Switch, call: Call, extension: str) -> bool:
    """Ring all phones of a user; False where none is signed in."""
    targets = phones_of(switch, call, extension)
    for binding in targets:
        _start_branch(switch, call, binding)
    return bool(targets)


def leg_of(switch: Switch, binding: Binding) -> Leg:
    """A leg to a phone that is signed in."""
    tag = switch.new_tag()
    return Leg(
        side=Side.B,
        tag=tag,
        sip_call_id=switch.new_tag() + tag,
        device_id=binding.device_id,
        extension=binding.extension,
        device=binding.username,
        flow=binding.flow,
        contact=switch.contact_for(tag),
        profile=Profile.DTLS if binding.webrtc else Profile.SDES,
    )


def _start_branch(switch: Switch, call: Call, binding: Binding) -> None:
    leg = leg_of(switch, binding)
    start(
        switch,
        call,
        leg,
        known=binding.suites,
        build=lambda body: invite(switch, call, leg, binding, body, supported(call)),
        then=lambda q, r: _response(switch, call, leg, q, r),
    )


def start(
    switch: Switch, call: Call, leg: Leg, *, known: tuple[str, ...], build: Build, then: Continuation
) -> None:
    """Begin a branch: a relay of its own, then the INVITE. `known` are the suites that the party speaks."""
    chained = descriptions.needs_chain(call.caller.suite, leg.profile, known)
    leg.take_relay(Relay(f"{call.id}-{len(call.branches)}", chained))
    call.branches.append(leg)
    switch.add_leg(call, leg)
    switch.spawn(
        call,
        _ring(switch, call, leg, build, then),
        lambda: teardown.branch_failed(switch, call, leg, 500, "Server Internal Error"),
    )


async def _ring(switch: Switch, call: Call, leg: Leg, build: Build, then: Continuation) -> None:
    """Get the relay's offer for this branch and send the INVITE."""
    relay = leg.relay
    if relay is None:
        return  # the branch ended before this had its turn: one read may bring an INVITE and what ends it
    try:
        given, made = await switch.relays.offer(
            relay, Side.A, call.offer, leg.profile, descriptions.between_relays, first=True
        )
        body = leaving.offer(leg, descriptions.outgoing_offer(made, leg.profile, given))
    except EdgeError as error:
        teardown.branch_failed(switch, call, leg, 503, "Media Relay Unavailable")
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        return
    except MediaRefused as error:
        teardown.branch_failed(switch, call, leg, 488, "Not Acceptable Here")
        glare.media_refused(switch, call, leg, error.why, "offer")
        return
    if leg.state is LegState.ENDED or call.state is not CallState.SETUP:
        switch.relays.delete(relay)
        return
    leg.local_sdp = body
    leg.offers.sent_offer()
    leg.key = switch.request(leg, build(body), then)


def supported(call: Call) -> str:
    """What an INVITE of ours says that we understand: no more than the caller does."""
    original = call.caller.invite
    return "timer, 100rel" if original and "100rel" in original.headers.all("supported") else "timer"


def shown_caller(switch: Switch, call: Call) -> str:
    """Who calls, as a phone inside is shown it: name and address."""
    caller = call.caller
    if caller.trunk:
        name, user = caller.name or caller.number or "Unknown", caller.number or "anonymous"
    else:
        entry = switch.directory.snapshot.by_extension.get(caller.extension)
        name, user = entry.name if entry is not None else caller.extension, caller.extension
    return f"{quote(name)} <sip:{user}@{switch.domain}>"


def invite(
    switch: Switch,
    call: Call,
    leg: Leg,
    binding: Binding,
    body: bytes,
    understood: str,
    wishes: Sequence[tuple[str, str]] = (),
) -> Request:
    """The INVITE to a phone inside: `understood` are extensions of SIP, `wishes` further headers."""
    headers = [
        *(("Route", entry) for entry in binding.path),
        ("Max-Forwards", "70"),
        ("From", f"{shown_caller(switch, call)};tag={leg.tag}"),
        ("To", f"<sip:{leg.extension}@{switch.domain}>"),
        ("Call-ID", leg.sip_call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", leg.contact),
        ("Allow", ALLOW),
        ("Supported", understood),
        *session.offer_headers(switch),
        *wishes,
        ("User-Agent", PRODUCT),
        ("Content-Type", "application/sdp"),
    ]
    return Request("INVITE", binding.contact, Headers(headers), body)


def _response(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    status = response.status
    if status < 200:
        if status > 100:
            provisional(switch, call, leg, request, response)
    elif status < 300:
        answering.branch_answered(switch, call, leg, request, response)
    else:
        refused(switch, call, leg, response)


def refused(switch: Switch, call: Call, leg: Leg, response: Response) -> None:
    """A phone does not take the call."""
    status, reason, flow = response.status, response.reason, leg.flow
    leg.key = ""
    if 500 <= status < 600:
        # What is wrong with one phone is not wrong with the system that the caller asked.
        status, reason = 480, "Temporarily Unavailable"
    teardown.branch_failed(switch, call, leg, status, reason)
    if status == 430 and flow is not None:
        keepalive.flow_closed(switch, flow)
        switch.registrar.flow_closed(flow)


def provisional(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    """A 1xx other than 100 to the INVITE of a branch."""
    if response.to.tag is None:
        return
    if leg.dialog is None:
        leg.dialog = Dialog.from_invite_sent(request, response)
    if requires_reliable(response) and not _prack(switch, leg, response):
        return
    early = call.caller.invite is not None and _may_be_heard_early(call, leg)
    media = response.body if early else b""
    if media and not leg.remote_sdp:
        leg.remote_sdp = (
            media  # so that the next one, if it comes before the relay has answered, is not joined too
        )
        switch.spawn(
            call,
            _early_media(switch, call, leg, response),
            lambda: teardown.branch_failed(switch, call, leg, 500, "Server Internal Error"),
        )
    elif not call.caller.ringing_sent:
        answering.tell_caller(switch, call, 180)


def _may_be_heard_early(call: Call, leg: Leg) -> bool:
    """Whether no other branch rings or was heard."""
    others = [branch for branch in call.branches if branch is not leg]
    return all(branch.state is LegState.ENDED and not branch.remote_sdp for branch in others)


def _prack(switch: Switch, leg: Leg, response: Response) -> bool:
    """Acknowledge a reliable provisional answer; False for a repetition, which is dropped (RFC 3262 4)."""
    if leg.dialog is None or response.to.tag != leg.dialog.remote_tag:
        return True  # of a fork within the branch: it is not followed further
    leg.prack_receiver = leg.prack_receiver or ReliableReceiver()
    try:
        rack = leg.prack_receiver.receive(response)
    except ParseError:
        return True
    if rack is None:
        return False
    switch.request(leg, leg.dialog.request("PRACK", headers=[("RAck", str(rack))]), _ignore)
    return True


def _ignore(_request: Request, _response: Response) -> None:
    """Nothing follows from the answer to a PRACK."""


async def _early_media(switch: Switch, call: Call, leg: Leg, response: Response) -> None:
    """Let the caller hear what the called side plays before it answers."""
    try:
        body = await answering.join_answer(switch, call, leg, response)
    except (MediaRefused, EdgeError):
        # The answer may still be good; until then the caller hears its own ringing tone.
        if leg.state is LegState.SETUP:
            leg.remote_sdp = b""
        if call.state is CallState.SETUP and not call.caller.ringing_sent:
            answering.tell_caller(switch, call, 180)
        return
    if call.state is CallState.SETUP and leg.state is not LegState.ENDED:
        answering.tell_caller(switch, call, 183, body)
