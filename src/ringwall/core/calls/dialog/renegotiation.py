"""Changes of a call that is up: re-INVITE and UPDATE, hold and resume, from either side.

RFC 3261 14, RFC 3311. Rules that this module keeps:
- A change that one party asks for is asked of the other; what that one answers is the answer. Nothing is
  agreed to in somebody else's name.
- Every offer and every answer is checked as at the beginning (T5), and each leg keeps keys of its own.
- A refresh, which says again what was said before, is answered here; the other party hears nothing of it.
- Two changes at once are glare: 491, and whoever asked tries again (RFC 3261 14.1).
- When a change is refused the relay is set back to what both parties had agreed, before anybody is told.
- A party whose media goes to the media server is answered for it, here.
"""

from typing import Final

from ringwall.core.calls.dialog import agreement, glare, session, teardown
from ringwall.core.calls.media import descriptions, leaving, media_places, server_leg
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.switch.switch import ALLOW, Switch
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError
from ringwall.events.system import SystemRelayFailed
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import Glare

_PASSED_ON: Final = frozenset({415, 486, 488, 491, 500, 503, 603, 606})


def asked(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """A re-INVITE or UPDATE within the call."""
    other = call.other(leg)
    alone = leg.media is not None
    if not call.talks() or not (alone or (other is not None and other.state is not LegState.ENDED)):
        # An UPDATE before the answer: what it asks for cannot be passed on yet (RFC 3311 5.2).
        headers = [("Retry-After", str(glare.soon()))]
        switch.respond(key, request.response(500, headers=headers))
        return
    small = session.refuse_small_interval(switch, request)
    if small is not None:
        switch.respond(key, small)
        return
    invite = request.method == "INVITE"
    if not invite and not request.body:
        glare.accept(switch, call, leg, key, request, b"")
        return
    try:
        glare.begin_change(leg, request)
    except Glare as clash:
        switch.respond(key, request.response(clash.status, headers=clash.headers))
        return
    if not request.body:
        leg.offers.sent_offer()
        leg.offers.invite_ended()
        leg.late_offer = key
        glare.accept(switch, call, leg, key, request, leg.local_sdp)
        return
    if request.body == leg.remote_sdp:
        leg.offers.sent_answer()
        glare.end_change(leg, request)
        glare.accept(switch, call, leg, key, request, leg.local_sdp)
        return
    if call.media_transition or (not alone and other is not None and not other.offers.may_invite):
        glare.end_change(leg, request)
        switch.respond(key, request.response(491))
        return
    try:
        offer = descriptions.check_offer(
            request.body,
            request.headers.get("content-type"),
            places=media_places.of_leg(switch, leg),
            prefer=leg.suite,
            avoid=_avoided(call, leg),
            clear_text=leg.clear_text,
        )
    except MediaRefused as error:
        glare.end_change(leg, request)
        switch.respond(key, request.response(488, headers=[teardown.warning(error.why)]))
        glare.media_refused(switch, call, leg, error.why, request.method)
        return
    leg.pending_requests[key] = request
    if alone or other is None:
        work = _change_alone(switch, call, leg, key, request, offer)
    else:
        held = switch.hooks.on_hold(call, leg, key, request)
        work = held or pass_on(switch, call, leg, other, key, request, offer)
    switch.spawn(call, work)


def _avoided(call: Call, leg: Leg) -> str:
    """The suite that the other side of the party's relay uses: in a chain both may use one."""
    if leg.media is not None:
        return leg.media.suite
    other = call.other(leg)
    return "" if other is None or (call.relay is not None and call.relay.chained) else other.suite


def agreed(
    switch: Switch, call: Call, leg: Leg, key: str, request: Request, offer: descriptions.Checked, back: bytes
) -> None:
    """The party's change is said yes to."""
    leg.offers.sent_answer()
    glare.end_change(leg, request)
    leg.remote_sdp, leg.suite, leg.rejected_streams = request.body, offer.suite, offer.rejected_streams
    del leg.pending_requests[key]
    glare.accept(switch, call, leg, key, request, back)
    switch.persist(call)


async def _change_alone(
    switch: Switch, call: Call, leg: Leg, key: str, request: Request, offer: descriptions.Checked
) -> None:
    """A party that talks with the media server is answered for it."""
    failure = 488, "a call that began without SRTP goes on without it"
    if leg.clear_text is None or offer.profile == leg.profile:
        try:
            back = await server_leg.answer(switch, call, leg, offer)
        except MediaRefused as error:
            failure = 488, error.why
        except (EdgeError, MediaError) as error:
            switch.record(SystemRelayFailed(call=call.id, why=str(error)))
            failure = 503, "the media relay is not available"
        else:
            if call.talks() and leg.state is not LegState.ENDED:
                agreed(switch, call, leg, key, request, offer, back)
                for told in switch.hooks.media_changed:
                    told(call, leg)
            return
    if not call.talks() or leg.state is LegState.ENDED:
        return
    await agreement.resync_relay_alone(switch, call, leg, leg.remote_sdp)
    glare.end_change(leg, request)
    switch.answer(leg, key, request.response(failure[0], headers=[teardown.warning(failure[1])]))


async def pass_on(
    switch: Switch, call: Call, leg: Leg, other: Leg, key: str, request: Request, offer: descriptions.Checked
) -> None:
    """Ask the other party for what this one asks, if it can be asked now."""
    if not other.offers.may_invite:
        glare.end_change(leg, request)
        switch.answer(leg, key, request.response(491))
        return
    other.offers.sent_invite()
    other.offers.sent_offer()
    await _change(switch, call, leg, other, key, request, offer)


async def _change(
    switch: Switch, call: Call, leg: Leg, other: Leg, key: str, request: Request, offer: descriptions.Checked
) -> None:
    """Ask the other party for what this one asks."""
    relay = call.relay
    assert relay is not None
    assert other.dialog is not None
    failure: tuple[int, str] | None = None
    body = b""
    if leg.clear_text is not None and offer.profile != leg.profile:
        failure = 488, "a call that began without SRTP goes on without it"
    try:
        given, made = await switch.relays.offer(
            relay, leg.side, offer.for_relay, other.profile, agreement.between(other)
        )
        body = descriptions.outgoing_offer(
            made, other.profile, given, leg.remote_sdp, leg.local_sdp, used=other.suite
        )
        body = leaving.offer(other, body)
    except EdgeError as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        failure = 503, "the media relay is not available"
    except MediaRefused as error:
        failure = 488, error.why
    if not call.talks():
        switch.relays.delete(relay)  # a chain may have been made anew behind its removal
        return
    if failure is None:
        headers = [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, other.timer)]
        response = await switch.request_and_wait(
            other, other.dialog.request("INVITE", other.contact, headers, body)
        )
        if not call.talks():
            return
        if response.status < 300:
            await _joined(switch, call, leg, other, key, request, offer, body, response)
            return
        if glare.dialog_is_gone(switch, other, response.status):
            teardown.end(switch, call, "phone lost")
            return
        # What says that both asked at once, or that the answer is no, is for the one who asked.
        failure = response.status if response.status in _PASSED_ON else 488, response.reason
    await agreement.resync_relay(switch, call, relay)
    other.offers.rejected()
    other.offers.invite_ended()
    glare.end_change(leg, request)
    switch.answer(leg, key, request.response(failure[0], headers=[teardown.warning(failure[1])]))


