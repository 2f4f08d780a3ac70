"""What the class of service says about a mailbox (C4).

Rules that this module keeps:
- The policy is asked at each use, with the rights of that moment.
- Voice mail asks for features and whether a destination may be stored. Nothing that is granted here makes a
  call: whoever carries out a notice asks anew, under the mailbox's owner.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from ringwall.policy import (
    Action,
    Context,
    MailboxSubject,
    ObjectKind,
    PolicySnapshot,
    Use,
    UserSubject,
    VoiceMailCos,
    may,
)

COUNT_DOWN_FROM: Final = 10  # free places at which the owner hears how many are left

_NO_DESTINATION: Final = frozenset({ObjectKind.PAGING_GROUP, ObjectKind.CODE_SERVICE})


class Policy(Protocol):
    """Something that always has the rights of this moment."""

    @property
    def snapshot(self) -> PolicySnapshot:
        """What decisions are made on."""
        ...

    @property
    def use(self) -> Use:
        """What was used of the limits."""
        ...


class MailboxRights:
    """Asks the policy in the name of a mailbox, by its extension."""

    def __init__(self, policy: Policy, clock: Callable[[], float] = time.time) -> None:
        self._policy = policy
        self._clock = clock

    def cos(self, extension: str) -> VoiceMailCos | None:
        """The voice-mail class of service of a mailbox; None where it has none, and so keeps nothing."""
        member = self._policy.snapshot.users.get(extension)
        return member.group.voice_mail if member is not None and member.group is not None else None

    def may_keep(self, extension: str, count: int) -> bool:
        """Whether a mailbox with so many messages takes another one (Maximum Incoming Messages)."""
        return self._may(extension, Action.KEEP_MESSAGE, target=extension, count=count)

    def may_broadcast(self, extension: str) -> bool:
        """Whether the owner may send to everybody."""
        return self._may(extension, Action.BROADCAST_LIST)

    def may_use_system_lists(self, extension: str) -> bool:
        """Whether the owner may send to the lists that administrators made."""
        return self._may(extension, Action.SYSTEM_LIST)

    def why_not_notify(self, extension: str, number: str) -> str | None:
        """Why a notice may not go to a number, as a sentence; None where it may."""
        context = Context(self._clock(), self._policy.use, saving=True)
        subject = MailboxSubject(extension, from_outside=False)
        answer = may(self._policy.snapshot, subject, Action.NOTIFY, number=number, context=context)
        return None if answer.allowed else answer.rule.sentence

    def why_not_change(self, extension: str, action: Action) -> str | None:
        """Why the owner may not change the mode, or what is done with calls; None if they may."""
        context = Context(self._clock(), self._policy.use)
        answer = may(self._policy.snapshot, UserSubject(extension), action, context=context)
        return None if answer.allowed else answer.rule.sentence

    def is_object(self, extension: str) -> bool:
        """Whether calls can be sent to a menu, a group or the like with this extension; none that pages."""
        one = self._policy.snapshot.objects.get(extension)
        return one is not None and one.kind not in _NO_DESTINATION

    def _may(self, extension: str, action: Action, *, target: str | None = None, count: int = 0) -> bool:
        context = Context(self._clock(), self._policy.use, count=count)
        subject = MailboxSubject(extension, from_outside=False)
        return may(self._policy.snapshot, subject, action, target=target, context=context).allowed
