"""A call has one owner: its states are tables, and nobody writes them but the model."""

import ast
import asyncio
from pathlib import Path

import pytest

import ringwall
from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.details import CallDetails
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.media_path import Bridged, Moving, Relayed
from ringwall.core.calls.model.relay import Relay, Side
from ringwall.core.calls.model.states import CALL, LEG, CallEvent, CallState, Change, LegEvent, LegState

SOURCE = Path(ringwall.__file__).parent
OWNED = {
    "state", "path", "answerer", "answered_at", "started_at", "joined",  # of a call
    "relay", "media",  # of a leg
}  # fmt: skip
VALUES = {"call", "leg", "caller", "callee", "branch", "party", "made", "new", "old", "own", "ringing", "attempt",
          "first", "second", "one", "other", "picker", "ghost", "target", "theirs"}  # fmt: skip


def leg(side: Side = Side.A) -> Leg:
    return Leg(side, "tag", "call-id", 1, "201", "d1", None, "<sip:tag@edge>")


def call() -> Call:
    return Call("c1", leg(), "202")


def writes(tree: ast.Module):
    """Every place that assigns an attribute of something that is called as calls and legs are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        elif isinstance(node, ast.Delete):
            targets = node.targets
        else:
            continue
        for target in targets:
            for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(part, ast.Attribute):
                    yield part.attr, ast.unparse(part.value).rpartition(".")[2]


def test_nobody_writes_what_the_model_owns() -> None:
    found = {
        (path.relative_to(SOURCE).as_posix(), name, of)
        for path in (SOURCE / "core").rglob("*.py")
        for name, of in writes(ast.parse(path.read_text(encoding="utf-8")))
        if name in OWNED and of in VALUES and "calls/model" not in path.as_posix()
    }
    assert not found


def test_the_walk_sees_a_writer() -> None:
    tree = ast.parse("call.state = 1\nleg.relay, x = 2, 3\nother.state.x = 4\nself.state = 5")
    assert set(writes(tree)) >= {("state", "call"), ("relay", "leg"), ("x", "state"), ("state", "self")}


@pytest.mark.parametrize(("table", "states"), [(LEG, LegState), (CALL, CallState)])
def test_every_state_has_its_rows_and_the_last_one_is_never_left(table, states) -> None:
    assert set(table) == set(states)
    assert not table[states.ENDED]
    for rows in table.values():
        for row in rows.values():
            assert row.to in states


def test_what_has_no_row_changes_nothing() -> None:
    one = leg()
    assert not one.apply(LegEvent.ACKNOWLEDGED)
    assert one.apply(LegEvent.ACCEPTED, 7.0)
    assert (one.state, one.answered_at) == (LegState.TALKING, 7.0)
    assert one.apply(LegEvent.OVER)
    for event in LegEvent:
        assert not one.apply(event)
    assert (one.state, one.answered_at) == (LegState.ENDED, 7.0)


def test_others_are_told_once_that_a_call_is_up_and_once_that_it_is_over() -> None:
    told: list[Change] = []
    one = call()
    one.on_change = lambda _call, change: told.append(change)
    for event in (
        CallEvent.ANSWERED,
        CallEvent.ANSWERED,
        CallEvent.CONNECTED,
        CallEvent.ENTERED,
        CallEvent.OVER,
    ):
        one.apply(event)
    one.apply(CallEvent.OVER)
    assert told == [Change.UP, Change.OVER]


def test_a_call_has_one_answerer_and_one_media_path() -> None:
    one, callee = call(), leg(Side.B)
    one.served_by("menu")
    assert (one.system, one.callee) == ("menu", None)
    one.answered_by(callee)
    assert (one.system, one.callee) == ("", callee)
    relay, later = Relay("r1"), Relay("r2")
    assert one.join_by(relay) is None
    one.begin_move()
    assert one.media_transition
    assert one.relay is relay
    assert one.join_at_server() is relay
    assert isinstance(one.path, Moving)
    assert one.relay is None
    assert one.join_by(later, Side.B) is None
    one.end_move()
    assert one.path == Relayed(later, Side.B)
    one.agreed(Side.A)
    assert (one.relay, one.offerer) == (later, Side.A)


def test_a_call_that_is_up_without_a_relay_is_at_the_media_server() -> None:
    one = call()
    one.apply(CallEvent.ENTERED)
    assert one.path == Bridged()


async def test_who_waits_for_a_change_is_woken_by_it_and_by_nothing_else() -> None:
    one = leg()
    waiting = asyncio.create_task(one.until(lambda: one.state is LegState.TALKING, 5))
    await asyncio.sleep(0)
    one.announce()
    await asyncio.sleep(0)
    assert not waiting.done()
    one.apply(LegEvent.ACCEPTED)
    assert await waiting
    assert not await one.until(lambda: one.state is LegState.ENDED, 0.01)


def test_a_detail_cannot_take_the_place_of_a_field_of_the_record() -> None:
    of_the_record = {"call", "caller", "dialled", "callee", "started", "answered", "ended", "seconds", "cause", "by",
                     "status", "suites", "direction", "rule", "class", "path", "code", "number", "trunk", "grants",
                     "kind", "caller_device", "caller_source", "callee_device", "callee_source"}  # fmt: skip
    names = set(CallDetails.__dataclass_fields__)
    assert not names & of_the_record
    assert CallDetails().to_value() == {}
    said = CallDetails(feature="pickup", paged=[], conference="")
    assert said.to_value() == {"feature": "pickup", "paged": [], "conference": ""}
    assert CallDetails.from_value({**said.to_value(), "unknown": 1}) == said
