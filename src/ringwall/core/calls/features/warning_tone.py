"""The tone that tells people that their call is listened to or recorded, and what else is to warn them (C2).

Rules that this module keeps:
- Whether there is one is a matter of the class of service of whose call it is; it is on by default.
- Of a call that is listened to, the other party alone hears it: the one whose call it is stays unaware. Of a
  call that is recorded both hear it, while it is recorded.
- When somebody has come in for all to hear, nobody needs to be warned any more.
- It is played to parties one by one, so that it is in no recording.
"""

from functools import partial
from typing import Any, Final

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.routing import ivr
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Silence, Tone
from ringwall.events.system import SystemWarningToneFailed
from ringwall.policy.classes import TelephonyCos

EVERY: Final = 15.0  # seconds between two warning tones
_ITEMS: Final = (Tone("warning"), Silence(EVERY))


def class_of(switch: Switch, leg: Leg) -> TelephonyCos | None:
    """The telephony class of service of a party; None outside, and for one that has none."""
    member = switch.rights.snapshot.users.get(leg.extension)
    return member.group.telephony if member is not None and member.group is not None else None


def is_wanted(switch: Switch, target: Leg) -> bool:
    """Whether a call of this party is watched and recorded with the tone."""
    cos = class_of(switch, target)
    return cos is None or cos.warning_tone


async def apply(switch: Switch, call: Call) -> None:
    """Begin and end the tones of a call, as it is now."""
    hearers = {leg.tag: leg for leg in _hearers(switch, call)}
    for tag in [tag for tag in call.warned if tag not in hearers]:
        _stop(switch, call.warned.pop(tag))
    for tag, leg in hearers.items():
        if tag not in call.warned:
            await _start(switch, call, leg)


async def _start(switch: Switch, call: Call, leg: Leg) -> None:
    tag = leg.tag
    call.warned[tag] = ""
    over = partial(_over, call, tag)
    try:
        player = await switch.media.play(
            _ITEMS, leg=tag, country=ivr.country_of(switch, leg), loop=True, then=over
        )
    except MediaError as error:
        switch.record(SystemWarningToneFailed(call=call.id, why=str(error)))
        call.warned.pop(tag, None)
        return
    if tag in call.warned:
        call.warned[tag] = player.name
    else:
        _stop(switch, player.name)


def _over(call: Call, tag: str, _event: dict[str, Any]) -> None:
    call.warned.pop(tag, None)


def _stop(switch: Switch, player: str) -> None:
    if player:
        switch.media.stop(player)


def _hearers(switch: Switch, call: Call) -> list[Leg]:
    found: list[Leg | None] = []
    watch, recording = call.watch, call.recording
    if watch is not None and watch.began and watch.mode is WatchMode.BARGE:
        return []
    if watch is not None and watch.began and is_wanted(switch, watch.target):
        found.append(call.other(watch.target))
    if recording is not None and recording.recorder and not recording.paused:
        found += [call.caller, call.callee] if is_wanted(switch, recording.target) else []
    return [
        leg
        for leg in found
        if leg is not None and leg.state is not LegState.ENDED and switch.media.has(leg.tag)
    ]
