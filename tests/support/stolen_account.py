"""How much harm a stolen account can do before the limits cut it (N5).

The thief dials without pause, keeps every call up as long as it may be, and spreads over numbers and paths
at will; the ledger of use is asked and told as call control does it.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from ringwall.policy.actions import Action, Context, Subject, UserSubject
from ringwall.policy.decide import may
from ringwall.policy.grant import Grant
from ringwall.policy.snapshot import PolicySnapshot
from ringwall.policy.usage import Use


@dataclass(frozen=True, slots=True)
class Run:
    """What a thief got. Times in seconds from the first try, cost in the organisation's currency.

    `first_cut` is when the first try was refused (None: never), after `calls_before_cut` calls; `cut_by`
    says by which rule. `calls`, `minutes` and `cost` are those of the whole run; `most_at_once` the most
    that were up.
    """

    calls: int
    minutes: float
    cost: float
    refused: int
    first_cut: float | None
    calls_before_cut: int
    cut_by: str
    most_at_once: int


def stolen_account(
    snapshot: PolicySnapshot,
    user: str,
    numbers: Sequence[str],
    *,
    seconds: float = 86400.0,
    every: float = 2.0,
    call_seconds: float = 86400.0,
    action: Action = Action.DIAL,
    start: float = 1_700_000_000.0,
    use: Use | None = None,
) -> Run:
    """Let a thief try `numbers` in turn, one each `every` seconds, with calls of up to `call_seconds`."""
    use = use if use is not None else Use()
    subject: Subject = UserSubject(user)
    ends: list[tuple[float, str, float, float]] = []  # when, call, seconds, price
    calls = refused = before = most = 0
    talked = cost = 0.0
    first_cut: float | None = None
    cut_by = ""
    now, stop = start, start + seconds
    while now < stop:
        while ends and ends[0][0] <= now:
            moment, name, lasted, _ = heapq.heappop(ends)
            use.end(name, lasted, moment)
        number = numbers[(calls + refused) % len(numbers)]
        answer = may(snapshot, subject, action, number=number, context=Context(now, use))
        if isinstance(answer, Grant) and answer.way is not None and answer.way.charge is not None:
            charge = answer.way.charge
            lasts = min(call_seconds, float(charge.seconds), stop - now)
            use.start(f"call {calls}", charge, answer.way.trunk_groups[0], now)
            heapq.heappush(ends, (now + lasts, f"call {calls}", lasts, charge.price))
            calls += 1
            talked += lasts
            cost += lasts / 60 * charge.price
            most = max(most, len(ends))
        else:
            refused += 1
            if first_cut is None:
                first_cut, before, cut_by = now - start, calls, answer.rule.id
        now += every
    return Run(calls, round(talked / 60, 1), round(cost, 2), refused, first_cut, before, cut_by, most)
