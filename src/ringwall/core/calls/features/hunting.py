"""Hunt groups: calls ring at one member after the other, or at all at once; and out of service (C2).

Rules that this module keeps:
- Members ring as the administrator ordered them. Who forwards all calls, has as many as allowed, has no phone
  or, if the group says so, is in a call is left out.
- Members' forwarding and mailboxes take no call of the group: it goes to the next member, in the end to the
  group's own destination, and only with the policy's grant.
- A group that is out of service is busy at once. Who takes it out or back is asked for the right and is on
  record.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.routing import branches, dialling, ivr, rejection, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.errors import CoreError
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.items import Prompt, Tone
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.events.call_features import CallForwarded
from ringwall.policy.actions import Action, ObjectSubject
from ringwall.policy.grant import Denial
from ringwall.policy.groups import InsideObject, ObjectKind, Ringing

FEATURE: Final = "hunt group busy"
MOST_GROUPS: Final = 5  # that a call goes through, one after the other

# Takes a hunt group out of service or back, for an extension at a source address.
Toggle = Callable[[str, bool, str, str], Awaitable[None]]


def install(switch: Switch) -> None:
    """Let hunt groups take calls."""
    groups = HuntGroups(switch)
    switch.hooks.objects[ObjectKind.HUNT_GROUP] = groups
    switch.hooks.diverters.append(groups)


def connect(switch: Switch, toggle: Toggle) -> None:
    """Let users take hunt groups out of service."""
    switch.hooks.dialled[FEATURE] = partial(_dialled, switch, toggle)


@dataclass(slots=True)
class _Hunt:
    """A call on its way through a group. `until` is monotonic seconds."""

    thing: InsideObject
    left: list[str]
    until: float
    rang: bool = False


class HuntGroups:
    """Takes the calls to hunt groups."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._hunts: dict[str, _Hunt] = {}

    # A call arrives

    def unreachable(self, call: Call, thing: InsideObject) -> Rejection | None:
        """Why nobody can be reached at a hunt group; None if somebody may be."""
        call.callee_name = thing.name
        if thing.busy:
            out = Rejection(486, "Busy Here", f"{thing.extension} is out of service")
            return None if thing.busy_to else out
        if thing.busy_to or thing.no_answer_to or any(self._free(call, thing, m) for m in thing.members):
            return None
        return Rejection(480, "Nobody There", f"no member of {thing.extension} can be reached")

    def route(self, call: Call, thing: InsideObject) -> None:
        """Ring the first members."""
        call.route_history.append(thing.extension)
        call.callee_name = thing.name
        call.details.hunt_group = thing.extension
        seconds = self._switch.now() + thing.seconds
        self._hunts[call.id] = _Hunt(thing, [] if thing.busy else list(thing.members), seconds)

        def over(_status: int) -> None:
            self._hunts.pop(call.id, None)

        call.on_end.append(over)
        if not self._next(call):
            busy = thing.busy or bool(thing.members)
            teardown.end(self._switch, call, "busy" if busy else "nobody there", status=486 if busy else 480)

    # A member does not take it

    def may_take(self, extension: str) -> bool:
        """Whether calls that came to this extension are on their way through a group."""
        return any(hunt.thing.extension == extension for hunt in self._hunts.values())

    def take(self, call: Call, extension: str, case: Action) -> bool:
        """Ring the next members of the group at which the call is, or send it to the group's destination."""
        hunt = self._hunts.get(call.id)
        if hunt is None or hunt.thing.extension != extension or case is Action.FORWARD_ALWAYS:
            return False
        router.leave_phones(self._switch, call)
        return self._next(call)

    def _free(self, call: Call, thing: InsideObject, member: str) -> bool:
        switch = self._switch
        if switch.forwardings.forwarding(member).to(Action.FORWARD_ALWAYS):
            return False
        if thing.skip_busy and router.calls_of(switch, member):
            return False
        return router.may_receive(switch, call, member) and bool(branches.phones_of(switch, call, member))

    def _next(self, call: Call) -> bool:
        switch, hunt = self._switch, self._hunts[call.id]
        thing, now = hunt.thing, self._switch.now()
        if thing.ringing is Ringing.AT_ONCE:
            rung, hunt.left = hunt.left, []
            found = [member for member in rung if self._free(call, thing, member)]
            seconds = hunt.until - now
        else:
            found = []
            while hunt.left and not found and now < hunt.until:
                member = hunt.left.pop(0)
                found = [member] if self._free(call, thing, member) else []
            seconds = min(float(thing.member_seconds), hunt.until - now)
        if found and seconds > 0:
            hunt.rang = True
            switch.timers.set(("ring", call), now + seconds)
            for member in found:
                branches.ring_user(switch, call, member)
            return True
        return self._send_on(call, hunt)

    def _send_on(self, call: Call, hunt: _Hunt) -> bool:
        """Send the call to the destination of the group, where there is one that may be."""
        switch, thing = self._switch, hunt.thing
        self._hunts.pop(call.id, None)
        case = Action.FORWARD_NO_ANSWER if hunt.rang else Action.FORWARD_BUSY
        target = thing.no_answer_to if hunt.rang else thing.busy_to
        if not target or target in call.route_history or len(call.route_history) >= MOST_GROUPS:
            return False
        subject = ObjectSubject(thing.extension)
        answer = switch.ask(subject, case, number=target, calling_number=call.caller.party, of=call)
        if isinstance(answer, Denial):
            return False
        switch.record(
            CallForwarded(
                call=call.id,
                by=thing.extension,
                to=answer.canonical,
                case=case.value,
                rule=answer.rule.id,
            )
        )
        router.redirect(switch, call, answer)
        return True


# Out of service


def _dialled(switch: Switch, toggle: Toggle, call: Call, extension: str) -> None:
    call.details.feature = FEATURE
    caller = call.caller
    subject = dialling.subject_of_leg(switch, caller)
    decided = switch.ask(subject, Action.HUNT_GROUP_BUSY, target=extension, quietly=True)
    if isinstance(decided, Denial):
        rejection.deny_call(switch, call, decided)
        return
    thing = switch.rights.snapshot.objects.get(extension)
    if thing is None or thing.kind is not ObjectKind.HUNT_GROUP:
        rejection.refuse_call(switch, call, 404, "No Such Group", f"there is no hunt group {extension[:32]}")
        return
    menu = partial(_toggle, toggle, thing, caller)
    ivr.start(switch, call, menu, ivr.visitor_of(switch, caller))


async def _toggle(
    toggle: Toggle, thing: InsideObject, caller: Leg, party: Interaction, _visitor: Visitor
) -> Next:
    """Say what the group is now: activated, or de-activated."""
    busy = not thing.busy
    try:
        await toggle(thing.extension, busy, caller.extension, caller.flow.peer if caller.flow else "")
    except CoreError:
        await party.play(Tone("congestion", 2.0), stop_on="")
        return HangUp("the hunt group could not be changed")
    await party.play(Prompt("de-activated" if busy else "activated"), stop_on="")
    return HangUp("the hunt group is out of service" if busy else "the hunt group is in service")
