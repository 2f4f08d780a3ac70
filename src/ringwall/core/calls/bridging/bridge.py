"""Rooms of the media server: calls whose parties are joined there, and who hears whom.

Rules that this module keeps:
- What a party hears of the others is written at its own leg (`leg.media.hears`): who, and how loud. `apply`
  tells the server the whole of it; nobody is heard whom nobody named.
- A call moves from its relay to a room and back while its parties talk; who does not follow leaves the call
  where it was, and a call of which one half cannot be brought back ends.
- An emergency call moves only for whom the policy lets watch such calls; for all else nothing may come
  between it and its relay.
- When a media server has died a call of two goes back to a relay at once. Other rooms are made anew on the
  server that comes after it, each leg for itself; what talked with the system alone is over.

How a feature uses it:

    room = await bridge.gather(switch, call)              # both parties are there and hear one another
    await bridge.enter(switch, own_call, leg, room)       # one more, who hears nobody yet
    bridge.hear(leg, call.caller); bridge.hear(leg, call.callee)
    await bridge.apply(switch, room)                      # a silent monitor
    ...
    await bridge.part(switch, call)                       # back to a relay, when nobody else is there

`bridge_holds` does the first and the last line for features that may need the room of a call at once.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Final

from ringwall.core.calls.bridging import joining
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.media.descriptions import MediaRefused, needs_chain
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.errors import CallError
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Relay
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError

log = logging.getLogger(__name__)

_RELEASES: Final = 8
_RELEASE_PAUSE: Final = 1.0  # seconds between them, while the call is changed or its server comes back
_TROUBLE = (MediaRefused, EdgeError, MediaError, joining.NotJoined, LegGone)


class NotMoved(CallError):  # noqa: N818 - what became of it
    """The call is joined as it was before; the text says why."""


def install(switch: Switch) -> None:
    """Close what ends at the media server, and make anew what was lost there."""

    def ended(leg: Leg) -> None:
        server_leg.leave(switch, leg)

    def lost(tags: list[str]) -> None:
        there = [
            (call, leg) for call, leg in switch.legs.values() if leg.tag in tags and leg.media is not None
        ]
        # Who talked with the system leaves the rooms of others first.
        for call, leg in sorted(there, key=lambda found: not found[0].system):
            _lost(switch, call, leg)

    def away(tags: list[str]) -> None:
        """A server has been away for a while: those who can do without it do."""
        for call, leg in list(switch.legs.values()):
            if leg.tag in tags and leg.media is not None and only_two(switch, call):
                _go_home(switch, call)

    switch.hooks.leg_ended.append(ended)
    switch.hooks.room_needed.append(lambda call: bool(call.bridge_holds))
    switch.media.on_lost = lost
    switch.media.on_away = away


def set_gain(listener: Leg, speaker: Leg, gain: float = 1.0) -> None:
    """Let a leg of a room hear another one of it, so loud; 0: not any more."""
    assert listener.media is not None
    if gain > 0:
        listener.media.hears[speaker.tag] = gain
    else:
        listener.media.hears.pop(speaker.tag, None)


async def connect(switch: Switch, call: Call, one: Leg, other: Leg, room: str) -> bool:
    """Let two legs of a room hear one another; False where the media server was lost and the call is over."""
    set_gain(one, other)
    set_gain(other, one)
    try:
        await apply(switch, room)
    except MediaError as error:
        teardown.end(switch, call, f"the media server was lost: {error}")
        return False
    return True


async def apply(switch: Switch, room: str) -> None:
    """Tell the media server who hears whom, in the order of the changes. Raises MediaError."""

    async def told() -> None:
        await switch.media.set_room(room, _matrix(switch, room))

    await switch.room_updates.tell(room, told)


def _matrix(switch: Switch, room: str) -> dict[str, dict[str, float]]:
    there = {
        tag: leg.media.hears
        for tag, leg in switch.rooms.get(room, {}).items()
        if leg.media is not None and switch.media.has(tag)
    }
    return {
        listener: {speaker: gain for speaker, gain in heard.items() if speaker in there}
        for listener, heard in there.items()
    }


def is_of_two(call: Call) -> bool:
    """Whether a call has two parties, who talk."""
    return call.talks() and not call.system and call.callee is not None


def only_two(switch: Switch, call: Call) -> bool:
    """Whether a call is one of two in a room where nobody else is, but for who talks with the system."""
    own = call.legs()
    rooms = {leg.media.room for leg in own if leg.media is not None} - {""}
    there = [leg for room in rooms for leg in switch.rooms.get(room, {}).values()]
    return is_of_two(call) and bool(there) and all(leg in own or _with_system(switch, leg) for leg in there)


def _with_system(switch: Switch, leg: Leg) -> bool:
    found = switch.legs.get((leg.sip_call_id, leg.tag))
    return found is None or bool(found[0].system)


def is_emergency(call: Call) -> bool:
    """Whether a call is an emergency call, or was one."""
    return any(seizure.emergency for seizure in call.seizures)


async def join(switch: Switch, call: Call, leg: Leg, room: str) -> None:
    """Bring the media of a party that talks to the media server, into a room if one is named.

    It hears nobody yet. Raises NotMoved, LegGone.
    """
    try:
        server = switch.media.choose(switch.rooms.get(room, ()))
    except MediaError as error:
        raise NotMoved(str(error)) from error
    if leg.media is not None and leg.media.server == server and switch.media.has(leg.tag):
        if room:
            server_leg.join_room(switch, leg, room)
        return
    old = leg.relay
    offered = None
    try:
        offered = await server_leg.offer(switch, call, leg, server)
        await _follow(switch, leg, offered, room)
    except LegGone:
        _undo(switch, leg, offered)
        raise
    except _TROUBLE as error:
        _undo(switch, leg, offered)
        raise NotMoved(str(error)) from error
    if old is not None:
        switch.relays.delete(old)


async def _follow(switch: Switch, leg: Leg, offered: server_leg.Offered, room: str) -> None:
    response = await joining.reinvite(switch, leg, offered.body)
    if leg.state is not LegState.TALKING:
        raise LegGone
    before = leg.media
    leg.go_to_server(offered.media, offered.relay)
    if before is not None:
        offered.media.hears = before.hears
    if room:
        server_leg.join_room(switch, leg, room)
    await server_leg.taken(switch, leg, offered, response)


def _undo(switch: Switch, leg: Leg, offered: server_leg.Offered | None) -> None:
    """The party has not followed to the media server."""
    if offered is not None:
        switch.relays.delete(offered.relay)
    if leg.media is None or (offered is not None and leg.media is offered.media):
        if leg.media is not None:
            leg.give_relay()
        server_leg.leave(switch, leg)


async def to_bridge(switch: Switch, call: Call, *, emergency: bool = False) -> str:
    """Move a call of two from its relay to a room, in which they hear one another; returns the room.

    `emergency` says that the policy lets somebody watch emergency calls.

    Raises NotMoved.
    """
    caller, callee = call.caller, call.callee
    if caller.media is not None and callee is not None and callee.media is not None:
        return caller.media.room
    if (
        callee is None
        or call.media_transition
        or any(leg.state is not LegState.TALKING for leg in (caller, callee))
    ):
        raise NotMoved("the call is not up yet, or is being changed")
    if is_emergency(call) and not emergency:
        raise NotMoved("an emergency call stays as it is")
    call.begin_move()
    try:
        await _gather(switch, call, (caller, callee))
    finally:
        call.end_move()
    old = call.join_at_server()
    if old is not None:
        switch.relays.delete(old)
    if not call.talks():
        raise NotMoved("a party has left")
    switch.persist(call)
    return call.id


async def _gather(switch: Switch, call: Call, legs: tuple[Leg, Leg]) -> None:
    room, one, other = call.id, *legs
    offers: list[server_leg.Offered] = []
    try:
        server = switch.media.choose()
        offers.append(await server_leg.offer(switch, call, one, server))
        offers.append(await server_leg.offer(switch, call, other, server))
        # Who hears whom is told before anybody is asked to follow: so the last one is heard at once.
        await switch.media.set_room(room, {one.tag: {other.tag: 1.0}, other.tag: {one.tag: 1.0}})
    except _TROUBLE as error:
        for leg, offered in zip(legs, [*offers, None, None], strict=False):
            _undo(switch, leg, offered)
        raise NotMoved(str(error)) from error
    moves = [_follow(switch, leg, offered, room) for leg, offered in zip(legs, offers, strict=True)]
    failed = [result for result in await asyncio.gather(*moves, return_exceptions=True) if result is not None]
    if not failed:
        set_gain(one, other)
        set_gain(other, one)
        return
    for leg, offered in zip(legs, offers, strict=True):
        if leg.media is not offered.media:
            _undo(switch, leg, offered)
    unforeseen = [error for error in failed if not isinstance(error, _TROUBLE)]
    if unforeseen:
        raise unforeseen[0]
    if call.talks() and any(leg.media is not None for leg in legs):
        await _back(switch, call)
    raise NotMoved(str(failed[0]) or "a party has left")


async def to_relay(switch: Switch, call: Call) -> None:
    """Move a call of two from its room to a relay of its own. Raises NotMoved."""
    if call.media_transition or not call.talks() or call.callee is None:
        raise NotMoved("the call is being changed")
    if call.caller.media is None and call.callee.media is None:
        return
    call.begin_move()
    try:
        await _back(switch, call)
    finally:
        call.end_move()


async def release(switch: Switch, call: Call) -> None:
    """A feature does not need the room of a call of two any more: back to a relay, unless others do.

    Somebody else who is in the room keeps it there, or a feature that needs it (`hooks.room_needed`).
    """
    for _ in range(_RELEASES):
        legs = [leg for leg in (call.caller, call.callee) if leg is not None and leg.media is not None]
        if not call.talks() or not legs:
            return
        tags = {leg.tag for leg in legs}
        others = any(set(switch.rooms.get(leg.media.room, ())) - tags for leg in legs if leg.media)
        if others or any(needed(call) for needed in switch.hooks.room_needed):
            return
        if all(switch.media.has(tag) for tag in tags):
            with suppress(NotMoved):
                await to_relay(switch, call)
                return
        await asyncio.sleep(_RELEASE_PAUSE)


async def _back(switch: Switch, call: Call) -> None:
    """Join the two parties by a new relay. Raises NotMoved; ends the call if only one of them follows."""
    first, second = call.caller, call.callee
    assert second is not None
    chained = needs_chain(first.suite, second.profile, (second.suite,))
    relay = Relay(f"{call.id}-r{switch.new_tag()[:6]}", chained)
    here = second.media
    try:
        body = await joining.join(switch, relay, first, second)
        old = call.join_by(relay, first.side)
        if old is not None:
            switch.relays.delete(old)
        await joining.switch_media(switch, call, first, body)
    except _TROUBLE as error:
        if call.relay is not relay:
            switch.relays.delete(relay)
        if call.talks() and (second.media is not here or here is None):
            teardown.end(switch, call, "the parties could not be joined again")
        raise NotMoved(str(error) or "a party has left") from error


def _go_home(switch: Switch, call: Call) -> None:
    """The server of a call of two is gone: they do without it, and what needed the room is over."""
    room = next((leg.media.room for leg in call.legs() if leg.media is not None), "")
    for leg in list(switch.rooms.get(room, {}).values()):
        found = switch.legs.get((leg.sip_call_id, leg.tag))
        if found is not None and found[0].system:
            teardown.end(switch, found[0], "the media server was lost", status=503)
    if not call.media_transition:
        call.begin_move()
        work = _home(switch, call)
        switch.spawn(call, work)


async def _home(switch: Switch, call: Call) -> None:
    """The server of a call of two is gone: join them by a relay, or end the call."""
    try:
        await _back(switch, call)
    except NotMoved as error:
        teardown.end(switch, call, f"the media server was lost: {error}")
    else:
        call.bridge_holds.clear()
        switch.persist(call)
    finally:
        call.end_move()


def _lost(switch: Switch, call: Call, leg: Leg) -> None:
    """The media server does not know a leg any more."""
    if leg.media is None:
        return
    if call.system or not call.talks():
        teardown.end(switch, call, "the media server was lost", status=503)
        return
    room = leg.media.room
    if only_two(switch, call):
        _go_home(switch, call)
        return

    async def again() -> None:
        try:
            await join(switch, call, leg, room)
            await apply(switch, room)
        except (NotMoved, MediaError) as error:
            teardown.end(switch, call, f"the media server was lost: {error}")
        else:
            switch.persist(call)

    switch.spawn(call, again())
