"""What can be asked over the API of features in a call: watch somebody's call, record one (C2).

Rules that this module keeps:
- Whoever is named as `by` needs the rights, as at a phone; an administrator cannot give them by asking.
- `of` is the extension whose call it is; of several calls the one that is not on hold.
"""

from typing import Annotated, Any

from pydantic import Field

from ringwall.core.calls.bridging import active_calls, joining
from ringwall.core.calls.features import monitor, monitoring
from ringwall.core.calls.features.recorder import NotRecorded
from ringwall.core.calls.features.recording import RecordingService, hindrance
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Arguments, Operations
from ringwall.policy.grant import Denial, Grant

Extension = Annotated[str, Field(min_length=2, max_length=8, pattern=r"^[0-9]+$")]


class Watched(Arguments):
    """Who watches whose call."""

    of: Extension
    by: Extension


class Left(Arguments):
    """Whose call is not to be watched any more."""

    of: Extension


class Recorded(Arguments):
    """Whose call is to be recorded, or not any more, and by whom; without `by` by that user."""

    of: Extension
    by: Extension | None = None
    on: bool = True


def register(operations: Operations, switch: Switch, recordings: RecordingService) -> None:
    """Offer call.monitor, call.coach, call.barge, call.leave and call.record."""

    def watching(mode: WatchMode) -> Any:
        async def watch(actor: Actor, args: Watched) -> dict[str, Any]:
            return await _watch(switch, actor, args, mode)

        return watch

    async def leave(actor: Actor, args: Left) -> dict[str, Any]:
        found = _call_of(switch, args.of)
        watch = found[0].watch
        if watch is None:
            raise OperationError("refused", f"Nobody watches the call of {args.of}.", "of")
        switch.record("admin.watch.ended", actor=actor.to_dict(), of=args.of, by=watch.by.extension)
        monitor.leave(switch, found[0])
        switch.flush()
        return {"call": found[0].id, "of": args.of, "by": watch.by.extension}

    async def record(actor: Actor, args: Recorded) -> dict[str, Any]:
        return await _record(switch, recordings, actor, args)

    operations.add("call.monitor", Watched, watching(WatchMode.MONITOR), changes=True)
    operations.add("call.coach", Watched, watching(WatchMode.COACH), changes=True)
    operations.add("call.barge", Watched, watching(WatchMode.BARGE), changes=True)
    operations.add("call.leave", Left, leave, changes=True)
    operations.add("call.record", Recorded, record, changes=True)


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
            raise OperationError("refused", f"{why_not[2]}.", "of")
        if monitoring.call_phones(switch, by, found, mode, granted) is None:
            raise OperationError("refused", f"No phone of {args.by} is signed in.", "by")
        state = "calling"
    switch.record("admin.watch.asked", actor=actor.to_dict(), **told)
    switch.flush()
    return {**told, "state": state}


async def _record(
    switch: Switch, recordings: RecordingService, actor: Actor, args: Recorded
) -> dict[str, Any]:
    found = _call_of(switch, args.of)
    call, target = found
    by = args.by or args.of
    told = {"call": call.id, "of": args.of, "by": by, "on": args.on}
    if not args.on:
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
            raise OperationError("refused", f"{why_not[2]}.", "of")
        try:
            await recordings.recorder.begin(call, target, by, granted)
        except NotRecorded as error:
            raise OperationError("refused", f"The call is not recorded: {error}.", "of") from error
        mailbox = call.recording.mailbox if call.recording is not None else ""
    switch.record("admin.recording.asked", actor=actor.to_dict(), **told)
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
