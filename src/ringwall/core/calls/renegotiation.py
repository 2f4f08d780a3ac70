"""Changes of a call that is up: re-INVITE and UPDATE, hold and resume, from either side (RFC 3261 14, RFC 3311).

Rules that this module keeps:
- A change that one party asks for is asked of the other; what that one answers is the answer. Nothing is agreed to in
  somebody else's name.
- Every offer and every answer is checked as at the beginning (T5), and each leg keeps keys of its own.
- A refresh, which says again what was said before, is answered here; the other party hears nothing of it.
- Two changes at once are glare: 491, and whoever asked tries again (RFC 3261 14.1).
- When a change is refused the relay is set back to what both parties had agreed.
"""

import secrets
from collections.abc import Callable

from ringwall.core.calls import answering, media_policy, session, teardown
from ringwall.core.calls.call import Call, CallState, Leg, LegState
from ringwall.core.calls.media_policy import MediaRefused
from ringwall.core.calls.switch import ALLOW, Switch
from ringwall.core.links.tls import EdgeRefused, EdgeUnavailable
from ringwall.sip.message import Request, Response
from ringwall.sip.offer_answer import MAX_RETRY_AFTER, Glare

_DEAD = frozenset({404, 408, 410, 430, 481})  # RFC 3261 12.2.1.2, RFC 5057: the dialog is gone
_PASSED_ON = frozenset({415, 486, 488, 491, 500, 503, 603, 606})


def dialog_is_gone(status: int) -> bool:
    """Whether a refusal with this status says that the other side does not know the dialog any more."""
    return status in _DEAD


