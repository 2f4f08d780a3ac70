"""Authorization codes by prompt: a caller whose number is refused is asked for a code in the call (A1).

Rules that this module keeps:
- Only a call that the caller's own permissions refuse comes here; emergency and inside calls never do.
- The code is typed and closed with `#`; ten seconds may pass between two digits. Where codes are optional a
  bare `#` goes on without one, as the service's group.
- A wrong code is told, and a new one asked for; after three tries, a message and the end. Each wrong one is
  counted, and too many within an hour raise an alarm.
- A good code is not enough: the service's group has to permit the number, and is asked for each call.
- The digits stand in no record and in no log.
- Without a media server nobody can type: the call is refused as if there were no codes.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from ringwall.core.calls.features import treatment
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.rejection import Rejection
from ringwall.core.calls.routing import dialling, ivr, router
from ringwall.core.calls.routing.conversation import Conversation
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.media.interaction import Interaction, Typed
from ringwall.core.media.items import Item, Prompt
from ringwall.core.media.menu import HangUp, Next, Visitor
from ringwall.policy import codes as policy_codes
from ringwall.policy.actions import Action
from ringwall.policy.grant import Denial
from ringwall.policy.rules import RULES, Rule

_ASK: Final = (Prompt("agent-pass"),)
_WRONG: Final = (Prompt("auth-incorrect"),)  # says that it was wrong, and asks again
_GOOD: Final = (Prompt("auth-thankyou"),)
_NO_MORE: Final = (Prompt("privacy-incorrect"), Prompt("im-sorry"), Prompt("vm-goodbye"))


def install(switch: Switch) -> None:
    """Let callers type authorization codes."""
    switch.hooks.code_wanted.append(partial(_wanted, switch))


def _wanted(switch: Switch, denial: Denial, dialled: str, let_in: Callable[[], Call]) -> bool:
    if not switch.media.up or policy_codes.prompt(switch.rights.snapshot, denial, switch.usage) is None:
        return False
    call = let_in()
    call.details.feature = "authorization code"
    menu = partial(_ask, switch, call, denial, dialled)
    otherwise = Rejection(denial.status or 403, denial.reason, denial.rule.sentence)
    ivr.start(switch, call, menu, ivr.visitor_of(switch, call.caller), otherwise=otherwise)
    return True


async def _ask(
    switch: Switch, call: Call, denial: Denial, dialled: str, party: Interaction, _visitor: Visitor
) -> Next:
    assert isinstance(party, Conversation)
    items: tuple[Item, ...] = _ASK
    rule = Rule("code.unknown")
    for tried in range(policy_codes.TRIES):
        typed = await party.digits(
            *items,
            most=policy_codes.LONGEST_CODE + 1,
            first=policy_codes.BETWEEN_DIGITS,
            between=policy_codes.BETWEEN_DIGITS,
        )
        answer = _check(switch, denial, typed, tried)
        if isinstance(answer, policy_codes.Accepted):
            await party.play(*_GOOD, stop_on="")
            return await _connect(switch, call, answer, dialled, party)
        rule = answer.rule
        if not answer.again:
            break
        items = _WRONG
    switch.denied(denial, of=call, rule=rule)
    if rule.id == "code.unknown":
        await party.play(*_NO_MORE, stop_on="")
    else:
        await party.play(*treatment.items_for(RULES[rule.id].heard, rule.id), stop_on="")
    return HangUp(rule.sentence)


def _check(
    switch: Switch, denial: Denial, typed: Typed, tried: int
) -> policy_codes.Accepted | policy_codes.Wrong:
    """What the policy says to the keys. Who types nothing has one try less, and has guessed nothing."""
    if not typed.ended and not typed.keys:
        again = tried + 1 < policy_codes.TRIES
        rule = Rule("code.unknown")
        return policy_codes.Wrong(rule, RULES[rule.id].heard, again=again, alarm=False)
    # Keys without the closing # are no code: a bare # alone goes on without one.
    keys = typed.keys if typed.ended else typed.keys + "?"
    now = time.time()
    checked = policy_codes.check(
        switch.rights.snapshot,
        denial,
        keys,
        find=switch.rights.find_code,
        tried=tried,
        use=switch.usage,
        now=now,
    )
    if isinstance(checked, policy_codes.Wrong) and checked.rule.id == "code.unknown":
        dialling.note_wrong_code(switch, denial.subject, checked, now)
    return checked


async def _connect(
    switch: Switch, call: Call, accepted: policy_codes.Accepted, dialled: str, party: Conversation
) -> Next:
    """The service's group is asked, and the original number called."""
    others = max(router.calls_of(switch, call.caller.extension) - 1, 0)
    answer = switch.ask(accepted.subject, Action.DIAL, number=dialled, count=others, of=call)
    if isinstance(answer, Denial):
        await party.play(*treatment.items_for(answer.heard, answer.rule.id), stop_on="")
        return HangUp(answer.rule.sentence)
    await ivr.call_target(switch, call, answer, party, "")
    return HangUp("connected")
