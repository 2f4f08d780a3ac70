"""Who is told of the ends of players and recorders: each once."""

import pytest

from ringwall.core.media.ends import Ends


@pytest.fixture
def told():
    return []


@pytest.fixture
def ends(told):
    made = Ends()
    for name, server in (("p1.a", 1), ("r2.a", 1), ("r3.b", 2)):
        made.expect(name, server, lambda event, name=name: told.append((name, event["reason"])))
    return made


def test_each_is_told_once(ends, told):
    ends.over("p1.a", {"reason": "end"})
    ends.over("p1.a", {"reason": "end"})
    assert told == [("p1.a", "end")]
    assert "p1.a" not in ends


def test_a_player_ends_with_its_leg_and_a_recorder_says_so_itself(ends, told):
    ends.legs_gone(["a"], players_only=True)
    assert told == [("p1.a", "gone")]
    ends.legs_gone(["a"])
    assert told[1:] == [("r2.a", "gone")]


def test_a_server_that_comes_back_without_a_recorder_has_ended_it(ends, told):
    ends.server_has(1, ["r2.a"])
    assert told == []
    ends.server_has(1, [])
    assert told == [("r2.a", "gone")]
    assert "r3.b" in ends


def test_what_has_not_begun_is_forgotten(ends, told):
    ends.forget("r2.a")
    ends.server_has(1, [])
    ends.legs_gone(["a"])
    assert told == [("p1.a", "gone")]


def test_one_who_ends_something_else_meanwhile_does_no_harm(told):
    ends = Ends()
    ends.expect("p1.a", 1, lambda _event: ends.over("r2.b", {"reason": "end"}))
    ends.expect("r2.b", 1, lambda event: told.append(event["reason"]))
    ends.legs_gone(["a", "b"])
    assert told == ["end"]
    assert len(ends) == 0
