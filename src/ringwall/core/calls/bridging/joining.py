"""Two parties who each talk to somebody else are given to one another: the media side of a transfer.

Rules that this module keeps:
- The parties get a relay of their own, so that nothing of the old calls is left in the new one; each keeps
  its dialog and is told of the new media in a re-INVITE (RFC 3261 14).
- A party is asked to go on in the suite that it uses: some phones (libre) take another one and then speak the
  old one.
- Every description is checked as at the beginning of a call (T5), and no key is used again.
- A party that was on hold is taken off it.
- A party whose media went to the media server leaves it when it has taken the other one's.
"""

import asyncio
import re
from typing import Final

from ringwall.core.calls.dialog import agreement, session
from ringwall.core.calls.media import descriptions, leaving, media_places, server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.errors import CallError
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Relay, Side
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.switch.switch import ALLOW, Switch
from ringwall.sip.message import Response

_DIRECTION: Final = re.compile(rb"^a=(?:sendonly|recvonly|inactive)(?=\r?$)", re.MULTILINE)
_TRIES: Final = 4
_PAUSE: Final = 0.7  # seconds between them, while the party changes something itself


class NotJoined(CallError):  # noqa: N818 - what became of it
    """A party did not take the new media: `status` and `reason` say why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def active(description: bytes) -> bytes:
    """The description of a party that is to talk again."""
    return _DIRECTION.sub(b"a=sendrecv", description)


def without_dialog(switch: Switch, extension: str, suite: str = "") -> Leg:
    """A caller who is there by name alone, since the system calls for them: nobody talks on this leg."""
    tag = switch.new_tag()
    return Leg(
        side=Side.A,
        tag=tag,
        sip_call_id=tag,
        device_id=0,
        extension=extension,
        device="",
        flow=None,
        contact=switch.contact_for(tag),
        state=LegState.TALKING,
        suite=suite,
    )


def placeholder_of(switch: Switch, leg: Leg) -> Leg:
    """Somebody's name in a call that they are not in any more, or not yet: a leg without a dialog."""
    return Leg(
        side=leg.side,
        tag=switch.new_tag(),
        sip_call_id=switch.new_tag(),
        device_id=leg.device_id,
        extension=leg.extension,
        device=leg.device,
        flow=None,
        contact=leg.contact,
        profile=leg.profile,
        trunk=leg.trunk,
        number=leg.number,
        name=leg.name,
        state=LegState.TALKING,
        remote_sdp=active(leg.remote_sdp),
        suite=leg.suite,
    )


def offer_of(leg: Leg) -> descriptions.Checked:
    """What a party would offer somebody else: what it said last. Raises MediaRefused."""
    return descriptions.said_before(active(leg.remote_sdp), prefer=leg.suite, clear_text=leg.clear_text)


async def reinvite(switch: Switch, leg: Leg, body: bytes) -> Response:
    """Offer a party other media; returns its 2xx. Raises NotJoined, LegGone."""
    body = leaving.offer(leg, body)
    for _ in range(_TRIES):
        if leg.dialog is None or leg.state is not LegState.TALKING:
            break
        if leg.offers.may_invite:
            leg.offers.sent_invite()
            leg.offers.sent_offer()
            headers = [("Allow", ALLOW), ("Supported", "timer"), *session.offer_headers(switch, leg.timer)]
            response = await switch.request_and_wait(
                leg, leg.dialog.request("INVITE", leg.contact, headers, body)
            )
            leg.offers.invite_ended()
            if response.status < 300:
                leg.offers.received_answer()
                session.start_from_answer(switch, leg, response)
                leg.local_sdp = body
                return response
            leg.offers.rejected()
            if response.status != 491:
                raise NotJoined(response.status, response.reason)
        await asyncio.sleep(_PAUSE)
    raise NotJoined(491, "Request Pending")


async def join(switch: Switch, relay: Relay, first: Leg, second: Leg, *, answers: bool = False) -> bytes:
    """Give the second party the first one's media; returns what the first has to be told with `take_over`.

    With `answers` the first still waits for the answer to its offer, and that is what it is told.

    Raises NotJoined, MediaRefused, EdgeError, LegGone.
    """
    offer = offer_of(first)
    given, made = await switch.relays.offer(
        relay, Side.A, offer.for_relay, second.profile, descriptions.between_relays, first=True
    )
    others = (given, first.remote_sdp, first.local_sdp, second.remote_sdp, second.local_sdp)
    body = leaving.offer(
        second, descriptions.outgoing_offer(made, second.profile, *others, used=second.suite)
    )
    response = await reinvite(switch, second, body)
    answer = descriptions.check_answer(
        response.body,
        response.headers.get("content-type"),
        second.local_sdp,
        second.clear_text,
        places=media_places.of_leg(switch, second),
    )
    second.remote_sdp, second.suite = response.body, answer.suite
    server_leg.leave(switch, second)
    made = await switch.relays.answer(relay, Side.A, answer.for_relay, first.profile)
    declined = offer.rejected_streams if answers else ("",)
    told = (offer.for_relay, answer.for_relay, body)
    return leaving.answer(first, descriptions.outgoing_answer(made, first.profile, declined, *told))


async def switch_media(switch: Switch, call: Call, leg: Leg, body: bytes) -> None:
    """The caller's side of the new call is told its media. Raises NotJoined, LegGone."""
    response = await reinvite(switch, leg, body)
    server_leg.leave(switch, leg)
    agreement.reanswered(switch, call, leg, response.body, response.headers.get("content-type"))
    switch.persist(call)
