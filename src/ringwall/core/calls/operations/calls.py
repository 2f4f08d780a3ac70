"""What an administrator may ask of call control: list calls and registrations, hang a call up."""

import time
from typing import Any, Literal

from pydantic import Field

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations


class Move(Arguments):
    """Which call to move, and to where its media is joined."""

    call: str = Field(min_length=4, max_length=64)
    to: Literal["room", "relay"]


class HangUp(Arguments):
    """Which call to end."""

    call: str = Field(min_length=4, max_length=64)


def add_operations(operations: Operations, switch: Switch) -> None:
    """Offer call.list, call.hangup, call.move and registration.list."""

    async def list_calls(_actor: Actor, _args: NoArguments) -> list[Any]:
        return [describe(call) for call in switch.calls.values()]

    async def hang_up(actor: Actor, args: HangUp) -> dict[str, Any]:
        call = _call(switch, args.call)
        facts = describe(call)
        switch.record("admin.call.ended", call=call.id, actor=actor.to_dict())
        teardown.end(switch, call, "ended by an administrator", by="administrator", status=480)
        switch.flush()
        return facts

    async def move(actor: Actor, args: Move) -> dict[str, Any]:
        call = _call(switch, args.call)
        try:
            await (bridge.to_bridge(switch, call) if args.to == "room" else bridge.to_relay(switch, call))
        except bridge.NotMoved as error:
            raise OperationError("refused", f"The call stays as it is: {error}.", "call") from error
        switch.record("admin.call.moved", call=call.id, to=args.to, actor=actor.to_dict())
        switch.flush()
        return describe(call)

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
    operations.add("call.move", Move, move, changes=True)
    operations.add("registration.list", NoArguments, list_registrations)


def _call(switch: Switch, name: str) -> Call:
    call = switch.calls.get(name)
    if call is None:
        raise OperationError(
            "not_found", f"There is no call {name}: `ringwall call list` shows them.", "call"
        )
    return call


def joined_by(call: Call) -> str:
    """How the media of a call is joined."""
    if call.system:
        return call.system
    return "room" if call.caller.media is not None else "relay"


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
        "joined": joined_by(call),
        "watched_by": call.watch.by.extension if call.watch is not None else None,
        "recorded_by": call.recording.by if call.recording is not None else None,
    }
