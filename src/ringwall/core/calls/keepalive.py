"""Calls of phones that vanished: session refreshes, closed connections, phones that come back (RFC 4028, RFC 5626).

Rules that this module keeps:
- Each leg is refreshed or watched for itself; a leg that is gone ends the call, with a record that says so.
- A connection that closes does not end a call at once: a phone that changes its network signs in again and goes on
  talking on the same dialog, by its new way. If it does not come back in time the call ends.
- A lost link to the edge ends nothing by itself: media flows without it.
"""

import random

from ringwall.core.calls import renegotiation, session, teardown
from ringwall.core.calls.call import Call, CallState, Leg, LegState
from ringwall.core.calls.switch import ALLOW, Switch
from ringwall.core.registrar.bindings import Binding
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import glare_pause

_RETRY_SECONDS = 5.0


def refresh(switch: Switch, call: Call, leg: Leg) -> None:
    """It is time to refresh the session with this party."""
    if call.state is not CallState.TALKING or leg.dialog is None or leg.state is not LegState.TALKING:
        return
    if not leg.offers.may_invite:
        switch.timers.set(("refresh", leg), switch.now() + _RETRY_SECONDS)
        return
    headers = [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, leg.timer)]
    if leg.allows_update:
        request = leg.dialog.request("UPDATE", leg.contact, headers)
    else:
        leg.offers.sent_invite()
        leg.offers.sent_offer()
        request = leg.dialog.request("INVITE", leg.contact, headers, leg.local_sdp)
        leg.invite_cseq = request.cseq.number
    switch.request(leg, request, lambda q, r: _refreshed(switch, call, leg, q, r))


def _refreshed(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    status = response.status
    if status < 200 or leg.dialog is None:
        return
    invite = request.method == "INVITE"
    if invite:
        leg.offers.invite_ended()
    if status < 300:
        if invite:
            leg.offers.received_answer()
            switch.tx.send(leg.dialog.ack(leg.invite_cseq))
        leg.dialog.refresh_target(response)
        session.start_from_answer(switch, leg, response)
        return
    if invite:
        leg.offers.rejected()
    waits_for_return = status == 430 and ("lost", leg) in switch.timers
    if renegotiation.dialog_is_gone(status) and not waits_for_return:
        teardown.end(switch, call, "phone lost")
        return
    if status == 405 or status == 501:  # noqa: PLR1714 - it said Allow: UPDATE and does not
        leg.allows_update = False
    pause = _RETRY_SECONDS
    if status == 491:
        pause = glare_pause(random.random, initiator=leg.dialog.initiator)
    switch.timers.set(("refresh", leg), switch.now() + pause)


def expired(switch: Switch, call: Call, leg: Leg) -> None:
    """No refresh came, or none was answered, for the whole interval."""
    if leg.state is not LegState.ENDED:
        teardown.end(switch, call, "phone lost")


def flow_closed(switch: Switch, peer: str) -> None:
    """The connection from "address:port" is gone."""
    for leg in list(switch.flows.get(peer, ())):
        found = switch.legs.get((leg.sip_call_id, leg.tag))
        if found is None:
            continue
        call = found[0]
        if leg.state is not LegState.SETUP:
            switch.lose(leg)
        elif leg is call.caller:
            teardown.end(switch, call, "the caller's connection closed", by="caller", status=487)
        else:
            teardown.branch_failed(switch, call, leg, 430, "Flow Failed")


def phone_returned(switch: Switch, binding: Binding) -> None:
    """A device signed in over a new connection: its calls go on there."""
    for leg in switch.found_again(binding.device_id):
        if leg.dialog is not None:
            leg.dialog.routes = binding.path
            leg.dialog.remote_target = binding.contact
        switch.move_leg(leg, binding.flow)
