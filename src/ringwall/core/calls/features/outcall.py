"""Calls that the system makes by itself: who answers comes to the media server, and a menu talks with them.

Rules that this module keeps:
- Nothing is called without the grant of whoever asks for the call.
- Nobody's forwarding and no mailbox takes such a call: it rings where it was to, or nowhere.
- The call that goes on after the answer has the record, and what the grants cost.
"""

from collections.abc import Callable
from functools import partial

from ringwall.core.calls.bridging import bridge, joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.media.descriptions import GCM_256, MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.routing import branches, handover, ivr, outside, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.core.media.menu import Menu
from ringwall.policy.grant import Grant

Told = Callable[[int, Call | None], None]
"""What became of it: 0 and the call with who answered, else the status by which nobody did."""


def call_out(
    switch: Switch, grant: Grant, *, in_name_of: str, details: CallDetails, menu: Menu, told: Told
) -> Call:
    """Call where the grant leads, in the name of an extension, and let the menu talk with who answers.

    Returns the call that rings, to end it with. `told` is called once, at the answer or at the end without.
    """
    caller = joining.without_dialog(switch, in_name_of, GCM_256)
    attempt = Call(id=switch.new_tag(), caller=caller, dialled=grant.canonical)
    attempt.details = details
    switch.add_call(attempt)
    attempt.on_answer = partial(_answered, switch, attempt, menu, told)
    attempt.on_end.append(partial(_over, switch, attempt, told))
    switch.spawn(attempt, _ring(switch, attempt, grant, in_name_of))
    return attempt


async def _ring(switch: Switch, attempt: Call, grant: Grant, in_name_of: str) -> None:
    caller = attempt.caller
    try:
        server = switch.media.choose()
        place = await switch.media.open(caller.tag, f"calls of {in_name_of}", server, outside=True)
        caller.remote_sdp = server_leg.invitation(place)
        attempt.offer = joining.offer_of(caller).for_relay
    except (MediaError, MediaRefused) as error:
        teardown.end(switch, attempt, f"the media server is not available: {error}", status=503)
        return
    if attempt.state is not CallState.SETUP:
        switch.media.close(caller.tag)
    elif grant.way is not None:
        outside.make_leg(switch, attempt, grant, grant.canonical)
    elif not router.may_receive(switch, attempt, grant.canonical):
        teardown.end(switch, attempt, "busy", by="callee", status=486)
    elif not branches.ring_user(switch, attempt, grant.canonical):
        teardown.end(switch, attempt, "not registered", by="callee", status=480)
    else:
        switch.timers.set(("ring", attempt), switch.now() + switch.settings.sip.ring_seconds)


def _answered(switch: Switch, attempt: Call, menu: Menu, told: Told, _body: bytes) -> None:
    """Somebody answers: they leave the attempt for a call of their own with the system."""
    leg = attempt.callee
    if leg is None or leg.state is not LegState.TALKING:
        return
    made = Call(id=switch.new_tag(), caller=leg, dialled=attempt.dialled, details=attempt.details)
    made.served_by("menu")
    made.seizures = attempt.seizures
    relay = attempt.join_at_server()
    if relay is not None:
        leg.take_relay(relay)
    handover.hand_over(switch, attempt, leg, made)
    switch.add_call(made)
    attempt.on_record = False  # the call that goes on has the record
    teardown.end(switch, attempt, "answered")
    told(0, made)
    switch.spawn(made, _meet(switch, made, leg, menu))


async def _meet(switch: Switch, made: Call, leg: Leg, menu: Menu) -> None:
    try:
        await bridge.join(switch, made, leg, "")
    except bridge.NotMoved as error:
        teardown.end(switch, made, f"the media server was not reached: {error}")
        return
    switch.persist(made)
    await ivr.talk(switch, made, menu, ivr.visitor_of(switch, leg))


def _over(switch: Switch, attempt: Call, told: Told, status: int) -> None:
    switch.media.close(attempt.caller.tag)
    if attempt.on_record:  # nobody has taken it over
        told(status, None)
