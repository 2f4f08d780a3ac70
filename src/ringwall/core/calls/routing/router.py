"""A call arrives at somebody inside: it rings there, or goes where that person's calls go.

Rules that this module keeps:
- What somebody has set for all calls comes first; then who has as many calls as allowed is busy; then the
  phones ring.
- What ends without an answer goes elsewhere, if something of `hooks.diverters` takes it in that case.
"""

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.routing import branches, outside
from ringwall.core.calls.switch.hooks import Arriving
from ringwall.core.calls.switch.switch import Switch
from ringwall.policy.actions import Action, TrunkSubject, UserSubject
from ringwall.policy.grant import Grant
from ringwall.policy.groups import InsideObject

_BUSY = frozenset({486, 600})


def unreachable(switch: Switch, call: Call, extension: str) -> Rejection | None:
    """Why nobody can be reached at an extension; None if somebody may be."""
    taken = _object(switch, extension)
    if taken is not None:
        return taken[0].unreachable(call, taken[1])
    user = switch.directory.snapshot.by_extension.get(extension)
    if user is None:
        return Rejection(404, "No Such Extension", f"there is no extension {extension[:32]}")
    call.callee_name = user.name
    if any(other.may_take(extension) for other in switch.hooks.diverters):
        return None
    if not may_receive(switch, call, extension):
        return Rejection(486, "Busy Here", f"extension {extension} has as many calls as it may have")
    if not branches.phones_of(switch, call, extension):
        return Rejection(480, "Not Registered", f"extension {extension} has no phone that is signed in")
    return None


def route(switch: Switch, call: Call, extension: str) -> None:
    """Ring, or go where the calls of this extension go."""
    taken = _object(switch, extension)
    if taken is not None:
        taken[0].route(call, taken[1])
        return
    call.route_history.append(extension)
    if _goes_elsewhere(switch, call, extension, Action.FORWARD_ALWAYS):
        return
    if not may_receive(switch, call, extension):
        if not _goes_elsewhere(switch, call, extension, Action.FORWARD_BUSY):
            teardown.end(switch, call, "busy", by="callee", status=486)
        return
    seconds = switch.settings.sip.ring_seconds
    set_to = switch.forwardings.forwarding(extension)
    if set_to.no_answer and set_to.seconds:
        seconds = set_to.seconds
    if branches.ring_user(switch, call, extension):
        switch.timers.set(("ring", call), switch.now() + seconds)
    elif not _goes_elsewhere(switch, call, extension, Action.FORWARD_NO_ANSWER):
        teardown.end(switch, call, "not registered", by="callee", status=480, reason="Not Registered")


def nobody_answers(switch: Switch, call: Call) -> None:
    """The phones have rung for as long as they may."""
    if not divert(switch, call, 480):
        teardown.end(switch, call, "no answer", status=480, reason="No Answer")


def divert(switch: Switch, call: Call, status: int) -> bool:
    """Nobody took the call, for the reason that `status` says: whether it goes on elsewhere."""
    if call.state is not CallState.SETUP or not call.route_history or call.seizures:
        return False
    action = Action.FORWARD_BUSY if status in _BUSY else Action.FORWARD_NO_ANSWER
    return _goes_elsewhere(switch, call, call.route_history[-1], action)


def calls_of(switch: Switch, extension: str) -> int:
    """How many calls somebody has, ringing ones and held ones among them."""
    user = switch.directory.snapshot.by_extension.get(extension)
    legs = [leg for device in user.devices for leg in switch.devices.get(device.id, ())] if user else []
    return len({id(found[0]) for leg in legs if (found := switch.legs.get((leg.sip_call_id, leg.tag)))})


def may_receive(switch: Switch, call: Call, extension: str) -> bool:
    """Whether one more call may come to an extension."""
    caller = call.caller
    subject = TrunkSubject(caller.trunk) if caller.trunk else UserSubject(caller.extension)
    count = calls_of(switch, extension)
    # Who has no room is busy, which is no denial to be kept.
    return switch.ask(subject, Action.RECEIVE_CALL, target=extension, count=count, quietly=True).allowed


def _goes_elsewhere(switch: Switch, call: Call, extension: str, case: Action) -> bool:
    return any(other.take(call, extension, case) for other in switch.hooks.diverters)


def leave_phones(switch: Switch, call: Call) -> None:
    """The call goes on elsewhere: nothing rings for it any more."""
    for branch in call.branches:
        if branch.state is LegState.SETUP:
            teardown.cancel_branch(switch, branch, 302)
    switch.timers.cancel(("ring", call))


def redirect(switch: Switch, call: Call, grant: Grant) -> None:
    """The call goes to where the grant lets it go: outside, or to somebody inside."""
    if grant.way is not None:
        outside.make_leg(switch, call, grant, grant.canonical)
        return
    taken = _object(switch, grant.canonical)
    if taken is not None and (why := taken[0].unreachable(call, taken[1])) is not None:
        teardown.end(switch, call, why[2], by="callee", status=why[0])
    elif taken is None and switch.directory.snapshot.by_extension.get(grant.canonical) is None:
        teardown.end(switch, call, "there is no such extension", by="callee", status=404)
    else:
        route(switch, call, grant.canonical)


def _object(switch: Switch, extension: str) -> tuple[Arriving, InsideObject] | None:
    """What takes calls to an extension that is not a person's."""
    thing = switch.rights.snapshot.objects.get(extension)
    takes = switch.hooks.objects.get(thing.kind) if thing is not None else None
    return None if thing is None or takes is None else (takes, thing)
