"""Tells whoever listens how calls come on. Nobody listens: nothing is done."""

from collections.abc import Callable

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.switch import Switch
from ringwall.events.states import Passing, StateOfCall


def connect(switch: Switch, pass_on: Callable[[Callable[[], Passing]], None]) -> None:
    """Have each change of a call passed on."""
    switch.hooks.call_changed.append(lambda call: pass_on(lambda: state_of(call)))


def state_of(call: Call) -> StateOfCall:
    """What there is to see of a call now. No keys, no descriptions."""
    callee = call.callee
    return StateOfCall(
        call=call.id,
        state=call.state.value,
        caller=call.caller.party,
        caller_device=call.caller.device,
        dialled=call.dialled,
        callee=callee.party if callee is not None else None,
        callee_device=callee.device if callee is not None else None,
        direction=teardown.direction(call),
        answered=round(call.answered_at, 3) if call.answered_at else None,
    )
