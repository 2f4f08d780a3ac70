"""Every permission is asked somewhere, or stands in the list of those that have no effect yet."""

import ast
from pathlib import Path

import pytest

import ringwall
from ringwall.core.calls.features import hunting, paging
from ringwall.core.rights.class_settings import TELEPHONY_SETTINGS
from ringwall.core.rights.kinds import ANSWERED
from ringwall.policy.actions import NOT_ASKED_YET, Action
from ringwall.policy.classes import WITHOUT_EFFECT
from ringwall.policy.groups import PAGED, ObjectKind

SOURCE = Path(ringwall.__file__).parent


def asked() -> set[Action]:
    """What code outside `policy` names as an action."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(SOURCE / "policy"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "Action"
            ):
                found.add(Action[node.attr])
    return found


@pytest.mark.req("C2", "C5")
def test_every_action_is_asked_or_known_not_to_be() -> None:
    # Who dials a paging group asks for the call, and the policy looks at the right to page itself.
    by_dialling = {Action.PAGE}
    assert set(Action) - asked() - by_dialling == NOT_ASKED_YET
    assert "group.telephony.paging" in (SOURCE / "policy/outside.py").read_text(encoding="utf-8")


@pytest.mark.req("C2")
def test_a_permission_without_effect_says_so_where_it_is_set() -> None:
    said = {one.name for one in TELEPHONY_SETTINGS if "(no effect yet)" in one.help}
    assert said == WITHOUT_EFFECT


def test_what_can_be_made_is_what_something_answers() -> None:
    assert set(ANSWERED) == {ObjectKind.HUNT_GROUP, *PAGED}
    assert "hooks.objects[ObjectKind.HUNT_GROUP]" in Path(hunting.__file__).read_text(encoding="utf-8")
    assert "hooks.objects[kind]" in Path(paging.__file__).read_text(encoding="utf-8")
