"""The routes to where people's calls go."""

import pytest

from ringwall.core.forwarding import operations as forwarding_operations
from ringwall.core.forwarding.service import ForwardingService
from ringwall.core.operations import Operations
from support.core_data import ADMIN, open_rights


@pytest.fixture
async def operations(core):
    operations = Operations(core.ledger)
    rights = await open_rights(core)
    for extension in ("201", "202"):
        await core.directory.add_user(ADMIN, extension, "Anna")
    service = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    forwarding_operations.register(operations, service, core.directory)
    return operations


@pytest.mark.req("C5", "I2")
async def test_forwarding_over_http(core, admin):
    one = "/api/users/201/forwarding"
    assert (await admin.get("/api/forwarding")).json() == []
    changed = await admin.patch(one, json={"busy": "202", "seconds": 20})
    wanted = {"extension": "201", "always": "", "busy": "202", "no_answer": "", "seconds": 20, "find_me": []}
    assert (changed.status_code, changed.json()) == (200, wanted)
    assert (await admin.get(one)).json() == wanted
    assert (await admin.get("/api/forwarding")).json() == [wanted]
    refused = await admin.patch(one, json={"always": "9011442079460123"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (403, "always")
    for wrong in ({"seconds": 3}, {"seconds": 121}, {"always": "x"}, {"nonsense": "202"}):
        answer = await admin.patch(one, json=wrong)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, *wrong), wrong
    assert (await admin.get("/api/users/299/forwarding")).status_code == 404
    assert (await admin.delete(one)).json()["busy"] == ""
    assert (await admin.get("/api/forwarding")).json() == []
    records = await core.ledger.tail(0, 1000, "admin.forwarding.")
    assert [record["body"]["actor"]["kind"] for record in records] == ["api", "api"]
