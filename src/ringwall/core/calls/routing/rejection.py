"""How an INVITE is refused that never became a call between two parties.

Rules that this module keeps:
- Whoever is told no is told why: each refusal carries a Warning, and the record the same words.
- The record is written at once; whether the caller also hears why, before the answer, is for a feature to say
  (`hooks.refused`), and only where the caller is a phone.
"""

from collections.abc import Callable
from typing import Any, Final

from ringwall.core.calls.dialog import teardown
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.switch.hooks import Refusal
from ringwall.core.calls.switch.switch import Switch
from ringwall.events.calls import CallRefused
from ringwall.policy.grant import Denial
from ringwall.policy.rules import RULES, Heard, Rule
from ringwall.sip.message import Request

_HEARD: Final = {404: Heard.ANNOUNCEMENT, 503: Heard.REORDER}  # where no rule says it


class InviteRejection:
    """How one INVITE is refused: with what is known of its sender in the record."""

    def __init__(self, switch: Switch, key: str, request: Request, **who: Any) -> None:
        self._switch, self._key, self._request = switch, key, request
        self._made: Callable[[], Call] | None = None
        self.who = who

    def may_be_heard(self, made: Callable[[], Call]) -> None:
        """The sender is a phone whose offer is good: `made` lets its call in, to hear why it is refused."""
        self._made = made

    def __call__(self, status: int, reason: str, why: str) -> None:
        """Tell the caller and the record."""
        self._switch.record(CallRefused(status=status, why=why, **self._fields()))
        self._answer(status, reason, why)

    def by_policy(self, denial: Denial, rule: Rule | None = None) -> None:
        """What the policy said, with its rule, or with another one that came after it."""
        last = rule or denial.rule
        self._switch.denied(denial, rule=last, told={**self._fields(), "status": RULES[last.id].status})
        self._answer(RULES[last.id].status, RULES[last.id].reason, last.sentence, last.id)

    def by_rule(self, rule: Rule) -> None:
        """What a rule says, without a question to the policy."""
        self._switch.denied_by(rule, **self._fields())
        self._answer(RULES[rule.id].status, RULES[rule.id].reason, rule.sentence, rule.id)

    def _fields(self) -> dict[str, Any]:
        return {"dialled": (self._request.to.uri.user or "")[:64], **self.who}

    def _answer(self, status: int, reason: str, why: str, rule: str = "") -> None:
        switch, request = self._switch, self._request
        if self._made is not None:
            heard = RULES[rule].heard if rule else _HEARD.get(status, Heard.NOTHING)
            party = str(self.who.get("caller") or self.who.get("caller_device", ""))
            refusal = Refusal(status, reason, why, rule, heard, party, self._made)
            if any(heard_first(refusal) for heard_first in switch.hooks.refused):
                return
        headers = [teardown.warning(why)]
        switch.respond(self._key, request.response(status, reason, to_tag=switch.new_tag(), headers=headers))


def deny_call(switch: Switch, call: Call, denial: Denial) -> None:
    """The policy does not let a caller do what was dialled, and the call has been let in for it already."""
    call.on_record = False
    switch.denied(denial, of=call, told={"dialled": call.dialled[:64]})
    # What a screen does not show can still be dialled: that is heard.
    heard = Heard.ERROR_TONE if denial.heard is Heard.HIDDEN else denial.heard
    status, rule = denial.status or 403, denial.rule
    said = Refusal(status, denial.reason, rule.sentence, rule.id, heard, _party(call), lambda: call)
    _end(switch, call, said)


def refuse_call(switch: Switch, call: Call, status: int, reason: str, why: str) -> None:
    """Refuse a call that was let in already: its caller hears why, the record keeps it."""
    caller = call.caller
    call.on_record = False
    switch.record(
        CallRefused(
            call=call.id,
            caller=caller.extension,
            caller_device=caller.device,
            source=caller.flow.peer if caller.flow else None,
            dialled=call.dialled[:64],
            status=status,
            why=why,
        )
    )
    heard = _HEARD.get(status, Heard.ERROR_TONE)
    _end(switch, call, Refusal(status, reason, why, "", heard, _party(call), lambda: call))


def _party(call: Call) -> str:
    return call.caller.extension or call.caller.device


def _end(switch: Switch, call: Call, said: Refusal) -> None:
    if call.caller.invite is None or not any(heard_first(said) for heard_first in switch.hooks.refused):
        teardown.end(switch, call, said.why, status=said.status, reason=said.reason)
