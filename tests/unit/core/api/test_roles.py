"""Each role reaches over the API what it may, and nothing else; who is refused is on record."""

import httpx
import pytest
from pydantic import BaseModel

from ringwall.core.api.app import create_app
from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.errors import OperationError
from ringwall.core.identity import operations as identity_operations
from ringwall.core.identity.permissions import Role
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.operations import Actor, Operation, Topic
from support.accounts import PASSWORD, put_account
from support.core_data import ADMIN, REALM
from support.events import Made
from support.operations import offer

pytestmark = pytest.mark.req("I2", "I3")

SOURCE = "203.0.113.7"
OTHER = "quite another long secret"
NEW = {"extension": "301", "name": "Nina"}


class Done(BaseModel):
    done: bool


BRAND_NEW = Operation(
    "brand.new",
    "Do something whose permission nobody has thought of.",
    topic=Topic("New", "What is new."),
    verb="POST",
    path="/api/brand-new",
    result=Done,
)

# What is asked, and who may.
ASKED = [
    ("GET", "/api/users", None, {"administrator", "operator", "supervisor", "auditor"}),
    ("POST", "/api/users", NEW, {"administrator", "operator"}),
    ("DELETE", "/api/users/201", None, {"administrator", "operator"}),
    ("GET", "/api/ledger", None, {"administrator", "auditor"}),
    ("POST", "/api/ledger/verification", None, {"administrator", "auditor"}),
    ("PUT", "/api/users/201/call/watcher", {"by": "202"}, {"administrator", "supervisor"}),
    ("GET", "/api/administrators", None, {"administrator", "auditor"}),
    ("POST", "/api/administrators", {"name": "new", "role": "operator"}, {"administrator"}),
    ("GET", "/api/account", None, {"administrator", "operator", "supervisor", "auditor"}),
]


