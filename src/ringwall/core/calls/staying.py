"""What keeps a call of two in a room of the media server; it goes back to a relay when nothing does any more.

Rules that this module keeps:
- Each feature that needs the call in a room says so under a name of its own, and takes that back when it is
  over.
- Both parties stay on the line, whatever becomes of the move; a call that cannot be brought back now is tried
  again, and talks in its room meanwhile.
- A new process does not go on with what kept a call in a room: it brings the call back to a relay.
"""

import asyncio
import logging
from typing import Final

from ringwall.core.calls import rooms, teardown
from ringwall.core.calls.call import Call
from ringwall.core.calls.switch import Switch

log = logging.getLogger(__name__)

_STEP: Final = 0.2  # seconds between two looks at a call that is being changed
_PATIENCE: Final = 4.0
_TRIES: Final = 5
_PAUSE: Final = 5.0  # seconds between two tries to bring a call back


async def stay(switch: Switch, call: Call, reason: str, *, emergency: bool = False) -> str:
    """Bring a call to a room, and keep it there until `go` with the same reason; returns the room.

    Raises rooms.NotMoved.
    """
    call.stays.add(reason)
    try:
        await _settled(call)
        return await rooms.gather(switch, call, emergency=emergency)
    except rooms.NotMoved:
        call.stays.discard(reason)
        raise


def go(switch: Switch, call: Call, reason: str) -> None:
    """The reason is gone: bring the call back to a relay, if it was the last one."""
    call.stays.discard(reason)
    if call.talks() and not call.stays:
        switch.spawn(
            call, _back(switch, call), lambda _error: teardown.end(switch, call, "an error in the system")
        )


def taken_up(switch: Switch, call: Call) -> None:
    """What kept a call of the process before this one in its room is gone."""
    if call.stays:
        call.stays.clear()
        switch.spawn(
            call, _back(switch, call), lambda _error: teardown.end(switch, call, "an error in the system")
        )


async def _settled(call: Call) -> None:
    """Wait until nobody moves the call, for a while."""
    for _ in range(round(_PATIENCE / _STEP)):
        if not call.moving:
            return
        await asyncio.sleep(_STEP)


async def _back(switch: Switch, call: Call) -> None:
    for _ in range(_TRIES):
        await _settled(call)
        if call.stays or not rooms.only_two(switch, call):
            return
        try:
            await rooms.part(switch, call)
        except rooms.NotMoved as error:
            log.info("call %s stays in its room for now: %s", call.id, error)
            await asyncio.sleep(_PAUSE)
        else:
            switch.keep(call)
            return
    log.warning("call %s could not be brought back to a relay; it talks in its room", call.id)
