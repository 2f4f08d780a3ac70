"""Conferences: who takes part, and how parties of calls come into one (C2).

Rules that this module keeps:
- Everybody hears everybody. Each one who takes part has a call of their own with the conference, so each one
  hangs up, is dropped and stands in the record alone. What the parties had before ends when they are in.
- Who takes part is read from the room, so a conference goes on when core or media server has died.
- A new party is called with a grant of the starter's rights; an outside party that is there already came with
  one of its own.
- An emergency call is never made part of a conference.
"""

from typing import Final

from ringwall.core.calls.bridging import active_calls, bridge, joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.errors import CallError
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.states import CallEvent, LegState
from ringwall.core.calls.routing import dialling, handover, ivr, outside, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Item, Tone
from ringwall.events.call_features import CallConferenceRefused
from ringwall.events.system import SystemMediaFailed
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial, Grant

BEEP: Final = (Tone("beep"),)

Found = tuple[Call, Leg]  # a call, and the party in it


class Refused(CallError):  # noqa: N818 - what became of it
    """There is no conference, or nobody was added; the text says why."""


# Who takes part


def parties(switch: Switch, room: str) -> list[Found]:
    """Who takes part in a conference, with their calls with it."""
    found = [switch.legs.get((leg.sip_call_id, tag)) for tag, leg in switch.rooms.get(room, {}).items()]
    return [each for each in found if each is not None and room_of(each[0]) == room]


def room_of(call: Call) -> str:
    """The conference in which the caller of this call takes part; empty for any other call."""
    return call.details.conference or ""


def starter_of(call: Call) -> str:
    """Who has made the conference of this call: an extension."""
    return call.details.conference_of


def all_rooms(switch: Switch) -> list[str]:
    """All conferences of this moment."""
    return [room for room in switch.rooms if parties(switch, room)]


def is_in_one(switch: Switch, extension: str) -> bool:
    """Whether somebody takes part in a conference."""
    return any(leg.extension == extension for room in all_rooms(switch) for _, leg in parties(switch, room))


def own_calls(switch: Switch, device_id: int) -> list[tuple[Call, Leg]]:
    """The calls of two at a phone that could become a conference, oldest first, with the phone's legs."""
    legs = switch.devices.get(device_id, ())
    found = [each for leg in legs if (each := switch.legs.get((leg.sip_call_id, leg.tag))) is not None]
    usable = [each for each in found if _usable(*each)]
    return sorted(usable, key=lambda each: each[1].answered_at or 0.0)


def _usable(call: Call, own: Leg) -> bool:
    other = call.other(own)
    return (
        bridge.is_of_two(call)
        and not call.media_transition
        and not bridge.is_emergency(call)
        and not active_calls.is_coached(call, own)
        and own.state is LegState.TALKING
        and other is not None
        and other.state is LegState.TALKING
        and other.dialog is not None
    )


def own_conference(switch: Switch, extension: str) -> str:
    """The conference that somebody has made and still takes part in."""
    for room in all_rooms(switch):
        there = parties(switch, room)
        if any(starter_of(call) == extension == leg.extension for call, leg in there):
            return room
    return ""


def allowed(switch: Switch, starter: Leg, number: str, count: int) -> Grant | Denial:
    """Whether one more party may be added, where `count` are there with the starter."""
    subject = dialling.subject_of_leg(switch, starter)
    return switch.ask(subject, Action.CONFERENCE_ADD, number=number, count=count, quietly=True)


def take_part(call: Call, room: str, starter: str) -> None:
    """The caller of this call takes part in the conference from now on."""
    call.details.conference, call.details.conference_of = room, starter


async def bring(switch: Switch, old: Call, own: Leg, room: str, starter: str) -> bool:
    """Bring the party of somebody's call into a conference; the call is over then, for `own` as well.

    False where the party does not follow: its call stays as it was.
    """
    party = old.other(own)
    if party is None or old.media_transition or not old.talks():
        return False
    old.begin_move()
    try:
        if not await _move(switch, old, party, room, starter):
            return False
    finally:
        old.end_move()
    _leave_behind(switch, old, room, own)
    return True


async def _move(switch: Switch, old: Call, leg: Leg, room: str, starter: str) -> bool:
    """Bring a leg into the room, as the caller of a call of its own; the old call is still to be ended."""
    try:
        await bridge.join(switch, old, leg, room)
    except (bridge.NotMoved, LegGone) as error:
        switch.record(CallConferenceRefused(call=old.id, conference=room, why=str(error) or "has left"))
        return False
    if not old.talks() or leg.state is not LegState.TALKING:
        return False
    new = Call(id=switch.new_tag(), caller=leg, dialled=old.dialled, joined=True)
    take_part(new, room, starter)
    new.details.came_from = old.id
    handover.hand_over(switch, old, leg, new)
    switch.add_call(new)
    return True


