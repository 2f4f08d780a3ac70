"""Whisper page: speak to somebody who is in a call, unheard by the other side (C2).

Rules that this module keeps:
- The rights are those of the intercom. Who is idle, or cannot be joined because of what he does or has, gets
  an intercom or an ordinary call, as `intercom` decides.
- Initiator and target hear one another after the tones; the other party hears neither the initiator nor a
  tone, and goes on hearing the target, as the target goes on hearing it.
- Only a call of two, at a desk phone: no conference, and never an emergency call.
- The initiator can only hang up. When either of the two others ends their call, the whisper ends as well.
- Afterwards the call goes back to a relay of its own, unless somebody else is in its room.
"""

from functools import partial
from typing import Final

from ringwall.core.calls import conferences, media_side, menus, refusal, rooms, staying, talking, teardown
from ringwall.core.calls.call import Call, CallState, Leg, LegState
from ringwall.core.calls.features import intercom
from ringwall.core.calls.relay import Profile
from ringwall.core.calls.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial
from ringwall.policy.rules import Heard

FEATURE: Final = "whisper page"


def install(switch: Switch) -> None:
    """Let users speak to others who are in a call."""
    switch.hooks.dialled[FEATURE] = partial(dialled, switch)


def dialled(switch: Switch, call: Call, target: str) -> None:
    """The caller has dialled the feature number, and whom behind it."""
    call.notes["feature"] = FEATURE
    found = talking.call_of(switch, target)
    if found is not None:
        conference = talking.in_conference(switch, *found)
    else:
        conference = conferences.is_in_one(switch, target)
    decided = intercom.ask(switch, call.caller, Action.WHISPER, target, conference=conference)
    if isinstance(decided, Denial):
        if decided.heard is Heard.ORDINARY_CALL:
            intercom.reach(switch, call, target, decided)
        else:
            refusal.deny_call(switch, call, decided)
        return
    if found is None or found[1].profile is Profile.DTLS or target == call.caller.extension:
        intercom.reach(switch, call, target, decided)
        return
    theirs, leg = found
    if rooms.is_emergency(theirs):
        refusal.refuse_call(switch, call, 403, "Not permitted", "an emergency call is left alone")
        return
    call.system = FEATURE
    user = switch.directory.snapshot.by_extension[target]
    call.callee_name = user.name
    call.notes |= {"target": target, "target_call": theirs.id}
    switch.spawn(
        call,
        _whisper(switch, call, theirs, leg),
        lambda _error: teardown.end(switch, call, "an error in the system", status=500),
    )


async def _whisper(switch: Switch, call: Call, theirs: Call, target: Leg) -> None:
    reason = f"whisper {call.id}"
    try:
        room = await staying.stay(switch, theirs, reason)
    except rooms.NotMoved as error:
        refusal.refuse_call(switch, call, 480, "Not Possible Now", str(error))
        return
    call.on_end.append(lambda _status: staying.go(switch, theirs, reason))
    if call.state is CallState.ENDED:
        staying.go(switch, theirs, reason)
        return

    def over(_status: int) -> None:
        teardown.end(switch, call, "the call that was joined is over")

    theirs.on_end.append(over)
    body = await menus.hear_caller(switch, call, room=room)
    if body is None:
        return
    if not await _seat(switch, call, room):
        return
    if not await menus.answer_caller(switch, call, body):
        return
    switch.keep(call)
    await intercom.announce(switch, call.caller, target)
    if not call.talks() or not theirs.talks() or target.media is None:
        return
    rooms.hear(call.caller, target)
    rooms.hear(target, call.caller)
    try:
        await rooms.apply(switch, room)
    except MediaError as error:
        teardown.end(switch, call, f"the media server was lost: {error}")


async def _seat(switch: Switch, call: Call, room: str) -> bool:
    """Bring the initiator into the room; False where that ended his call."""
    if call.caller.state is not LegState.TALKING:
        media_side.seat(switch, call.caller, room)
        return True
    try:  # his phone was called by the system, maybe from another server
        await rooms.enter(switch, call, call.caller, room)
    except rooms.NotMoved as error:
        teardown.end(switch, call, str(error), status=480)
        return False
    return True
