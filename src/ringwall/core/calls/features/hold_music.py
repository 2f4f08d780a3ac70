"""Music on hold: who is put on hold by somebody inside hears music instead of nothing.

Rules that this module keeps:
- While somebody holds, the call is in a room of the media server: the one who holds is answered for it, the
  other one hears music and nothing else. When nobody holds any more they hear one another at once, and the
  call goes back to a relay.
- Who follows nowhere is held as before: the hold is passed on, and that party hears nothing.
- A call that is in a room for another reason stays there, with music while somebody holds.
- An emergency call, and a hold by a carrier, are passed on as they are.
- `[sip] hold_music` names the track; empty, or while the media server is away, a hold is silence.
"""

import re
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from ringwall.core.calls.bridging import bridge, bridge_holds
from ringwall.core.calls.dialog import renegotiation
from ringwall.core.calls.media import descriptions, server_leg
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.routing import ivr
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.calls.switch.wire import LegGone
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Prompt
from ringwall.events.system import SystemMediaFailed
from ringwall.sip.message import Request

REASON: Final = "hold"
_HOLDS: Final = re.compile(rb"^a=(?:sendonly|inactive)\r?$", re.MULTILINE)


def install(switch: Switch) -> None:
    """Let parties hear music while they are on hold."""
    switch.hooks.on_hold = partial(_holding, switch)
    switch.hooks.media_changed.append(partial(_changed, switch))


def holds(leg: Leg) -> bool:
    """Whether the party does not want to hear the other one."""
    return _HOLDS.search(leg.remote_sdp) is not None


def _holding(
    switch: Switch, call: Call, leg: Leg, key: str, request: Request
) -> Coroutine[Any, Any, None] | None:
    other = call.other(leg)
    wanted = (
        switch.settings.sip.hold_music
        and switch.media.up
        and not leg.trunk
        and other is not None
        and other.media is None
        and other.dialog is not None
        and other.state is LegState.TALKING
        and not bridge.is_emergency(call)
        and _HOLDS.search(request.body)
    )
    return _hold(switch, call, leg, key, request) if wanted else None


async def _hold(switch: Switch, call: Call, leg: Leg, key: str, request: Request) -> None:
    other = call.other(leg)
    assert other is not None
    offer = descriptions.said_before(request.body, prefer=leg.suite, clear_text=leg.clear_text)
    call.begin_move()
    try:
        back = await server_leg.answer(switch, call, leg, offer)
        server_leg.join_room(switch, leg, call.id)
        await bridge.join(switch, call, other, call.id)
    except (MediaRefused, EdgeError, MediaError, bridge.NotMoved, LegGone):
        server_leg.leave(switch, leg)
        if call.talks():
            call.end_move()
            # The suite may have to be another one beside that of the other party.
            avoid = "" if call.relay is not None and call.relay.chained else other.suite
            offer = descriptions.said_before(
                request.body, prefer=leg.suite, avoid=avoid, clear_text=leg.clear_text
            )
            await renegotiation.pass_on(switch, call, leg, other, key, request, offer)
        return
    finally:
        call.end_move()
    old = call.join_at_server()
    if old is not None:
        switch.relays.delete(old)
    if not call.talks() or leg.state is LegState.ENDED:
        return
    call.bridge_holds.add(REASON)
    renegotiation.agreed(switch, call, leg, key, request, offer, back)
    await _update(switch, call)


def _changed(switch: Switch, call: Call, _leg: Leg) -> None:
    """A party that talks with the media server has changed its media: it may hold, or hold no more."""
    if bridge.is_of_two(call):
        switch.spawn_beside(call, _update(switch, call))


async def _update(switch: Switch, call: Call) -> None:
    """Music to those who are held, and the others to those who are not."""
    caller, callee = call.caller, call.callee
    if callee is None or caller.media is None or callee.media is None:
        return
    for listener, speaker in ((caller, callee), (callee, caller)):
        if not holds(speaker):
            server_leg.stop_hold_music(switch, listener)
        elif listener.media is not None and not listener.media.music:
            await _play(switch, listener)
    if REASON in call.bridge_holds:
        gain = 0.0 if holds(caller) or holds(callee) else 1.0
        bridge.set_gain(caller, callee, gain)
        bridge.set_gain(callee, caller, gain)
        try:
            await bridge.apply(switch, caller.media.room if caller.media else call.id)
        except MediaError as error:
            switch.record(SystemMediaFailed(room=call.id, why=str(error)))
        if not holds(caller) and not holds(callee):
            bridge_holds.release(switch, call, REASON)
    switch.persist(call)


async def _play(switch: Switch, leg: Leg) -> None:
    track = switch.settings.sip.hold_music
    if leg.media is None or not track:
        return
    leg.media.music = True
    try:
        player = await switch.media.play(
            (Prompt(f"moh/{track}"),), leg=leg.tag, country=ivr.country_of(switch, leg), loop=True
        )
    except MediaError:
        if leg.media is not None:
            leg.media.music = False
        return
    if leg.media is not None:
        leg.media.player = player.name
        if not leg.media.music:  # it was taken off hold meanwhile
            switch.media.stop(player.name)
