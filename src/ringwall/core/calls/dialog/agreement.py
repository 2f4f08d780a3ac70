"""What a party says when it answers our own words again, and the relay set to what was agreed on.

Rules that this module keeps:
- What a party answers is checked as at the beginning (T5); what must not be relayed ends the call, since
  an answer cannot be refused.
- A re-INVITE without an offer asks for ours: the session as it is. Its answer comes in the ACK.
"""

from collections.abc import Callable
from functools import partial

from ringwall.core.calls.dialog import glare, teardown
from ringwall.core.calls.media import descriptions, media_places, server_leg
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Relay
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError
from ringwall.events.system import SystemRelayFailed
from ringwall.sip.message import Request


def between(towards: Leg) -> Callable[[bytes, bytes], bytes]:
    """How the offer is prepared in the middle of a chain that ends at this party."""
    return partial(descriptions.between_relays, avoid=towards.suite)


async def resync_relay(switch: Switch, call: Call, relay: Relay) -> None:
    """Tell the relay again what both parties have agreed on."""
    first = call.caller if call.caller.side is call.offerer else call.callee
    second = call.other(first) if first is not None else None
    assert first is not None
    assert second is not None
    try:
        offer = descriptions.said_before(first.remote_sdp, prefer=first.suite, clear_text=first.clear_text)
        answer = descriptions.said_before(
            second.remote_sdp, prefer=second.suite, clear_text=second.clear_text
        )
        _, made = await switch.relays.offer(
            relay, first.side, offer.for_relay, second.profile, between(second)
        )
        if not call.talks():
            switch.relays.delete(relay)  # it may have been made anew behind its removal
            return
        again = descriptions.retagged(answer.for_relay, made)
        await switch.relays.answer(relay, first.side, again, first.profile)
    except (MediaRefused, EdgeError) as error:
        switch.record(SystemRelayFailed(call=call.id, why=f"could not be set back: {error}"))


def reanswered(switch: Switch, call: Call, leg: Leg, body: bytes, content_type: str | None) -> bool:
    """A party answers our own offer of the session as it is, in a 2xx or an ACK.

    False when the call had to be ended, because it answers with something that must not be relayed.
    """
    if body == leg.remote_sdp:
        return True
    try:
        answer = descriptions.check_answer(
            body, content_type, leg.local_sdp, leg.clear_text, places=media_places.of_leg(switch, leg)
        )
    except MediaRefused as error:
        glare.media_refused(switch, call, leg, error.why, "answer")
        teardown.end(switch, call, error.why)
        return False
    leg.remote_sdp, leg.suite = body, answer.suite
    other, relay = call.other(leg), call.relay
    if leg.media is not None:
        switch.persist(call)
        switch.spawn(call, resync_relay_alone(switch, call, leg, body))
    elif other is not None and relay is not None:
        call.agreed(other.side)
        switch.persist(call)
        switch.spawn(call, resync_relay(switch, call, relay))
    return True


def answered_late(switch: Switch, call: Call, leg: Leg, ack: Request) -> None:
    """The ACK that has to answer the offer in our 2xx is here (RFC 3261 14.2)."""
    leg.late_offer = ""
    leg.offers.received_answer()
    if call.talks():
        reanswered(switch, call, leg, ack.body, ack.headers.get("content-type"))


async def resync_relay_alone(switch: Switch, call: Call, leg: Leg, body: bytes) -> None:
    """Tell the relay between a party and the media server again what was agreed on."""
    try:
        await server_leg.reanswered(switch, leg, body)
    except (MediaRefused, EdgeError, MediaError) as error:
        switch.record(SystemRelayFailed(call=call.id, why=f"could not be set anew: {error}"))
