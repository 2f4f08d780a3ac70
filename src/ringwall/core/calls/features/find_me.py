"""Find Me: somebody who does not take a call is looked for at one or two other numbers (C5).

Rules that this module keeps:
- Each number is asked at the policy when it is called, in the name of whoever is looked for: the scope of
  external forwarding. Authorization codes do not apply. A denial is on record, and the next one is tried.
- Who answers hears who calls, and has to press a key: 1 takes the call, 2 sends it to voice mail, 3 says
  again who calls. So no answering machine swallows a call.
- The caller hears the ringing until then; who hangs up ends the search.
- Forwarding goes first. Where nobody was found the call goes on as if nobody had been looked for.
- Emergency calls never come here, and without a media server nobody is looked for.
"""

import asyncio
from typing import Final

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import answering, teardown
from ringwall.core.calls.features.outcall import call_out
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.routing import handover, ivr, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media import saying
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Item, Prompt, Silence
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.events.call_features import CallFindMe
from ringwall.policy.actions import Action, UserSubject
from ringwall.policy.grant import Denial

FEATURE: Final = "find me"
MOST_AT_ONCE: Final = 100  # calls of the house that are looking for somebody

_CASES: Final = frozenset({Action.FORWARD_BUSY, Action.FORWARD_NO_ANSWER})
_ROUNDS: Final = 3  # how often it is said who calls
_KEY_SECONDS: Final = 6.0
_TAKE, _MAILBOX, _AGAIN = "1", "2", "3"


def install(switch: Switch) -> None:
    """Let users be looked for. Behind forwarding, before voice mail."""
    switch.hooks.diverters.append(FindMe(switch))


class FindMe:
    """The search for users who do not take their calls."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._searches: set[str] = set()  # calls

    def may_take(self, extension: str) -> bool:
        """Whether somebody could be looked for now."""
        return self._switch.media.up and bool(self._switch.forwardings.forwarding(extension).find_me)

    def take(self, call: Call, extension: str, case: Action) -> bool:
        """Look for the user at each number in turn."""
        switch = self._switch
        if case not in _CASES or call.details.find_me or not self.may_take(extension):
            return False
        if len(self._searches) >= MOST_AT_ONCE:
            return False
        router.leave_phones(switch, call)
        call.details.find_me = extension
        switch.record(CallFindMe(call=call.id, by=extension, case=case.value))
        if not call.caller.ringing_sent:
            answering.tell_caller(switch, call, 180)
        self._searches.add(call.id)
        call.on_end.append(lambda _status: self._searches.discard(call.id))
        switch.spawn(call, self._search(call, extension, 486 if case is Action.FORWARD_BUSY else 480))
        return True

    async def _search(self, call: Call, extension: str, status: int) -> None:
        switch = self._switch
        for number in switch.forwardings.forwarding(extension).find_me:
            key = await _Try(switch, call, extension).at(number)
            if call.state is not CallState.SETUP:
                return
            if key == _MAILBOX:
                break
        self._searches.discard(call.id)
        # Not found: the call goes on to voice mail, or ends as it would have.
        if not switch.hooks.unanswered(call, status):
            teardown.end(switch, call, "not found", by="callee", status=status)


class _Try:
    """The search at one number."""

    def __init__(self, switch: Switch, call: Call, extension: str) -> None:
        self._switch = switch
        self._call = call
        self._extension = extension
        self._there: Call | None = None  # the call with that number
        self._key: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def at(self, number: str) -> str:
        """Call the number and ask who answers there; return the key that was pressed, if any."""
        switch, call = self._switch, self._call
        subject, calling = UserSubject(self._extension), call.caller.party
        answer = switch.ask(subject, Action.FIND_ME, number=number, calling_number=calling, of=call)
        if isinstance(answer, Denial):
            return ""
        if answer.way is None and answer.canonical in call.route_history:
            return ""  # it has rung there already
        call.on_end.append(self._stop)
        self._there = call_out(
            switch,
            answer,
            in_name_of=call.caller.extension or self._extension,
            details=CallDetails(feature=FEATURE, found_for=self._extension, found_from=call.id),
            menu=self._menu,
            told=self._told,
        )
        switch.flush()
        loop = asyncio.get_running_loop()
        patience = loop.call_later(switch.settings.sip.ring_seconds, self._nobody_answers, self._there)
        key = await self._key
        patience.cancel()
        call.on_end.remove(self._stop)
        return key

    def _nobody_answers(self, attempt: Call) -> None:
        if self._there is attempt:
            teardown.end(self._switch, attempt, "no answer", status=480)
            self._switch.flush()

    def _settle(self, key: str = "") -> None:
        if not self._key.done():
            self._key.set_result(key)

    def _told(self, _status: int, made: Call | None) -> None:
        self._there = made
        if made is None:
            self._settle()
        else:
            made.caller.on_end.append(self._settle)

    def _stop(self, _status: int) -> None:
        """The caller has hung up, or the call has ended for another reason."""
        self._settle()
        if self._there is not None:
            teardown.end(self._switch, self._there, "the caller has hung up", status=487)

    async def _menu(self, party: Interaction, _visitor: Visitor) -> Next:
        key = await _question(party, self._call)
        if key == _TAKE and self._there is not None:
            await self._join(self._there, self._there.caller)
        self._settle(key)
        return HangUp("taken" if key == _TAKE else "not taken")

    async def _join(self, made: Call, leg: Leg) -> None:
        """The party that was found takes the call: both are in one room, and hear one another."""
        switch, call = self._switch, self._call
        server_leg.join_room(switch, leg, call.id)
        body = await ivr.hear_caller(switch, call, room=call.id)
        if body is None or call.state is not CallState.SETUP or leg.state is not LegState.TALKING:
            return
        server_leg.join_room(switch, call.caller, call.id)
        handover.replace_by_placeholder(switch, made, leg)
        leg.side = Side.B
        call.branches.append(leg)
        call.answered_by(leg)
        call.seizures += made.seizures
        call.clear_text += [told for told in made.clear_text if told not in call.clear_text]
        switch.add_leg(call, leg)
        made.on_record = False  # the call that goes on has the record
        teardown.end(switch, made, "taken")
        if not await ivr.answer_caller(switch, call, body):
            return
        if not await bridge.connect(switch, call, call.caller, leg, call.id):
            return
        switch.persist(call)
        # Nothing needs the room any more: from here on it is a call of two like any other.
        switch.spawn(call, bridge.release(switch, call))


async def _question(party: Interaction, call: Call) -> str:
    """Say who calls, and ask what to do; return the key, an empty text where none came."""
    caller = call.caller
    shown = caller.number if caller.trunk else caller.extension
    who: tuple[Item, ...] = (Prompt("followme/call-from"), Silence(0.2), *saying.digits(shown))
    for _ in range(_ROUNDS):
        pressed = await party.play(*who, Prompt("followme/options"), stop_on=_TAKE + _MAILBOX + _AGAIN)
        pressed = pressed or await party.key(_KEY_SECONDS)
        if pressed in (_TAKE, _MAILBOX):
            return pressed
    return ""
