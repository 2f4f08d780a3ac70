"""Changes of a call that is up: re-INVITE and UPDATE, hold and resume, from either side.

RFC 3261 14, RFC 3311. Rules that this module keeps:
- A change that one party asks for is asked of the other; what that one answers is the answer. Nothing is
  agreed to in somebody else's name.
- Every offer and every answer is checked as at the beginning (T5), and each leg keeps keys of its own.
- A refresh, which says again what was said before, is answered here; the other party hears nothing of it.
- Two changes at once are glare: 491, and whoever asked tries again (RFC 3261 14.1).
- When a change is refused the relay is set back to what both parties had agreed, before anybody is told.
- A re-INVITE without an offer asks for ours: the session as it is. An answer in its ACK that is not
  acceptable ends the call, since an ACK cannot be refused.
"""

import secrets
from collections.abc import Callable
from functools import partial

from ringwall.core.calls import media_policy, session, teardown
from ringwall.core.calls.call import Call, Leg, LegState
from ringwall.core.calls.media_policy import MediaRefused
from ringwall.core.calls.relay import Relay
from ringwall.core.calls.switch import ALLOW, Switch
from ringwall.core.links.tls import EdgeRefused, EdgeUnavailable
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import MAX_RETRY_AFTER, Glare

_DEAD = frozenset({404, 408, 410, 430, 481})  # RFC 3261 12.2.1.2, RFC 5057: the dialog is gone
_PASSED_ON = frozenset({415, 486, 488, 491, 500, 503, 603, 606})
_SDP = "application/sdp"


def dialog_is_gone(switch: Switch, leg: Leg, status: int) -> bool:
    """Whether a refusal with this status says that the party does not know the dialog any more.

    A connection that has closed says nothing yet: the phone has a while to come back.
    """
    if status == 430:
        switch.lose(leg)
        return False
    return status in _DEAD


