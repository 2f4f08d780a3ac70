"""One recording of a call: its room, its file, what pauses it and how it ends (C2).

Rules that this module keeps:
- Nothing is recorded before there is room for all of it in the mailbox, and nobody without being told where
  the class of service of whose call it is says so: the spoken notice stands in the recording itself.
- On hold of either party it pauses. Who only listens is not in it, nor is what a coach says.
- However it ends (its maker, the call, its greatest length, the death of the media server or of this
  process), what was recorded comes into the mailbox.
"""

from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from ringwall.core.calls.bridging import active_calls, bridge, bridge_holds
from ringwall.core.calls.features import warning_tone
from ringwall.core.calls.model.call import Call, Recording
from ringwall.core.calls.model.errors import CallError
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.routing import ivr
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import CoreError
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Item, Prompt, Tone
from ringwall.core.voicemail.bounds import NoRoom
from ringwall.core.voicemail.drafts import Draft
from ringwall.events.watching import RecordingEnded, RecordingRefused, RecordingStarted
from ringwall.policy.grant import Grant

NOTICE: Final = (Prompt("conf-now-recording"),)
_FULL: Final = (Prompt("vm-mailboxfull"),)
_ERROR: Final = (Tone("congestion", 2.0),)
_REASON: Final = "recorded"  # for which the call stays in a room
_REASONS: Final = {"gone": "the media server was lost", "failed": "it could not be written", "lease": "lost"}


class Keeper(Protocol):
    """Where recordings go."""

    async def begin(self, extension: str, number: str, name: str) -> Draft:
        """Make room for a recording by an extension. Raises NoRoom, CoreError."""
        ...

    async def finish(self, draft: Draft) -> object:
        """Take what was recorded. Raises CoreError."""
        ...

    async def discard(self, draft: Draft) -> None:
        """Nothing was recorded. Raises CoreError."""
        ...


class NotRecorded(CallError):  # noqa: N818 - what became of it
    """No recording has begun; the text says why, `items` what is heard of it."""

    def __init__(self, why: str, items: tuple[Item, ...] = _ERROR) -> None:
        super().__init__(why)
        self.items = items


def heard_in(call: Call) -> list[str]:
    """Whom a recording of a call has, by the tags of their legs."""
    watch = call.watch
    barging = [watch.by] if watch is not None and watch.began and watch.mode is WatchMode.BARGE else []
    return [leg.tag for leg in (call.caller, call.callee, *barging) if leg is not None]


async def people_changed(switch: Switch, call: Call) -> None:
    """Somebody has come into a call, or has gone."""
    recording = call.recording
    if recording is not None and recording.recorder and not recording.why:
        with suppress(MediaError):  # it has just ended
            await switch.media.recorder(recording.recorder, "of", of=heard_in(call))


