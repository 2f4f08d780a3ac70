"""A supervisor's phones are called, so that they watch a call of somebody: asked for over the API (C2).

Rules that this module keeps:
- The rights are those of the supervisor, asked as if they had dialled; nothing is called without them.
- Their phones ring as in any call; the first one that answers watches. Nobody's forwarding and no mailbox
  takes such a call.
"""

import time
from functools import partial
from typing import Final

from ringwall.core.calls.features import monitor
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.states import CallEvent
from ringwall.core.calls.model.watching import WatchMode
from ringwall.core.calls.routing import ivr, originate
from ringwall.core.calls.switch.switch import Switch
from ringwall.policy.grant import Grant

FEATURE: Final = "watching asked for"


def call_phones(
    switch: Switch, by: Leg, found: tuple[Call, Leg], mode: WatchMode, decided: Grant
) -> Call | None:
    """Call the supervisor's phones; None where none is signed in. `by` has no dialog yet (`joining`)."""
    phones = switch.bindings.of_extension(by.extension, time.time())
    if not phones:
        return None
    call, target = found
    own = Call(switch.new_tag(), by, target.extension)
    own.details = CallDetails(feature=mode.value, target=target.extension, asked_for=True)
    switch.add_call(own)
    watch = monitor.claim(switch, own, call, target, mode)
    menu = partial(monitor.session, switch, call, watch, decided)

    def answered(leg: Leg) -> None:
        if own.talks():
            originate.hang_up_leg(switch, own, leg, "answered elsewhere")
            return
        for branch in list(own.branches):
            if branch is not leg:
                originate.hang_up_leg(switch, own, branch, "answered elsewhere")
        _sits(switch, own, leg)
        switch.spawn(own, ivr.talk(switch, own, menu, ivr.visitor_of(switch, leg), None))

    for binding in phones:
        originate.originate_leg(switch, own, binding, own.id, unattended=False, answered=answered)
    switch.timers.set(("ring", own), switch.now() + switch.settings.sip.ring_seconds)
    return own


def _sits(switch: Switch, own: Call, leg: Leg) -> None:
    """The phone that has answered has a call of its own with the system."""
    switch.timers.cancel(("ring", own))
    leg.side = Side.A
    own.caller, own.branches = leg, []
    own.served_by("menu")
    own.apply(CallEvent.ENTERED)
    switch.persist(own)