def asked(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """A re-INVITE or UPDATE within the call."""
    other = call.other(leg)
    if other is None or other.state is LegState.ENDED or not call.talks():
        # An UPDATE before the answer: what it asks for cannot be passed on yet (RFC 3311 5.2).
        headers = [("Retry-After", str(_soon()))]
        switch.respond(key, request.response(500, headers=headers))
        return
    small = session.refuse_small_interval(switch, request)
    if small is not None:
        switch.respond(key, small)
        return
    invite = request.method == "INVITE"
    if not invite and not request.body:
        _accept(switch, call, leg, key, request, b"")
        return
    try:
        _take_turn(leg, request)
    except Glare as glare:
        switch.respond(key, request.response(glare.status, headers=glare.headers))
        return
    if not request.body:
        leg.offers.sent_offer()
        leg.offers.invite_ended()
        leg.late_offer = key
        _accept(switch, call, leg, key, request, leg.local_sdp)
        return
    if request.body == leg.remote_sdp:
        leg.offers.sent_answer()
        _give_turn_back(leg, request)
        _accept(switch, call, leg, key, request, leg.local_sdp)
        return
    if not other.offers.may_invite:
        _give_turn_back(leg, request)
        switch.respond(key, request.response(491))
        return
    # In a chain both parties may use one suite; over a single relay they must not.
    avoid = "" if call.relay is not None and call.relay.chained else other.suite
    try:
        offer = media_policy.check_offer(
            request.body,
            request.headers.get("content-type"),
            prefer=leg.suite,
            avoid=avoid,
            clear_text=leg.clear_text,
        )
    except MediaRefused as error:
        _give_turn_back(leg, request)
        switch.respond(key, request.response(488, headers=[teardown.warning(error.why)]))
        media_refused(switch, call, leg, error.why, request.method)
        return
    leg.asked[key] = request
    other.offers.sent_invite()
    other.offers.sent_offer()
    switch.spawn(
        call,
        _change(switch, call, leg, other, key, request, offer),
        lambda _error: teardown.end(switch, call, "an error in the system"),
    )


def media_refused(switch: Switch, call: Call, leg: Leg, why: str, method: str) -> None:
    """Put on record that a party wanted media which is not let through (T5)."""
    switch.record(
        "media.refused",
        call=call.id,
        why=why,
        method=method,
        extension=leg.extension,
        device=leg.device,
        source=leg.flow.peer if leg.flow else None,
    )


def _soon() -> int:
    return 1 + secrets.randbelow(MAX_RETRY_AFTER)


def _take_turn(leg: Leg, request: Request) -> None:
    """Let the party's change begin. Raises Glare, and then nothing has begun."""
    if not request.body and not leg.offers.may_offer:
        raise Glare(491)  # it asks for an offer of ours, and one is open
    invite = request.method == "INVITE"
    if invite:
        leg.offers.received_invite(retry_after=_soon())
    try:
        if request.body:
            leg.offers.received_offer(retry_after=_soon())
    except Glare:
        if invite:
            leg.offers.invite_ended()
        raise


def _give_turn_back(leg: Leg, request: Request) -> None:
    """The party's change is over, however it ended."""
    leg.offers.rejected()
    if request.method == "INVITE":
        leg.offers.invite_ended()


def _accept(switch: Switch, call: Call, leg: Leg, key: str, request: Request, body: bytes) -> None:
    headers = [
        ("Contact", leg.contact),
        ("Allow", ALLOW),
        ("Supported", "timer"),
        *session.answer_headers(switch, leg, request),
    ]
    if body:
        leg.local_sdp = body
    if request.method == "INVITE":
        switch.server_invites[key] = (call, leg)
        leg.unacknowledged.add(key)
    switch.respond(
        key, request.response(200, headers=headers, body=body, content_type=_SDP if body else None)
    )


def _between(towards: Leg) -> Callable[[bytes, bytes], bytes]:
    """How the offer is prepared in the middle of a chain that ends at this party."""
    return partial(media_policy.between_relays, avoid=towards.suite)


async def _change(
    switch: Switch, call: Call, leg: Leg, other: Leg, key: str, request: Request, offer: media_policy.Checked
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
            relay, leg.side, offer.for_relay, other.profile, _between(other)
        )
        body = media_policy.outgoing_offer(
            made, other.profile, given, leg.remote_sdp, leg.local_sdp, used=other.suite
        )
    except (EdgeRefused, EdgeUnavailable) as error:
        switch.record("system.relay_failed", call=call.id, why=str(error))
        failure = 503, "the media relay is not available"
    except MediaRefused as error:
        failure = 488, error.why
    if not call.talks():
        switch.relays.delete(relay)  # a chain may have been made anew behind its removal
        return
    if failure is None:
        headers = [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, other.timer)]
        response = await switch.ask(other, other.dialog.request("INVITE", other.contact, headers, body))
        if not call.talks():
            return
        if response.status < 300:
            await _joined(switch, call, leg, other, key, request, offer, body, response)
            return
        if dialog_is_gone(switch, other, response.status):
            teardown.end(switch, call, "phone lost")
            return
        # What says that both asked at once, or that the answer is no, is for the one who asked.
        failure = response.status if response.status in _PASSED_ON else 488, response.reason
    await _realign(switch, call, relay)
    other.offers.rejected()
    other.offers.invite_ended()
    _give_turn_back(leg, request)
    switch.answer(leg, key, request.response(failure[0], headers=[teardown.warning(failure[1])]))


