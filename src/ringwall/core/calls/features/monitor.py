"""Silent monitor, silent coach and barge in: somebody watches a call of others (C2).

Rules that this module keeps:
- The watcher needs the right of the mode, and the one whose call it is has to accept it: the policy is asked
  at the beginning and at each change of the mode. A denial is heard by the watcher alone.
- Who hears whom: a monitor hears both and is heard by nobody; a coach is heard by the one whose call it is;
  who has barged in is one of three. Both hear the intrusion tone before they hear the watcher.
- One watcher for a call; nobody watches a call of their own; conferences and calls with the system are not
  watched. Emergency calls only by whom the policy lets.
- The watcher may go at any time, and the two talk on, by a relay as before; when the call ends the
  watcher is hung up.
- While a call is coached, the one whose call it is does not transfer it, and does not record it.
- A media server that dies ends the watching and not the call.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from ringwall.core.calls.bridging import active_calls, bridge, bridge_holds
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import intercom, recorder, warning_tone
from ringwall.core.calls.model.call import Call, Watch
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.routing import dialling, ivr, rejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.media.errors import MediaError
from ringwall.core.media.interaction import HungUp, Interaction
from ringwall.core.media.items import Tone
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.events.watching import WatchEnded, WatchFailed, WatchMoved, WatchStarted
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial, Grant

KEYS: Final[Mapping[str, WatchMode]] = MappingProxyType(
    {"4": WatchMode.MONITOR, "5": WatchMode.COACH, "6": WatchMode.BARGE}
)
"""What the watcher presses to go on in another mode."""
_ACTIONS: Final = {
    WatchMode.MONITOR: Action.MONITOR,
    WatchMode.COACH: Action.COACH,
    WatchMode.BARGE: Action.BARGE_IN,
}
_LOST: Final = "the media server was lost"
_REASON: Final = "watched"  # for which the call stays in a room
_INTRUSION: Final = (Tone("intrusion"),)
_ERROR: Final = (Tone("congestion", 2.0),)
_KEY_SECONDS: Final = 3600.0


def install(switch: Switch) -> None:
    """Let people watch calls of others."""
    for mode in WatchMode:
        switch.hooks.dialled[mode.value] = partial(dialled, switch, mode)
    switch.hooks.call_ended.append(partial(_call_ended, switch))


def dialled(switch: Switch, mode: WatchMode, own: Call, extension: str) -> None:
    """A phone wants to watch a call of this extension."""
    own.details.feature = mode.value
    own.details.target = extension
    found = active_calls.call_of(switch, extension, held=True)
    decided = ask(switch, own.caller, mode, extension, found)
    if isinstance(decided, Denial):
        rejection.deny_call(switch, own, decided)
        return
    why_not = hindrance(own.caller.extension, extension, found)
    if why_not is not None:
        rejection.refuse_call(switch, own, *why_not)
        return
    assert found is not None
    menu = partial(session, switch, found[0], claim(switch, own, *found, mode), decided)
    ivr.start(switch, own, menu, ivr.visitor_of(switch, own.caller), longest=None)


def ask(
    switch: Switch, by: Leg, mode: WatchMode, extension: str, found: tuple[Call, Leg] | None
) -> Grant | Denial:
    """Whether a party may watch a call of this extension so: both halves."""
    emergency = found is not None and bridge.is_emergency(found[0])
    # Who watches already is one of those who are heard.
    conference = found is not None and found[0].watch is None and active_calls.in_conference(switch, *found)
    return switch.ask(
        dialling.subject_of_leg(switch, by),
        _ACTIONS[mode],
        target=extension,
        emergency_call=emergency,
        conference=conference,
        quietly=True,
    )


def hindrance(by: str, extension: str, found: tuple[Call, Leg] | None) -> Rejection | None:
    """Why a call cannot be watched by that extension, whatever its rights; None if it can."""
    if found is None:
        return Rejection(480, "Not In A Call", f"{extension} has no call that can be watched")
    call, _ = found
    if any(leg.extension == by and not leg.trunk for leg in call.legs()):
        return Rejection(403, "Own Call", "nobody watches a call of their own")
    if call.watch is not None:
        return Rejection(486, "Watched Already", "somebody watches this call already")
    return None


def claim(switch: Switch, own: Call, call: Call, target: Leg, mode: WatchMode) -> Watch:
    """Nobody else watches the call from now on, until `own` ends."""
    watch = call.watch = Watch(own, target, mode)

    def over(status: int) -> None:
        _over(switch, call, watch, why=_LOST if status == 503 else "the watcher left")

    own.on_end.append(over)
    return watch


async def session(
    switch: Switch, call: Call, watch: Watch, decided: Grant, party: Interaction, _visitor: Visitor
) -> Next:
    """Let somebody who is answered watch the call, until one of the two is over."""
    try:
        await _begin(switch, call, watch, decided)
    except (bridge.NotMoved, MediaError, LegGone) as error:
        why = str(error) or "a party has left"
        switch.record(WatchFailed(**_facts(call, watch), why=why))
        with suppress(HungUp):
            await party.play(*_ERROR, stop_on="")
        return HangUp(f"the call could not be watched: {why}")
    while True:
        mode = KEYS.get(await party.key(_KEY_SECONDS))
        if mode is None or call.watch is not watch:
            continue
        answer = await move(switch, call, watch, mode)
        if isinstance(answer, Denial):
            await party.play(*_ERROR, stop_on="")


async def _begin(switch: Switch, call: Call, watch: Watch, decided: Grant) -> None:
    room = await bridge_holds.hold_in_bridge(switch, call, _REASON, emergency=bridge.is_emergency(call))
    await bridge.join(switch, watch.own, watch.by, room)
    if call.watch is not watch or not call.talks():
        raise LegGone
    watch.began = True
    call.details.watched_by.append(watch.by.extension)
    switch.record(WatchStarted(**_facts(call, watch), rule=decided.rule.id))
    await _arrange(switch, call, watch)


async def move(switch: Switch, call: Call, watch: Watch, mode: WatchMode) -> Grant | Denial:
    """Go on in another mode, if the policy allows it; the same one again changes nothing."""
    decided = ask(switch, watch.by, mode, watch.target.extension, (call, watch.target))
    if isinstance(decided, Denial):
        switch.denied(decided, of=watch.own, by=watch.by)
    elif mode is not watch.mode:
        before, watch.mode = watch.mode, mode
        switch.record(WatchMoved(**_facts(call, watch), before=before.value, rule=decided.rule.id))
        with suppress(MediaError):  # the loss of the server ends the watching
            await _arrange(switch, call, watch)
    return decided


async def _arrange(switch: Switch, call: Call, watch: Watch) -> None:
    """Who hears whom, and what warns them. Raises MediaError."""
    target, by = watch.target, watch.by
    other = call.other(target)
    if other is None or any(leg.media is None for leg in (target, other, by)):
        return
    mode = watch.mode
    if mode is WatchMode.COACH and call.recording is not None and call.recording.own:
        call.recording.stop("the call is being coached")
    await warning_tone.apply(switch, call)
    if mode is WatchMode.BARGE:
        await asyncio.gather(*(intercom.sound(switch, leg, _INTRUSION) for leg in (target, other)))
        if watch.mode is not mode or call.watch is not watch:
            return
    bridge.set_gain(by, target)
    bridge.set_gain(by, other)
    bridge.set_gain(target, by, 0.0 if mode is WatchMode.MONITOR else 1.0)
    bridge.set_gain(other, by, 1.0 if mode is WatchMode.BARGE else 0.0)
    await bridge.apply(switch, call.id)
    await recorder.people_changed(switch, call)


def leave(switch: Switch, call: Call) -> None:
    """End the watching of a call; the call goes on."""
    if call.watch is not None:
        teardown.end(switch, call.watch.own, "the watching was ended")


def _over(switch: Switch, call: Call, watch: Watch | None = None, *, why: str) -> None:
    """The watching is over, however it ended."""
    watch = watch or call.watch
    if watch is None or call.watch is not watch:
        return
    call.watch = None
    if watch.began:
        switch.record(WatchEnded(**_facts(call, watch), why=why))
    if call.talks():
        switch.spawn(call, warning_tone.apply(switch, call))
    bridge_holds.release(switch, call, _REASON)
    teardown.end(switch, watch.own, why)


def _call_ended(switch: Switch, call: Call, _status: int) -> None:
    _over(switch, call, why="the call ended")


def _facts(call: Call, watch: Watch) -> dict[str, Any]:
    other = call.other(watch.target)
    return {
        "call": call.id,
        "by": watch.by.extension,
        "by_device": watch.by.device,
        "own_call": watch.own.id,
        "target": watch.target.extension,
        "other": other.party if other is not None else None,
        "mode": watch.mode.value,
    }
