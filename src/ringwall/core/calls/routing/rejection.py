"""How an INVITE is refused that never became a call between two parties.

Rules that this module keeps:
- Whoever is told no is told why: each refusal carries a Warning, and the record the same words.
- The record is written at once; whether the caller also hears why, before the answer, is for a feature to say
  (`hooks.refused`), and only where the caller is a phone.
"""

from collections.abc import Callable
from typing import Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.hooks import Refusal
from ringwall.core.calls.switch.switch import Switch
from ringwall.policy.grant import Denial
from ringwall.policy.rules import RULES, Heard, Rule
from ringwall.sip.message import Request

_HEARD: Final = {404: Heard.ANNOUNCEMENT, 503: Heard.REORDER}  # where no rule says it


class InviteRejection:
    """How one INVITE is refused: with what is known of its sender in the record."""

    def __init__(self, switch: Switch, key: str, request: Request, **who: object) -> None:
        self._switch, self._key, self._request = switch, key, request
        self._made: Callable[[], Call] | None = None
        self.who = who

    def may_be_heard(self, made: Callable[[], Call]) -> None:
        """The sender is a phone whose offer is good: `made` lets its call in, to hear why it is refused."""
        self._made = made

    def __call__(
        self,
        status: int,
        reason: str,
        why: str,
        *,
        kind: str = "call.refused",
        rule: str = "",
        **more: object,
    ) -> None:
        """Tell the caller and the record."""
        switch, request = self._switch, self._request
        fields = {**self.who, **more, **({"rule": rule} if rule else {})}
        fields.setdefault("dialled", (request.to.uri.user or "")[:64])
        switch.record(kind, status=status, why=why, **fields)
        if self._made is not None:
            heard = RULES[rule].heard if rule else _HEARD.get(status, Heard.NOTHING)
            party = str(self.who.get("caller") or self.who.get("caller_device", ""))
            refusal = Refusal(status, reason, why, rule, heard, party, self._made)
            if any(heard_first(refusal) for heard_first in switch.hooks.refused):
                return
        headers = [teardown.warning(why)]
        switch.respond(self._key, request.response(status, reason, to_tag=switch.new_tag(), headers=headers))

    def by_policy(self, denial: Denial, rule: Rule | None = None) -> None:
        """What the policy said, with its rule, or with another one that came after it."""
        said = denial.record()
        del said["status"]
        self.by_rule(rule or denial.rule, **said)

    def by_rule(self, rule: Rule, /, **said: object) -> None:
        """What a rule says."""
        status, reason = RULES[rule.id].status, RULES[rule.id].reason
        fields = {**said, "because": rule.sentence, **self.who, "rule": rule.id}
        self(status, reason, rule.sentence, kind="call.denied", **fields)  # type: ignore[arg-type]


def deny_call(switch: Switch, call: Call, denial: Denial) -> None:
    """The policy does not let a caller do what was dialled, and the call has been let in for it already."""
    fields = {**denial.record(), "because": denial.rule.sentence}
    answer = denial.status or 403, denial.reason, denial.rule.sentence
    # What a screen does not show can still be dialled: that is heard.
    heard = Heard.ERROR_TONE if denial.heard is Heard.HIDDEN else denial.heard
    _refuse(switch, call, "call.denied", answer, heard, denial.rule.id, fields)


def refuse_call(switch: Switch, call: Call, status: int, reason: str, why: str) -> None:
    """Refuse a call that was let in already: its caller hears why, the record keeps it."""
    heard = _HEARD.get(status, Heard.ERROR_TONE)
    _refuse(switch, call, "call.refused", (status, reason, why), heard, "", {})


def _refuse(
    switch: Switch,
    call: Call,
    kind: str,
    answer: tuple[int, str, str],
    heard: Heard,
    rule: str,
    fields: dict[str, object],
) -> None:
    caller, (status, reason, why) = call.caller, answer
    call.on_record = False
    who = {
        "call": call.id,
        "caller": caller.extension,
        "caller_device": caller.device,
        "source": caller.flow.peer if caller.flow else None,
        "dialled": call.dialled[:64],
    }
    switch.record(kind, **{**fields, **who, "status": status, "why": why})
    refusal = Refusal(status, reason, why, rule, heard, caller.extension or caller.device, lambda: call)
    if caller.invite is None or not any(heard_first(refusal) for heard_first in switch.hooks.refused):
        teardown.end(switch, call, why, status=status, reason=reason)
