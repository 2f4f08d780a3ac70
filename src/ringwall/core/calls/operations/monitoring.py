"""What can be asked over the API of features in a call: watch somebody's call, record one (C2).

Rules that this module keeps:
- Whoever is named as `by` needs the rights, as at a phone; an administrator cannot give them by asking.
- `of` is the extension whose call it is; of several calls the one that is not on hold.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from ringwall.core.calls.bridging import active_calls, joining
from ringwall.core.calls.features import monitor, monitoring
from ringwall.core.calls.features.recorder import NotRecorded
from ringwall.core.calls.features.recording import RecordingService, hindrance
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.operations.calls import CALLS, Extension
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Arguments, Operation, Operations
from ringwall.events.watching import AdminRecordingAsked, AdminWatchAsked, AdminWatchEnded
from ringwall.policy.grant import Denial, Grant

Whose = Annotated[Extension, Field(description="the extension whose call it is")]
Mode = Literal["monitor", "coach", "barge"]


class Watched(Arguments):
    """Who watches whose call, and how."""

    of: Whose
    by: Annotated[Extension, Field(description="who watches: their phones are called")]
    mode: Annotated[
        Mode, Field(description="monitor: heard by nobody; coach: by `of` alone; barge: by both")
    ] = "monitor"


class Left(Arguments):
    """Whose call is not to be watched any more."""

    of: Whose


class Recorded(Arguments):
    """Whose call, and who records it."""

    of: Whose
    by: Annotated[Extension | None, Field(description="who records; without it that user")] = None


class Watching(BaseModel):
    """Who watches which call, and whether their phones are still being called."""

    call: str
    of: str
    by: str
    mode: str
    state: Literal["watching", "calling"]


class WatchEnded(BaseModel):
    """Who does not watch which call any more."""

    call: str
    of: str
    by: str


class Recording(BaseModel):
    """Who records which call, or not any more, and the mailbox that it goes to."""

    call: str
    of: str
    by: str
    on: bool
    mailbox: str


WATCH: Final = Operation(
    "call.watch",
    "Let somebody listen to a call, coach who has it, or take part in it.",
    topic=CALLS,
    verb="PUT",
    path="/api/users/{of}/call/watcher",
    permission=Permission.CALLS_WATCH,
    arguments=Watched,
    result=Watching,
    errors=("not_found",),
    changes=True,
    example={"of": "201", "by": "301", "mode": "coach"},
)
LEAVE: Final = Operation(
    "call.leave",
    "End the watching of a call; the call goes on.",
    topic=CALLS,
    verb="DELETE",
    path="/api/users/{of}/call/watcher",
    permission=Permission.CALLS_WATCH,
    arguments=Left,
    result=WatchEnded,
    errors=("not_found",),
    changes=True,
    example={"of": "201"},
)
RECORD: Final = Operation(
    "call.record",
    "Record a call into a mailbox.",
    topic=CALLS,
    verb="PUT",
    path="/api/users/{of}/call/recording",
    permission=Permission.CALLS_RECORD,
    arguments=Recorded,
    result=Recording,
    errors=("not_found",),
    changes=True,
    example={"of": "201", "by": "301"},
)
STOP_RECORDING: Final = Operation(
    "call.stop-recording",
    "End the recording of a call; the call goes on.",
    command="call record",
    topic=CALLS,
    verb="DELETE",
    path="/api/users/{of}/call/recording",
    permission=Permission.CALLS_RECORD,
    arguments=Recorded,
    result=Recording,
    errors=("not_found",),
    changes=True,
    example={"of": "201", "by": "301"},
)
OPERATIONS: Final = (WATCH, LEAVE, RECORD, STOP_RECORDING)


def register(operations: Operations, switch: Switch, recordings: RecordingService) -> None:
    """Do what is declared above."""

    async def watch(actor: Actor, args: Watched) -> dict[str, Any]:
        return await _watch(switch, actor, args, WatchMode[args.mode.upper()])

    async def leave(actor: Actor, args: Left) -> dict[str, Any]:
        found = _call_of(switch, args.of)
        watch = found[0].watch
        if watch is None:
            raise OperationError("refused", f"Nobody watches the call of {args.of}.", "of")
        switch.record(AdminWatchEnded(actor=actor.to_dict(), of=args.of, by=watch.by.extension))
        monitor.leave(switch, found[0])
        switch.flush()
        return {"call": found[0].id, "of": args.of, "by": watch.by.extension}

    async def record(actor: Actor, args: Recorded) -> dict[str, Any]:
        return await _record(switch, recordings, actor, args, on=True)

    async def stop_recording(actor: Actor, args: Recorded) -> dict[str, Any]:
        return await _record(switch, recordings, actor, args, on=False)

    operations.offer(WATCH, watch)
    operations.offer(LEAVE, leave)
    operations.offer(RECORD, record)
    operations.offer(STOP_RECORDING, stop_recording)


async def _watch(switch: Switch, actor: Actor, args: Watched, mode: WatchMode) -> dict[str, Any]:
    found = _call_of(switch, args.of)
    call, watch = found[0], found[0].watch
    told = {"call": call.id, "of": args.of, "by": args.by, "mode": mode.value}
    if watch is not None and watch.by.extension == args.by and watch.target is found[1] and watch.began:
        _allowed(await monitor.move(switch, call, watch, mode))
        state = "watching"
    else:
        by = joining.without_dialog(switch, args.by)
        decided = monitor.ask(switch, by, mode, args.of, found)
        if isinstance(decided, Denial):
            switch.denied(decided, of=call, by=by, actor=actor.to_dict())
        granted = _allowed(decided)
        why_not = monitor.hindrance(args.by, args.of, found)
        if why_not is not None:
            raise OperationError("refused", f"{why_not.why}.", "of")
        if monitoring.call_phones(switch, by, found, mode, granted) is None:
            raise OperationError("refused", f"No phone of {args.by} is signed in.", "by")
        state = "calling"
    switch.record(AdminWatchAsked(actor=actor.to_dict(), **told))
    switch.flush()
    return {**told, "state": state}


async def _record(
    switch: Switch, recordings: RecordingService, actor: Actor, args: Recorded, *, on: bool
) -> dict[str, Any]:
    found = _call_of(switch, args.of)
    call, target = found
    by = args.by or args.of
    told = {"call": call.id, "of": args.of, "by": by, "on": on}
    if not on:
        recording = call.recording
        if recording is None or recording.by != by:
            raise OperationError("refused", f"{by} does not record the call of {args.of}.", "of")
        recording.stop("it was ended over the API")
        mailbox = recording.mailbox
    else:
        who = target if by == args.of else joining.without_dialog(switch, by)
        decided = recordings.ask(who, args.of, found)
        if isinstance(decided, Denial):
            switch.denied(decided, of=call, by=who, actor=actor.to_dict())
        granted = _allowed(decided)
        why_not = hindrance(by, args.of, found)
        if why_not is not None:
            raise OperationError("refused", f"{why_not.why}.", "of")
        try:
            await recordings.recorder.begin(call, target, by, granted)
        except NotRecorded as error:
            raise OperationError("refused", f"The call is not recorded: {error}.", "of") from error
        mailbox = call.recording.mailbox if call.recording is not None else ""
    switch.record(AdminRecordingAsked(actor=actor.to_dict(), call=call.id, of=args.of, by=by, on=on))
    switch.flush()
    return {**told, "mailbox": mailbox}


def _call_of(switch: Switch, extension: str) -> tuple[Call, Leg]:
    found = active_calls.call_of(switch, extension, held=True)
    if found is None:
        raise OperationError(
            "not_found", f"{extension} talks with nobody now: `ringwall call list` shows who does.", "of"
        )
    return found


def _allowed(decided: Grant | Denial) -> Grant:
    if isinstance(decided, Denial):
        raise OperationError("refused", decided.rule.sentence, "by")
    return decided
