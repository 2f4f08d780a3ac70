"""Whoever administers the system has an account, a role and a password of their own, from outside and on the host."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from system.running import System
from system.test_http_api import client

pytestmark = pytest.mark.req("I2", "I3")


@contextmanager
def signed_in(system: System, name: str, password: str) -> Iterator[httpx.Client]:
    """A client that has signed in."""
    with client(system) as made:
        answer = made.post("/api/tokens", json={"name": name, "password": password})
        assert answer.status_code == 201, answer.text
        made.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield made


def password_of(system: System, *words: str) -> str:
    """Run `ringwall admin ...` and return the password that it shows once."""
    told = system.command("admin", *words).stdout
    return told.split("The password is ")[1].split(".")[0]


@pytest.fixture
def auditor(system: System) -> Iterator[tuple[str, str]]:
    """The name and the password of an auditor whom root has added on the host."""
    yield "auguste", password_of(system, "add", "auguste", "--role", "auditor")
    if "auguste" in {one["name"] for one in system.ask("admin.list")}:
        system.command("admin", "remove", "auguste")


async def test_an_auditor_reads_the_ledger_and_is_refused_a_change_which_is_on_record(
    system, auditor
) -> None:
    before = system.seq()
    with signed_in(system, *auditor) as auguste:
        records = auguste.get("/api/ledger", params={"kind": "admin.administrator."}).json()["records"]
        assert records[-1]["body"]["after"] == {"name": "auguste", "role": "auditor"}
        assert records[-1]["body"]["actor"]["kind"] == "local"
        assert auguste.post("/api/ledger/verification").json()["ok"] is True
        answer = auguste.post("/api/users", json={"extension": "6177", "name": "Nobody"})
        assert answer.status_code == 403
        assert "users:write" in answer.json()["error"]["message"]
        assert auguste.post("/api/administrators", json={"name": "x", "role": "auditor"}).status_code == 403
    refused = await system.record(before, "admin.refused", operation="user.add")
    assert refused["actor"]["name"] == "auguste"
    assert "6177" not in {user["extension"] for user in system.ask("user.list")}


def test_a_password_that_is_lost_is_replaced_on_the_host(system, auditor) -> None:
    name, lost = auditor
    with signed_in(system, name, lost) as auguste:
        new = password_of(system, "password", name)
        assert auguste.get("/api/account").status_code == 401
    with client(system) as stranger:
        assert stranger.post("/api/tokens", json={"name": name, "password": lost}).status_code == 401
    with signed_in(system, name, new) as auguste:
        assert auguste.get("/api/account").json()["role"] == "auditor"


def test_sessions_of_who_is_demoted_or_removed_end_at_once(system, auditor) -> None:
    name, password = auditor
    with signed_in(system, name, password) as auguste:
        system.command("admin", "role", name, "supervisor")
        assert auguste.get("/api/account").status_code == 401
    with signed_in(system, name, password) as auguste:
        assert auguste.get("/api/ledger").status_code == 403
        system.command("admin", "remove", name)
        assert auguste.get("/api/calls").status_code == 401
    with client(system) as stranger:
        assert stranger.post("/api/tokens", json={"name": name, "password": password}).status_code == 401


def test_the_last_administrator_stays_whoever_asks(system) -> None:
    with signed_in(system, "admin", system.told["password"]) as admin:
        assert admin.delete("/api/administrators/admin").status_code == 409
        assert admin.get("/api/account").json()["role"] == "administrator"
    done = system.run("admin", "role", "admin", "auditor")
    assert (done.returncode, "last administrator" in done.stderr) == (1, True)
