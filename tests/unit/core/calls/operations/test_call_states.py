"""Whoever listens hears how each call comes on: from the tables of the call, wherever it was made."""

import ast
from pathlib import Path

import ringwall
from ringwall.core.calls.operations import call_states
from support.calls.world import World


def test_a_call_is_told_when_it_begins_when_its_parties_talk_and_when_it_is_over(world: World) -> None:
    told = []
    call_states.connect(world.switch, lambda make: told.append(make()))
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    a.bye()
    world.run()
    assert [each.state for each in told] == ["setup", "talking", "ended"]
    assert {each.call for each in told} == {told[0].call}
    assert (told[0].caller, told[0].callee, told[0].answered) == ("201", None, None)
    assert (told[1].callee, told[1].direction) == ("202", "inside")
    assert told[1].answered is not None
    assert told[2].answered == told[1].answered


def test_no_call_comes_into_the_tables_without_being_told() -> None:
    core = Path(ringwall.__file__).parent / "core"
    found = [
        f"{path.relative_to(core)}:{node.lineno}"
        for path in core.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        and any(".calls[" in ast.unparse(target) for target in node.targets)
        and path.name != "switch.py"
    ]
    assert not found