class Recorder:
    """Begins, pauses and ends recordings, for one switch."""

    def __init__(self, switch: Switch, keeper: Keeper) -> None:
        self._switch = switch
        self._keeper = keeper

    async def begin(self, call: Call, target: Leg, by: str, decided: Grant) -> None:
        """Record a call. Raises NotRecorded, and then nothing is recorded and the call is as it was."""
        if call.recording is not None:
            raise NotRecorded("the call is being recorded already")
        if not bridge.is_of_two(call):
            raise NotRecorded("calls of two people are recorded")
        switch = self._switch
        recording = call.recording = Recording(by, target)
        try:
            draft = await self._room_for(call, recording)
            try:
                await self._start(call, recording, draft)
            except BaseException:
                with suppress(CoreError):
                    await self._keeper.discard(draft)
                raise
        except (bridge.NotMoved, MediaError) as error:
            self._failed(call, recording, str(error))
            raise NotRecorded(str(error)) from error
        except NotRecorded as error:
            self._failed(call, recording, str(error))
            raise
        except BaseException:
            self._over(call, recording)
            raise
        call.details.recorded_by.append(by)
        switch.record(RecordingStarted(**_facts(call, recording), rule=decided.rule.id))

    async def _room_for(self, call: Call, recording: Recording) -> Draft:
        other = call.other(recording.target)
        number = other.party if other is not None else ""
        user = self._switch.directory.snapshot.by_extension.get(number)
        name = user.name if user is not None else other.name if other is not None else ""
        try:
            draft = await self._keeper.begin(recording.by, number, name)
        except NoRoom as error:
            full = error.why == "full"
            why = str(error).rstrip(".")
            raise NotRecorded(why, _FULL if full else _ERROR) from error
        except CoreError as error:
            raise NotRecorded(str(error).rstrip(".")) from error
        recording.mailbox = draft.extension
        return draft

    async def _start(self, call: Call, recording: Recording, draft: Draft) -> None:
        switch = self._switch
        emergency = not recording.own and bridge.is_emergency(call)
        room = await bridge_holds.hold_in_bridge(switch, call, _REASON, emergency=emergency)
        if recording.why or not call.talks():
            raise NotRecorded(recording.why or "the call is over")
        recorder = await switch.media.record(
            draft.recording.name,
            draft.key,
            leg=recording.target.tag,
            room=room,
            most=draft.most,
            of=heard_in(call),
            then=partial(self._ended, call, recording, draft),
        )
        recording.recorder, recording.on_stop = recorder, partial(self._stop, call, recording)
        recording.paused = _is_held(call)
        try:
            if recording.paused:
                await switch.media.recorder(recorder, "pause")
            else:
                await self._tell(call, recording)
        except MediaError:
            recording.stop("it could not begin")
            raise

    async def _tell(self, call: Call, recording: Recording) -> None:
        """Those who are recorded are told of it, by voice once and by the tone. Raises MediaError."""
        switch = self._switch
        cos = warning_tone.class_of(switch, recording.target)
        if not recording.announced and (cos is None or cos.recording_notice):
            recording.announced = True
            tag = recording.target.tag
            country = ivr.country_of(switch, recording.target)
            await switch.media.play(NOTICE, leg=tag, room=call.id, country=country)
        await warning_tone.apply(switch, call)

    def media_changed(self, call: Call, _leg: Leg) -> None:
        """A party has put the call on hold, or has taken it off."""
        recording = call.recording
        if recording is None or not recording.recorder or recording.paused == _is_held(call):
            return
        recording.paused = not recording.paused
        self._spawn(call, self._pause_or_go_on(call, recording))

    async def _pause_or_go_on(self, call: Call, recording: Recording) -> None:
        with suppress(MediaError):  # the loss of the server ends the recording
            if recording.paused:
                await self._switch.media.recorder(recording.recorder, "pause")
                await warning_tone.apply(self._switch, call)
            else:
                await self._switch.media.recorder(recording.recorder, "resume")
                await self._tell(call, recording)

    def _stop(self, call: Call, recording: Recording) -> None:
        self._spawn(call, self._stop_now(recording))

    async def _stop_now(self, recording: Recording) -> None:
        with suppress(MediaError):
            await self._switch.media.recorder(recording.recorder, "stop")

    def _ended(self, call: Call, recording: Recording, draft: Draft, event: dict[str, Any]) -> None:
        """The file is closed, or its server is gone."""
        if call.recording is not recording:
            return  # it has not begun after all, and its draft is discarded
        reason = str(event.get("reason"))
        if reason == "most":
            recording.why = "it is as long as the mailbox takes"
        why = recording.why or ("the call ended" if not call.talks() else _REASONS.get(reason, reason))
        self._over(call, recording)
        self._spawn(call, self._keep(call, recording, draft, why))

    async def _keep(self, call: Call, recording: Recording, draft: Draft, why: str) -> None:
        kept: object = None
        try:
            kept = await self._keeper.finish(draft)
        except CoreError as error:
            # The draft stays on the disk: voice mail makes a message of it later.
            why = f"{why}; it is looked at again: {error}"
        seconds = getattr(kept, "seconds", None)
        self._switch.record(
            RecordingEnded(
                **_facts(call, recording),
                why=why,
                kept=kept is not None,
                seconds=round(seconds, 1) if seconds else None,
            )
        )

    def _failed(self, call: Call, recording: Recording, why: str) -> None:
        self._over(call, recording)
        self._switch.record(RecordingRefused(**_facts(call, recording), why=why))

    def _over(self, call: Call, recording: Recording) -> None:
        if call.recording is recording:
            call.recording = None
        if call.talks():
            self._spawn(call, warning_tone.apply(self._switch, call))
        bridge_holds.release(self._switch, call, _REASON)

    def _spawn(self, call: Call, work: Any) -> None:
        self._switch.spawn_beside(call, work)


def _is_held(call: Call) -> bool:
    return any(active_calls.on_hold(leg) for leg in call.legs() if leg.state is not LegState.ENDED)


def _facts(call: Call, recording: Recording) -> dict[str, Any]:
    other = call.other(recording.target)
    return {
        "call": call.id,
        "by": recording.by,
        "target": recording.target.extension,
        "other": other.party if other is not None else None,
        "mailbox": recording.mailbox,
    }