async def _joined(
    switch: Switch,
    call: Call,
    leg: Leg,
    other: Leg,
    key: str,
    request: Request,
    offer: descriptions.Checked,
    body: bytes,
    response: Response,
) -> None:
    """The other party has said yes, with `response` to `body`."""
    assert call.relay is not None
    try:
        answer = descriptions.check_answer(
            response.body,
            response.headers.get("content-type"),
            body,
            other.clear_text,
            places=media_places.of_leg(switch, other),
        )
        made = await switch.relays.answer(call.relay, leg.side, answer.for_relay, leg.profile)
        back = descriptions.outgoing_answer(
            made, leg.profile, offer.rejected_streams, offer.for_relay, answer.for_relay, body
        )
        back = leaving.answer(leg, back)
    except MediaRefused as error:
        # The other party has switched to something that must not be relayed: there is no way back but the
        # end.
        glare.media_refused(switch, call, other, error.why, "answer")
        switch.answer(leg, key, request.response(488, headers=[teardown.warning(error.why)]))
        teardown.end(switch, call, error.why)
        return
    except EdgeError as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        switch.answer(leg, key, request.response(503))
        teardown.end(switch, call, "the media relay is not available")
        return
    if not call.talks():
        return
    other.offers.received_answer()
    other.offers.invite_ended()
    session.start_from_answer(switch, other, response)
    other.local_sdp, other.remote_sdp, other.suite = body, response.body, answer.suite
    call.agreed(leg.side)
    agreed(switch, call, leg, key, request, offer, back)
