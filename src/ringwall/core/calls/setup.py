"""From an INVITE to ringing phones.

Rules that this module keeps:
- The offer is checked before anything else is done with it: no call without SRTP (T5).
- All devices of the user ring, each as a branch with a dialog, a relay and keys of its own.
- The caller hears of ringing once. Early media reaches it only when there is one branch: two would mix, and
  the answer that comes later would contradict the description that came early.
- Whoever is told nothing is told why: each refusal carries a Warning, and the record the same words.
"""

import time

from ringwall.core.calls import answering, keepalive, media_policy, session, teardown
from ringwall.core.calls.call import Call, CallState, Leg, LegState
from ringwall.core.calls.media_policy import MediaRefused
from ringwall.core.calls.relay import Profile, Relay, Side
from ringwall.core.calls.switch import ALLOW, PRODUCT, Switch
from ringwall.core.directory.model import DeviceEntry
from ringwall.core.links.tls import EdgeRefused, EdgeUnavailable
from ringwall.core.registrar.bindings import Binding
from ringwall.core.registrar.flows import Flow
from ringwall.sip.dialog import Dialog
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Headers, Request, Response
from ringwall.sip.reliable import ReliableReceiver, requires_reliable
from ringwall.sip.syntax import quote
from ringwall.sip.uri import Uri

UNDERSTOOD = frozenset({"100rel", "timer", "outbound"})  # what a Require may ask of us


def invited(switch: Switch, key: str, request: Request, device: DeviceEntry, flow: Flow) -> None:
    """A proven device wants a call: find whom, prepare the media, ring."""
    who = {"caller": device.extension, "caller_device": device.username, "source": flow.peer}

    def refuse(status: int, reason: str, why: str) -> None:
        teardown.refuse(switch, key, request, status, reason, why, **who)

    if switch.store.failing:
        refuse(503, "Records Cannot Be Kept", "calls are refused while no record of them can be kept")
        return
    if len(switch.calls) >= switch.settings.sip.max_calls:
        refuse(503, "Too Many Calls", "the system is at its limit of simultaneous calls")
        return
    unknown = {tag.lower() for tag in request.headers.all("require")} - UNDERSTOOD
    if unknown:
        missing = ", ".join(sorted(unknown))[:200]
        switch.respond(
            key, request.response(420, to_tag=switch.new_tag(), headers=[("Unsupported", missing)])
        )
        return
    too_small = session.refuse_small_interval(switch, request)
    if too_small is not None:
        switch.respond(key, too_small)
        return
    try:
        offer = media_policy.check_offer(request.body, request.headers.get("content-type"))
    except MediaRefused as error:
        switch.respond(
            key, request.response(488, to_tag=switch.new_tag(), headers=[teardown.warning(error.why)])
        )
        switch.record(
            "media.refused", why=error.why, method="INVITE", dialled=(request.to.uri.user or "")[:64], **who
        )
        return
    dialled = _dialled(switch, request)
    user = switch.directory.snapshot.by_extension.get(dialled)
    if user is None:
        refuse(404, "No Such Extension", f"there is no extension {dialled[:32]}")
        return
    targets = [b for b in switch.bindings.of_extension(dialled, time.time()) if b.device_id != device.id]
    if not targets:
        refuse(480, "Not Registered", f"extension {dialled} has no phone that is signed in")
        return
    tag = switch.new_tag()
    caller = Leg(
        side=Side.A,
        tag=tag,
        sip_call_id=request.call_id,
        device_id=device.id,
        extension=device.extension,
        device=device.username,
        flow=flow,
        contact=switch.contact_for(tag),
        profile=offer.profile,
        key=key,
        invite=request,
        dialog=Dialog.from_invite_received(request, tag),
        remote_sdp=request.body,
        declined=offer.declined,
        suite=offer.suite,
        allows_update="UPDATE" in request.headers.all("allow"),
    )
    caller.offers.received_offer()
    call = Call(id=switch.new_tag(), caller=caller, dialled=dialled, callee_name=user.name)
    call.offer = offer.for_relay
    switch.calls[call.id] = call
    switch.add_leg(call, caller)
    switch.server_invites[key] = (call, caller)
    _note_own_suites(switch, device, offer.suites)
    for place, binding in enumerate(targets):
        _start_branch(switch, call, binding, place)
    switch.timers.set(("ring", call), switch.now() + switch.settings.sip.ring_seconds)
    switch.timers.set(("trying", caller), switch.now() + answering.TRYING_SECONDS)


def _dialled(switch: Switch, request: Request) -> str:
    """The user part of the Request-URI; empty where it has none, or belongs to another house."""
    uri = Uri.parse(request.uri)  # the parser has read it before
    ours = uri.host.lower() in {switch.domain.lower(), str(switch.settings.address)}
    return uri.user or "" if ours else ""


def _note_own_suites(switch: Switch, device: DeviceEntry, suites: tuple[str, ...]) -> None:
    for binding in switch.bindings.of_device(device.id):
        switch.registrar.note_suites(binding, suites)


