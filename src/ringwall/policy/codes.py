"""Authorization codes: when one is asked for, and what comes of what was typed (A1).

Rules that this module keeps:

- A code is asked for only where the caller's own permissions refuse a call that somebody dials or clicks.
- Fail closed: with no service group, or a code that leads nowhere, the call is refused in both modes.
- The digits are neither kept nor told here; whoever looks them up gives the id of the code that they belong
  to.
- A wildcard code checks the length alone and gives no more than the caller has, unless an administrator
  says so.
- Three wrong tries end the call; too many within an hour lock the caller's codes for a while.

How call control uses it: `may(...)` denies with `codes` not DISABLED; `prompt` says whether to ask; each
time `#` ends the digits, `check` takes what was typed; with `Accepted`, ask `may` again as
`accepted.subject`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ringwall.policy.actions import Caller, CodeSubject, Context, PhoneSubject, UserSubject
from ringwall.policy.case import Case
from ringwall.policy.code_pass import make_pass
from ringwall.policy.grant import Denial
from ringwall.policy.groups import AuthCode, CodeMode
from ringwall.policy.limits import Limits
from ringwall.policy.rules import Heard, Rule
from ringwall.policy.snapshot import PolicySnapshot
from ringwall.policy.usage import Use

TRIES: Final = 3
BETWEEN_DIGITS: Final = 10.0  # seconds to wait for the next one
LONGEST_CODE: Final = 20
LIFE: Final = 30.0  # seconds from an accepted code to the call
_PUNCTUATION: Final = str.maketrans("", "", " -/.()")


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ask for a code. `may_skip`: a bare # goes on without one."""

    may_skip: bool
    tries: int = TRIES


@dataclass(frozen=True, slots=True)
class Accepted:
    """The code is good. Ask `may` again with this subject: the service's group may refuse the number."""

    subject: CodeSubject


@dataclass(frozen=True, slots=True)
class Wrong:
    """The code is not good. `again` with a new prompt, or a message and the end of the call.

    `alarm` says that this caller types wrong codes too often; tell `Use.wrong_code` of each Wrong.
    """

    rule: Rule
    heard: Heard
    again: bool
    alarm: bool


def tidy(typed: str) -> str | None:
    """The digits of a code without punctuation, with or without the closing #; None if it can be no code."""
    digits = typed.removesuffix("#").translate(_PUNCTUATION)
    if len(digits) > LONGEST_CODE or not (digits == "" or (digits.isascii() and digits.isdigit())):
        return None
    return digits


def prompt(snapshot: PolicySnapshot, denial: Denial, use: Use) -> Prompt | None:
    """Whether a code is to be asked for after a denial; None means that the denial stands."""
    if denial.codes is CodeMode.DISABLED:
        return None
    service = snapshot.groups.get(snapshot.directory.code_group or "")
    if service is None or service.call is None:
        return None
    if use.codes_locked(*_who(snapshot, denial, use), denial.answer.at):
        return None
    return Prompt(denial.codes is CodeMode.OPTIONAL)


def check(
    snapshot: PolicySnapshot,
    denial: Denial,
    typed: str,
    *,
    find: Callable[[str], str | None],
    tried: int,
    use: Use,
    now: float,
) -> Accepted | Wrong:
    """Check what was typed after a denial that could be helped by a code.

    `find` looks digits up and returns the id of the code; `tried` is how many wrong tries this call has had.
    Never raises for what was typed.
    """
    payer, limits = _who(snapshot, denial, use)
    asked = prompt(snapshot, denial, use)
    caller = denial.subject
    if asked is None or not isinstance(caller, UserSubject | PhoneSubject):
        locked = use.codes_locked(payer, limits, now)
        rule = Rule("code.locked") if locked else Rule("code.service-away")
        return Wrong(rule, Heard.INTERCEPT, again=False, alarm=locked)
    digits = tidy(typed)
    if digits == "" and asked.may_skip:
        return Accepted(_subject(caller, denial, payer, "", now))
    found = _find(snapshot, digits, find) if digits else None
    if found is not None and tried < TRIES:
        return Accepted(_subject(caller, denial, payer, found.id, now))
    alarm = use.wrong_codes_before(payer, now) + 1 >= limits.wrong_codes
    return Wrong(Rule("code.unknown"), Heard.SPOKEN, again=tried + 1 < TRIES, alarm=alarm)


def _find(snapshot: PolicySnapshot, digits: str, find: Callable[[str], str | None]) -> AuthCode | None:
    name = find(digits)
    found = snapshot.codes.get(name) if name is not None else None
    if found is not None:
        return None if found.locked else found
    for code in snapshot.codes.values():
        if code.wildcard == len(digits) and not code.locked:
            return code
    return None


def _who(snapshot: PolicySnapshot, denial: Denial, use: Use) -> tuple[str, Limits]:
    """Whose account counts the tries, and the limits for it."""
    case = Case(snapshot, denial.subject, denial.action, None, Context(denial.answer.at, use))
    group = case.member.group
    return case.member.payer, snapshot.limits if group is None else group.limits


def _subject(caller: Caller, denial: Denial, payer: str, code: str, now: float) -> CodeSubject:
    return CodeSubject(caller, make_pass(payer, denial.canonical, code, now + LIFE))
