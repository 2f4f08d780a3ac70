"""The routes to watching and recording of calls: each asks for one operation, and says what became of it."""

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.operations import Operations
from support.operations import offer

pytestmark = pytest.mark.req("C2")


@pytest.fixture
def asked():
    return []


@pytest.fixture
def operations(core, asked):
    operations = Operations(core.ledger)

    def handler(name):
        async def handle(actor, args):
            asked.append((name, args.model_dump(), actor.kind))
            if args.of == "299":
                raise OperationError("not_found", "299 talks with nobody now.", "of")
            return {
                "call": "c1",
                "of": args.of,
                "by": "301",
                "mode": "m",
                "state": "calling",
                "on": True,
                "mailbox": "",
            }

        return handle

    for name in ("watch", "leave", "record", "stop-recording"):
        offer(operations, f"call.{name}", handler(name))
    return operations


async def test_each_route_asks_for_its_operation(admin, asked):
    one = "/api/users/201/call"
    for mode in ("monitor", "coach", "barge"):
        answer = await admin.put(f"{one}/watcher", json={"by": "301", "mode": mode})
        assert (answer.status_code, answer.json()["of"]) == (200, "201")
    await admin.put(f"{one}/watcher", json={"by": "301"})
    await admin.delete(f"{one}/watcher")
    await admin.put(f"{one}/recording", json={})
    await admin.delete(f"{one}/recording", params={"by": "301"})
    watched = {"of": "201", "by": "301"}
    assert asked == [
        *(("watch", {**watched, "mode": mode}, "api") for mode in ("monitor", "coach", "barge", "monitor")),
        ("leave", {"of": "201"}, "api"),
        ("record", {"of": "201", "by": None}, "api"),
        ("stop-recording", {"of": "201", "by": "301"}, "api"),
    ]


async def test_what_is_wrong_is_said(admin, asked):
    for wrong in ({}, {"by": "x"}, {"by": "301", "mode": "spy"}, {"by": "301", "more": 1}):
        assert (await admin.put("/api/users/201/call/watcher", json=wrong)).status_code == 422
    assert (await admin.put("/api/users/x/call/watcher", json={"by": "301"})).status_code == 422
    assert asked == []
    answer = await admin.put("/api/users/299/call/watcher", json={"by": "301"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "of")
