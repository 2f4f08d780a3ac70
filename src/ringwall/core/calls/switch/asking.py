"""The one question of call control to the policy, and the one record of its no (C3, C5).

Rules that this module keeps:
- Nothing else in call control asks the policy, and nothing else writes `call.denied`; a test walks the code.
- What was used so far and what time it is, the question says by itself: nobody can forget a limit.
- A no is on record once. Where a caller is still to be answered, a code to be heard, or something is done
  without, `quietly` leaves the record to who says the last word (`denied`).
"""

import time
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.trunks.rights import Rights
from ringwall.events import Record
from ringwall.events.calls import CallDenied
from ringwall.policy.actions import Action, Context, Party, Subject
from ringwall.policy.decide import may
from ringwall.policy.grant import Denial, Grant
from ringwall.policy.rules import RULES, Rule


class Circumstances(TypedDict, total=False):
    """What an answer depends on besides who, what and whom: the fields of `policy.actions.Context`."""

    party: Party
    count: int
    insiders: int
    outsiders: int
    calling_number: str
    emergency_call: bool
    conference: bool
    coached: bool
    saving: bool


class Asking:
    """Asks the policy of this moment, and keeps its denials."""

    def __init__(self, rights: Rights, record: Record) -> None:
        self.rights = rights
        self.record = record

    def ask(
        self,
        subject: Subject,
        action: Action,
        *,
        number: str | None = None,
        target: str | None = None,
        of: Call | None = None,
        by: Leg | None = None,
        actor: dict[str, str] | None = None,
        quietly: bool = False,
        **circumstances: Unpack[Circumstances],
    ) -> Grant | Denial:
        """Whether `subject` may do this now.

        A denial is recorded with the call that it is asked for, the leg that asks (the caller of that call
        unless another is named) and the administrator (`actor`) who asks in its name; not if `quietly`.
        """
        context = Context(time.time(), self.rights.use, **circumstances)
        answer = may(self.rights.snapshot, subject, action, number=number, target=target, context=context)
        if isinstance(answer, Denial) and not quietly:
            self.denied(answer, of=of, by=by, actor=actor)
        return answer

    def denied(
        self,
        denial: Denial,
        *,
        of: Call | None = None,
        by: Leg | None = None,
        actor: dict[str, str] | None = None,
        rule: Rule | None = None,
        told: Mapping[str, object] | None = None,
    ) -> None:
        """Keep a denial; `rule` is the one that had the last word, where that is another.

        `told` has what is known better than from the call and the leg.
        """
        leg = by or (of.caller if of is not None else None)
        asked = denial.record()
        asked["class_"] = asked.pop("class")
        fields: dict[str, Any] = {
            **asked,
            "call": of.id if of is not None else None,
            "caller": leg.party if leg is not None else _name_of(denial.subject),
            "caller_device": leg.device if leg is not None else "",
            "source": leg.flow.peer if leg is not None and leg.flow is not None else None,
        }
        if actor is not None:
            fields["actor"] = actor
        self.denied_by(rule or denial.rule, **{**fields, **(told or {})})

    def denied_by(self, rule: Rule, /, **fields: Any) -> None:
        """Keep what a rule denies; `fields` say to whom, and what was asked."""
        last = {"rule": rule.id, "because": rule.sentence, "why": rule.sentence}
        self.record(CallDenied(**{"call": None, "status": RULES[rule.id].status, **fields, **last}))


def _name_of(subject: Subject) -> str:
    """Who is asked for where there is no leg: an extension, a mailbox, an object."""
    for name in ("user", "mailbox", "extension", "phone", "trunk"):
        if found := getattr(subject, name, None):
            return str(found)
    return ""
