"""Directed intercom: speak to somebody over the speaker of the phone, which answers by itself (C2).

Rules that this module keeps:
- Both sides agree, each by its own class of service. Who may not call is refused; where the other side does
  not accept, it becomes an ordinary ringing call.
- Only an idle desk phone answers by itself. A busy one, one in a browser, or a house without its media server
  gets an ordinary ringing call too: no microphone opens without the tone that says so.
- The target hears the announcement tone and the initiator a beep, and only then they hear one another.
- Forwarding, call handling and mailbox are left out in every case.
- Nobody from outside, and no phone at which nobody has logged in, has it.
"""

import asyncio
from functools import partial
from typing import Final

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.states import LegState
from ringwall.core.calls.routing import branches, dialling, ivr, originate, rejection, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Item, Tone
from ringwall.core.registrar.bindings import Binding
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.rules import Heard

FEATURE: Final = "intercom"
_ANNOUNCEMENT: Final = (Tone("page"),)
_BEEP: Final = (Tone("beep"),)
_TONE_SECONDS: Final = 3.0  # the longest that is waited for the end of a tone


def install(switch: Switch) -> None:
    """Let phones call one another over their speakers."""
    switch.hooks.dialled[FEATURE] = partial(dialled, switch)


def dialled(switch: Switch, call: Call, target: str) -> None:
    """The caller has dialled the feature number, and whom behind it."""
    call.details.feature = FEATURE
    decided = ask(switch, call.caller, Action.INTERCOM, target)
    if isinstance(decided, Denial) and decided.heard is not Heard.ORDINARY_CALL:
        rejection.deny_call(switch, call, decided)
        return
    reach(switch, call, target, decided)


def ask(switch: Switch, leg: Leg, action: Action, target: str, *, conference: bool = False) -> Grant | Denial:
    """Whether a party may do this to that extension; a denial is kept by who answers the party."""
    subject = dialling.subject_of_leg(switch, leg)
    return switch.ask(subject, action, target=target, conference=conference, quietly=True)


def reach(switch: Switch, call: Call, target: str, decided: Grant | Denial) -> None:
    """Call the target: its speaker, or as an ordinary call. Refuses the call where nobody can be reached."""
    user = switch.directory.snapshot.by_extension.get(target)
    if user is None:
        rejection.refuse_call(switch, call, 404, "No Such Extension", f"there is no extension {target[:32]}")
        return
    call.callee_name = user.name
    if target == call.caller.extension:
        rejection.refuse_call(switch, call, 403, "Own Extension", "that is the caller's own extension")
        return
    if not router.may_receive(switch, call, target):
        teardown.end(switch, call, "busy", by="callee", status=486)
        return
    idle = not router.calls_of(switch, target)
    phones = branches.phones_of(switch, call, target)
    desks = [binding for binding in phones if originate.can_auto_answer(binding)]
    if not phones:
        teardown.end(switch, call, "not registered", by="callee", status=480, reason="Not Registered")
        return
    switch.timers.set(("ring", call), switch.now() + switch.settings.sip.ring_seconds)
    unattended = not isinstance(decided, Denial) and idle and bool(desks) and switch.media.up
    if not unattended:
        call.details.answered_by = "hand"
        if call.caller.state is LegState.SETUP:
            branches.ring_user(switch, call, target)
            return
    switch.spawn(call, _open(switch, call, desks if unattended else phones, unattended=unattended))


async def _open(switch: Switch, call: Call, phones: list[Binding], *, unattended: bool) -> None:
    """Call the target's phones from the media server; the first one that answers has the call."""
    body = await ivr.hear_caller(switch, call)
    if body is None:
        return
    server_leg.join_room(switch, call.caller, call.id)
    there: asyncio.Future[Leg] = asyncio.get_running_loop().create_future()

    def answered(leg: Leg) -> None:
        if not there.done():
            there.set_result(leg)

    def over(_status: int) -> None:
        there.cancel()

    call.on_end.append(over)
    for binding in phones:
        originate.originate_leg(switch, call, binding, call.id, unattended=unattended, answered=answered)
    switch.flush()
    try:
        leg = await there
    except asyncio.CancelledError:
        if there.cancelled():
            return  # the call is over
        raise
    await _talk(switch, call, leg, body, tones=unattended)


async def _talk(switch: Switch, call: Call, leg: Leg, body: bytes, *, tones: bool) -> None:
    call.answered_by(leg)
    switch.timers.cancel(("ring", call))
    for branch in list(call.branches):
        if branch is not leg:
            originate.hang_up_leg(switch, call, branch, "answered elsewhere")
    if not await ivr.answer_caller(switch, call, body):
        return
    if tones:
        await announce(switch, call.caller, leg)
    if not call.talks() or leg.state is not LegState.TALKING:
        return
    if await bridge.connect(switch, call, call.caller, leg, call.id):
        switch.persist(call)


async def announce(switch: Switch, initiator: Leg, target: Leg) -> None:
    """Let the target hear the announcement tone and the initiator the beep, to their ends."""
    await asyncio.gather(sound(switch, target, _ANNOUNCEMENT), sound(switch, initiator, _BEEP))


async def sound(switch: Switch, leg: Leg, items: tuple[Item, ...], room: str = "") -> None:
    """Play to a party, or to its whole room, and wait for the end; what cannot be played is left out."""
    over = asyncio.Event()
    country = ivr.country_of(switch, leg)
    try:
        async with asyncio.timeout(_TONE_SECONDS):
            await switch.media.play(
                items, leg=leg.tag, room=room, country=country, then=lambda _event: over.set()
            )
            await over.wait()
    except (MediaError, TimeoutError):
        return
