"""Calls of phones that vanished: session refreshes, closed connections, phones that come back.

RFC 4028, RFC 5626. Rules that this module keeps:
- Each leg is refreshed or watched for itself; a leg that is gone ends the call, with a record that says so.
- A connection that closes does not end a call at once: a phone that changes its network signs in again and
  goes on talking on the same dialog, by its new way. If it does not come back in time the call ends.
- A lost link to the edge ends nothing by itself: media flows without it. When it is back everybody is asked.
"""

import secrets
from dataclasses import replace

from ringwall.core.calls.dialog import agreement, glare, session, teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.switch.switch import ALLOW, Switch
from ringwall.core.registrar.bindings import Binding
from ringwall.core.registrar.flows import Flow
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import glare_pause
from ringwall.sip.session_timer import after_too_small

_RETRY_SECONDS = 5.0
ASK_SECONDS = 30.0  # a lost link is found on all calls at once; the questions are spread over this time


def _chance() -> float:
    return secrets.randbelow(1000) / 1000


def ask_everybody(switch: Switch) -> None:
    """Nobody could be heard for a while: who hung up in the meantime? Ask, spread over some time."""
    for call, leg in switch.legs.values():
        if call.state is CallState.TALKING:
            pause = _RETRY_SECONDS + ASK_SECONDS * _chance()
            switch.timers.set(("refresh", leg), switch.now() + pause)


def refresh(switch: Switch, call: Call, leg: Leg) -> None:
    """It is time to refresh the session with this party."""
    if call.state is not CallState.TALKING or leg.dialog is None or leg.state is not LegState.TALKING:
        return
    if not leg.offers.may_invite or not switch.link_is_up:
        switch.timers.set(("refresh", leg), switch.now() + _RETRY_SECONDS)
        return
    headers = [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, leg.timer)]
    if leg.allows_update:
        request = leg.dialog.request("UPDATE", leg.contact, headers)
    else:
        leg.offers.sent_invite()
        leg.offers.sent_offer()
        request = leg.dialog.request("INVITE", leg.contact, headers, leg.local_sdp)
    switch.request(leg, request, lambda q, r: _refreshed(switch, call, leg, q, r))


def _refreshed(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    status = response.status
    if status < 200 or leg.dialog is None:
        return
    invite = request.method == "INVITE"
    if invite:
        leg.offers.invite_ended()
    if status < 300:
        if not invite:
            leg.dialog.refresh_target(response)
        elif leg.offers.received_answer() and not agreement.reanswered(
            switch, call, leg, response.body, response.headers.get("content-type")
        ):
            return
        session.start_from_answer(switch, leg, response)
        return
    if invite:
        leg.offers.rejected()
    if glare.dialog_is_gone(switch, leg, status):
        teardown.party_lost(switch, call, leg)
        return
    pause = _RETRY_SECONDS
    if status in {405, 501}:  # it said Allow: UPDATE and does not
        leg.allows_update = False
    elif status == 491:
        pause = glare_pause(_chance, initiator=leg.dialog.initiator)
    elif status == 422 and leg.timer is not None:
        try:
            wanted = after_too_small(response, switch.session_policy).min_se
        except ParseError:
            wanted = leg.timer.interval
        leg.timer = replace(leg.timer, interval=max(leg.timer.interval, wanted))
    switch.timers.set(("refresh", leg), switch.now() + pause)


def expired(switch: Switch, call: Call, leg: Leg) -> None:
    """No refresh came, or none was answered, for the whole interval; or the phone did not come back."""
    if leg.state is not LegState.ENDED:
        teardown.party_lost(switch, call, leg)


def flow_closed(switch: Switch, flow: Flow) -> None:
    """The connection is gone."""
    for leg in list(switch.flows.get(flow, ())):
        found = switch.legs.get((leg.sip_call_id, leg.tag))
        if found is None:
            continue
        call = found[0]
        if leg.state is not LegState.SETUP:
            switch.mark_lost(leg)
            # The phone may have come back before its old connection was seen to end.
            if leg.trunk:
                continue
            others = [b for b in switch.bindings.of_device(leg.device_id) if b.flow != flow]
            if others:
                phone_returned(switch, max(others, key=lambda binding: binding.expires_at))
        elif leg is call.caller:
            teardown.end(switch, call, "the caller's connection closed", by="caller", status=487)
        else:
            teardown.branch_failed(switch, call, leg, 430, "Flow Failed")


def phone_returned(switch: Switch, binding: Binding) -> None:
    """A device signed in over a new connection: its calls go on there, unless theirs is its own still."""
    ways = {each.flow for each in switch.bindings.of_device(binding.device_id)}
    for leg in list(switch.devices.get(binding.device_id, ())):
        if leg.state is LegState.SETUP or leg.dialog is None:
            continue
        if leg.flow in ways and not switch.is_lost(leg):
            continue
        leg.dialog.routes = binding.path
        leg.dialog.remote_target = binding.contact
        switch.move_leg(leg, binding.flow)
        found = switch.legs.get((leg.sip_call_id, leg.tag))
        if found is not None:
            switch.persist(found[0])
