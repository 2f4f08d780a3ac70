"""What an administrator may ask of call control: list calls and registrations, hang a call up."""

import time
from typing import Any

from pydantic import Field

from ringwall.core.calls import teardown
from ringwall.core.calls.call import Call
from ringwall.core.calls.switch import Switch
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations


class HangUp(Arguments):
    """Which call to end."""

    call: str = Field(min_length=4, max_length=64)


def add_operations(operations: Operations, switch: Switch) -> None:
    """Offer call.list, call.hangup and registration.list."""

    async def list_calls(_actor: Actor, _args: NoArguments) -> list[Any]:
        return [describe(call) for call in switch.calls.values()]

    async def hang_up(actor: Actor, args: HangUp) -> dict[str, Any]:
        call = switch.calls.get(args.call)
        if call is None:
            raise OperationError(
                "not_found", f"There is no call {args.call}: `ringwall call list` shows them.", "call"
            )
        facts = describe(call)
        switch.record("admin.call.ended", call=call.id, actor=actor.to_dict())
        teardown.end(switch, call, "ended by an administrator", by="administrator", status=480)
        switch.flush()
        return facts

    async def list_registrations(_actor: Actor, _args: NoArguments) -> list[Any]:
        wall = time.time()
        return [
            {
                "extension": b.extension,
                "device": b.username,
                "source": b.flow.peer,
                "transport": b.flow.transport,
                "user_agent": b.user_agent,
                "expires_in": max(0, round(b.expires_at - wall)),
            }
            for b in switch.bindings
        ]

    operations.add("call.list", NoArguments, list_calls)
    operations.add("call.hangup", HangUp, hang_up, changes=True)
    operations.add("registration.list", NoArguments, list_registrations)


def describe(call: Call) -> dict[str, Any]:
    """What an administrator sees of a call. No keys, no descriptions."""
    callee = call.callee
    now = time.time()
    return {
        "call": call.id,
        "state": call.state.value,
        "caller": call.caller.party,
        "caller_device": call.caller.device,
        "dialled": call.dialled,
        "callee": callee.party if callee else None,
        "callee_device": callee.device if callee else None,
        "seconds": round(now - call.answered_at, 1) if call.answered_at else None,
        "suites": [call.caller.suite, callee.suite if callee else ""],
        "direction": teardown.direction(call),
        "trunks": [leg.trunk for leg in call.legs() if leg.trunk],
        "clear_text": call.clear_text,
    }
