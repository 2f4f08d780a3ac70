"""A party that is in a call is given to a target that is called in its name.

Rules that this module keeps:
- The party stays where it is until the target has answered; then it leaves its call, which ends.
- The grant is the caller's of this module to get: nothing is called here without one.
"""

from collections.abc import Callable
from functools import partial

from ringwall.core.calls.bridging import joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.states import CallEvent, LegState
from ringwall.core.calls.routing import outside, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.policy.grant import Grant

Reached = Callable[[Call], None]


def originate_on_behalf(
    switch: Switch, party: Leg, grant: Grant, details: CallDetails, reached: Reached
) -> Call | Rejection:
    """Prepare a call of the target in the party's name; `go` begins it. `reached` hears that it has answered.

    `reached` has to call `hand_over`. Returns why nobody can be reached where that is known at once.
    """
    ghost = joining.placeholder_of(switch, party)
    ghost.side = Side.A
    made = Call(id=switch.new_tag(), caller=ghost, dialled=grant.canonical, details=details)
    made.on_answer = partial(_answered, switch, made, party, reached)
    made.on_system = partial(reached, made)
    try:
        made.offer = joining.offer_of(party).for_relay
    except MediaRefused as error:
        return Rejection(488, "Not Acceptable Here", error.why)
    inside = grant.way is None
    why_not = router.unreachable(switch, made, grant.canonical) if inside else outside.why_not(switch, grant)
    return why_not or made


def start(switch: Switch, made: Call, grant: Grant) -> None:
    """Call the target."""
    switch.add_call(made)
    if grant.way is None:
        router.route(switch, made, grant.canonical)
    else:
        outside.make_leg(switch, made, grant, grant.canonical)


def _answered(switch: Switch, made: Call, party: Leg, reached: Reached, body: bytes) -> None:
    if party.state is not LegState.TALKING:
        return
    reached(made)
    switch.spawn(made, take_over(switch, made, body))


def hand_over(switch: Switch, old: Call, party: Leg, new: Call) -> None:
    """The party leaves its call for the new one, which is up now; the old one is still to be ended."""
    replace_by_placeholder(switch, old, party)
    party.side = Side.A
    new.caller = party
    new.apply(CallEvent.ENTERED)
    new.agreed(Side.A)
    new.offer, new.on_answer, new.on_system = b"", None, None
    new.clear_text += [told for told in old.clear_text if told not in new.clear_text]
    switch.add_leg(new, party)


def replace_by_placeholder(switch: Switch, call: Call, leg: Leg) -> None:
    """Leave somebody's name in a call that they leave."""
    ghost = joining.placeholder_of(switch, leg)
    if call.caller is leg:
        call.caller = ghost
        return
    call.branches = [ghost if branch is leg else branch for branch in call.branches]
    if call.callee is leg:
        call.answered_by(ghost)


async def take_over(switch: Switch, call: Call, body: bytes) -> None:
    """Tell the party that was handed over about its new media; the call ends if it does not follow."""
    try:
        await joining.switch_media(switch, call, call.caller, body)
    except joining.NotJoined as error:
        teardown.end(switch, call, f"the transferred party does not follow: {error.reason}")
