"""Calls that tell somebody of messages in a mailbox: an extension, or a number outside (C4, C5).

Rules that this module keeps:
- Each call is asked for anew, in the name of the mailbox's owner: Allow Message Notification, and outside the
  right to external numbers and the scope of the owner's external forwarding. Outside it needs the grant.
- Nobody's forwarding and no mailbox takes such a call: it rings where it was to, or nowhere.
- Who answers comes to the media server, and a menu tells him; what he can do there is voice mail's.
- There are few of them at a time, and one for a mailbox.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from ringwall.core.calls import (
    arrival,
    branches,
    handover,
    joining,
    media_side,
    menus,
    outside,
    rooms,
    teardown,
)
from ringwall.core.calls.call import Call, CallState, Leg, LegState
from ringwall.core.calls.media_policy import GCM_256, MediaRefused
from ringwall.core.calls.relay import Side
from ringwall.core.calls.switch import Switch
from ringwall.core.media.errors import MediaError
from ringwall.core.media.menu import Menu
from ringwall.policy.actions import Action, Context, MailboxSubject
from ringwall.policy.decide import may
from ringwall.policy.grant import Denial, Grant

MOST: Final = 20
FEATURE: Final = "message notice"

Told = Callable[[str], None]
"""What became of it: an empty text where somebody answered, else why nobody did."""


class MessageNotices:
    """Makes such calls, for one switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._under_way: set[str] = set()  # mailboxes

    def call(self, mailbox: str, to: str, menu: Menu, told: Told) -> None:
        """Call `to`, as the owner of the mailbox dials it, and let the menu talk with whoever answers."""
        switch = self._switch
        if mailbox in self._under_way or len(self._under_way) >= MOST:
            told("another notice is under way")
            return
        context = Context(time.time(), switch.use)
        subject = MailboxSubject(mailbox, from_outside=False)
        answer = may(switch.rights.snapshot, subject, Action.NOTIFY, number=to, context=context)
        if isinstance(answer, Denial):
            switch.record("call.denied", caller=mailbox, **answer.record())
            told(answer.rule.sentence)
            return
        attempt = Call(id=switch.new_tag(), caller=self._caller(mailbox), dialled=answer.canonical)
        attempt.notes = {"feature": FEATURE, "mailbox": mailbox}
        self._under_way.add(mailbox)
        switch.calls[attempt.id] = attempt
        attempt.on_answer = partial(self._answered, attempt, menu, told)
        attempt.on_end.append(partial(self._over, attempt, mailbox, told))
        switch.spawn(
            attempt,
            self._ring(attempt, answer),
            lambda _error: teardown.end(switch, attempt, "an error in the system"),
        )

    def _caller(self, mailbox: str) -> Leg:
        """The mailbox as a caller: a leg without a dialog, which nobody talks on."""
        tag = self._switch.new_tag()
        return Leg(
            side=Side.A,
            tag=tag,
            sip_call_id=tag,
            device_id=0,
            extension=mailbox,
            device="",
            flow=None,
            contact=self._switch.contact_for(tag),
            state=LegState.TALKING,
            suite=GCM_256,
        )

    async def _ring(self, attempt: Call, grant: Grant) -> None:
        switch, caller = self._switch, attempt.caller
        try:
            server = switch.media.choose()
            place = await switch.media.open(
                caller.tag, f"notices of {caller.extension}", server, outside=True
            )
            caller.remote_sdp = media_side.invitation(place)
            attempt.offer = joining.offer_of(caller).for_relay
        except (MediaError, MediaRefused) as error:
            teardown.end(switch, attempt, f"the media server is not available: {error}", status=503)
            return
        if attempt.state is not CallState.SETUP:
            switch.media.close(caller.tag)
        elif grant.way is not None:
            outside.make_leg(switch, attempt, grant, grant.canonical)
        elif not arrival.may_receive(switch, attempt, grant.canonical):
            teardown.end(switch, attempt, "busy", by="callee", status=486)
        elif not branches.ring_user(switch, attempt, grant.canonical):
            teardown.end(switch, attempt, "not registered", by="callee", status=480)
        else:
            switch.timers.set(("ring", attempt), switch.now() + switch.settings.sip.ring_seconds)

    def _answered(self, attempt: Call, menu: Menu, told: Told, _body: bytes) -> None:
        """Somebody answers: he leaves the attempt for a call of his own with the system."""
        switch, leg = self._switch, attempt.callee
        if leg is None or leg.state is not LegState.TALKING:
            return
        made = Call(id=switch.new_tag(), caller=leg, dialled=attempt.dialled, system="menu")
        made.notes, made.seizures = dict(attempt.notes), attempt.seizures
        leg.relay, attempt.relay = attempt.relay, None
        handover.hand_over(switch, attempt, leg, made)
        switch.calls[made.id] = made
        attempt.on_record = False  # the call that goes on has the record
        attempt.notes["answered"] = True
        teardown.end(switch, attempt, "answered")
        told("")
        switch.spawn(
            made,
            self._meet(made, leg, menu),
            lambda _error: teardown.end(switch, made, "an error in the system"),
        )

    async def _meet(self, made: Call, leg: Leg, menu: Menu) -> None:
        switch = self._switch
        try:
            await rooms.enter(switch, made, leg, "")
        except rooms.NotMoved as error:
            teardown.end(switch, made, f"the media server was not reached: {error}")
            return
        switch.keep(made)
        await menus.talk(switch, made, menu, menus.visitor_of(switch, leg))

    def _over(self, attempt: Call, mailbox: str, told: Told, status: int) -> None:
        self._switch.media.close(attempt.caller.tag)
        self._under_way.discard(mailbox)
        if not attempt.notes.get("answered"):
            told(f"nobody answered ({status})")
