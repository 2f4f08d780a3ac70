"""Group and overhead paging: one speaks, and the speakers of many phones say it (C2).

Rules that this module keeps:
- The policy has asked for the right before a page comes here; outside callers never page, by whatever way
  their call comes, and nobody is given or sent to a page: it begins where it is dialled.
- Idle desk phones answer by themselves. Whoever is in a call, or has only a phone in a browser, is offered an
  ordinary call. Forwarding, call handling and mailbox are left out; who has as many calls as allowed is left
  alone.
- The page tone comes first, to everybody. Then all hear the one who pages, and nobody hears anybody else.
- The page begins when all who answer by themselves are there, or soon after the first; who answers later
  hears what is left of it. It ends when the one who pages hangs up; nobody else who leaves ends it for the
  others.
- Pages are bounded: in phones, in number, in time; and one list is paged by one at a time.
- A page does not outlive its process, nor its media server: all phones are hung up.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ringwall.core.calls.bridging import bridge
from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.features import intercom
from ringwall.core.calls.media import server_leg
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.model.states import CallState, LegState
from ringwall.core.calls.routing import branches, ivr, originate, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.core.media.items import Tone
from ringwall.core.registrar.bindings import Binding
from ringwall.policy.groups import MOST_PAGED, PAGED, InsideObject
from ringwall.policy.paging import paged_at

FEATURE: Final = "page"
MOST_PHONES: Final = 150  # of all pages at one time: the other legs are for those who talk
LONGEST_SECONDS: Final = 600.0
_SETTLE_SECONDS: Final = 2.0  # after the first answer, for the others
_TONE: Final = (Tone("page"),)


def install(switch: Switch) -> None:
    """Let paging groups and overhead paging take calls."""
    pages = Pages(switch)
    for kind in PAGED:
        switch.hooks.objects[kind] = pages
    switch.hooks.on_bye.append(partial(left, switch))


def left(switch: Switch, call: Call, leg: Leg) -> bool:
    """Somebody who hears a page hangs up, or is lost: the page goes on while somebody hears it."""
    if call.system != FEATURE or leg is call.caller:
        return False
    if not any(branch is not leg and branch.state is not LegState.ENDED for branch in call.branches):
        return False
    switch.drop_leg(leg)
    switch.persist(call)
    return True


@dataclass(slots=True, eq=False)
class _Page:
    """A page under way. `waiting` are the phones that are to answer by themselves and have not yet."""

    call: Call
    waiting: set[Leg] = field(default_factory=set)
    there: set[Leg] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: bool = False

    def note(self, name: str, extension: str) -> None:
        """Keep for the record who was reached and who not."""
        listed = self.call.details.paged if name == "paged" else self.call.details.not_reached
        if listed is not None and extension not in listed:
            listed.append(extension)


class Pages:
    """Takes the calls to paging groups and overhead paging."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def unreachable(self, call: Call, thing: InsideObject) -> Rejection | None:
        """Why there can be no page now."""
        switch, caller = self._switch, call.caller
        if caller.trunk or call.on_answer is not None:
            return Rejection(403, "Not permitted", "a page begins where it is dialled, and never outside")
        if not switch.media.up:
            return Rejection(503, "Media Server Unavailable", "nobody can be paged without a media server")
        under_way = [each for each in switch.calls.values() if each.system == FEATURE]
        if any(each.dialled == thing.extension for each in under_way):
            return Rejection(486, "Busy Here", f"somebody is paging at {thing.extension}")
        reached = self._reached(call, thing)
        if not reached:
            return Rejection(480, "Nobody To Page", f"no phone of {thing.extension} can be paged now")
        if sum(len(each.branches) for each in under_way) + len(reached) > MOST_PHONES:
            return Rejection(503, "Too Many Pages", "as many phones are being paged as can be at one time")
        return None

    def route(self, call: Call, thing: InsideObject) -> None:
        """Call everybody's phones, and begin when they are there."""
        switch = self._switch
        call.served_by(FEATURE)
        call.callee_name = thing.name
        call.details.feature, call.details.paged = FEATURE, []
        reached = self._reached(call, thing)
        missed = set(self._members(call, thing)) - {binding.extension for binding, _ in reached}
        if missed:
            call.details.not_reached = sorted(missed)
        switch.timers.set(("ring", call), switch.now() + switch.settings.sip.ring_seconds)
        switch.spawn(call, self._run(_Page(call), reached))

    def _members(self, call: Call, thing: InsideObject) -> list[str]:
        members = paged_at(self._switch.rights.snapshot, thing)
        return [each for each in members if each != call.caller.extension][:MOST_PAGED]

    def _reached(self, call: Call, thing: InsideObject) -> list[tuple[Binding, bool]]:
        """The phones that are called, and whether each is asked to answer by itself."""
        switch = self._switch
        found: list[tuple[Binding, bool]] = []
        for extension in self._members(call, thing):
            if not router.may_receive(switch, call, extension):
                continue
            phones = branches.phones_of(switch, call, extension)
            desks = [phone for phone in phones if originate.can_auto_answer(phone)]
            idle = not router.calls_of(switch, extension)
            found += [(phone, idle and bool(desks)) for phone in desks or phones]
        return found

    async def _run(self, page: _Page, reached: Iterable[tuple[Binding, bool]]) -> None:
        switch, call = self._switch, page.call
        body = await ivr.hear_caller(switch, call)
        if body is None:
            return
        server_leg.join_room(switch, call.caller, call.id)
        call.on_end.append(lambda _status: page.changed.set())
        for binding, unattended in reached:
            answered = partial(self._answered, page, unattended)
            leg = originate.originate_leg(
                switch, call, binding, call.id, unattended=unattended, answered=answered
            )
            if unattended:
                page.waiting.add(leg)
            leg.on_end.append(partial(self._gone, page, leg))
        switch.flush()
        if not await self._settled(page) or not await ivr.answer_caller(switch, call, body):
            return
        switch.timers.cancel(("ring", call))
        switch.timers.set(("longest", call.caller), switch.now() + LONGEST_SECONDS)
        await self._speak(page)

    def _answered(self, page: _Page, unattended: bool, leg: Leg) -> None:
        """A phone is there."""
        switch = self._switch
        others = [each for each in page.call.branches if each is not leg and each.extension == leg.extension]
        if not unattended:
            for other in others:  # who takes an ordinary call has taken it
                if other.state is LegState.SETUP:
                    originate.hang_up_leg(switch, page.call, other, "answered elsewhere")
        page.there.add(leg)
        page.waiting.discard(leg)
        page.note("paged", leg.extension)
        if page.speaking:
            bridge.set_gain(leg, page.call.caller)
            self._tell(page)
            switch.persist(page.call)
        page.changed.set()

    def _gone(self, page: _Page, leg: Leg) -> None:
        page.waiting.discard(leg)
        if leg in page.there:
            page.there.discard(leg)
        elif page.call.state is not CallState.ENDED:
            page.note("not_reached", leg.extension)
        page.changed.set()

    async def _settled(self, page: _Page) -> bool:
        """Wait until the page can begin; False where it is over before."""
        until: float | None = None
        while page.call.state is not CallState.ENDED:
            if page.there:
                if not page.waiting:
                    return True
                until = until or self._switch.now() + _SETTLE_SECONDS
                if self._switch.now() >= until:
                    return True
            page.changed.clear()
            with_limit = None if until is None else max(until - self._switch.now(), 0.0)
            try:
                async with asyncio.timeout(with_limit):
                    await page.changed.wait()
            except TimeoutError:
                continue
        return False

    async def _speak(self, page: _Page) -> None:
        switch, call = self._switch, page.call
        try:
            await bridge.apply(switch, call.id)
        except MediaError as error:
            teardown.end(switch, call, f"the media server was lost: {error}")
            return
        await intercom.sound(switch, call.caller, _TONE, room=call.id)
        if not call.talks():
            return
        page.speaking = True
        for leg in page.there:
            bridge.set_gain(leg, call.caller)
        self._tell(page)
        switch.persist(call)

    def _tell(self, page: _Page) -> None:
        """Tell the media server who hears."""
        switch = self._switch
        switch.spawn(page.call, self._tell_all(page))

    async def _tell_all(self, page: _Page) -> None:
        try:
            if page.call.talks():
                await bridge.apply(self._switch, page.call.id)
        except MediaError as error:
            teardown.end(self._switch, page.call, f"the media server was lost: {error}")
