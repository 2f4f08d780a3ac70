"""What keeps a call of two in a room of the media server; it goes back to a relay when nothing does any more.

Rules that this module keeps:
- Each feature that needs the call in a room says so under a name of its own, and takes that back when it is
  over.
- The keys that a party presses come to the other one, as by a relay; nobody else gets them.
- Both parties stay on the line, whatever becomes of the move; a call that cannot be brought back now is tried
  again, and talks in its room meanwhile.
- A new process does not go on with what kept a call in a room: it brings the call back to a relay.
"""

from typing import Final

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.switch import Switch

_PATIENCE: Final = 4.0


async def hold_in_bridge(switch: Switch, call: Call, reason: str, *, emergency: bool = False) -> str:
    """Bring a call to a room, and keep it there until `go` with the same reason; returns the room.

    Raises bridge.NotMoved.
    """
    call.bridge_holds.add(reason)
    try:
        await _settled(call)
        room = await bridge.to_bridge(switch, call, emergency=emergency)
    except bridge.NotMoved:
        call.bridge_holds.discard(reason)
        raise
    if reason not in call.bridge_holds:  # it was over before it began
        _release(switch, call)
        raise bridge.NotMoved("it is not needed any more")
    for leg in (call.caller, call.callee):
        other = call.other(leg) if leg is not None else None
        if leg is not None and other is not None:
            switch.media.listen(leg.tag, _Keys(switch, other.tag))
    return room


class _Keys:
    """What one party presses comes to the other one, as it would by a relay."""

    def __init__(self, switch: Switch, other: str) -> None:
        self._switch = switch
        self._other = other

    def pressed(self, key: str) -> None:
        """The party has pressed a key."""
        self._switch.media.press(self._other, key)

    def silent(self, seconds: float) -> None:
        """A party may be silent for as long as its session lasts."""


def release(switch: Switch, call: Call, reason: str) -> None:
    """The reason is gone: bring the call back to a relay, if nobody else needs the room."""
    call.bridge_holds.discard(reason)
    _release(switch, call)


def taken_up(switch: Switch, call: Call) -> None:
    """What kept a call of the process before this one in its room is gone."""
    if call.bridge_holds:
        call.bridge_holds.clear()
        _release(switch, call)


def _release(switch: Switch, call: Call) -> None:
    if call.talks():
        switch.spawn(call, bridge.release(switch, call))


async def _settled(call: Call) -> None:
    """Wait until nobody moves the call, for a while."""
    await call.until(lambda: not call.media_transition, _PATIENCE)
