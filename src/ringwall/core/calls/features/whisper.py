"""Whisper page: speak to somebody who is in a call, unheard by the other side (C2).

Rules that this module keeps:
- The rights are those of the intercom. Who is idle, or cannot be joined because of what they do or have, gets
  an intercom or an ordinary call, as `intercom` decides.
- Initiator and target hear one another after the tones; the other party hears neither the initiator nor a
  tone, and goes on hearing the target, as the target goes on hearing it.
- The target can keep the other party from hearing them for as long as the whisper lasts (`mute`).
- Only a call of two, at a desk phone: no conference, and never an emergency call.
- The initiator can only hang up. When either of the two others ends their call, the whisper ends as well.
- Afterwards the call goes back to a relay of its own, unless somebody else is in its room.
"""

from functools import partial
from typing import Final

from ringwall.core.calls.bridging import active_calls, bridge, bridge_holds
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import conference_calls, intercom
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Profile
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.routing import ivr, rejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial
from ringwall.policy.rules import Heard

FEATURE: Final = "whisper page"


def install(switch: Switch) -> None:
    """Let users speak to others who are in a call."""
    switch.hooks.dialled[FEATURE] = partial(dialled, switch)


def dialled(switch: Switch, call: Call, target: str) -> None:
    """The caller has dialled the feature number, and whom behind it."""
    call.details.feature = FEATURE
    found = active_calls.call_of(switch, target)
    if found is not None:
        conference = active_calls.in_conference(switch, *found)
    else:
        conference = conference_calls.is_in_one(switch, target)
    decided = intercom.ask(switch, call.caller, Action.WHISPER, target, conference=conference)
    if isinstance(decided, Denial):
        if decided.heard is Heard.ORDINARY_CALL:
            intercom.reach(switch, call, target, decided)
        else:
            rejection.deny_call(switch, call, decided)
        return
    if found is None or found[1].profile is Profile.DTLS or target == call.caller.extension:
        intercom.reach(switch, call, target, decided)
        return
    theirs, leg = found
    if bridge.is_emergency(theirs):
        rejection.refuse_call(switch, call, 403, "Not permitted", "an emergency call is left alone")
        return
    call.served_by(FEATURE)
    user = switch.directory.snapshot.by_extension[target]
    call.callee_name = user.name
    call.details.target, call.details.target_call = target, theirs.id
    switch.spawn(call, _whisper(switch, call, theirs, leg))


async def _whisper(switch: Switch, call: Call, theirs: Call, target: Leg) -> None:
    reason = f"whisper {call.id}"
    try:
        room = await bridge_holds.hold_in_bridge(switch, theirs, reason)
    except bridge.NotMoved as error:
        rejection.refuse_call(switch, call, 480, "Not Possible Now", str(error))
        return

    def left(_status: int) -> None:
        if _joined(theirs, target) and _silence(theirs, target, on=False):
            switch.spawn_beside(theirs, bridge.apply(switch, room))
        bridge_holds.release(switch, theirs, reason)

    call.on_end.append(left)
    if call.state is CallState.ENDED:
        bridge_holds.release(switch, theirs, reason)
        return

    def over(_status: int) -> None:
        teardown.end(switch, call, "the call that was joined is over")

    theirs.on_end.append(over)
    body = await ivr.hear_caller(switch, call, room=room)
    if body is None:
        return
    if not await _seat(switch, call, room):
        return
    if not await ivr.answer_caller(switch, call, body):
        return
    switch.persist(call)
    await intercom.announce(switch, call.caller, target)
    if not call.talks() or not theirs.talks() or target.media is None:
        return
    await bridge.connect(switch, call, call.caller, target, room)


async def _seat(switch: Switch, call: Call, room: str) -> bool:
    """Bring the initiator into the room; False where that ended their call."""
    if call.caller.state is not LegState.TALKING:
        server_leg.join_room(switch, call.caller, room)
        return True
    try:  # their phone was called by the system, maybe from another server
        await bridge.join(switch, call, call.caller, room)
    except bridge.NotMoved as error:
        teardown.end(switch, call, str(error), status=480)
        return False
    return True


async def mute(switch: Switch, extension: str, *, on: bool) -> bool:
    """Keep the other party from hearing somebody to whom another whispers, or no longer.

    False where nobody whispers to them now. Raises MediaError.
    """
    for call in switch.calls.values():
        if call.system == FEATURE and call.talks() and call.details.target == extension:
            theirs = switch.calls.get(call.details.target_call)
            parties = (theirs.caller, theirs.callee) if theirs is not None else ()
            target = next((leg for leg in parties if leg is not None and leg.extension == extension), None)
            if theirs is not None and target is not None and _joined(theirs, target):
                _silence(theirs, target, on=on)
                await bridge.apply(switch, target.media.room if target.media is not None else "")
                switch.persist(theirs)
                return True
    return False


def _joined(theirs: Call, target: Leg) -> bool:
    """Whether both parties of a call are in a room."""
    other = theirs.other(target)
    return theirs.talks() and target.media is not None and other is not None and other.media is not None


def _silence(theirs: Call, target: Leg, *, on: bool) -> bool:
    """Let the other party hear the target, or not; whether that is a change."""
    other = theirs.other(target)
    if other is None or other.media is None:
        return False
    before = target.tag in other.media.hears
    bridge.set_gain(other, target, 0.0 if on else 1.0)
    return before is on