async def _joined(
    switch: Switch,
    call: Call,
    leg: Leg,
    other: Leg,
    key: str,
    request: Request,
    offer: media_policy.Checked,
    body: bytes,
    response: Response,
) -> None:
    """The other party has said yes, with `response` to `body`."""
    assert call.relay is not None
    try:
        answer = media_policy.check_answer(
            response.body, response.headers.get("content-type"), body, other.clear_text
        )
        made = await switch.relays.answer(call.relay, leg.side, answer.for_relay, leg.profile)
        back = media_policy.outgoing_answer(
            made, leg.profile, offer.declined, offer.for_relay, answer.for_relay, body
        )
    except MediaRefused as error:
        # The other party has switched to something that must not be relayed: there is no way back but the
        # end.
        media_refused(switch, call, other, error.why, "answer")
        switch.answer(leg, key, request.response(488, headers=[teardown.warning(error.why)]))
        teardown.end(switch, call, error.why)
        return
    except (EdgeRefused, EdgeUnavailable) as error:
        switch.record("system.relay_failed", call=call.id, why=str(error))
        switch.answer(leg, key, request.response(503))
        teardown.end(switch, call, "the media relay is not available")
        return
    if not call.talks():
        return
    other.offers.received_answer()
    other.offers.invite_ended()
    session.start_from_answer(switch, other, response)
    other.local_sdp, other.remote_sdp, other.suite = body, response.body, answer.suite
    leg.offers.sent_answer()
    _give_turn_back(leg, request)
    leg.remote_sdp, leg.suite, leg.declined = request.body, offer.suite, offer.declined
    call.offerer = leg.side
    del leg.asked[key]
    _accept(switch, call, leg, key, request, back)
    switch.keep(call)


async def _realign(switch: Switch, call: Call, relay: Relay) -> None:
    """Tell the relay again what both parties have agreed on."""
    first = call.caller if call.caller.side is call.offerer else call.callee
    second = call.other(first) if first is not None else None
    assert first is not None
    assert second is not None
    try:
        offer = media_policy.check_offer(
            first.remote_sdp, _SDP, prefer=first.suite, clear_text=first.clear_text
        )
        answer = media_policy.check_offer(
            second.remote_sdp, _SDP, prefer=second.suite, clear_text=second.clear_text
        )
        await switch.relays.offer(relay, first.side, offer.for_relay, second.profile, _between(second))
        if not call.talks():
            switch.relays.delete(relay)  # it may have been made anew behind its removal
            return
        await switch.relays.answer(relay, first.side, answer.for_relay, first.profile)
    except (MediaRefused, EdgeRefused, EdgeUnavailable) as error:
        switch.record("system.relay_failed", call=call.id, why=f"could not be set back: {error}")


def described_anew(switch: Switch, call: Call, leg: Leg, body: bytes, content_type: str | None) -> bool:
    """A party answers our own offer of the session as it is, in a 2xx or an ACK.

    False when the call had to be ended, because it answers with something that must not be relayed.
    """
    if body == leg.remote_sdp:
        return True
    try:
        answer = media_policy.check_answer(body, content_type, leg.local_sdp, leg.clear_text)
    except MediaRefused as error:
        media_refused(switch, call, leg, error.why, "answer")
        teardown.end(switch, call, error.why)
        return False
    leg.remote_sdp, leg.suite = body, answer.suite
    other, relay = call.other(leg), call.relay
    if other is not None and relay is not None:
        call.offerer = other.side
        switch.keep(call)
        switch.spawn(
            call,
            _realign(switch, call, relay),
            lambda _error: teardown.end(switch, call, "an error in the system"),
        )
    return True


def answered_late(switch: Switch, call: Call, leg: Leg, ack: Request) -> None:
    """The ACK that has to answer the offer in our 2xx is here (RFC 3261 14.2)."""
    leg.late_offer = ""
    leg.offers.received_answer()
    if call.talks():
        described_anew(switch, call, leg, ack.body, ack.headers.get("content-type"))


def passed_through(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """An INFO within the call, such as a digit of a phone that sends digits so: the other party gets it."""
    other = call.other(leg)
    if other is None or other.dialog is None or other.state is not LegState.TALKING:
        switch.respond(key, request.response(480))
        return
    content_type = request.headers.get("content-type")
    package = request.headers.get("info-package")
    headers = [("Info-Package", package)] if package else []
    leg.asked[key] = request

    def answered(_request: Request, response: Response) -> None:
        status = response.status
        if status < 200:
            return
        gone = status >= 300 and dialog_is_gone(switch, other, status)
        # 430 and what else is about the other dialog must not be taken for a word about this one (RFC 5057).
        switch.answer(leg, key, request.response(480 if status in _DEAD else status))
        if gone:
            teardown.end(switch, call, "phone lost")

    switch.request(other, other.dialog.request("INFO", None, headers, request.body, content_type), answered)
