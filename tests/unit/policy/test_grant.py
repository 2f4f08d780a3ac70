"""Grants: only the policy makes them, and each serves for one number for seconds."""

import ast
import copy
import dataclasses
import pickle
from pathlib import Path

import pytest

import ringwall
from ringwall.policy import (
    Action,
    CallRules,
    Denial,
    Grant,
    GrantRefused,
    NumberClass,
    PhoneSubject,
    Scope,
    UserSubject,
)
from ringwall.policy.code_pass import CodePass

from .house import NOW, ask, make

SOURCE = Path(ringwall.__file__).parent
ALICE = UserSubject("201")
LOCAL = "+14085550123"
# What makes grants and passes, and who may name it.
MAKERS = {
    "Grant": {"policy/grant.py"},
    "make_grant": {"policy/grant.py", "policy/case.py"},
    "CodePass": {"policy/code_pass.py"},
    "make_pass": {"policy/code_pass.py", "policy/codes.py"},
}


def grant(number: str = LOCAL, **context: object) -> Grant:
    answer = ask(make(), ALICE, Action.DIAL, number, **context)
    assert isinstance(answer, Grant)
    return answer


def calls_of(tree: ast.AST) -> set[str]:
    """The makers that a module calls, or reaches for in a way that could end in a call."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in MAKERS:
                found.add(name)
            # object.__new__(Grant) and the like
            if name == "__new__" and any(
                getattr(one, "id", getattr(one, "attr", "")) in MAKERS for one in node.args
            ):
                found.add("Grant")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ringwall.policy"):
            for one in node.names:
                # Another name hides the call; the makers and the seal are not to be had at all.
                if one.asname is not None and one.name in MAKERS:
                    found.add(one.name)
                if one.name in {"make_grant", "make_pass"}:
                    found.add(one.name)
                if one.name == "_SEAL":
                    found.add("Grant")
        elif isinstance(node, ast.Attribute) and node.attr == "_SEAL":
            found.add("Grant")
        elif isinstance(node, ast.ClassDef):
            found |= {base.id for base in node.bases if isinstance(base, ast.Name) and base.id in MAKERS}
    return found


@pytest.mark.req("C6")
def test_nothing_in_ringwall_but_the_policy_makes_a_grant() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert any(file.name == "case.py" for file in files)
    for file in files:
        name = str(file.relative_to(SOURCE))
        for maker in calls_of(ast.parse(file.read_text(encoding="utf-8"))):
            assert name in MAKERS[maker], f"{name} makes a {maker}: ask ringwall.policy.may"


@pytest.mark.req("C6")
@pytest.mark.parametrize(
    "code",
    [
        "Grant(1, 2, 3)",
        "ringwall.policy.Grant(1)",
        "from ringwall.policy.grant import make_grant",
        "from ringwall.policy.grant import Grant as G\nG(1)",
        "from ringwall.policy.grant import _SEAL",
        "from ringwall.policy import grant\ngrant._SEAL",
        "object.__new__(Grant)",
        "class Mine(Grant): pass",
        "from ringwall.policy.code_pass import make_pass",
        "CodePass(1)",
    ],
)
def test_the_walk_sees_who_tries(code: str) -> None:
    assert calls_of(ast.parse(code))


@pytest.mark.req("C6")
def test_a_grant_cannot_be_made_copied_or_stored() -> None:
    good = grant()
    with pytest.raises(TypeError, match="by the policy alone"):
        Grant(object(), good.answer, good.expires_at, good.way)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(good, code="x")
    for how in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot be copied or stored"):
            how(good)
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.way = None  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"by ringwall.policy.codes alone"):
        CodePass(object(), "201", LOCAL, "x", NOW)


@pytest.mark.req("C6")
def test_a_grant_serves_for_its_number_and_for_ten_seconds() -> None:
    good = grant()
    assert good.require(LOCAL, NOW) is good.way
    assert good.require(LOCAL, NOW + 9.9).trunk_groups[0] == "tg-us"
    for number, when in ((LOCAL, NOW + 10), (LOCAL, NOW - 1), ("+14085550124", NOW), ("", NOW)):
        with pytest.raises(GrantRefused):
            good.require(number, when)


@pytest.mark.req("C6")
def test_a_grant_for_what_is_stored_or_inside_makes_no_outside_leg() -> None:
    stored = ask(make(), ALICE, Action.FORWARD_ALWAYS, LOCAL, saving=True)
    inside = grant("202")
    assert isinstance(stored, Grant)
    assert stored.way is None
    for good, number in ((stored, LOCAL), (inside, "202")):
        with pytest.raises(GrantRefused):
            good.require(number, NOW)


@pytest.mark.req("C6")
def test_a_grant_says_who_where_and_by_which_rule() -> None:
    good = grant()
    assert good.record() == {
        "subject": {"kind": "user", "user": "201", "phone": None},
        "action": "dial",
        "target": None,
        "dialled": LOCAL,
        "canonical": LOCAL,
        "class": "local",
        "rule": "call.scope",
        "because": "staff calls of group Staff reaches as far as National Long Distance.",
        "allowed": True,
        "code": "",
        "trunk_groups": [f"tg-{site}" for site in ("us", "ca", "gb", "de", "ch", "fr", "au", "in", "it")],
    }
    assert good.way is not None
    assert good.way.caller_id == "+14085550100"
    assert [step.check for step in good.steps] == [
        "emergency",
        "number",
        "permission",
        "trunks",
        "limits",
        "decision",
    ]
    assert good.steps[-1].result.startswith("allowed: staff calls of group Staff")


@pytest.mark.req("C5", "C7")
def test_a_denial_says_what_is_heard_and_answered_and_recorded() -> None:
    answer = ask(make(rules=CallRules.of(Scope.NATIONAL, "+1408")), ALICE, Action.DIAL, LOCAL)
    assert isinstance(answer, Denial)
    assert (answer.status, answer.reason, answer.heard.value) == (403, "Not permitted", "intercept tone")
    assert answer.rule.sentence == "staff calls of group Staff restricts +1408."
    assert answer.number_class is NumberClass.LOCAL
    record = answer.record()
    assert (record["rule"], record["allowed"], record["heard"]) == (
        "call.restricted",
        False,
        "intercept tone",
    )


@pytest.mark.req("P2")
def test_a_denial_of_a_telephone_names_it() -> None:
    answer = ask(make(), PhoneSubject("bare"), Action.DIAL, "202")
    assert answer.rule.sentence == "Nobody has logged in at Telephone bare."
    assert answer.record()["subject"] == {"kind": "phone", "phone": "bare"}
