"""How long a decision and a rebuild of the policy take: `python bench/policy.py [--json]` (C5).

An organisation of 10,000 users in 50 groups, each group with 100 restrictions and 100 permissions of its own,
some with wildcards. Every decision is timed alone; its time includes reading what was dialled. Three mixes:

- `decision`: numbers that the site has called before, as most are, of all classes; one in ten is forwarded;
- `first`: numbers that the site never called before, so that nothing about them is remembered;
- `rebuild`: the whole snapshot compiled from values after a change that touches every list.
"""

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Sequence

from ringwall.policy import (
    Action,
    CallCos,
    CallRules,
    Charge,
    Context,
    Directory,
    Grant,
    NumberClass,
    PolicySnapshot,
    Scope,
    Site,
    TelephonyCos,
    TrunkGroup,
    Use,
    User,
    UserGroup,
    UserSubject,
    VoiceMailCos,
    compile_snapshot,
    may,
    warm,
)

USERS, GROUPS, EXPRESSIONS = 10_000, 50, 200
NUMBERS = 4000
ROUNDS = 5
NOW = 1_700_000_000.0


def entries(chance: random.Random, count: int) -> list[str]:
    found: set[str] = set()
    while len(found) < count:
        if chance.random() < 0.1:
            found.add(f"+1xxx{chance.randint(200, 999)}{chance.randint(0, 99):02d}")
        elif chance.random() < 0.5:
            found.add(f"+1{chance.randint(201, 989)}{chance.randint(200, 999)}")
        else:
            found.add(f"+44{chance.randint(1000, 9999)}")
    return sorted(found)


def directory(seed: int) -> Directory:
    chance = random.Random(seed)
    half = EXPRESSIONS // 2
    sites = (Site("us", "San Jose", "US", ("408",), ("650", "669")), Site("gb", "London", "GB", ("20",)))
    return Directory(
        sites=sites,
        groups=tuple(
            UserGroup(f"g{n}", f"Group {n}", "telephony", f"calls {n}", "mail", ("tg-us", "tg-gb"))
            for n in range(GROUPS)
        ),
        telephony=(TelephonyCos("telephony", forwarding=CallRules(Scope.NATIONAL)),),
        calls=tuple(
            CallCos(
                f"calls {n}", CallRules.of(Scope.INTERNATIONAL, entries(chance, half), entries(chance, half))
            )
            for n in range(GROUPS)
        ),
        voice_mail=(VoiceMailCos("mail"),),
        trunk_groups=(
            TrunkGroup("tg-us", "US", "us", max_calls=500),
            TrunkGroup("tg-gb", "GB", "gb", max_calls=500),
        ),
        users=tuple(
            User(str(10_000 + n), f"User {n}", f"g{n % GROUPS}", sites[n % 10 == 9].id) for n in range(USERS)
        ),
    )


def dialled(chance: random.Random, count: int) -> list[str]:
    kinds: Sequence[Callable[[], str]] = (
        lambda: f"9{chance.randint(2_000_000, 9_999_999)}",
        lambda: f"91408{chance.randint(2_000_000, 9_999_999)}",
        lambda: f"91{chance.choice((212, 312, 415, 617, 702))}{chance.randint(2_000_000, 9_999_999)}",
        lambda: f"9011442079{chance.randint(0, 999_999):06d}",
        lambda: f"+4930{chance.randint(1_000_000, 9_999_999)}",
        lambda: f"91900{chance.randint(2_000_000, 9_999_999)}",
        lambda: str(10_000 + chance.randrange(USERS)),
    )
    return [chance.choice(kinds)() for _ in range(count)]


def a_days_use() -> Use:
    """What a busy day leaves behind: ten calls of every user over the day, and some on the line."""
    use = Use()
    chance = random.Random(3)
    for number in range(USERS * 10):
        now = NOW - 86_000 + number * 86_000 / (USERS * 10)
        user = chance.randrange(USERS)
        charge = Charge(str(10_000 + user), f"g{user % GROUPS}", NumberClass.NATIONAL, 0.001, 600, 0.01)
        use.start(f"call {number}", charge, "tg-us", now)
        use.end(f"call {number}", 180, now)
    for user in range(0, USERS, 40):
        charge = Charge(str(10_000 + user), f"g{user % GROUPS}", NumberClass.LOCAL, 0.001, 600, 0.01)
        use.start(f"live {user}", charge, "tg-us", NOW - 10)
    return use


def timed(snapshot: PolicySnapshot, numbers: Sequence[str], context: Context) -> tuple[list[int], int]:
    """Nanoseconds of each decision, and how many were granted."""
    times, granted = [], 0
    for place, number in enumerate(numbers):
        subject = UserSubject(str(10_000 + place * 7919 % USERS))
        action = Action.FORWARD_ALWAYS if place % 10 == 0 else Action.DIAL
        begin = time.perf_counter_ns()
        answer = may(snapshot, subject, action, number=number, context=context)
        times.append(time.perf_counter_ns() - begin)
        granted += isinstance(answer, Grant)
    return times, granted


def percentiles(times: list[int]) -> dict[str, float]:
    times.sort()
    return {
        "p50": round(times[len(times) // 2] / 1000, 1),
        "p99": round(times[len(times) * 99 // 100] / 1000, 1),
    }


def measurements() -> dict[str, object]:
    warm()
    chance = random.Random(1)
    first_of_all, second = directory(1), directory(2)
    compile_snapshot(first_of_all)
    begin = time.perf_counter()
    snapshot = compile_snapshot(second)
    rebuild = time.perf_counter() - begin
    context = Context(NOW, a_days_use())
    numbers = dialled(chance, NUMBERS)
    gc.collect()
    gc.freeze()
    timed(snapshot, numbers, context)
    known: list[int] = []
    granted = 0
    for _ in range(ROUNDS):
        times, granted = timed(snapshot, numbers, context)
        known += times
    fresh, _ = timed(snapshot, dialled(random.Random(2), NUMBERS), context)
    return {
        "users": USERS,
        "groups": GROUPS,
        "expressions_per_group": EXPRESSIONS,
        "decision_us": percentiles(known),
        "first_decision_us": percentiles(fresh),
        "granted_share": round(granted / NUMBERS, 2),
        "rebuild_s": round(rebuild, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    results = measurements()
    if parser.parse_args().json:
        print(json.dumps(results))
        return
    print(f"{USERS} users in {GROUPS} groups with {EXPRESSIONS} expressions each")
    for name, label in (
        ("decision_us", "a decision"),
        ("first_decision_us", "for a number never called before"),
    ):
        figures = results[name]
        assert isinstance(figures, dict)
        print(f"  {label:<34}{figures['p50']:8.1f} us (p50) {figures['p99']:8.1f} us (p99)")
    print(f"  {'a rebuild':<34}{results['rebuild_s']:8} s")
    print(f"  granted: {results['granted_share']:.0%}" if isinstance(results["granted_share"], float) else "")


if __name__ == "__main__":
    main()
