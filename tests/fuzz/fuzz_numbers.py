"""Any text as a number gives a decision, and its canonical form is stable; any text as a list is read or refused.

The first byte chooses the site and the action, the second whether the rest is dialled or a list of expressions.
`python tests/fuzz/fuzz_numbers.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.policy import (
        CallCos,
        CallRules,
        Context,
        Directory,
        Grant,
        PolicyError,
        Scope,
        Site,
        TelephonyCos,
        TrunkGroup,
        Use,
        User,
        UserGroup,
        UserSubject,
        compile_snapshot,
        may,
        parse_list,
    )
    from ringwall.policy.actions import LEADS_OUTSIDE
    from ringwall.policy.expressions import Expressions
    from ringwall.policy.rules import RULES
    from ringwall.policy.scope import CLOSED

SITES = (
    Site("us", "A", "US", ("408",)),
    Site("gb", "B", "GB", ("20",)),
    Site("de", "C", "DE", ("30",), access_code="0"),
    Site("au", "D", "AU", ("2",), access_code="0"),
    Site("it", "E", "IT", ("06",), access_code=""),
    Site("br", "F", "BR", ("11",), access_code="0"),
    Site("ar", "G", "AR", ("11",), access_code=""),
)
ACTIONS = sorted(LEADS_OUTSIDE)
SNAPSHOT = compile_snapshot(
    Directory(
        sites=SITES,
        groups=(UserGroup("g", "G", "t", "c", None, ("tg",)),),
        telephony=(TelephonyCos("t", trunk_to_trunk=True),),
        calls=(CallCos("c", CallRules(Scope.ALL)),),
        trunk_groups=(TrunkGroup("tg", "T", "us"),),
        users=tuple(User(str(20 + place), "U", "g", site.id) for place, site in enumerate(SITES)),
    )
)
CONTEXT = Context(1.7e9, Use())


def target(data: bytes) -> None:
    if len(data) < 2:
        return
    text = harness.text_of(data[2:])
    if data[1] % 4 == 0:
        try:
            entries = parse_list(text)
        except PolicyError:
            return
        assert parse_list([one.text for one in entries]) == entries
        for one in entries:
            assert Expressions(entries).match(one.text.replace("x", "5")) is not None
        return
    site = SITES[data[0] % len(SITES)]
    action = ACTIONS[data[1] % len(ACTIONS)]
    subject = UserSubject(str(20 + SITES.index(site)))
    answer = may(SNAPSHOT, subject, action, number=text, context=CONTEXT)
    assert answer.rule.id in RULES
    assert answer.rule.sentence
    assert answer.steps
    if isinstance(answer, Grant) and answer.way is not None:
        assert answer.number_class not in CLOSED
        behind = answer.number.behind if answer.number is not None else None
        assert behind is None or behind.number_class not in CLOSED
    if answer.canonical:
        again = SNAPSHOT.plans[site.id].read(answer.canonical)
        assert (again.canonical, again.number_class) == (answer.canonical, answer.number_class)


if __name__ == "__main__":
    seeds = [
        b"914085550123", b"9011442079460123", b"+442079460123", b"00911", b"9*6714085550123", b"91010288+14085550123",
        b"0010130301234567", b"1/311", b"1/0/+14085550123", b"+1408, 1/x11; +1xxx976", b"01155123456789", b"0 0151/123",
    ]  # fmt: skip
    harness.run(
        target, [bytes([site, kind]) + seed for seed in seeds for site in range(7) for kind in range(5)]
    )
