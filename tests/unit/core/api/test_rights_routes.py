"""The routes to who may do what: typed, documented, and the same as the operations behind them."""

import pytest

from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.operations import Operations
from ringwall.core.reports import operations as report_operations
from ringwall.core.rights import operations as rights_operations
from support.core_data import REALM, open_rights

CARRIER = "correct-horse-carrier"


@pytest.fixture
async def operations(core):
    operations = Operations(core.ledger)
    rights = await open_rights(core)
    phones = PhoneSettings("192.0.2.10", 5061, REALM, "ca.crt")
    directory_operations.register(operations, core.directory, phones)
    rights_operations.register(operations, rights, core.directory)
    report_operations.register(operations, core.store, rights, core.directory)
    return operations


@pytest.mark.req("C1", "C3", "I2")
async def test_an_organisation_is_set_up_over_http(core, admin):
    for path, given in (
        ("/api/sites", {"site": "london", "name": "London", "country": "GB", "area_codes": ["20"]}),
        ("/api/cos/call", {"cos": "Sales/UK", "scope": "national", "restrictions": ["+449"]}),
        ("/api/trunk-groups", {"trunk_group": "pstn", "name": "PSTN", "site": "london"}),
        (
            "/api/trunks",
            {
                "trunk": "a",
                "name": "A",
                "trunk_group": "pstn",
                "host": "sip.example.com",
                "password": CARRIER,
                "username": "u",
            },
        ),
        ("/api/groups", {"group": "sales", "name": "Sales", "call": "Sales/UK", "trunk_groups": ["pstn"]}),
        ("/api/users", {"extension": "201", "name": "Anna", "group": "sales", "site": "london"}),
        ("/api/authcodes", {"name": "Client"}),
    ):
        answer = await admin.post(path, json=given)
        assert answer.status_code == 201, answer.text
        assert CARRIER not in answer.text
    assert len(answer.json()["code"]) == 10
    explained = await admin.get("/api/policy/explain", params={"user": "201", "number": "902079460123"})
    told = explained.json()
    assert (told["allowed"], told["class"], told["trunk_groups"]) == (True, "local", ["pstn"])
    changed = await admin.patch("/api/cos/call/Sales/UK", json={"restrictions": ["+4420"]})
    assert (changed.status_code, changed.json()["restrictions"]) == (200, ["+4420"])
    assert changed.json()["scope"] == "national"
    explained = await admin.get("/api/policy/explain", params={"user": "201", "number": "902079460123"})
    assert explained.json()["rule"] == "call.restricted"
    assert (await admin.patch("/api/users/201", json={"did": "+442079460123"})).json()[
        "did"
    ] == "+442079460123"
    refused = await admin.delete("/api/groups/sales")
    assert (refused.status_code, "user 201" in refused.json()["error"]["message"]) == (409, True)
    assert (await admin.get("/api/trunks/a")).json()["password_set"] is True
    assert [one["site"] for one in (await admin.get("/api/sites")).json()] == ["london", "main"]
    assert "findings" in (await admin.get("/api/policy/lint")).json()
    assert (await admin.get("/api/reports/calls", params={"detail": True})).json()["rows"] == []
    assert (await admin.get("/api/reports/nothing")).status_code == 404
    kinds = [record["kind"] for record in await core.ledger.tail(0, 1000, "admin.")]
    assert kinds[:7] == [
        "admin.site.added",
        "admin.cos_call.added",
        "admin.trunk_group.added",
        "admin.trunk.added",
        "admin.group.added",
        "admin.user.added",
        "admin.authcode.added",
    ]


@pytest.mark.parametrize(
    ("path", "given", "status", "field"),
    [
        ("/api/sites", {"site": "x", "name": "X", "country": "XX"}, 422, "country"),
        ("/api/sites", {"site": "x", "name": "X", "country": "US", "areacodes": []}, 422, "areacodes"),
        ("/api/sites", {"site": "x", "country": "US"}, 422, "name"),
        ("/api/cos/telephony", {"cos": "x", "max_calls": 17}, 422, "max_calls"),
        ("/api/cos/telephony", {"cos": "x", "pickup": "yes"}, 422, "pickup"),
        ("/api/cos/telephony", {"cos": "Least privileged"}, 409, "cos"),
        ("/api/trunks", {"trunk": "x", "name": "X", "trunk_group": "no", "host": "a.b"}, 422, "trunk_group"),
        ("/api/trunks", {"trunk": "x", "name": "X", "trunk_group": " ", "host": "a.b"}, 422, "trunk_group"),
        ("/api/groups", {"group": "x", "name": "X", "telephony": ""}, 422, "telephony"),
        ("/api/groups", {"group": "x", "name": "X", "limits": "none"}, 422, "limits"),
        ("/api/trunk-groups", {"trunk_group": "x", "name": "X", "site": ""}, 422, "site"),
    ],
)
@pytest.mark.req("C1")
async def test_what_is_wrong_is_named(admin, path, given, status, field):
    answer = await admin.post(path, json=given)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)


async def test_files_go_in_and_out(admin):
    told = await admin.post("/api/users/import", json={"csv": "extension,name\n201,Anna\n202,Bert\n"})
    assert told.json() == {"added": 2, "changed": 0, "same": 0}
    file = await admin.get("/api/users/export")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.text.splitlines()[1].startswith("201,Anna,least-privileged,main")
    wrong = await admin.post("/api/authcodes/import", json={"csv": "authcode,name,code\na,A,12\nb,B,13\n"})
    error = wrong.json()["error"]
    assert (wrong.status_code, [one["line"] for one in error["problems"]]) == (422, [2, 3])
    assert (await admin.get("/api/authcodes/export")).text.count("\n") == 1


async def test_the_documentation_names_every_permission(admin):
    schemas = (await admin.get("/api/openapi.json")).json()["components"]["schemas"]
    fields = schemas["CosTelephonyAdd"]["properties"]
    assert fields["max_calls"]["description"] == "Maximum Number of Calls: 1 to 16."
    assert fields["trunk_to_trunk"]["default"] is False
    assert schemas["TrunkAdd"]["properties"]["password"]["writeOnly"] is True
    assert "password" not in schemas["Trunk"]["properties"]
