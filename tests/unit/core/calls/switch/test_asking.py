"""Call control asks the policy in one place, and its no is kept once, in one shape."""

import ast
from pathlib import Path

import pytest

from ringwall.core.calls.switch import asking
from ringwall.core.calls.switch.asking import Asking
from ringwall.policy import Denial, Grant, User
from ringwall.policy.actions import Action, PhoneSubject, UserSubject
from ringwall.policy.rules import Rule
from support.calls.rights import RigRights
from support.events import told

SOURCE = Path(asking.__file__).parents[2] / "calls"
ANNA = UserSubject("201")


@pytest.fixture
def kept():
    return []


@pytest.fixture
def desk(kept):
    rights = RigRights()
    rights.users = {extension: User(extension, extension, "staff", "main") for extension in ("201", "202")}
    return Asking(rights, lambda event: kept.append(told(event)))


def calls_in(path: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), node)
        for node in nodes
    ]


@pytest.mark.req("C5")
def test_nothing_else_in_call_control_asks_the_policy_or_keeps_its_no() -> None:
    askers, keepers = set(), set()
    for path in SOURCE.rglob("*.py"):
        for name, _ in calls_in(path):
            if name == "may":
                askers.add(path.name)
            if name == "CallDenied":
                keepers.add(path.name)
    assert askers == keepers == {"asking.py"}


@pytest.mark.req("C5", "C6")
def test_a_denial_is_kept_once_with_its_rule(desk, kept) -> None:
    answer = desk.ask(ANNA, Action.DIAL, number="9011442079460000")
    assert isinstance(answer, Denial)
    ((kind, fields),) = kept
    assert kind == "call.denied"
    assert (fields["rule"], fields["because"]) == (answer.rule.id, answer.rule.sentence)
    assert (fields["caller"], fields["call"], fields["source"], fields["status"]) == ("201", None, None, 403)
    assert "actor" not in fields


def test_whoever_says_the_last_word_keeps_it_instead(desk, kept) -> None:
    answer = desk.ask(ANNA, Action.DIAL, number="9011442079460000", quietly=True)
    assert isinstance(answer, Denial)
    assert not kept
    desk.denied(
        answer,
        rule=Rule("code.unknown"),
        actor={"kind": "api", "name": "x", "source": "y"},
        told={"call": "c1"},
    )
    ((_, fields),) = kept
    assert fields["rule"] == "code.unknown"
    assert fields["because"] == fields["why"] == Rule("code.unknown").sentence
    assert (fields["call"], fields["actor"]["name"]) == ("c1", "x")


def test_every_denial_has_the_same_fields(desk, kept) -> None:
    desk.ask(ANNA, Action.DIAL, number="9011442079460000")
    desk.ask(ANNA, Action.HUNT_GROUP_BUSY, target="202")
    desk.ask(PhoneSubject("x"), Action.CONFERENCE_ADD, number="202")
    assert len(kept) == 3
    assert len({frozenset(fields) for _, fields in kept}) == 1


def test_a_grant_is_kept_by_nobody(desk, kept) -> None:
    assert isinstance(desk.ask(ANNA, Action.DIAL, number="202"), Grant)
    assert not kept
