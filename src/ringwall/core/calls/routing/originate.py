"""Phones that the media server calls: each has a leg there, and hears nobody before a feature says so.

Rules that this module keeps:
- What is offered is the media server's own description, through a relay of the phone's own; what the phone
  answers is checked as every answer (T5).
- A phone that answers sits in the room that was named, and hears nobody yet.
- To answer by itself is a wish that a phone may not know or not grant; it then rings as in any call.
- A phone that does not answer, or whose media cannot be joined, is one branch less; a call of which no branch
  is left ends as any other (`teardown.branch_failed`).
"""

from collections.abc import Callable
from typing import Final

from ringwall.core.calls.dialog import answering, glare, session, teardown
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.media.descriptions import GCM_256, MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import CallState, LegEvent, LegState
from ringwall.core.calls.routing import branches
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError
from ringwall.core.registrar.bindings import Binding
from ringwall.events.system import SystemRelayFailed
from ringwall.sip.dialog import Dialog
from ringwall.sip.message import Request, Response

Answered = Callable[[Leg], None]

_UNDERSTOOD: Final = "timer"  # no 100rel: there is no early media that a PRACK would be for


def auto_answer(domain: str) -> tuple[tuple[str, str], ...]:
    """The headers by which a phone answers by itself, on its speaker.

    Mitel and Yealink know Alert-Info with info=alert-autoanswer, Poly and Grandstream where their
    configuration names it; Snom and Grandstream know Call-Info with answer-after; Answer-Mode is RFC 5373.
    """
    return (
        ("Alert-Info", f"<sip:{domain}>;info=alert-autoanswer;delay=0"),
        ("Call-Info", f"<sip:{domain}>;answer-after=0"),
        ("Answer-Mode", "Auto"),
    )


def can_auto_answer(binding: Binding) -> bool:
    """Whether a phone could: those in browsers have no speaker of their own to open."""
    return not binding.webrtc


def originate_leg(
    switch: Switch, call: Call, binding: Binding, room: str, *, unattended: bool, answered: Answered
) -> Leg:
    """Call a phone for a call whose room that is; `answered` hears of it when it is there.

    `unattended` asks it to answer by itself.
    """
    leg = branches.leg_of(switch, binding)
    if GCM_256 in binding.suites:
        leg.suite = GCM_256  # the server takes another one then, and the phone's best is left to it
    call.branches.append(leg)
    switch.add_leg(call, leg)
    wishes = auto_answer(switch.domain) if unattended else ()
    switch.spawn(
        call,
        _ring(switch, call, leg, binding, room, wishes, answered),
        lambda: teardown.branch_failed(switch, call, leg, 500, "Server Internal Error"),
    )
    return leg


async def _ring(
    switch: Switch,
    call: Call,
    leg: Leg,
    binding: Binding,
    room: str,
    wishes: tuple[tuple[str, str], ...],
    answered: Answered,
) -> None:
    try:
        server = switch.media.choose(switch.rooms.get(room, ()))
        offered = await server_leg.offer(switch, call, leg, server)
    except (EdgeError, MediaError, MediaRefused) as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        teardown.branch_failed(switch, call, leg, 503, "Media Server Unavailable")
        return
    if leg.state is LegState.ENDED or call.state is CallState.ENDED:
        switch.relays.delete(offered.relay)
        switch.media.close(leg.tag)  # it may have been opened behind the end of the leg
        return
    leg.take_relay(offered.relay)
    leg.local_sdp = offered.body
    leg.offers.sent_offer()

    def then(request: Request, response: Response) -> None:
        if response.status < 200:
            _provisional(switch, call, leg, request, response)
        elif response.status < 300:
            _accepted(switch, leg, request, response)
            switch.spawn(
                call,
                _sit_down(switch, call, leg, offered, response, room, answered),
                lambda: hang_up_leg(switch, call, leg, "an error in the system"),
            )
        else:
            branches.refused(switch, call, leg, response)

    request = branches.invite(switch, call, leg, binding, offered.body, _UNDERSTOOD, wishes)
    leg.key = switch.request(leg, request, then)


def _provisional(switch: Switch, call: Call, leg: Leg, request: Request, response: Response) -> None:
    if response.status == 100 or response.to.tag is None:
        return
    if leg.dialog is None:
        leg.dialog = Dialog.from_invite_sent(request, response)
    if not call.caller.ringing_sent:
        answering.tell_caller(switch, call, 180)


def _accepted(switch: Switch, leg: Leg, request: Request, response: Response) -> None:
    if leg.dialog is None or leg.dialog.remote_tag != response.to.tag:
        leg.dialog = Dialog.from_invite_sent(request, response)
        switch.acknowledge(leg, request.cseq.number)
    leg.apply(LegEvent.ACCEPTED)
    leg.allows_update = "UPDATE" in response.headers.all("allow")
    session.start_from_answer(switch, leg, response)


async def _sit_down(
    switch: Switch,
    call: Call,
    leg: Leg,
    offered: server_leg.Offered,
    response: Response,
    room: str,
    answered: Answered,
) -> None:
    leg.offers.received_answer()
    leg.go_to_server(offered.media)
    server_leg.join_room(switch, leg, room)
    try:
        await server_leg.taken(switch, leg, offered, response)
    except MediaRefused as error:
        if leg.state is not LegState.ENDED:
            glare.media_refused(switch, call, leg, error.why, "answer")
            hang_up_leg(switch, call, leg, error.why)
    except (EdgeError, MediaError) as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
        hang_up_leg(switch, call, leg, "the media server was not reached")
    else:
        if leg.state is LegState.TALKING:
            answered(leg)


def hang_up_leg(switch: Switch, call: Call, leg: Leg, why: str) -> None:
    """Hang up on a phone that was summoned; the call ends when nobody else is called or there any more."""
    if leg.state is LegState.ENDED or call.state is CallState.ENDED:
        return
    if leg.state is LegState.SETUP:
        teardown.cancel_branch(switch, leg)
    else:
        teardown.send_bye(switch, leg)
    if all(branch.state is LegState.ENDED for branch in call.branches):
        teardown.end(switch, call, why, status=480)
