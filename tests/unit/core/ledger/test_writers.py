"""What is recorded is an event with a class of its own, and nothing writes a kind by hand."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import ringwall
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.phones.states import State
from ringwall.core.rights.kinds import KINDS as THINGS
from ringwall.events.calls import CallEnded
from ringwall.events.catalogue import KINDS
from ringwall.events.phones import BY_STATE
from ringwall.events.rights import BY_THING

pytestmark = pytest.mark.req("I2")

SOURCE = Path(ringwall.__file__).parent
# Operations have names of the same form; these words are both.
OPERATIONS = {"call.feature", "call.transfer", "call.conference"}


def trees():
    for path in sorted((SOURCE / "core").rglob("*.py")):
        yield path.relative_to(SOURCE), ast.parse(path.read_text(encoding="utf-8"))


def test_no_code_of_the_core_has_a_kind_as_text() -> None:
    found = [
        f"{path}:{node.lineno}: {node.value}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in KINDS and node.value not in OPERATIONS
    ]
    assert not found


def test_whoever_records_gives_an_event_and_no_text() -> None:
    found = [
        f"{path}:{node.lineno}: {ast.unparse(node)[:80]}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _called(node) in {"record", "_record", "record_durably", "entry", "note", "_note"}
        and node.args
        and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
        and "." in ast.unparse(node.args[0])
    ]
    assert not found


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_every_kind_is_written_by_some_code_of_the_core() -> None:
    named = {
        node.id if isinstance(node, ast.Name) else node.attr
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    by_table = {cls for kinds in BY_THING.values() for cls in kinds} | set(BY_STATE.values())
    unwritten = [kind for kind, cls in KINDS.items() if cls.__name__ not in named and cls not in by_table]
    assert not unwritten


def test_each_thing_of_the_rights_has_its_kinds_and_each_state_of_a_phone() -> None:
    assert {thing.record for thing in THINGS} == set(BY_THING)
    for word, kinds in BY_THING.items():
        assert [cls.kind for cls in kinds] == [
            f"admin.{word}.{what}" for what in ("added", "changed", "removed")
        ]
    assert {state.value for state in State} == set(BY_STATE)
    assert all(cls.kind == f"phone.{state}" for state, cls in BY_STATE.items())


def test_what_features_say_of_a_call_has_a_place_in_its_record() -> None:
    assert {each.name for each in fields(CallDetails)} <= {each.name for each in fields(CallEnded)}
