"""Forwarding: always, when busy, when nobody answers; to inside and outside numbers (C5).

Rules that this module keeps:
- The rights are those of the person who forwards, asked at each use: one who has lost them forwards no more.
- A call comes to nobody twice, and is forwarded five times at most.
- A forward that is refused is on record as a denied call; the call then goes on as if there were none.
"""

from typing import Final

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.settings import NO_FORWARDING
from ringwall.core.calls.routing import outside, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.events.call_features import CallForwarded, CallForwardRefused
from ringwall.policy.actions import Action, UserSubject
from ringwall.policy.grant import Grant

MOST: Final = 5


def install(switch: Switch) -> None:
    """Let calls go where their users send them."""
    switch.hooks.diverters.append(Forwarded(switch))


class Forwarded:
    """The numbers that users have set as destinations of their calls."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def may_take(self, extension: str) -> bool:
        """Whether the user has set any destination."""
        return self._switch.forwardings.forwarding(extension) != NO_FORWARDING

    def take(self, call: Call, extension: str, case: Action) -> bool:
        """Send the call on, where the user has set a destination for the case and may forward to it."""
        switch = self._switch
        grant = _granted(switch, call, extension, case)
        if grant is None or (grant.way is not None and outside.why_not(switch, grant) is not None):
            return False
        router.leave_phones(switch, call)
        switch.record(
            CallForwarded(call=call.id, by=extension, to=grant.canonical, case=case.value, rule=grant.rule.id)
        )
        router.redirect(switch, call, grant)
        return True


def _granted(switch: Switch, call: Call, extension: str, action: Action) -> Grant | None:
    """The grant by which this call may go where the user's calls go in this case.

    None where they go nowhere, or must not.
    """
    number = switch.forwardings.forwarding(extension).to(action)
    if not number:
        return None
    if len(call.route_history) > MOST:
        switch.record(CallForwardRefused(call=call.id, extension=extension, why="it was forwarded too often"))
        return None
    answer = switch.ask(
        UserSubject(extension), action, number=number, calling_number=call.caller.party, of=call
    )
    if not isinstance(answer, Grant):
        return None
    if answer.way is None and answer.canonical in call.route_history:
        switch.record(CallForwardRefused(call=call.id, extension=extension, why="it goes in a circle"))
        return None
    return answer
