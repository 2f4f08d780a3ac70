"""Whose turn it is to change the session with a party, and how a change of its own is said yes to.

RFC 3261 14, RFC 3311. Rules that this module keeps:
- Two changes at once are glare: 491, and whoever asked tries again (RFC 3261 14.1).
- A refusal that says that the dialog is gone is told from one that only says no.
"""

import secrets

from ringwall.core.calls.dialog import session
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.switch.switch import ALLOW, Switch
from ringwall.events.calls import MediaRefusal
from ringwall.sip.message import Request
from ringwall.sip.offer_answer import MAX_RETRY_AFTER, Glare

DEAD = frozenset({404, 408, 410, 430, 481})  # RFC 3261 12.2.1.2, RFC 5057: the dialog is gone
SDP = "application/sdp"


def dialog_is_gone(switch: Switch, leg: Leg, status: int) -> bool:
    """Whether a refusal with this status says that the party does not know the dialog any more.

    A connection that has closed says nothing yet: the phone has a while to come back.
    """
    if status == 430:
        switch.mark_lost(leg)
        return False
    return status in DEAD


def media_refused(switch: Switch, call: Call, leg: Leg, why: str, method: str) -> None:
    """Put on record that a party wanted media which is not let through (T5)."""
    switch.record(
        MediaRefusal(
            call=call.id,
            why=why,
            method=method,
            extension=leg.extension,
            device=leg.device,
            source=leg.flow.peer if leg.flow else None,
        )
    )


def soon() -> int:
    """After how many seconds somebody may try again."""
    return 1 + secrets.randbelow(MAX_RETRY_AFTER)


def begin_change(leg: Leg, request: Request) -> None:
    """Let the party's change begin. Raises Glare, and then nothing has begun."""
    if not request.body and not leg.offers.may_offer:
        raise Glare(491)  # it asks for an offer of ours, and one is open
    invite = request.method == "INVITE"
    if invite:
        leg.offers.received_invite(retry_after=soon())
    try:
        if request.body:
            leg.offers.received_offer(retry_after=soon())
    except Glare:
        if invite:
            leg.offers.invite_ended()
        raise


def end_change(leg: Leg, request: Request) -> None:
    """The party's change is over, however it ended."""
    leg.offers.rejected()
    if request.method == "INVITE":
        leg.offers.invite_ended()


def accept(switch: Switch, call: Call, leg: Leg, key: str, request: Request, body: bytes) -> None:
    """Say yes to a change of the session, with this answer or offer if there is one."""
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
    switch.respond(key, request.response(200, headers=headers, body=body, content_type=SDP if body else None))
