"""No grant, no call (C6): one function makes legs to the outside, it takes a grant, and nothing gets round it."""

import ast
import time
from pathlib import Path

import pytest

import ringwall
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Side
from ringwall.core.calls.model.seizure import SpentGrants
from ringwall.core.calls.routing import outside
from ringwall.core.trunks.clear_text import ClearText, clear_text_of
from ringwall.policy import Action, Context, Grant, GrantRefused, UserSubject, may
from support.calls.carrier import line
from support.calls.world import World, invites

SOURCE = Path(ringwall.__file__).parent
TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in SOURCE.rglob("*.py")
}
DOOR = "core/calls/routing/outside.py"


def functions(tree: ast.Module):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def calls_in(node: ast.AST, name: str):
    """Every call of a function of this name, by whichever way it is reached."""
    return [
        one for one in ast.walk(node)
        if isinstance(one, ast.Call)
        and (getattr(one.func, "id", None) == name or getattr(one.func, "attr", None) == name)
    ]  # fmt: skip


def files_with(found) -> set[str]:
    return {path for path, tree in TREES.items() if found(tree)}


def mentions(tree: ast.AST, name: str) -> bool:
    return any(
        getattr(node, "id", None) == name or getattr(node, "attr", None) == name or getattr(node, "name", None) == name
        for node in ast.walk(tree)
    )  # fmt: skip


@pytest.mark.req("C6")
def test_only_the_policy_makes_grants() -> None:
    assert files_with(lambda tree: mentions(tree, "make_grant")) == {"policy/grant.py", "policy/case.py"}
    assert files_with(lambda tree: calls_in(tree, "Grant")) == {"policy/grant.py"}


@pytest.mark.req("C6")
def test_only_the_door_sends_an_invite_that_no_flow_leads() -> None:
    """An INVITE outside a dialog goes to a phone that has registered, or through the door."""
    makers = {
        path: [
            call for call in calls_in(tree, "Request")
            if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == "INVITE"
        ]
        for path, tree in TREES.items()
    }  # fmt: skip
    assert {path: len(found) for path, found in makers.items() if found} == {
        "core/calls/routing/branches.py": 1, DOOR: 1, "core/calls/routing/emergency.py": 1,
    }  # fmt: skip
    [inside] = makers["core/calls/routing/branches.py"]
    assert ast.unparse(inside.args[1]) == "binding.contact"
    # The one in `emergency` sends again, without the location, what the door has sent.
    assert files_with(lambda tree: calls_in(tree, "without_location")) == {DOOR}


@pytest.mark.req("C6")
def test_only_the_door_makes_a_leg_that_calls_a_trunk() -> None:
    seized = {
        path: [call for call in calls_in(tree, "Leg") if any(k.arg == "seizure" for k in call.keywords)]
        for path, tree in TREES.items()
    }
    assert {path for path, found in seized.items() if found} == {DOOR}
    on_trunk = {
        path for path, tree in TREES.items()
        for call in calls_in(tree, "Leg") if any(k.arg == "trunk" for k in call.keywords)
    }  # fmt: skip
    # The second takes what a carrier brings; the third makes names without a dialog, for records.
    assert on_trunk == {DOOR, "core/calls/routing/inbound.py", "core/calls/bridging/joining.py"}
    named = files_with(
        lambda tree: any(
            isinstance(n, ast.Constant) and n.value == "P-Ringwall-Trunk" for n in ast.walk(tree)
        )
    )
    assert {path for path in named if path.startswith("core/")} == {"core/trunks/trunks.py"}


@pytest.mark.req("C6")
def test_within_the_door_every_way_to_a_leg_begins_with_spending_a_grant() -> None:
    tree = TREES[DOOR]
    by_name = {function.name: function for function in functions(tree)}
    assert {name for name, f in by_name.items() if calls_in(f, "_seize")} == {"_seize_next"}
    assert {name for name, f in by_name.items() if calls_in(f, "_seize_next")} == {"make_leg", "_response"}
    door = by_name["make_leg"]
    assert [ast.unparse(a.annotation) for a in door.args.args] == ["Switch", "Call", "Grant", "str"]
    first_deed = [ast.unparse(statement) for statement in door.body[1:3]]
    assert first_deed == ["now = time.time()", "way = switch.spent_grants.spend(grant, number, now)"]
    assert files_with(lambda t: calls_in(t, "_seize") or calls_in(t, "_seize_next")) == {DOOR}
    # Nobody makes a seizure either but the door, and who takes calls up that had one.
    assert files_with(lambda t: calls_in(t, "Seizure")) == {DOOR}


@pytest.mark.req("T5")
def test_plain_rtp_has_its_word_in_one_place() -> None:
    words = (b"RTP/AVP", "RTP/AVP")

    def has_word(tree: ast.AST) -> bool:
        return any(
            isinstance(node, ast.Constant)
            and isinstance(node.value, str | bytes)
            and any(word in node.value for word in words if type(word) is type(node.value))
            and not ast.unparse(node).startswith(("'''", '"""'))
            for node in ast.walk(tree)
        )

    core = {path for path in files_with(has_word) if path.startswith(("core/calls", "core/trunks"))}
    docstrings = {"core/calls/media/descriptions.py"}  # says in words what it refuses
    assert core - docstrings == {"core/trunks/clear_text.py"}
    assert files_with(lambda tree: calls_in(tree, "ClearText")) == {"core/trunks/clear_text.py"}
    with pytest.raises(TypeError):
        ClearText(object(), "t1", "Carrier")
    assert clear_text_of(line()) is None
    assert clear_text_of(line(allow_clear_text=True)) is None  # allowed, and not what the trunk speaks


def a_grant(world: World, number: str = "914085550123") -> Grant:
    context = Context(time.time(), world.rights.use)
    grant = may(world.rights.snapshot, UserSubject("201"), Action.DIAL, number=number, context=context)
    assert isinstance(grant, Grant)
    return grant


@pytest.mark.req("C6")
def test_a_grant_serves_once_for_its_number_and_for_seconds(world: World) -> None:
    world.phone("201")
    spent, now = SpentGrants(), time.time()
    grant = a_grant(world)
    with pytest.raises(GrantRefused):
        spent.spend(grant, "+442079460123", now)
    assert spent.spend(grant, "+14085550123", now).trunk_groups == ("tg",)
    with pytest.raises(GrantRefused, match="used before"):
        spent.spend(grant, "+14085550123", now)
    with pytest.raises(GrantRefused, match="no longer"):
        spent.spend(a_grant(world), "+14085550123", now + 11)
    assert spent.spend(a_grant(world), "+14085550123", now + 5)


@pytest.mark.req("C6")
def test_the_door_sends_nothing_with_a_grant_that_does_not_serve(world: World) -> None:
    world.phone("201")
    carrier = world.carrier()
    caller = Leg(Side.A, "t", "c", 1, "201", "d1", None, "<sip:x@y>")
    call = Call("c1", caller, "914085550123")
    inside = a_grant(world, "201")
    with pytest.raises(GrantRefused):
        outside.make_leg(world.switch, call, inside, "201")
    grant = a_grant(world)
    world.run(20)
    with pytest.raises(GrantRefused):
        outside.make_leg(world.switch, call, grant, grant.canonical)
    world.run()
    assert not invites(carrier.log)
    assert not call.seizures
