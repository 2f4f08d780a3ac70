"""Call pickup: take a call that rings at somebody else's phone (C2).

Rules that this module keeps:
- Who picks up is asked for the right, in general and for this extension; a user may be kept from being picked
  up.
- The call goes on ringing where it rings until the one who picks up has been answered by the system; then it
  stops ringing and the two are joined by a relay of their own, with keys of their own (T5).
- A call that is answered or given up meanwhile is left alone, and the one who wanted it hears that.
- Only a call that one caller makes to that extension: no page.
"""

from functools import partial
from typing import Final

from ringwall.core.calls.bridging import active_calls, joining
from ringwall.core.calls.dialog import answering, teardown
from ringwall.core.calls.features import intercom
from ringwall.core.calls.media.descriptions import MediaRefused, needs_chain
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.relay import Relay, Side
from ringwall.core.calls.model.states import CallEvent, CallState, LegState
from ringwall.core.calls.routing import handover, ivr, rejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.errors import EdgeError
from ringwall.events.call_features import CallPickedUp
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial

FEATURE: Final = "pickup"
_TROUBLE: Final = (MediaRefused, EdgeError, joining.NotJoined, LegGone)
_PATIENCE: Final = 4.0


def install(switch: Switch) -> None:
    """Let users take calls that ring at others' phones."""
    switch.hooks.dialled[FEATURE] = partial(dialled, switch)


def dialled(switch: Switch, call: Call, target: str) -> None:
    """The caller has dialled the feature number, and at whose phone it rings behind it."""
    call.details.feature = FEATURE
    decided = intercom.ask(switch, call.caller, Action.PICKUP, target)
    if isinstance(decided, Denial):
        rejection.deny_call(switch, call, decided)
        return
    ringing = active_calls.ringing_at(switch, target)
    if ringing is None or ringing.caller.device_id == call.caller.device_id != 0:
        rejection.refuse_call(switch, call, 480, "Nothing Rings", f"nothing rings at {target[:32]}")
        return
    call.served_by(FEATURE)
    switch.spawn(call, _pick_up(switch, call, ringing, target))


async def _pick_up(switch: Switch, call: Call, ringing: Call, target: str) -> None:
    body = await ivr.hear_caller(switch, call)
    if body is None or not await ivr.answer_caller(switch, call, body):
        return
    # It has to acknowledge before it can be told anything else.
    await call.caller.until(lambda: call.caller.state is not LegState.ANSWERED, _PATIENCE)
    if not call.talks():
        return
    if not ringing.apply(CallEvent.ANSWERED):
        teardown.end(switch, call, "the call does not ring any more")
        return
    switch.timers.cancel(("ring", ringing))
    for branch in ringing.branches:
        if branch.state is LegState.SETUP:
            teardown.cancel_branch(switch, branch, 200)
    try:
        told = await _join(switch, call, ringing)
    except _TROUBLE as error:
        teardown.end(switch, call, "the call could not be picked up")
        teardown.end(switch, ringing, f"it could not be picked up: {error}", status=480)
        return
    if ringing.state is CallState.ENDED or call.caller.state is not LegState.TALKING:
        teardown.end(switch, ringing, "it was picked up, and left", status=480)
        teardown.end(switch, call, "the call is over")
        return
    _take(switch, call, ringing, target)
    if ringing.on_answer is not None:
        ringing.answer_is_ready()
        ringing.on_answer(told)
    else:
        answering.answer_caller(switch, ringing, told)


async def _join(switch: Switch, call: Call, ringing: Call) -> bytes:
    """Join the two by a relay; returns what the one who waits for an answer is to be told."""
    waiting, picker = ringing.caller, call.caller
    chained = needs_chain(waiting.suite, picker.profile, (picker.suite,))
    relay = Relay(f"{ringing.id}-p{switch.new_tag()[:6]}", chained)
    answers = ringing.on_answer is None
    try:
        body = await joining.join(switch, relay, waiting, picker, answers=answers)
    except BaseException:
        switch.relays.delete(relay)
        raise
    if ringing.state is CallState.ENDED:  # its end did not know of this relay
        switch.relays.delete(relay)
        return body
    old = ringing.join_by(relay)
    if old is not None:
        switch.relays.delete(old)
    return body


def _take(switch: Switch, call: Call, ringing: Call, target: str) -> None:
    """The one who picks up is the called side of the call from now on."""
    picker = call.caller
    handover.replace_by_placeholder(switch, call, picker)
    picker.side = Side.B
    ringing.branches.append(picker)
    ringing.answered_by(picker)
    switch.add_leg(ringing, picker)
    ringing.details.picked_up_by, ringing.details.picked_up_at = picker.extension, target
    call.details.picked_up = ringing.id
    switch.record(CallPickedUp(call=ringing.id, by=picker.extension, at=target))
    teardown.end(switch, call, "picked up")
