"""The API lets in who has a token, says clearly why it does not, and records who came from where."""

import asyncio
import json
import logging
import re

import httpx
import pytest

from ringwall import __version__
from ringwall.core.api.app import create_app
from ringwall.core.api.source import LARGEST_BODY
from ringwall.core.catalogue import declared
from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.errors import OperationError
from ringwall.core.identity import passwords, sign_in
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.identity.identity import Identity
from ringwall.core.identity.sessions import TERMS, Holder, Terms
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.lockout.gate import ADMINISTRATOR_LIMITS
from ringwall.core.operations import Operations
from support.accounts import PASSWORD, put_account
from support.core_data import REALM
from support.events import Made
from support.operations import CALL, offer, offer_the_rest

SOURCE = "203.0.113.7"


@pytest.fixture
async def operations(core):
    operations = Operations(core.ledger)
    directory_operations.register(
        operations, core.directory, PhoneSettings("192.0.2.10", 5061, REALM, "ca.crt")
    )
    ledger_operations.register(operations, core.store, core.ledger)
    calls = [{**CALL, "call": "c0ffee01"}]

    async def call_list(_actor, _args):
        return calls

    async def hang_up(_actor, args):
        if args.call != "c0ffee01":
            raise OperationError("not_found", "There is no such call.", "call")
        return calls.pop()

    async def registrations(_actor, _args):
        phone = {"transport": "tls", "user_agent": "Phone", "expires_in": 60}
        return [{"extension": "201", "device": "dabc", "source": SOURCE, **phone}]

    offer(operations, "call.list", call_list)
    offer(operations, "call.hangup", hang_up)
    offer(operations, "registration.list", registrations)
    offer_the_rest(operations)
    return operations


@pytest.fixture
async def app(core, operations):
    return create_app(operations, core.store, await put_account(core))


async def opened(core, **how):
    """What a new process knows of accounts."""
    return await Identity.open(core.store, core.ledger, **how)


def _client(app, source=SOURCE, token=None):
    headers = {"X-Ringwall-Source": source} if source else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://test", headers=headers)


@pytest.fixture
async def stranger(app):
    async with _client(app) as client:
        yield client


@pytest.fixture
async def admin(app, stranger):
    answer = await stranger.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
    assert answer.status_code == 201
    async with _client(app, token=answer.json()["token"]) as client:
        yield client


async def _records(core, kind):
    await core.ledger.record_durably(Made("system.test"))
    return [record["body"] for record in await core.ledger.tail(0, 1000, kind)]


