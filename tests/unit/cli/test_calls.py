"""The commands that watch and record calls, against a control socket."""

from functools import partial

import pytest

from support.control import core_behind_socket
from support.operations import offer

pytestmark = pytest.mark.req("C2")


async def _offer(operations, _core):
    async def watch(_actor, args):
        state = "watching" if args.of == "202" else "calling"
        return {"call": "c1", "of": args.of, "by": args.by, "mode": f"silent {args.mode}", "state": state}

    async def leave(_actor, args):
        return {"call": "c1", "of": args.of, "by": "301"}

    async def record(_actor, args):
        return {"call": "c1", "of": args.of, "by": args.by or args.of, "on": True, "mailbox": "290"}

    offer(operations, "call.watch", watch)
    offer(operations, "call.leave", leave)
    offer(operations, "call.record", record)
    offer(operations, "call.stop-recording", record)


@pytest.fixture
def run(data, ringwall_on):
    with core_behind_socket(data, _offer):
        yield partial(ringwall_on, data)


def test_a_call_is_watched_and_left(run):
    for name in ("monitor", "coach", "barge"):
        assert run("call", name, "201", "--by", "301")[:2] == (0, "The phones of 301 ring.\n")
    assert run("call", "coach", "202", "--by", "301")[1] == "301 goes on as silent coach.\n"
    assert run("call", "leave", "201")[1] == "301 does not watch the call of 201 any more.\n"
    assert run("call", "monitor", "201")[0] == 2
    assert run("call", "monitor", "x", "--by", "301")[0] == 1


def test_a_call_is_recorded_and_that_is_ended(run):
    assert run("call", "record", "201")[1] == "The call of 201 is recorded into the mailbox 290.\n"
    assert run("call", "record", "201", "--stop")[1] == "The call of 201 is not recorded any more.\n"
