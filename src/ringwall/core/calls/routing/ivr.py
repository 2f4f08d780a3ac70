"""The system answers a call and a menu talks with the party (V1); `core/media/menu.py` says how.

Rules that this module keeps:
- The party is answered with a leg of the media server; where there is none the call is refused as one that
  cannot be served now, and nothing else is tried.
- A menu ends with its call, and a call with its menu: whatever fails in one ends that call and no other.
- A call that talked with a menu when the process died is ended by the next one; a menu does not outlive it.
- Who is connected afterwards is somebody inside, and the policy has said yes.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import answering, teardown
from ringwall.core.calls.media import descriptions, server_leg
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.states import CallEvent, CallState, LegState
from ringwall.core.calls.routing import handover, router
from ringwall.core.calls.routing.conversation import Conversation
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError, MediaFull
from ringwall.core.media.interaction import HungUp
from ringwall.core.media.items import Tone
from ringwall.core.media.menu import Connect, HangUp, Menu, Next, Visitor
from ringwall.core.trunks import numbers
from ringwall.events.system import SystemMenuFailed, SystemRelayFailed
from ringwall.policy.grant import Denial, Grant

log = logging.getLogger(__name__)

LONGEST_SECONDS: Final = 3600.0
_TONE_SECONDS: Final = 4.0
_PRACK_SECONDS: Final = 40.0  # an answer that waits longer for a PRACK has ended the call by itself
_BUSY: Final = frozenset({486, 600})


def serve(switch: Switch, feature: str, menu: Menu) -> None:
    """Let a menu answer the feature number of that name (`star_codes`)."""

    def dialled(call: Call, typed: str) -> None:
        call.details.feature = feature
        start(switch, call, menu, visitor_of(switch, call.caller, typed))

    switch.hooks.dialled[feature] = dialled


def visitor_of(switch: Switch, leg: Leg, typed: str = "") -> Visitor:
    """What a menu is told of a party."""
    if leg.trunk:
        return Visitor(number=leg.number, name=leg.name, trunk=leg.trunk)
    phone = switch.rights.snapshot.phones.get(leg.device)
    if phone is not None and phone.user is None:
        return Visitor(device=leg.device, typed=typed)
    entry = switch.directory.snapshot.by_extension.get(leg.extension)
    name = entry.name if entry is not None else ""
    return Visitor(leg.extension, leg.device, leg.extension, name, typed=typed)


def country_of(switch: Switch, leg: Leg) -> str:
    """The country whose tones a party knows."""
    policy = switch.rights.snapshot
    if leg.trunk:
        line = switch.trunks.line(leg.trunk)
        return numbers.country_of(policy, line) if line is not None else policy.fallback.site.country
    member = policy.users.get(leg.extension)
    plan = member.plan if member is not None else None
    return (plan or policy.fallback).site.country


def start(
    switch: Switch,
    call: Call,
    menu: Menu,
    visitor: Visitor,
    *,
    otherwise: Rejection | None = None,
    longest: float | None = LONGEST_SECONDS,
) -> None:
    """Answer a caller that waits, and let the menu talk with it, for `longest` seconds if that is not None.

    `otherwise` is the answer where the caller cannot be heard by the media server.
    """
    call.served_by("menu")
    switch.timers.cancel(("ring", call))
    switch.spawn(call, _answer(switch, call, menu, visitor, otherwise, longest))


async def hear_caller(
    switch: Switch, call: Call, otherwise: Rejection | None = None, *, room: str = ""
) -> bytes | None:
    """Give a caller that waits a leg of the media server; its answer, or None where that ended the call.

    It is a leg of the server on which the room is, if one is named. A caller whose phone the system has
    called (`feature_operations`) has one already, and needs no answer.
    """
    caller = call.caller
    if caller.state is LegState.TALKING and caller.media is not None:
        return b""
    why_not = Rejection(503, "Media Server Unavailable", "the media server is not available")
    try:
        offer = descriptions.said_before(caller.remote_sdp, prefer=caller.suite, clear_text=caller.clear_text)
        body = await server_leg.answer(switch, call, caller, offer, switch.rooms.get(room, ()))
    except MediaRefused as error:
        why_not = Rejection(488, "Not Acceptable Here", error.why)
    except MediaFull as error:
        why_not = Rejection(503, "Media Server Full", str(error))
    except (EdgeError, MediaError) as error:
        switch.record(SystemRelayFailed(call=call.id, why=str(error)))
    else:
        return body if call.state is CallState.SETUP else None
    if call.state is CallState.SETUP:
        status, reason, why = otherwise or why_not
        teardown.end(switch, call, why, status=status, reason=reason)
    return None


async def _answer(
    switch: Switch,
    call: Call,
    menu: Menu,
    visitor: Visitor,
    otherwise: Rejection | None,
    longest: float | None,
) -> None:
    if call.on_system is not None:
        call.on_system()  # the party is somewhere else, and comes now
        try:
            await bridge.join(switch, call, call.caller, "")
        except bridge.NotMoved as error:
            teardown.end(switch, call, f"the media server was not reached: {error}")
            return
        switch.persist(call)
        await talk(switch, call, menu, visitor, longest)
        return
    body = await hear_caller(switch, call, otherwise)
    if body is not None and await answer_caller(switch, call, body):
        await talk(switch, call, menu, visitor, longest)


async def answer_caller(switch: Switch, call: Call, body: bytes) -> bool:
    """Answer a caller that waits, in the name of the system; False where it does not wait any more."""
    if call.state is not CallState.SETUP:
        return False
    if call.caller.state is LegState.TALKING:
        return call.apply(CallEvent.ENTERED)
    call.apply(CallEvent.ANSWERED)
    answering.answer_caller(switch, call, body)
    switch.flush()
    # The answer may wait for the PRACK of what was said before it.
    await call.until(lambda: call.state is not CallState.ANSWERING, _PRACK_SECONDS)
    return call.talks()


async def talk(
    switch: Switch, call: Call, menu: Menu, visitor: Visitor, longest: float | None = LONGEST_SECONDS
) -> None:
    """Let a menu talk with the party of a call that is with the media server; do what it asks for then."""
    conversation = converse(switch, call, call.caller)
    following = await _listen(switch, call, menu(conversation, visitor), longest)
    if not call.talks():
        return
    if isinstance(following, Connect):
        await _connect(switch, call, following, conversation)
    else:
        teardown.end(switch, call, following.why)


def converse(switch: Switch, call: Call, leg: Leg) -> Conversation:
    """A conversation with a party that has a leg of the media server; it ends with the leg."""
    made = Conversation(switch.media, leg.tag, country_of(switch, leg), switch.now)
    made.on_silence = lambda: teardown.end(switch, call, "nothing was heard of the party any more")
    leg.on_end.append(made.hung_up)
    return made


async def _listen(switch: Switch, call: Call, talk: Awaitable[Next], longest: float | None) -> Next:
    try:
        async with asyncio.timeout(longest):
            return await talk
    except HungUp as error:
        return HangUp(str(error) or "hung up")
    except TimeoutError:
        return HangUp("the longest time of a menu is over")
    except Exception:
        log.exception("call %s: a menu failed", call.id)
        switch.record(SystemMenuFailed(call=call.id, feature=call.details.feature))
        return HangUp("an error in the system")


async def _connect(switch: Switch, call: Call, wanted: Connect, conversation: Conversation) -> None:
    """The party is to talk with somebody inside."""
    others = max(router.calls_of(switch, call.caller.extension) - 1, 0)
    answer = switch.ask(wanted.subject, wanted.action, number=wanted.extension, count=others, of=call)
    if isinstance(answer, Denial):
        teardown.end(switch, call, answer.rule.sentence)
    elif answer.way is not None:
        teardown.end(switch, call, "a menu connects with nobody outside")
    else:
        await call_target(switch, call, answer, conversation, call.details.feature)


async def call_target(
    switch: Switch, call: Call, grant: Grant, conversation: Conversation, connected_by: str
) -> None:
    """Call the target of the grant for a party that talks with the system; it hears the ringing meanwhile.

    The party is handed over when the target answers; otherwise it hears why not, and its call ends.
    """
    outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def settle(status: int) -> None:
        if not outcome.done():
            outcome.set_result(status)

    def reached(new: Call) -> None:
        settle(0)
        handover.hand_over(switch, call, call.caller, new)
        call.details.connected_to = new.id
        teardown.end(switch, call, "connected")

    made = handover.originate_on_behalf(
        switch, call.caller, grant, CallDetails(connected_by=connected_by, connected_from=call.id), reached
    )
    if not isinstance(made, Call):
        await _not_reached(switch, call, conversation, made[0], made[2])
        return
    attempt = made

    def left(_status: int) -> None:
        settle(0)
        if attempt.answered_at is None:
            teardown.end(switch, attempt, "the party hung up", by="caller", status=487)

    attempt.on_end.append(settle)
    call.on_end.append(left)
    switch.spawn_beside(call, _ringing(conversation))
    handover.start(switch, attempt, grant)
    switch.flush()
    status = await outcome
    if status and call.talks():
        await _not_reached(switch, call, conversation, status, "the other side was not reached")


async def _ringing(conversation: Conversation) -> None:
    with suppress(HungUp):
        await conversation.play(Tone("ringback"), stop_on="")


async def _not_reached(switch: Switch, call: Call, conversation: Conversation, status: int, why: str) -> None:
    conversation.hush()
    with suppress(HungUp):
        await conversation.play(Tone("busy" if status in _BUSY else "congestion", _TONE_SECONDS), stop_on="")
    teardown.end(switch, call, why, status=status)
