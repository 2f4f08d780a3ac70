"""The routes to conferences: each asks for one operation, and says what became of it."""

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.operations import Operations
from support.operations import offer

pytestmark = pytest.mark.req("C2")

ROOM = "c0ffee01"
TOLD = {
    "conference": ROOM,
    "starter": "201",
    "parties": [{"call": "beef01", "party": "202", "device": "d1", "trunk": ""}],
}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def operations(core, asked):
    operations = Operations(core.ledger)

    def handler(name):
        async def handle(actor, args):
            asked.append((name, args.model_dump(exclude_unset=True), actor.kind))
            if name == "add" and args.number == "299":
                raise OperationError("refused", "The conference is full.", "number")
            return [TOLD] if name == "list" else TOLD

        return handle

    offer(operations, "call.conference.list", handler("list"))
    offer(operations, "call.conference.start", handler("start"))
    offer(operations, "call.conference.add", handler("add"))
    offer(operations, "call.conference.drop", handler("drop"))
    return operations


async def test_each_route_asks_for_its_operation(admin, asked):
    one = f"/api/conferences/{ROOM}/parties"
    listed = await admin.get("/api/conferences")
    assert (listed.status_code, listed.json()) == (200, [TOLD])
    for answer, status in (
        (await admin.post("/api/conferences", json={"extension": "201"}), 201),
        (await admin.post(one, json={"number": "203"}), 202),
        (await admin.delete(f"{one}/beef01"), 200),
    ):
        assert (answer.status_code, answer.json()) == (status, TOLD)
    assert asked == [
        ("list", {}, "api"),
        ("start", {"extension": "201"}, "api"),
        ("add", {"conference": ROOM, "number": "203"}, "api"),
        ("drop", {"conference": ROOM, "call": "beef01"}, "api"),
    ]


async def test_what_is_wrong_is_said(admin, asked):
    for wrong in ({}, {"extension": ""}, {"extension": "201", "more": 1}):
        assert (await admin.post("/api/conferences", json=wrong)).status_code == 422
    assert (await admin.post("/api/conferences/x/parties", json={"number": "203"})).status_code == 422
    assert asked == []
    answer = await admin.post(f"/api/conferences/{ROOM}/parties", json={"number": "299"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "number")
