"""The one question: may this subject do this? (C5, C6).

Rules that this module keeps:

- Every action has exactly one function that decides it; an action that none decides is denied.
- A mailbox session can call back and notify and nothing else (V1); an outside caller can dial and nothing
  else.
- The answer says which rule decided.
"""

from typing import Final

from ringwall.policy.actions import (
    FORWARDS,
    LEADS_OUTSIDE,
    Action,
    CodeSubject,
    Context,
    MailboxSubject,
    ObjectSubject,
    Subject,
    TrunkSubject,
)
from ringwall.policy.case import Case
from ringwall.policy.features import FEATURES, MAILBOX_FEATURES, decide_feature
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.outside import decide_number
from ringwall.policy.rules import Rule
from ringwall.policy.snapshot import PolicySnapshot

_PERSONS: Final = frozenset(Action) - {Action.CALLBACK, Action.NOTIFY}
_ACTIONS: Final = {
    MailboxSubject: frozenset({Action.CALLBACK, Action.NOTIFY}) | MAILBOX_FEATURES,
    TrunkSubject: frozenset({Action.DIAL, Action.RECEIVE_CALL, Action.KEEP_MESSAGE}),
    ObjectSubject: FORWARDS - {Action.EXTERNAL_ASSIGNMENT} | {Action.BLIND_TRANSFER, Action.RECEIVE_CALL},
    CodeSubject: frozenset({Action.DIAL, Action.ORIGINATE}),
}


def may(
    snapshot: PolicySnapshot,
    subject: Subject,
    action: Action,
    *,
    context: Context,
    target: str | None = None,
    number: str | None = None,
) -> Grant | Denial:
    """Whether `subject` may do `action` now.

    `number` is what is dialled or stored, for actions that lead to one; `target` the extension to which
    something is done, for the others. Never raises, whatever the number is.
    """
    case = Case(snapshot, subject, action, target, context)
    if action not in _ACTIONS.get(type(subject), _PERSONS):
        return case.deny(Rule("action.not-for-subject", case.member.label))
    if action in LEADS_OUTSIDE:
        return decide_number(case, number)
    if action in FEATURES:
        return decide_feature(case)
    return case.deny(Rule("action.not-for-subject", case.member.label))