def asked(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """A re-INVITE or UPDATE within the call."""
    other = call.other(leg)
    if other is None or call.state is not CallState.TALKING:
        # An UPDATE before the answer: what it asks for cannot be passed on yet (RFC 3311 5.2).
        wait = str(secrets.randbelow(MAX_RETRY_AFTER) + 1)
        switch.respond(key, request.response(500, headers=[("Retry-After", wait)]))
        return
    small = session.refuse_small_interval(switch, request)
    if small is not None:
        switch.respond(key, small)
        return
    if not request.body:
        _refreshed_without_offer(switch, call, leg, key, request)
        return
    if request.body == leg.remote_sdp:
        _accept(switch, call, leg, key, request, leg.local_sdp)
        return
    try:
        if request.method == "INVITE":
            leg.offers.received_invite()
        leg.offers.received_offer(retry_after=1 + secrets.randbelow(MAX_RETRY_AFTER))
    except Glare as glare:
        _refuse_glare(switch, key, request, glare)
        return
    if not other.offers.may_invite:
        _give_up(leg)
        switch.respond(key, request.response(491))
        return
    try:
        offer = media_policy.check_offer(
            request.body, request.headers.get("content-type"), prefer=leg.suite, avoid=other.suite
        )
    except MediaRefused as error:
        _give_up(leg)
        switch.respond(key, request.response(488, headers=[teardown.warning(error.why)]))
        switch.record(
            "media.refused",
            call=call.id,
            why=error.why,
            method=request.method,
            caller=leg.extension,
            caller_device=leg.device,
            source=leg.flow.peer if leg.flow else None,
        )
        return
    other.offers.sent_invite()
    other.offers.sent_offer()
    switch.spawn(
        call,
        _pass_on(switch, call, leg, other, key, request, offer),
        lambda _error: teardown.end(switch, call, "an error in the system"),
    )


def _refuse_glare(switch: Switch, key: str, request: Request, glare: Glare) -> None:
    headers = [("Retry-After", str(glare.retry_after))] if glare.retry_after is not None else []
    switch.respond(key, request.response(glare.status, headers=headers))


def _give_up(leg: Leg) -> None:
    """Forget the change that this leg asked for."""
    leg.offers.rejected()
    leg.offers.invite_ended()


def _refreshed_without_offer(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """An UPDATE without SDP is a refresh. A re-INVITE without SDP asks for our offer: the session as it is."""
    if request.method == "UPDATE":
        headers = [("Contact", leg.contact), ("Allow", ALLOW), *session.answer_headers(switch, leg, request)]
        switch.respond(key, request.response(200, headers=headers))
        return
    # Its answer would come in the ACK, too late to be refused. The session stands, so nothing is lost by saying no.
    text = "an offer is needed in the re-INVITE"
    switch.respond(key, request.response(488, headers=[teardown.warning(text)]))


def _accept(switch: Switch, call: Call, leg: Leg, key: str, request: Request, body: bytes) -> None:
    headers = [
        ("Contact", leg.contact),
        ("Allow", ALLOW),
        ("Supported", "timer"),
        *session.answer_headers(switch, leg, request),
    ]
    leg.local_sdp = body
    if request.method == "INVITE":
        switch.server_invites[key] = (call, leg)
    switch.respond(key, request.response(200, headers=headers, body=body, content_type="application/sdp"))


async def _pass_on(
    switch: Switch, call: Call, leg: Leg, other: Leg, key: str, request: Request, offer: media_policy.Checked
) -> None:
    """Ask the other party for what this one asks."""
    assert call.relay is not None
    assert other.dialog is not None
    try:
        given, made = await switch.relays.offer(
            call.relay, leg.side, offer.for_relay, other.profile, media_policy.between_relays
        )
        body = media_policy.outgoing_offer(made, given, other.profile)
    except (EdgeRefused, EdgeUnavailable) as error:
        _refused(switch, leg, other, key, request, 503, str(error))
        return
    except MediaRefused as error:
        _refused(switch, leg, other, key, request, 488, error.why)
        return
    if call.state is not CallState.TALKING:
        switch.respond(key, request.response(487))
        return
    again = other.dialog.request(
        "INVITE",
        other.contact,
        [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, other.timer)],
        body,
    )
    other.invite_cseq = again.cseq.number

    def answered(_request: Request, response: Response) -> None:
        _answered(switch, call, leg, other, key, request, offer, body, response)

    switch.request(other, again, answered)


def _refused(switch: Switch, leg: Leg, other: Leg, key: str, request: Request, status: int, why: str) -> None:
    for each in (leg, other):
        _give_up(each)
    switch.respond(key, request.response(status, headers=[teardown.warning(why)]))


def _answered(
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
    status = response.status
    if status < 200:
        return
    assert other.dialog is not None
    other.offers.invite_ended()
    if status < 300:
        other.dialog.refresh_target(response)
        switch.tx.send(other.dialog.ack(other.invite_cseq))
        session.start_from_answer(switch, other, response)
        switch.spawn(
            call,
            _join(switch, call, leg, other, key, request, offer, body, response),
            lambda _error: teardown.end(switch, call, "an error in the system"),
        )
        return
    if dialog_is_gone(status):
        teardown.end(switch, call, "phone lost")
        switch.respond(key, request.response(480))
        return
    # What says that both asked at once, or that the answer is no, is for the one who asked.
    passed = status if status in _PASSED_ON else 488
    _refused(switch, leg, other, key, request, passed, response.reason)
    _set_back(switch, call, leg, other)


async def _join(
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
    assert call.relay is not None
    try:
        answer = media_policy.check_answer(response.body, response.headers.get("content-type"), body)
        made = await switch.relays.answer(call.relay, leg.side, answer.for_relay, leg.profile)
        back = media_policy.outgoing_answer(
            made, leg.profile, offer.declined, offer.for_relay, answer.for_relay
        )
    except MediaRefused as error:
        # The other party has switched to something that we must not relay: there is no way back but the end.
        switch.record(
            "media.refused", call=call.id, why=error.why, method="re-INVITE answer", device=other.device,
            source=other.flow.peer if other.flow else None,
        )  # fmt: skip
        switch.respond(key, request.response(488, headers=[teardown.warning(error.why)]))
        teardown.end(switch, call, error.why)
        return
    except (EdgeRefused, EdgeUnavailable) as error:
        switch.record("system.relay_failed", call=call.id, why=str(error))
        switch.respond(key, request.response(503))
        teardown.end(switch, call, "the media relay is not available")
        return
    if call.state is not CallState.TALKING:
        switch.respond(key, request.response(487))
        return
    other.offers.received_answer()
    other.local_sdp, other.remote_sdp, other.suite = body, response.body, answer.suite
    leg.offers.sent_answer()
    leg.offers.invite_ended()
    leg.remote_sdp, leg.suite, leg.declined = request.body, offer.suite, offer.declined
    _accept(switch, call, leg, key, request, back)
    answering.keep(switch, call)


def _set_back(switch: Switch, call: Call, leg: Leg, other: Leg) -> None:
    """Tell the relay again what both parties had agreed on before the change that was refused."""

    async def again() -> None:
        assert call.relay is not None
        content = "application/sdp"
        try:
            offer = media_policy.check_offer(leg.remote_sdp, content, prefer=leg.suite, avoid=other.suite)
            _, made = await switch.relays.offer(
                call.relay, leg.side, offer.for_relay, other.profile, media_policy.between_relays
            )
            answer = media_policy.check_answer(other.remote_sdp, content, made)
            await switch.relays.answer(call.relay, leg.side, answer.for_relay, leg.profile)
        except (MediaRefused, EdgeRefused, EdgeUnavailable) as error:
            switch.record("system.relay_failed", call=call.id, why=f"could not be set back: {error}")

    switch.spawn(call, again(), lambda _error: None)


def passed_through(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    """An INFO within the call, such as a digit of a phone that sends digits so: the other party gets it."""
    other = call.other(leg)
    if other is None or other.dialog is None or other.state is not LegState.TALKING:
        switch.respond(key, request.response(480))
        return
    content_type = request.headers.get("content-type")
    package = request.headers.get("info-package")
    headers = [("Info-Package", package)] if package else []
    again = other.dialog.request("INFO", None, headers, request.body, content_type)
    back: Callable[[Request, Response], None] = lambda _q, response: (  # noqa: E731 - one line, used once
        switch.respond(key, request.response(response.status)) if response.status >= 200 else None
    )
    switch.request(other, again, back)