def _leave_behind(switch: Switch, old: Call, room: str, own: Leg) -> None:
    """The parties of a call are in the conference now."""
    old.details.went_to_conference = room
    teardown.end(switch, old, "conference", by="caller" if own is old.caller else "callee")


async def start(switch: Switch, extension: str) -> str:
    """Make a conference of the calls at somebody's phone, without a call of its own to it; returns the room.

    Raises Refused.
    """
    user = switch.directory.snapshot.by_extension.get(extension)
    ways = [own_calls(switch, device.id) for device in (user.devices if user is not None else ())]
    found = max(ways, key=len, default=[])
    if not found:
        raise Refused("there is no call to make a conference of")
    first, own = found[0]
    for count in range(1, len(found) + 1):
        decided = allowed(switch, own, extension, count)
        if isinstance(decided, Denial):
            raise Refused(decided.rule.sentence)
    room, other = switch.new_tag(), first.other(own)
    assert other is not None
    first.begin_move()
    try:
        if not await _move(switch, first, own, room, extension):
            raise Refused("the phone does not follow")
        if not await _move(switch, first, other, room, extension):
            raise Refused("the other party does not follow")
    finally:
        first.end_move()
        if room in switch.rooms:
            _leave_behind(switch, first, room, own)
    for theirs, leg in found[1:]:
        await bring(switch, theirs, leg, room, extension)
    await everybody(switch, room)
    return room


async def everybody(switch: Switch, room: str) -> None:
    """Let everybody who takes part hear everybody else."""
    there = [leg for _, leg in parties(switch, room)]
    for listener in there:
        for speaker in there:
            if listener is not speaker:
                bridge.set_gain(listener, speaker)
    try:
        await bridge.apply(switch, room)
    except MediaError as error:
        # The server is away: when it is back the room is made anew, with what the legs say.
        switch.record(SystemMediaFailed(room=room, why=str(error)))
    for call, _ in parties(switch, room):
        switch.persist(call)


async def play(switch: Switch, room: str, items: tuple[Item, ...]) -> float | None:
    """Play to everybody; returns for how long."""
    there = parties(switch, room)
    if not there:
        return None
    leg = there[0][1]
    try:
        country = ivr.country_of(switch, leg)
        return (await switch.media.play(items, leg=leg.tag, room=room, country=country)).seconds
    except MediaError:
        return None


# One more


def add(switch: Switch, room: str, starter: Leg, number: str) -> Denial | Rejection | None:
    """Call somebody into a conference, with the starter's rights. None: the call is on its way."""
    there = parties(switch, room)
    if not there:
        return Rejection(404, "No Conference", "there is no such conference")
    pending = sum(1 for each in switch.calls.values() if each.details.called_into == room)
    decided = allowed(switch, starter, number, len(there) + pending)
    if isinstance(decided, Denial):
        return decided
    present = next((leg for _, leg in there if leg.extension == starter.extension), there[0][1])
    ghost = joining.placeholder_of(switch, present)
    ghost.side = Side.A
    details = CallDetails(called_into=room, added_by=starter.extension)
    made = Call(id=switch.new_tag(), caller=ghost, dialled=decided.canonical, details=details)
    try:
        made.offer = joining.offer_of(present).for_relay
    except MediaRefused as error:
        return Rejection(488, "Not Acceptable Here", error.why)
    made.on_answer = lambda _body: _joins(switch, made, room, starter.extension)
    made.on_system = lambda: teardown.end(switch, made, "only the system answers", status=480)
    inside = decided.way is None
    number = decided.canonical
    why_not = router.unreachable(switch, made, number) if inside else outside.why_not(switch, decided)
    if why_not is not None:
        return why_not
    handover.start(switch, made, decided)
    return None


def _joins(switch: Switch, made: Call, room: str, starter: str) -> None:
    """The new party has answered: it comes into the room."""
    made.apply(CallEvent.ENTERED)
    made.offer, made.on_answer, made.on_system = b"", None, None
    made.details.called_into = ""
    ghost = made.caller
    switch.spawn(made, _enters(switch, made, ghost, room, starter))


async def _enters(switch: Switch, made: Call, ghost: Leg, room: str, starter: str) -> None:
    if not parties(switch, room):
        teardown.end(switch, made, "the conference is over")
    elif not await bring(switch, made, ghost, room, starter):
        teardown.end(switch, made, "the party did not come into the conference")
    elif len(parties(switch, room)) < 2:
        end_alone(switch, room)
    else:
        await everybody(switch, room)
        await play(switch, room, BEEP)


def end_alone(switch: Switch, room: str) -> None:
    """Hang up on the one who is left."""
    for call, _ in parties(switch, room):
        teardown.end(switch, call, "nobody else is in the conference")
