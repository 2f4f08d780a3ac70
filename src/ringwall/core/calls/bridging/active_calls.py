"""Who talks with whom right now: where a feature that joins somebody's call finds it.

Rules that this module keeps:
- Somebody talks in one call at a time: the one that was answered last, of those that are not on hold by that
  party. What waits, rings or talks with the system is no such call.
- A conference is a room in which more than two can be heard.
"""

import re
from typing import Final

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.switch.switch import Switch

_HOLDS: Final = re.compile(rb"^a=(?:sendonly|inactive)\r?$", re.MULTILINE)


def call_of(switch: Switch, extension: str, *, held: bool = False) -> tuple[Call, Leg] | None:
    """The call of two in which somebody talks, and that party's leg; None where there is none.

    With `held` one that they have put on hold serves where they talk in no other one.
    """
    user = switch.directory.snapshot.by_extension.get(extension)
    found = [
        known
        for device in (user.devices if user is not None else ())
        for leg in switch.devices.get(device.id, ())
        if (known := switch.legs.get((leg.sip_call_id, leg.tag))) is not None and _is_up(*known)
    ]
    found = [each for each in found if held or not on_hold(each[1])]
    return max(found, key=lambda each: (not on_hold(each[1]), each[1].answered_at or 0.0), default=None)


def ringing_at(switch: Switch, extension: str) -> Call | None:
    """The call that has been ringing at somebody's phones for longest; None where none rings.

    One whose caller hears something else than ringing already is no such call.
    """
    user = switch.directory.snapshot.by_extension.get(extension)
    found = [
        known[0]
        for device in (user.devices if user is not None else ())
        for leg in switch.devices.get(device.id, ())
        if leg.state is LegState.SETUP
        and (known := switch.legs.get((leg.sip_call_id, leg.tag))) is not None
        and leg in known[0].branches
        and _rings(known[0])
    ]
    return min(found, key=lambda call: call.started_at, default=None)


def _rings(call: Call) -> bool:
    early = bool(call.caller.local_sdp) and call.on_answer is None
    return call.state is CallState.SETUP and not call.system and call.caller.media is None and not early


def on_hold(leg: Leg) -> bool:
    """Whether a party has put its call on hold (RFC 3264 8.4)."""
    return _HOLDS.search(leg.remote_sdp) is not None


def is_coached(call: Call, leg: Leg) -> bool:
    """Whether a party is being coached in its call: it then neither gives the call away nor records it."""
    watch = call.watch
    return watch is not None and watch.mode is WatchMode.COACH and watch.target is leg


def _is_up(call: Call, leg: Leg) -> bool:
    other = call.other(leg)
    return (
        call.talks()
        and not call.system
        and leg.state is LegState.TALKING
        and other is not None
        and other.state is LegState.TALKING
        and other.dialog is not None
    )


def in_conference(switch: Switch, call: Call, leg: Leg) -> bool:
    """Whether more than two take part where this party talks."""
    if call.others():
        return True
    if leg.media is None:
        return False
    heard = {
        tag
        for each in switch.rooms.get(leg.media.room, {}).values()
        if each.media
        for tag in each.media.hears
    }
    return len(heard) > 2
