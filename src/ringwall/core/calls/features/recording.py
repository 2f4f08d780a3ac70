"""Recording of one's own calls, and of calls of others by supervisors: who asks for it, and who may (C2).

Rules that this module keeps:
- The policy is asked each time: for one's own call one's own right, for somebody else's both halves.
- One recording of a call at a time; none of one's own while one is coached; none of calls with the system.
- Where none begins, whoever asked is told why, and the call stays as it is.
"""

from functools import partial
from typing import Final

from ringwall.core.calls.bridging import active_calls, bridge
from ringwall.core.calls.dialog import messages, teardown
from ringwall.core.calls.features.recorder import Keeper, NotRecorded, Recorder
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.routing import dialling, ivr, rejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Silence, Tone
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial, Grant
from ringwall.sip.message import Request

FEATURE: Final = "record"
_BEGUN: Final = (Tone("beep"),)
_ENDED: Final = (Tone("beep"), Silence(0.2), Tone("beep"))


def connect(switch: Switch, keeper: Keeper) -> "RecordingService":
    """Let people record calls, into the mailboxes of `keeper`."""
    recorder = Recorder(switch, keeper)
    desk = RecordingService(switch, recorder)
    switch.hooks.dialled[FEATURE] = desk.dialled
    switch.hooks.info.append(desk.informed)
    switch.hooks.media_changed.append(recorder.media_changed)
    return desk


class RecordingService:
    """Where recordings are asked for, by phones and over the API."""

    def __init__(self, switch: Switch, recorder: Recorder) -> None:
        self._switch = switch
        self.recorder = recorder

    def dialled(self, own: Call, typed: str) -> None:
        """A phone has dialled the feature number, and perhaps whose call behind it: begin, or end."""
        extension = typed or own.caller.extension
        own.details.feature = FEATURE
        found = active_calls.call_of(self._switch, extension, held=True)
        decided = self.ask(own.caller, extension, found)
        if isinstance(decided, Denial):
            rejection.deny_call(self._switch, own, decided)
            return
        why_not = hindrance(own.caller.extension, extension, found)
        if why_not is not None:
            rejection.refuse_call(self._switch, own, *why_not)
            return
        assert found is not None
        work = partial(self._menu, *found, decided, own.caller.extension)
        ivr.start(self._switch, own, work, ivr.visitor_of(self._switch, own.caller))

    def informed(self, call: Call, leg: Leg, key: str, request: Request) -> bool:
        """A phone says `Record: on` or `off` in an INFO of its call, as Snom and Yealink do."""
        wish = (request.headers.get("record") or "").strip().lower()
        if leg.trunk or wish not in {"on", "off"}:
            return False
        if wish == "off":
            if call.recording is not None and call.recording.by == leg.extension:
                call.recording.stop("the phone ended it")
            self._switch.respond(key, request.response(200))
            return True
        decided = self.ask(leg, leg.extension, (call, leg))
        if isinstance(decided, Denial):
            self._switch.denied(decided, of=call, by=leg)
            headers = [teardown.warning(decided.rule.sentence)]
            self._switch.respond(key, request.response(decided.status or 403, headers=headers))
            return True
        leg.pending_requests[key] = request
        work = self._on_info(call, leg, key, request, decided)

        def failed() -> None:
            self._switch.answer(leg, key, request.response(500))

        self._switch.spawn(call, work, failed)
        return True

    async def _on_info(self, call: Call, leg: Leg, key: str, request: Request, decided: Grant) -> None:
        try:
            await self.recorder.begin(call, leg, leg.extension, decided)
        except NotRecorded as error:
            headers = [teardown.warning(str(error))]
            self._switch.answer(leg, key, request.response(480, "Not Recorded", headers=headers))
            text = f"Your call is not recorded: {error}."
            messages.send_text(self._switch, leg.extension, text, lambda _taken, _why: None)
        else:
            self._switch.answer(leg, key, request.response(200))

    async def _menu(
        self, call: Call, target: Leg, decided: Grant, by: str, party: Interaction, _visitor: Visitor
    ) -> Next:
        recording = call.recording
        if recording is not None and recording.by == by and recording.target is target:
            recording.stop("its maker ended it")
            await party.play(*_ENDED, stop_on="")
            return HangUp("a recording was ended")
        try:
            await self.recorder.begin(call, target, by, decided)
        except NotRecorded as error:
            await party.play(*error.items, stop_on="")
            return HangUp(f"no recording: {error}")
        await party.play(*_BEGUN, stop_on="")
        return HangUp("a recording has begun")

    def ask(self, by: Leg, extension: str, found: tuple[Call, Leg] | None) -> Grant | Denial:
        """Whether a party may record a call of this extension."""
        switch, own = self._switch, extension == by.extension
        return switch.ask(
            dialling.subject_of_leg(switch, by),
            Action.RECORD_OWN if own else Action.RECORD_OTHER,
            target=None if own else extension,
            emergency_call=found is not None and bridge.is_emergency(found[0]),
            coached=own and found is not None and active_calls.is_coached(*found),
            quietly=True,
        )


def hindrance(by: str, extension: str, found: tuple[Call, Leg] | None) -> Rejection | None:
    """Why a call cannot be recorded, whatever the rights; None if it can."""
    if found is None:
        return Rejection(480, "Not In A Call", f"{extension} has no call that can be recorded")
    recording = found[0].recording
    if recording is not None and (recording.by != by or recording.target is not found[1]):
        return Rejection(486, "Recorded Already", "somebody records this call already")
    return None
