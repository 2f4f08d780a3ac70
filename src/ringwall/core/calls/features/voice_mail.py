"""Calls that nobody takes go to the mailbox of whom they were for; owners reach theirs by a code (V1).

Rules that this module keeps:
- Forwarding comes first: what a user has set for the case is tried before the mailbox.
- A call goes to the mailbox of the one at whom it arrived last.
- Where the media server is away, or the user has no mailbox, the caller gets the answer that they would get
  without.
- What the menus return is an inside extension at most; `menus` asks the policy before anybody is connected.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.routing import ivr, router
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.interaction import Interaction
from ringwall.core.media.menu import Next, Visitor
from ringwall.core.voicemail.model import Reason
from ringwall.events.call_features import CallToVoiceMail
from ringwall.policy.actions import Action

_REASONS: Final[Mapping[Action, Reason]] = MappingProxyType(
    {
        Action.FORWARD_ALWAYS: Reason.ALWAYS,
        Action.FORWARD_BUSY: Reason.BUSY,
        Action.FORWARD_NO_ANSWER: Reason.NO_ANSWER,
    }
)


class VoiceMail(Protocol):
    """What call control asks of voice mail."""

    def takes(self, extension: str) -> bool:
        """Whether there is a mailbox for that extension. From memory."""
        ...

    def takes_all(self, extension: str) -> bool:
        """Whether every call to that extension goes to the mailbox at once. From memory."""
        ...

    async def leave(self, party: Interaction, visitor: Visitor, extension: str, reason: Reason) -> Next:
        """Have a caller leave a message."""
        ...

    async def own_mailbox(self, party: Interaction, visitor: Visitor) -> Next:
        """Open the mailbox of the extension that calls."""
        ...

    async def any_mailbox(self, party: Interaction, visitor: Visitor) -> Next:
        """Ask for a mailbox and its PIN, and open it."""
        ...


def connect(switch: Switch, voice_mail: VoiceMail) -> None:
    """Let calls go to voice mail, and let owners reach it."""
    switch.hooks.diverters.append(Mailboxes(switch, voice_mail))
    ivr.serve(switch, "own mailbox", voice_mail.own_mailbox)
    ivr.serve(switch, "any mailbox", voice_mail.any_mailbox)


class Mailboxes:
    """Where calls go that nobody takes and that are not forwarded."""

    def __init__(self, switch: Switch, voice_mail: VoiceMail) -> None:
        self._switch = switch
        self._voice_mail = voice_mail

    def may_take(self, extension: str) -> bool:
        """Whether a caller could leave a message there now."""
        return self._switch.media.up and self._voice_mail.takes(extension)

    def take(self, call: Call, extension: str, case: Action) -> bool:
        """Have the caller leave a message."""
        reason = _REASONS.get(case)
        if reason is None or not self.may_take(extension):
            return False
        if reason is Reason.ALWAYS and not self._voice_mail.takes_all(extension):
            return False
        if reason is Reason.NO_ANSWER and not call.branches:
            reason = Reason.UNREACHABLE
        router.leave_phones(self._switch, call)
        call.details.voice_mail = extension
        self._switch.record(CallToVoiceMail(call=call.id, mailbox=extension, reason=reason.value))

        async def leave(party: Interaction, visitor: Visitor) -> Next:
            return await self._voice_mail.leave(party, visitor, extension, reason)

        ivr.start(self._switch, call, leave, ivr.visitor_of(self._switch, call.caller))
        return True