async def test_health_is_for_everybody_and_tells_no_more_than_it_must(core, operations, stranger):
    answer = await stranger.get("/api/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})
    assert answer.headers["cache-control"] == "no-store"
    async with _client(
        create_app(operations, core.store, await opened(core), healthy=lambda: False)
    ) as client:
        assert (await client.get("/api/health")).json()["status"] == "degraded"


@pytest.mark.parametrize("source", [None, "", "nonsense", "1.2.3.4, 5.6.7.8"])
async def test_a_request_that_did_not_come_through_the_edge_is_refused(app, source):
    async with _client(app, source=None) as client:
        headers = {} if source is None else {"X-Ringwall-Source": source}
        answer = await client.get("/api/health", headers=headers)
    assert answer.status_code == 400
    assert "edge" in answer.json()["error"]["message"]


ROUTES = [
    ("GET", "/api/openapi.json"),
    ("DELETE", "/api/tokens/current"),
]

ROUTES += [(one.verb, re.sub(r"\{[^}]*\}", "1", one.path)) for one in declared()]


def test_every_route_is_known_to_these_tests(app):
    inner = app._app
    paths = set()
    for path, methods in inner.openapi()["paths"].items():
        paths |= {(method.upper(), path) for method in methods}
    examples = {"{extension}": "201", "{device}": "d1", "{call}": "c1", "{key}": "a", "{report}": "calls"}
    examples |= {"{mail}": "m1", "{sha256}": "i1", "{vendor}": "v1", "{model}": "m1"}
    examples |= {"{name}": "root", "{mac}": "a", "{number}": "1", "{conference}": "r1"}
    filled = set()
    for method, path in paths:
        if (method, re.sub(r"\{[^}]*\}", "1", path)) in ROUTES:
            continue
        for name, value in examples.items():
            path = path.replace(name, value)  # noqa: PLW2901
        filled.add((method, path))
    assert filled - set(ROUTES) == {("GET", "/api/health"), ("POST", "/api/tokens")}


@pytest.mark.parametrize("authorization", [None, "Bearer rw_wrong", "Basic YTpi", "Bearer \u00ff"])
async def test_everything_else_asks_for_a_token(stranger, authorization):
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for method, path in ROUTES:
        answer = await stranger.request(method, path, headers=headers)
        assert answer.status_code == 401, path
        assert "Sign in: POST name and password to /api/tokens" in answer.json()["error"]["message"]
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.req("I2")
async def test_sign_ins_are_on_record_good_or_not_with_the_true_source(core, admin, app):
    async with _client(app, source="198.51.100.9") as other:
        for name in ("admin", "nobody-with-a-password-typed-as-name"):
            answer = await other.post("/api/tokens", json={"name": name, "password": "wrong"})
            assert answer.status_code == 401
            assert answer.json()["error"]["message"] == "The name or the password is wrong."
    assert await _records(core, "security.signed_in") == [{"account": "admin", "source": SOURCE}]
    assert await _records(core, "security.sign_in_failed") == [
        {"account": "admin", "source": "198.51.100.9"},
        {"account": None, "source": "198.51.100.9"},
    ]


@pytest.mark.req("I2")
async def test_changes_name_the_administrator_and_the_source(core, admin):
    answer = await admin.post("/api/users", json={"extension": "201", "name": "Anna"})
    told = answer.json()
    assert (answer.status_code, told["extension"], told["name"], told["group"], told["devices"]) == (
        201,
        "201",
        "Anna",
        "least-privileged",
        [],
    )
    assert (await admin.post("/api/users", json={"extension": "201", "name": "Anna"})).status_code == 409
    actor = {"kind": "api", "name": "admin", "source": SOURCE}
    assert [body["actor"] for body in await _records(core, "admin.user.added")] == [actor]
    ((body),) = await _records(core, "admin.refused")
    assert (body["actor"], body["code"]) == (actor, "conflict")


async def test_unknown_names_cost_the_same_work(stranger, app, monkeypatch):
    """Each try is one argon2id check with the same parameters, whether the name exists or not."""
    checked = []

    class Watched:
        def verify(self, stored, password):
            checked.append(stored.split("$")[1:4])
            return passwords_hasher.verify(stored, password)

        def hash(self, password):
            return passwords_hasher.hash(password)

    passwords_hasher = passwords._HASHER
    passwords.prepare()
    monkeypatch.setattr(passwords, "_HASHER", Watched())
    await stranger.post("/api/tokens", json={"name": "admin", "password": "wrong"})
    await stranger.post("/api/tokens", json={"name": "nobody", "password": "wrong"})
    assert len(checked) >= 2
    assert checked[-2] == checked[-1]
    assert checked[-1][0] == "argon2id"


async def test_guessing_is_stopped_and_told_when_to_come_back(core, app, stranger, monkeypatch):
    monkeypatch.setattr(passwords, "check_password", lambda *_: False)
    most = ADMINISTRATOR_LIMITS.of_source
    answers = [
        await stranger.post("/api/tokens", json={"name": f"name{number}", "password": "x"})
        for number in range(most + 3)
    ]
    assert [answer.status_code for answer in answers] == [401] * most + [429] * 3
    assert 0 < int(answers[-1].headers["retry-after"]) <= 300
    async with _client(app, source="198.51.100.1") as other:
        assert (await other.post("/api/tokens", json={"name": "a", "password": "x"})).status_code == 401
    assert await _records(core, "security.sign_in_limited") == [{"source": SOURCE}]


async def test_a_token_is_kept_as_a_digest_and_outlives_a_restart(core, operations, admin):
    token = admin.headers["authorization"].removeprefix("Bearer ")
    everything = b"".join(path.read_bytes() for path in core.folder.iterdir() if path.is_file())
    assert token.encode() not in everything
    async with _client(create_app(operations, core.store, await opened(core)), token=token) as again:
        assert (await again.get("/api/users")).status_code == 200


async def test_a_token_ends_at_sign_out_and_after_its_time(core, operations, admin):
    token = admin.headers["authorization"].removeprefix("Bearer ")
    session = (await opened(core)).sign_in.session(token)
    late = await opened(core, clock=lambda: session.expires_at - 1)
    assert late.sign_in.session(token) == session
    late.sessions._clock = lambda: session.expires_at
    with pytest.raises(NotSignedInError):
        late.sign_in.session(token)
    assert (await admin.delete("/api/tokens/current")).status_code == 204
    assert (await admin.get("/api/users")).status_code == 401
    assert (await admin.delete("/api/tokens/current")).status_code == 401
    async with _client(create_app(operations, core.store, await opened(core)), token=token) as again:
        assert (await again.get("/api/users")).status_code == 401


async def test_an_administrator_has_a_bounded_number_of_tokens(core, app, monkeypatch):
    monkeypatch.setitem(TERMS, Holder.ACCOUNT, Terms(3600.0, 3, "rw_"))
    identity = await opened(core)
    tokens = [(await identity.sign_in.sign_in("admin", PASSWORD, SOURCE))[0] for _ in range(5)]
    good = []
    for token in tokens:
        try:
            identity.sign_in.session(token)
            good.append(token)
        except NotSignedInError:
            pass
    assert good == tokens[2:]
    assert identity.sessions.count(Holder.ACCOUNT, 1) == 3
    identity.close()


async def test_users_devices_calls_and_ledger(core, admin):
    await admin.post("/api/users", json={"extension": "201", "name": "Anna"})
    answer = await admin.post("/api/devices", json={"extension": "201", "label": "desk", "legacy": False})
    assert answer.status_code == 201
    device = answer.json()
    assert len(device["password"]) >= 24
    assert (await admin.get("/api/devices", params={"extension": "201"})).json()[0]["device"] == device[
        "device"
    ]
    assert (await admin.get("/api/users/201")).json()["devices"][0]["label"] == "desk"
    assert (await admin.get("/api/users/999")).status_code == 404
    assert (await admin.delete(f"/api/devices/{device['device']}")).json()["device"] == device["device"]
    assert (await admin.delete("/api/users/201")).status_code == 200
    assert (await admin.get("/api/users")).json() == []
    assert (await admin.get("/api/calls")).json()[0]["suites"] == ["A", "B"]
    assert (await admin.delete("/api/calls/c0ffee01")).json()["call"] == "c0ffee01"
    assert (await admin.delete("/api/calls/c0ffee02")).status_code == 404
    assert (await admin.get("/api/registrations")).json()[0]["source"] == SOURCE
    first = (await admin.get("/api/ledger", params={"after": 0, "limit": 2})).json()
    second = (await admin.get("/api/ledger", params={"after": first["after"], "limit": 2})).json()
    assert [record["seq"] for record in first["records"] + second["records"]] == [1, 2, 3, 4]
    kinds = (await admin.get("/api/ledger", params={"after": 0, "kind": "admin.device."})).json()
    assert [record["kind"] for record in kinds["records"]] == ["admin.device.added", "admin.device.removed"]
    assert (await admin.post("/api/ledger/verification")).json()["ok"] is True
    assert "/api/users" in (await admin.get("/api/openapi.json")).json()["paths"]
    assert device["password"] not in json.dumps(await core.ledger.tail(0, 1000))


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"{nonsense", 422, "JSON"),
        (b"[" * 60_000, 422, ""),
        (b'{"extension": 201, "name": "x"}', 422, "extension"),
        (b'{"extension": "201", "name": "x", "role": "root"}', 422, "role"),
        (b'{"extension": "1", "name": "x"}', 422, "2 to 8 digits"),
        (b"x" * (LARGEST_BODY + 1), 413, "at most"),
    ],
)
async def test_wrong_input_is_told_and_not_repeated(admin, content, status, words):
    answer = await admin.post("/api/users", content=content, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) in ((status, "invalid"), (400, "invalid"))
    assert words in answer.text
    assert "root" not in answer.text