class House:
    def __init__(self, core, identity, app):
        self.core, self.identity, self.app = core, identity, app

    def client(self, token=None):
        headers = {"X-Ringwall-Source": SOURCE} | ({"Authorization": f"Bearer {token}"} if token else {})
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="https://test", headers=headers)

    async def signed_in(self, name="admin", password=PASSWORD):
        async with self.client() as stranger:
            answer = await stranger.post("/api/tokens", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        return self.client(answer.json()["token"])

    async def records(self, kind):
        await self.core.ledger.record_durably(Made("system.test"))
        return [record["body"] for record in await self.core.ledger.tail(0, 1000, kind)]


@pytest.fixture
async def house(core, operations):
    identity = await put_account(core)
    phones = PhoneSettings("192.0.2.10", 5061, REALM, "ca.crt")
    directory_operations.register(operations, core.directory, phones)
    ledger_operations.register(operations, core.store, core.ledger)
    identity_operations.register(operations, identity)

    async def watch(_actor, args):
        return {"call": "c1", "of": args.of, "by": args.by, "mode": args.mode, "state": "calling"}

    async def brand_new(_actor, _args):
        return {"done": True}

    offer(operations, "call.watch", watch)
    operations.offer(BRAND_NEW, brand_new)
    for extension, name in (("201", "Anna"), ("202", "Bert")):
        await core.directory.add_user(ADMIN, extension, name)
    yield House(core, identity, create_app(operations, core.store, identity))
    identity.close()


@pytest.mark.parametrize("role", ["administrator", "operator", "supervisor", "auditor"])
async def test_a_role_reaches_what_it_may_and_is_refused_the_rest(house, role):
    await house.identity.accounts.add(ADMIN, "eva", Role(role), OTHER)
    refused = 0
    async with await house.signed_in("eva", OTHER) as eva:
        for method, path, body, allowed in ASKED:
            answer = await eva.request(method, path, json=body)
            assert (answer.status_code < 300) is (role in allowed), (path, answer.text)
            if role not in allowed:
                assert answer.status_code == 403
                assert "permission" in answer.json()["error"]["message"]
                refused += 1
    told = await house.records("admin.refused")
    assert len(told) == refused
    assert {(one["actor"]["name"], one["code"]) for one in told} <= {("eva", "refused")}


async def test_a_refusal_for_want_of_a_permission_names_it_and_is_on_record_also_where_one_only_looks(house):
    await house.identity.accounts.add(ADMIN, "eva", Role.SUPERVISOR, OTHER)
    async with await house.signed_in("eva", OTHER) as eva:
        answer = await eva.get("/api/ledger")
    assert "ledger:read" in answer.json()["error"]["message"]
    (told,) = await house.records("admin.refused")
    assert told["operation"] == "ledger.tail"
    assert told["actor"] == {"kind": "api", "name": "eva", "source": SOURCE}


async def test_an_operation_without_a_permission_is_nobodys(house, operations):
    for role in (*Role, None):
        with pytest.raises(OperationError, match="nobody has"):
            await operations.run("brand.new", None, Actor("api", "eva", SOURCE, role))
    assert await operations.run("brand.new", None, ADMIN) == {"done": True}


async def test_administrators_are_added_changed_and_removed_over_http(house):
    async with await house.signed_in() as admin:
        made = (await admin.post("/api/administrators", json={"name": "eva", "role": "auditor"})).json()
        assert (made["name"], made["role"], made["sessions"]) == ("eva", "auditor", 0)
        async with await house.signed_in("eva", made["password"]) as eva:
            assert (await eva.get("/api/ledger")).status_code == 200
            changed = await admin.patch("/api/administrators/eva", json={"role": "operator"})
            assert (changed.status_code, changed.json()["role"]) == (200, "operator")
            assert (await eva.get("/api/account")).status_code == 401
        reset = (await admin.put("/api/administrators/eva/password", json={})).json()
        async with await house.signed_in("eva", reset["password"]) as eva:
            listed = (await admin.get("/api/administrators")).json()
            assert [(one["name"], one["sessions"]) for one in listed] == [("admin", 1), ("eva", 1)]
            assert "password" not in listed[0]
            assert (await admin.delete("/api/administrators/eva")).status_code == 200
            assert (await eva.get("/api/users")).status_code == 401
        assert (await admin.delete("/api/administrators/eva")).status_code == 404
        assert (await admin.delete("/api/administrators/admin")).status_code == 409
    kinds = ["added", "changed", "password_set", "removed"]
    for kind in kinds:
        (told,) = await house.records(f"admin.administrator.{kind}")
        assert told["actor"] == {"kind": "api", "name": "admin", "source": SOURCE}


@pytest.mark.parametrize("role", ["emperor", "", "user", None, 1])
async def test_a_role_that_there_is_not_is_refused(house, role):
    async with await house.signed_in() as admin:
        answer = await admin.post("/api/administrators", json={"name": "eva", "role": role})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "role"


async def test_ones_own_password_is_changed_with_the_old_one_and_ends_ones_sessions(house):
    await house.identity.accounts.add(ADMIN, "eva", Role.AUDITOR, OTHER)
    new = "a third and rather long one"
    async with await house.signed_in("eva", OTHER) as eva:
        account = (await eva.get("/api/account")).json()
        assert (account["name"], account["role"]) == ("eva", "auditor")
        assert "ledger:read" in account["permissions"]
        assert not any(each.endswith(":write") for each in account["permissions"])
        for old, password, status, field in (
            ("wrong", new, 403, "old_password"),
            (OTHER, "short", 422, "password"),
            (OTHER, OTHER, 422, "password"),
            (OTHER, "my name is eva, hello", 422, "password"),
        ):
            body = {"old_password": old, "password": password}
            answer = await eva.put("/api/account/password", json=body)
            assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
        answer = await eva.put("/api/account/password", json={"old_password": OTHER, "password": new})
        assert answer.status_code == 200, answer.text
        assert (await eva.get("/api/account")).status_code == 401
    await house.signed_in("eva", new)
    everything = str(await house.records(None))
    assert new not in everything
    assert OTHER not in everything


async def test_an_administrator_does_not_pass_the_old_password_by(house):
    async with await house.signed_in() as admin:
        answer = await admin.put("/api/administrators/admin/password", json={"password": OTHER})
    assert answer.status_code == 403
    assert "account.password" in answer.json()["error"]["message"]


async def test_guessing_the_old_password_with_a_stolen_token_is_on_record(house):
    async with await house.signed_in() as admin:
        for number in range(12):
            body = {"old_password": f"guess {number}", "password": OTHER}
            assert (await admin.put("/api/account/password", json=body)).status_code == 403
    assert len(await house.records("security.guessing")) == 1


@pytest.mark.parametrize("change", ["removed", "demoted"])
async def test_a_request_whose_body_comes_slowly_is_judged_when_it_is_there(house, change):
    await house.identity.accounts.add(ADMIN, "eva", Role.OPERATOR, OTHER)

    async def body():
        yield b'{"extension": "301", '
        if change == "removed":
            await house.identity.accounts.remove(ADMIN, "eva")
        else:
            await house.identity.accounts.set_role(ADMIN, "eva", Role.AUDITOR)
        yield b'"name": "Nina"}'

    async with await house.signed_in("eva", OTHER) as eva:
        headers = {"content-type": "application/json"}
        answer = await eva.post("/api/users", content=body(), headers=headers)
    assert answer.status_code == 401
    assert "301" not in house.core.directory.snapshot.by_extension


async def test_the_body_of_a_stranger_is_not_waited_for(house):
    async def body():
        yield b"{"
        raise AssertionError("somebody waited for it")

    async with house.client("rw_wrong") as stranger:
        answer = await stranger.post("/api/users", content=body())
    assert answer.status_code == 401
