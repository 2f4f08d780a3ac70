"""The commands for conferences and for moving a call, against a control socket."""

import json
from functools import partial

import pytest

from ringwall.core.errors import OperationError
from support.control import core_behind_socket
from support.operations import CALL, offer

pytestmark = pytest.mark.req("C2")

ROOM = {
    "conference": "room1",
    "starter": "201",
    "parties": [
        {"call": "c-0001", "party": "201", "device": "d1", "trunk": ""},
        {"call": "c-0002", "party": "+442079460123", "device": "", "trunk": "t1"},
    ],
}


async def _offer(operations, _core):
    there = [ROOM]

    async def listed(_actor, _args):
        return there

    async def start(_actor, args):
        if args.extension != "201":
            raise OperationError("refused", "No conference was made.", "extension")
        return ROOM

    async def add(_actor, args):
        assert (args.conference, args.number) == ("room1", "202")
        return ROOM

    async def drop(_actor, args):
        assert (args.conference, args.call) == ("room1", "c-0002")
        there.clear()
        return ROOM

    async def move(_actor, args):
        return {**CALL, "call": args.call, "joined": args.to}

    offer(operations, "call.conference.list", listed)
    offer(operations, "call.conference.start", start)
    offer(operations, "call.conference.add", add)
    offer(operations, "call.conference.drop", drop)
    offer(operations, "call.move", move)


@pytest.fixture
def run(data, ringwall_on):
    with core_behind_socket(data, _offer):
        yield partial(ringwall_on, data)


def test_a_conference_is_made_changed_and_listed(run):
    assert run("conference", "start", "201")[:2] == (0, "Conference room1: 201, +442079460123.\n")
    assert run("conference", "add", "room1", "202")[:2] == (0, "202 is called.\n")
    rows = run("conference", "list")[1].splitlines()
    assert rows[2].split() == ["room1", "201", "+442079460123", "c-0002"]
    assert json.loads(run("conference", "list", "--json")[1]) == {"conferences": [ROOM]}
    assert run("conference", "drop", "room1", "c-0002")[0] == 0
    assert run("conference", "list")[1] == "There are no conferences.\n"


def test_what_is_refused_says_why(run):
    code, _, said = run("conference", "start", "202")
    assert code == 1
    assert "No conference was made." in said


def test_a_call_moves(run):
    assert run("call", "move", "c-0001", "room")[:2] == (0, "The call c-0001 is joined by a room.\n")
    assert run("call", "move", "c-0001", "nowhere")[0] in {1, 2}
