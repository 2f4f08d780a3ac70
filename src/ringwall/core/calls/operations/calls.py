"""What an administrator may ask of call control: list calls and registrations, hang a call up."""

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory.operations import DEVICES
from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import (
    Actor,
    Arguments,
    ListArguments,
    Listing,
    Operation,
    Operations,
    Topic,
)
from ringwall.events.call_features import AdminCallEnded, AdminCallMoved

CallId = Annotated[
    str, Field(min_length=4, max_length=64, description="the call's name, as the list of calls has it")
]
Extension = Annotated[
    str, Field(min_length=2, max_length=8, pattern=r"^[0-9]+$", description="the extension of a user")
]


class CallList(ListArguments):
    """Which calls."""

    state: Annotated[str | None, Field(max_length=32, description="only calls in this state")] = None
    direction: Annotated[str | None, Field(max_length=32, description="only calls of this direction")] = None


class HangUp(Arguments):
    """Which call to end."""

    call: CallId


class Move(Arguments):
    """Which call to move, and to where its media is joined."""

    call: CallId
    to: Annotated[Literal["room", "relay"], Field(description="room: at the media server")]


class RegistrationList(ListArguments):
    """Which devices."""

    extension: Annotated[str | None, Field(max_length=32, description="only devices of this user")] = None
    transport: Annotated[str | None, Field(max_length=16, description="only devices that came by it")] = None


class CallShown(BaseModel):
    """A call that is up or being set up.

    `suites` are the SRTP suites of its legs, `clear_text` what of it is not encrypted.
    """

    call: str
    state: str
    caller: str | None
    caller_device: str | None
    dialled: str
    callee: str | None
    callee_device: str | None
    seconds: float | None
    suites: list[str]
    direction: str
    trunks: list[str]
    clear_text: list[str]
    joined: str
    watched_by: str | None
    recorded_by: str | None


class Registration(BaseModel):
    """A device that can be reached now, for `expires_in` more seconds unless it says so again."""

    extension: str
    device: str
    source: str
    transport: str
    user_agent: str
    expires_in: int


CALLS: Final = Topic("Calls", "Calls that are up, and what is done to them in somebody's name.")

LIST: Final = Operation(
    "call.list",
    "List the calls that are up or being set up.",
    topic=CALLS,
    verb="GET",
    path="/api/calls",
    permission=Permission.CALLS_READ,
    arguments=CallList,
    result=CallShown,
    listing=Listing(order=("call",), search=("caller", "dialled", "callee")),
    example={"q": "201"},
)
HANG_UP: Final = Operation(
    "call.hangup",
    "End a call.",
    topic=CALLS,
    verb="DELETE",
    path="/api/calls/{call}",
    permission=Permission.CALLS_WRITE,
    arguments=HangUp,
    result=CallShown,
    errors=("not_found",),
    changes=True,
    example={"call": "c0ffee01"},
)
MOVE: Final = Operation(
    "call.move",
    "Move the media of a call of two to the media server or back, while both talk.",
    topic=CALLS,
    verb="PUT",
    path="/api/calls/{call}/media",
    permission=Permission.CALLS_WRITE,
    arguments=Move,
    result=CallShown,
    errors=("not_found",),
    changes=True,
    example={"call": "c0ffee01", "to": "room"},
)
REGISTRATIONS: Final = Operation(
    "registration.list",
    "List the devices that can be reached now.",
    topic=DEVICES,
    verb="GET",
    path="/api/registrations",
    permission=Permission.DEVICES_READ,
    arguments=RegistrationList,
    result=Registration,
    listing=Listing(
        order=("extension", "device", "source", "user_agent"),
        search=("extension", "device", "source", "user_agent"),
    ),
    example={"extension": "201"},
)
OPERATIONS: Final = (LIST, HANG_UP, MOVE, REGISTRATIONS)


def add_operations(operations: Operations, switch: Switch) -> None:
    """Do what is declared above."""

    async def list_calls(_actor: Actor, _args: CallList) -> Iterable[Any]:
        return [describe(call) for call in switch.calls.values()]

    async def hang_up(actor: Actor, args: HangUp) -> dict[str, Any]:
        call = _call(switch, args.call)
        facts = describe(call)
        switch.record(AdminCallEnded(call=call.id, actor=actor.to_dict()))
        teardown.end(switch, call, "ended by an administrator", by="administrator", status=480)
        switch.flush()
        return facts

    async def move(actor: Actor, args: Move) -> dict[str, Any]:
        call = _call(switch, args.call)
        try:
            await (bridge.to_bridge(switch, call) if args.to == "room" else bridge.to_relay(switch, call))
        except bridge.NotMoved as error:
            raise OperationError("refused", f"The call stays as it is: {error}.", "call") from error
        switch.record(AdminCallMoved(call=call.id, to=args.to, actor=actor.to_dict()))
        switch.flush()
        return describe(call)

    async def list_registrations(_actor: Actor, _args: RegistrationList) -> Iterable[Any]:
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

    operations.offer(LIST, list_calls)
    operations.offer(HANG_UP, hang_up)
    operations.offer(MOVE, move)
    operations.offer(REGISTRATIONS, list_registrations)


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