def _start_branch(switch: Switch, call: Call, binding: Binding, place: int) -> None:
    tag = switch.new_tag()
    leg = Leg(
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
    chained = media_policy.needs_chain(call.caller.suite, leg.profile, binding.suites)
    leg.relay = Relay(f"{call.id}-{place}", chained)
    call.branches.append(leg)
    switch.add_leg(call, leg)
    switch.spawn(
        call,
        _ring(switch, call, leg, binding),
        lambda _error: teardown.branch_failed(switch, call, leg, 500, "Server Internal Error"),
    )


async def _ring(switch: Switch, call: Call, leg: Leg, binding: Binding) -> None:
    """Get the relay's offer for this branch and send the INVITE."""
    relay = leg.relay
    assert relay is not None
    try:
        given, made = await switch.relays.offer(
            relay, Side.A, call.offer, leg.profile, media_policy.between_relays, first=True
        )
        body = media_policy.outgoing_offer(made, leg.profile, given)
    except (EdgeRefused, EdgeUnavailable) as error:
        teardown.branch_failed(switch, call, leg, 503, "Media Relay Unavailable")
        switch.record("system.relay_failed", call=call.id, why=str(error))
        return
    except MediaRefused as error:
        teardown.branch_failed(switch, call, leg, 488, "Not Acceptable Here")
        switch.record("media.refused", call=call.id, why=error.why, method="offer")
        return
    if leg.state is LegState.ENDED or call.state is not CallState.SETUP:
        switch.relays.delete(relay)
        return
    leg.local_sdp = body
    leg.offers.sent_offer()
    request = _invite(switch, call, leg, binding, body)
    leg.key = switch.request(leg, request, lambda q, r: _branch_response(switch, call, leg, q, r))


def _invite(switch: Switch, call: Call, leg: Leg, binding: Binding, body: bytes) -> Request:
    user = switch.directory.snapshot.by_extension.get(call.caller.extension)
    caller_name = user.name if user is not None else call.caller.extension
    domain = switch.domain
    original = call.caller.invite
    assert original is not None
    supported = "timer, 100rel" if "100rel" in original.headers.all("supported") else "timer"
    headers = [
        *(("Route", entry) for entry in binding.path),
        ("Max-Forwards", "70"),
        ("From", f"{quote(caller_name)} <sip:{call.caller.extension}@{domain}>;tag={leg.tag}"),
        ("To", f"<sip:{leg.extension}@{domain}>"),
        ("Call-ID", leg.sip_call_id),
        ("CSeq", "1 INVITE"),
        ("Contact", leg.contact),
        ("Allow", ALLOW),
        ("Supported", supported),
        *session.offer_headers(switch),
        ("User-Agent", PRODUCT),
        ("Content-Type", "application/sdp"),
    ]
    return Request("INVITE", binding.contact, Headers(headers), body)


def _branch_response(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    status = response.status
    if status < 200:
        if status > 100:
            _provisional(switch, call, leg, request, response)
    elif status < 300:
        answering.branch_answered(switch, call, leg, request, response)
    else:
        leg.key = ""
        flow = leg.flow
        if 500 <= status < 600:
            # What is wrong with one phone is not wrong with the system that the caller asked.
            status, reason = 480, "Temporarily Unavailable"
        else:
            reason = response.reason
        teardown.branch_failed(switch, call, leg, status, reason)
        if status == 430 and flow is not None:
            keepalive.flow_closed(switch, flow.peer)
            switch.registrar.flow_closed(flow.peer)


def _provisional(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    if response.to.tag is None:
        return
    if leg.dialog is None:
        leg.dialog = Dialog.from_invite_sent(request, response)
    if requires_reliable(response) and not _prack(switch, leg, response):
        return
    media = response.body if len(call.branches) == 1 else b""
    if media and not leg.remote_sdp:
        leg.remote_sdp = (
            media  # so that the next one, if it comes before the relay has answered, is not joined too
        )
        switch.spawn(
            call,
            _early_media(switch, call, leg, response),
            lambda _error: teardown.branch_failed(switch, call, leg, 500, "Server Internal Error"),
        )
    elif not call.caller.ringing_sent:
        answering.tell_caller(switch, call, 180)


def _prack(switch: Switch, leg: Leg, response: Response) -> bool:
    """Acknowledge a reliable provisional answer; False for a repetition, which is dropped (RFC 3262 4)."""
    if leg.dialog is None or response.to.tag != leg.dialog.remote_tag:
        return True  # of a fork within the branch: it is not followed further
    leg.pracks = leg.pracks or ReliableReceiver()
    try:
        rack = leg.pracks.receive(response)
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
    except (MediaRefused, EdgeRefused, EdgeUnavailable):
        # The answer may still be good; until then the caller hears its own ringing tone.
        if leg.state is LegState.SETUP:
            leg.remote_sdp = b""
        if call.state is CallState.SETUP and not call.caller.ringing_sent:
            answering.tell_caller(switch, call, 180)
        return
    if call.state is CallState.SETUP and leg.state is not LegState.ENDED:
        answering.tell_caller(switch, call, 183, body)
