"""Make Me conference: somebody makes one conference of their calls, adds others, leaves (C2).

Rules that this module keeps:
- The limit of parties is that of the starter's class of service, the starter among them. Who would be one
  too many is not added, and the calls stay as they are.
- When the last one from inside leaves two or more from outside, they go on only if the one who leaves has
  trunk-to-trunk transfer; otherwise they hear a warning and it ends. One who is left alone is hung up.
"""

import asyncio
from functools import partial
from typing import Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import conference_calls
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.routing import dialling, ivr, rejection
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Prompt, Tone
from ringwall.core.media.menu import HANG_UP, Next, Visitor
from ringwall.events.call_features import CallConference
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial

FEATURE: Final = "conference"
_WARNING: Final = (Tone("warning"), Prompt("conf-leaderhasleft"), Prompt("vm-goodbye"))
_WARNING_SECONDS: Final = 5.0


def install(switch: Switch) -> None:
    """Let users make conferences."""
    switch.hooks.dialled[FEATURE] = partial(dialled, switch)
    switch.hooks.call_ended.append(partial(_ended, switch))


# From a phone


def dialled(switch: Switch, call: Call, target: str) -> None:
    """The starter has dialled the feature number: alone, or with whom to add behind it."""
    call.details.feature = FEATURE
    starter = call.caller
    room = conference_calls.own_conference(switch, starter.extension)
    if target:
        if not room:
            rejection.refuse_call(switch, call, 480, "No Conference", "there is no conference of yours")
            return
        why_not = conference_calls.add(switch, room, starter, target)
        if isinstance(why_not, Denial):
            rejection.deny_call(switch, call, why_not)
        elif why_not is not None:
            rejection.refuse_call(switch, call, *why_not)
        else:
            ivr.start(switch, call, _told, ivr.visitor_of(switch, starter))
        return
    found = conference_calls.own_calls(switch, starter.device_id)
    if not found:
        rejection.refuse_call(switch, call, 480, "No Calls", "there is no call to make a conference of")
        return
    count = len(conference_calls.parties(switch, room)) if room else 1
    for _ in found:
        # Whoever is there already came with a grant of their own: the number is the starter's, for the limit.
        decided = conference_calls.allowed(switch, starter, starter.extension, count)
        if isinstance(decided, Denial):
            rejection.deny_call(switch, call, decided)
            return
        count += 1
    switch.spawn(call, _merge(switch, call, room or call.id, found, known=bool(room)))


async def _told(party: Interaction, _visitor: Visitor) -> Next:
    """The one who is added is being called."""
    await party.play(*conference_calls.BEEP, stop_on="")
    return HANG_UP


async def _merge(
    switch: Switch, call: Call, room: str, found: list[conference_calls.Found], *, known: bool
) -> None:
    """Bring the starter, from the call that was dialled, and the parties of their calls into the room."""
    body = await ivr.hear_caller(switch, call, room=room)
    if body is None:
        return
    before = conference_calls.parties(switch, room)
    conference_calls.take_part(call, room, call.caller.extension)
    server_leg.join_room(switch, call.caller, room)
    if not await ivr.answer_caller(switch, call, body):
        return
    for theirs, own in found:
        await conference_calls.bring(switch, theirs, own, room, call.caller.extension)
    if known:  # where the starter was before: they are there with this call now
        for old, leg in before:
            if leg.extension == call.caller.extension and leg.device_id == call.caller.device_id:
                teardown.end(switch, old, "goes on in the conference")
    if len(conference_calls.parties(switch, room)) < 2 and call.talks():
        teardown.end(switch, call, "nobody could be brought into the conference")
        return
    await conference_calls.everybody(switch, room)
    if call.talks():
        switch.persist(call)
        switch.record(
            CallConference(
                conference=room,
                by=call.caller.extension,
                parties=tuple(leg.party for _, leg in conference_calls.parties(switch, room)),
            )
        )
        await conference_calls.play(switch, room, conference_calls.BEEP)


# Less


def _ended(switch: Switch, call: Call, _status: int) -> None:
    """Somebody has left, or was dropped."""
    room, gone = conference_calls.room_of(call), call.caller
    there = conference_calls.parties(switch, room) if room else []
    if not there:
        return
    if len(there) == 1:
        conference_calls.end_alone(switch, room)
        return
    if any(not leg.trunk for _, leg in there) or gone.trunk:
        return
    subject = dialling.subject_of_leg(switch, gone)
    decided = switch.ask(subject, Action.CONFERENCE_LEAVE, insiders=0, outsiders=len(there), of=call)
    if isinstance(decided, Denial):
        one = there[0][0]
        switch.spawn_beside(one, _warned_end(switch, room, decided.rule.sentence))


async def _warned_end(switch: Switch, room: str, why: str) -> None:
    seconds = await conference_calls.play(switch, room, _WARNING)
    await asyncio.sleep(min(seconds or _WARNING_SECONDS, _WARNING_SECONDS))
    there = conference_calls.parties(switch, room)
    for call, _ in there:
        call.details.conference = ""  # so that nobody is asked again when the next one leaves
    for call, _ in there:
        teardown.end(switch, call, why)
