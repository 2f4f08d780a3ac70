"""Whose call is refused hears why: a tone or an announcement before the answer, as early media (C7).

Rules that this module keeps:
- The refusal is on record before, and its status and reason phrase are the same as without the tone.
- Phones alone hear it, never a caller over a trunk: nobody outside may keep legs busy by wrong numbers.
- It lasts some seconds at most (`[sip] intercept_seconds`; 0: nobody hears it), and no more than a few at one
  time are heard by one party, and by all together.
- Where the media server is away, or the phone has no codec that it speaks, the answer comes at once.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Final

from ringwall.core.calls.dialog import answering, teardown
from ringwall.core.calls.media import descriptions, server_leg
from ringwall.core.calls.media.descriptions import MediaRefused
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.states import CallState
from ringwall.core.calls.routing import ivr
from ringwall.core.calls.switch.hooks import Refusal
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import EdgeError
from ringwall.core.media.errors import MediaError
from ringwall.core.media.interaction import HungUp
from ringwall.core.media.items import Item, Prompt, Silence, Tone
from ringwall.policy.rules import Heard

MOST: Final = 40
MOST_OF_ONE: Final = 2
SYSTEM: Final = "intercept"

_INVALID: Final = (Silence(0.2), Prompt("cannot-complete-as-dialed"), Prompt("check-number-dial-again"))
_BY_HEARD: Final[Mapping[Heard, tuple[Item, ...]]] = MappingProxyType(
    {
        Heard.INTERCEPT: (Tone("intercept", 4.0),),
        Heard.REORDER: (Tone("congestion", 4.0),),
        Heard.ERROR_TONE: (Tone("congestion", 2.0),),
        Heard.ANNOUNCEMENT: _INVALID,
        Heard.SPOKEN: (Silence(0.2), Prompt("im-sorry"), Prompt("please-try-call-later")),
    }
)
_BY_RULE: Final[Mapping[str, tuple[Item, ...]]] = MappingProxyType(
    {
        "trunk.full": (Silence(0.2), Prompt("all-circuits-busy-now"), Tone("congestion", 3.0)),
        "limit.user-calls": (Silence(0.2), Prompt("simul-call-limit-reached"), Tone("congestion", 3.0)),
        "code.unknown": (Silence(0.2), Prompt("privacy-incorrect"), Tone("intercept", 3.0)),
    }
)


def install(switch: Switch) -> None:
    """Let callers of this house hear why their calls are refused."""
    switch.hooks.refused.append(partial(_heard_first, switch))


def items_for(heard: Heard, rule: str = "") -> tuple[Item, ...]:
    """What is played for a denial; nothing where the answer alone says it."""
    return _BY_RULE.get(rule) or _BY_HEARD.get(heard, ())


def _heard_first(switch: Switch, refusal: Refusal) -> bool:
    items = items_for(refusal.heard, refusal.rule)
    if not items or not switch.settings.sip.intercept_seconds or not switch.media.up:
        return False
    heard = [server_leg.party_of(call.caller) for call in switch.calls.values() if call.system == SYSTEM]
    if len(heard) >= MOST or heard.count(refusal.party) >= MOST_OF_ONE:
        return False
    call = refusal.let_in()
    call.served_by(SYSTEM)
    call.on_record = False
    switch.spawn(call, _play(switch, call, refusal, items), lambda: _answer(switch, call, refusal))
    return True


def _answer(switch: Switch, call: Call, refusal: Refusal) -> None:
    teardown.end(switch, call, refusal.why, status=refusal.status, reason=refusal.reason)


async def _play(switch: Switch, call: Call, refusal: Refusal, items: tuple[Item, ...]) -> None:
    caller = call.caller
    try:
        offer = descriptions.said_before(caller.remote_sdp, prefer=caller.suite, clear_text=caller.clear_text)
        body = await server_leg.answer(switch, call, caller, offer)
    except (MediaRefused, EdgeError, MediaError):
        _answer(switch, call, refusal)
        return
    if call.state is not CallState.SETUP:
        return
    answering.tell_caller(switch, call, 183, body)
    switch.flush()
    conversation = ivr.converse(switch, call, caller)
    with suppress(HungUp, TimeoutError):
        async with asyncio.timeout(switch.settings.sip.intercept_seconds):
            await conversation.play(*items, stop_on="")
    _answer(switch, call, refusal)