async def test_a_wrong_password_does_not_come_back_in_an_error(stranger):
    answer = await stranger.post("/api/tokens", json={"name": "admin", "password": "p4ssw0rd" * 100})
    assert answer.status_code == 422
    assert "p4ssw0rd" not in answer.text


async def test_a_body_without_an_announced_length_is_limited_too(admin):
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b" " * 10_000

    answer = await admin.post("/api/users", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert sent < 20


async def test_unknown_paths_and_methods_are_told_in_the_same_form(admin):
    assert (await admin.get("/api/nothing")).json()["error"]["code"] == "not_found"
    assert (await admin.put("/api/users")).status_code == 405
    assert (await admin.get("/docs")).status_code == 404


async def test_a_websocket_is_closed_at_the_door(app):
    told = []

    async def send(message):
        told.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    await app({"type": "websocket", "headers": [], "path": "/api/users"}, receive, send)
    assert [message["type"] for message in told] == ["websocket.close"]


async def test_a_store_that_fails_refuses_the_sign_in_with_the_reason(core, stranger, monkeypatch):
    core.store._writer.failing = "The disk is full."
    answer = await stranger.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
    assert answer.status_code == 503
    assert "disk is full" in answer.json()["error"]["message"]
    assert (await stranger.get("/api/health")).json()["status"] == "degraded"


async def test_too_many_sign_ins_at_once_are_turned_away(core, app, monkeypatch, caplog):
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(sign_in, "MOST_STRANGERS_WAITING", 2)
    identity = await opened(core)
    identity.worker.waiting = 2
    with pytest.raises(OperationError, match="Too many people"):
        await identity.sign_in.sign_in("admin", PASSWORD, SOURCE)
    identity.worker.waiting = 0
    signing = (identity.sign_in.sign_in("admin", PASSWORD, SOURCE) for _ in range(2))
    results = await asyncio.gather(*signing)
    assert len({token for token, _ in results}) == 2
    identity.close()


async def _signs_in(app, source, password=PASSWORD, name="admin"):
    async with _client(app, source=source) as client:
        return (await client.post("/api/tokens", json={"name": name, "password": password})).status_code


@pytest.mark.req("I1")
async def test_whoever_signed_in_from_here_gets_in_whatever_others_guess_also_after_a_restart(
    core, operations, admin
):
    app = create_app(
        operations, core.store, await opened(core)
    )  # a new process: it knows what is in the store
    for number in range(30):
        await _signs_in(app, f"192.0.2.{number}", "wrong")
    assert await _signs_in(app, "198.51.100.1") == 429
    assert await _signs_in(app, SOURCE) == 201
    # Neither does somebody who guesses behind the same address,
    for _ in range(30):
        await _signs_in(app, SOURCE, "wrong")
    assert await _signs_in(app, SOURCE) == 201
    # at this account or at others.
    for number in range(30):
        await _signs_in(app, SOURCE, "wrong", f"name{number}")
    assert await _signs_in(app, SOURCE) == 201


@pytest.mark.req("I1")
async def test_who_guesses_does_not_learn_which_account_is_known_there(core, admin, app):
    answers = {}
    for name in ("admin", "nobody"):
        answers[name] = [await _signs_in(app, SOURCE, "wrong", name) for _ in range(15)]
    assert answers["admin"][-1] == answers["nobody"][-1] == 429


@pytest.mark.req("N3")
async def test_guessing_at_an_administrator_is_an_alarm_and_few_records(core, admin, app):
    for number in range(60):
        await _signs_in(app, f"192.0.2.{number % 12}", "wrong")
    (alarm,) = await _records(core, "security.guessing")
    assert (alarm["scope"], alarm["account"], alarm["guessed"]) == (
        "account",
        "admin",
        "administrator password",
    )
    for _ in range(60):
        await _signs_in(app, SOURCE, "wrong", "a-password-typed-as-name")
    alarms = await _records(core, "security.guessing")
    assert [alarm["scope"] for alarm in alarms] == ["account", "account", "source"]
    assert "a-password" not in str(alarms)
    assert len(await _records(core, "security.sign_in_failed")) <= 40


async def test_strangers_who_wait_leave_room_for_whoever_is_known(core, admin, app):
    identity = await opened(core)
    identity.worker.waiting = sign_in.MOST_STRANGERS_WAITING
    with pytest.raises(OperationError, match="Too many people"):
        await identity.sign_in.sign_in("admin", PASSWORD, "198.51.100.1")
    assert (await identity.sign_in.sign_in("admin", PASSWORD, SOURCE))[1].subject.name == "admin"
    identity.close()
