"""The administrators' API from outside: HAProxy, agent, a connection that the core opened, and back (T2, W2)."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from ringwall.core.catalogue import declared
from system.descriptions import answer_to, good
from system.raw_phone import joined
from system.running import System, until


def client(system: System, source: str | None = None, **how) -> httpx.Client:
    """A client that trusts the system's root and nothing else, over a connection from a source address."""
    settings = system.settings
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    return httpx.Client(
        base_url=f"https://{settings.address}:{settings.ports.https}",
        transport=httpx.HTTPTransport(verify=context, local_address=source),
        timeout=10,
        **how,
    )


@pytest.fixture(scope="module")
def api(system) -> Iterator[httpx.Client]:
    """A client that has signed in as the administrator whose password was shown at the first start."""
    with client(system) as made:
        answer = made.post("/api/tokens", json={"name": "admin", "password": system.told["password"]})
        assert answer.status_code == 201, answer.text
        made.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield made


@pytest.mark.req("T2")
def test_curl_with_the_root_certificate_gets_the_health_and_without_it_nothing(system) -> None:
    settings = system.settings
    url = f"https://{settings.address}:{settings.ports.https}/api/health"
    command = ["curl", "-sS", "--max-time", "10", "--noproxy", "*", url]
    done = subprocess.run(
        [*command, "--cacert", str(system.layout.ca_certificate)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 60  # the server's certificate is not trusted
    assert done.stdout == ""
    plain = [part.replace("https:", "http:") for part in command]
    done = subprocess.run(plain, capture_output=True, text=True, check=False)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/users"),
        ("POST", "/api/users"),
        ("DELETE", "/api/users/2001"),
        ("GET", "/api/devices"),
        ("POST", "/api/devices"),
        ("GET", "/api/calls"),
        ("DELETE", "/api/calls/abcdef"),
        ("GET", "/api/registrations"),
        ("GET", "/api/status"),
        ("GET", "/api/ledger"),
        ("POST", "/api/ledger/verification"),
        ("GET", "/api/openapi.json"),
    ],
)
def test_without_a_token_nothing_is_told(system, method, path) -> None:
    with client(system) as stranger:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
            answer = stranger.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "refused"


@pytest.mark.req("I2")
def test_whatever_is_declared_is_offered_and_documented(api) -> None:
    told = api.get("/api/openapi.json").json()
    names = {one["operationId"] for verbs in told["paths"].values() for one in verbs.values()}
    assert {one.name for one in declared()} <= names


def test_the_page_of_the_document_runs_what_comes_with_it_and_nothing_else_does(system, api) -> None:
    with client(system) as stranger:
        page = stranger.get("/api/docs")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        allowed = page.headers["content-security-policy"].split("; ")
        assert allowed[:4] == [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
        ]
        for path in ("/api/docs/page.js", "/api/docs/page.css"):
            assert stranger.get(path).status_code == 200
        for path in ("/api/docs/page.js", "/api/docs/", "/api/docs/x", "/api/health"):
            assert "script-src" not in stranger.get(path).headers["content-security-policy"], path


@pytest.mark.req("I2")
async def test_a_wrong_password_is_refused_like_a_wrong_name_and_the_true_source_is_on_record(
    system, source
) -> None:
    before = system.seq()
    with client(system, source) as stranger:
        forged = {
            "X-Forwarded-For": "203.0.113.9",
            "X-Ringwall-Source": "203.0.113.9",
            "Forwarded": "for=203.0.113.9",
        }
        answers = [
            stranger.post("/api/tokens", json={"name": name, "password": "wrong"}, headers=forged)
            for name in ("admin", "nobody")
        ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    kind = "security.sign_in_failed"
    failed = await until(
        lambda: len(found := system.records(before, kind)) == 2 and found, "both are on record"
    )
    assert {record["body"]["source"] for record in failed} == {source}
    assert "wrong" not in str([record["body"] for record in failed])


@pytest.mark.req("I2")
def test_users_and_devices_are_made_and_removed_and_it_is_on_record_who_did_it_from_where(
    api, system
) -> None:
    before = system.seq()
    answer = api.post("/api/users", json={"extension": "6101", "name": "Ada Web"})
    assert answer.status_code == 201, answer.text
    device = api.post("/api/devices", json={"extension": "6101", "label": "desk"}).json()
    assert device["password"]
    assert api.get("/api/users/6101").json()["devices"][0]["device"] == device["device"]
    assert "6101" in {user["extension"] for user in api.get("/api/users").json()}
    listed = api.get("/api/devices", params={"extension": "6101"}).json()
    assert [each["device"] for each in listed] == [device["device"]]
    assert "password" not in listed[0]
    assert api.delete(f"/api/devices/{device['device']}").status_code == 200
    assert api.delete("/api/users/6101").status_code == 200
    assert api.get("/api/users/6101").status_code == 404
    actors = [record["body"]["actor"] for record in system.records(before, "admin.")]
    assert len(actors) == 4  # each was on the disk before it was acknowledged
    for actor in actors:
        assert (actor["kind"], actor["name"], actor["source"]) == ("api", "admin", system.settings.address)


def test_what_cannot_be_is_refused_with_the_field(api) -> None:
    answer = api.post("/api/users", json={"extension": "no number", "name": "X"})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "extension"
    answer = api.post("/api/users", json={"extension": "6102", "name": "X", "is_admin": True})
    assert answer.status_code == 422
    assert api.post("/api/users", content=b"{not json").status_code == 422
    assert api.get("/api/nothing").status_code == 404
    assert api.get("/other").status_code == 404
    assert api.put("/api/users", json={}).status_code == 405


@pytest.mark.req("I2")
async def test_calls_registrations_and_the_ledger_are_told(api, system, connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)

    def look() -> tuple[dict, list]:
        calls = api.get("/api/calls").json()
        (call,) = [c for c in calls if c["caller"] == anna.account.extension]
        return call, api.get("/api/registrations").json()

    call, registrations = await asyncio.to_thread(look)
    assert call["callee"] == ben.account.extension
    assert {anna.account.username, ben.account.username} <= {each["device"] for each in registrations}
    answer = await asyncio.to_thread(api.delete, f"/api/calls/{call['call']}")
    assert answer.status_code == 200
    await asyncio.gather(here.ended(), there.ended())
    await system.record(0, "call.ended", call=call["call"])
    records = (
        await asyncio.to_thread(api.get, "/api/ledger", params={"kind": "call.ended", "limit": 1000})
    ).json()
    assert call["call"] in {record["body"]["call"] for record in records["records"]}
    verdict = (await asyncio.to_thread(api.post, "/api/ledger/verification")).json()
    assert verdict["ok"]
    status = (await asyncio.to_thread(api.get, "/api/status")).json()
    assert all(link["up"] for link in status["links"].values())


def test_a_token_that_was_given_back_is_worthless(system) -> None:
    with client(system) as made:
        asked = {"name": "admin", "password": system.told["password"]}
        token = made.post("/api/tokens", json=asked).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert made.get("/api/users", headers=headers).status_code == 200
        assert made.delete("/api/tokens/current", headers=headers).status_code == 204
        assert made.get("/api/users", headers=headers).status_code == 401


@pytest.mark.req("T2")
def test_answers_tell_browsers_to_stay_on_https_and_to_keep_nothing(api) -> None:
    answer = api.get("/api/users")
    assert "max-age=" in answer.headers["strict-transport-security"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


async def test_a_token_outlives_the_core_s_process(api, system) -> None:
    system.kill("core")
    await system.ready()
    answer = await asyncio.to_thread(api.get, "/api/users")
    assert answer.status_code == 200
