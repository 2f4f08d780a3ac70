"""Scope, restrictions and permissions applied to one number (C3).

    allowed = matches(permissions, n) or (within(scope, n) and not matches(restrictions, n))

Rules that this module keeps:

- Permitted beats restricted, whatever the lengths.
- Premium, satellite, fraud-test and unallocated numbers are not permitted by an entry that is a country
  code and no more, unless that code is such a range itself: +44 permits Britain, not its 09 numbers; +449
  does.
- A number behind a carrier code or an operator has to be allowed itself, and so has the code.
"""

from functools import lru_cache
from typing import Final, NamedTuple

from ringwall.policy.classes import CallRules
from ringwall.policy.expressions import Expression, Expressions
from ringwall.policy.numbers import Number
from ringwall.policy.rules import Rule
from ringwall.policy.scope import CLOSED, RUNG, NumberClass

_NEEDS_NAME: Final = CLOSED | {NumberClass.UNALLOCATED}
_MOST_JUDGED: Final = 1024


class Verdict(NamedTuple):
    """Whether rules let a number pass, and by which one."""

    allowed: bool
    rule: Rule


class CompiledRules:
    """One set of call rules, ready to be asked. `source` says whose they are."""

    __slots__ = ("_judged", "opened", "permitted", "restricted", "rules", "scope", "source")

    def __init__(self, rules: CallRules, source: str) -> None:
        self.rules = rules
        self.scope = rules.scope
        self.opened = rules.opened
        self.source = source
        self.restricted = compiled(rules.restrictions)
        self.permitted = compiled(rules.permissions)
        self._judged: dict[tuple[str, NumberClass], Verdict] = {}

    def judge(self, number: Number) -> Verdict:
        """Whether these rules let an outside number pass."""
        behind = number.behind
        if behind is not None:
            front = number._replace(canonical=number.canonical[: -len(behind.canonical) - 1], behind=None)
            verdict = self._judge_one(front)
            return self._judge_one(behind) if verdict.allowed else verdict
        # The same number is of another class at another site, so the class belongs to what is remembered.
        key = (number.canonical, number.number_class)
        found = self._judged.get(key)
        if found is None:
            if len(self._judged) >= _MOST_JUDGED:
                self._judged.clear()
            found = self._judged[key] = self._judge_one(number)
        return found

    def _judge_one(self, number: Number) -> Verdict:
        canonical, number_class = number.canonical, number.number_class
        entry = self.permitted.match(canonical)
        if entry is not None and (number_class not in _NEEDS_NAME or _names(entry, number)):
            return Verdict(True, Rule("call.permitted", self.source, entry.text))
        rung = RUNG.get(number_class)
        if rung is None:
            return Verdict(False, Rule("call.unallocated", self.source))
        if self.scope < rung:
            return Verdict(False, Rule("call.beyond-scope", self.source, rung.published))
        entry = self.restricted.match(canonical)
        if entry is not None:
            return Verdict(False, Rule("call.restricted", self.source, entry.text))
        if number_class in CLOSED and number_class not in self.opened:
            return Verdict(False, Rule("call.closed", self.source, number_class.value))
        return Verdict(True, Rule("call.scope", self.source, self.scope.published))


@lru_cache(maxsize=1024)
def compiled(entries: tuple[Expression, ...]) -> Expressions:
    """Compile a list once, however many groups and snapshots use it."""
    return Expressions(entries)


def _names(entry: Expression, number: Number) -> bool:
    """Whether an entry names what its number is, rather than the country it happens to lie in."""
    if number.danger:
        return len(entry.text) >= len(number.danger)
    return entry.goes_beyond_country
