"""The command line against a running system: what it prints, and exit codes 0, 1 and 2."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ringwall.infra.layout import Layout
from system.descriptions import answer_to, good
from system.raw_phone import joined
from system.running import PROGRAMS, System


@pytest.fixture
def as_json(system) -> Callable[..., Any]:
    """Runs a command with --json and gives what it said; its exit code must be the given one."""

    def run(*arguments: str, code: int = 0) -> Any:
        done = system.command(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    return run


@pytest.mark.req("R2")
def test_status_says_that_everything_is_up(system, as_json) -> None:
    told = as_json("status")
    assert told["ok"]
    assert told["ready"]
    assert {program["name"] for program in told["programs"]} == set(PROGRAMS)
    assert {
        "link sip",
        "link control",
        "link http",
        "engine haproxy",
        "engine kamailio",
        "engine rtpengine",
    } <= set(told["parts"])
    done = system.command("status")
    assert done.returncode == 0
    assert "Everything is up." in done.stdout


def test_doctor_looks_at_everything_and_says_how_to_mend(as_json, system) -> None:
    done = system.command("doctor", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["ok"] else 1)
    wrong = [finding for finding in told["findings"] if not finding["ok"]]
    assert all(finding["mend"] for finding in wrong)
    # What concerns this system, unlike the machine that it happens to run on, is in order.
    assert not [finding for finding in wrong if str(system.layout.data) in json.dumps(finding)], wrong


def test_users_and_devices_from_beginning_to_end(as_json) -> None:
    user = as_json("user", "add", "6001", "Ada Commandline")
    assert (user["extension"], user["devices"]) == ("6001", [])
    device = as_json("device", "add", "6001", "--label", "desk")
    assert len(device["password"]) >= 16
    assert (device["sip_user"], device["transport"]) == ("6001", "tls")
    assert as_json("user", "show", "6001")["devices"][0]["device"] == device["auth_user"]
    assert "6001" in {user["extension"] for user in as_json("user", "list")["users"]}
    (listed,) = as_json("device", "list", "6001")["devices"]
    assert listed["label"] == "desk"
    assert "password" not in listed
    assert as_json("device", "remove", device["auth_user"])["device"] == device["auth_user"]
    assert as_json("device", "list", "6001")["devices"] == []
    assert as_json("user", "remove", "6001")["extension"] == "6001"


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "show", "6666"),
        ("user", "remove", "6666"),
        ("user", "add", "not-a-number", "Name"),
        ("device", "add", "6666"),
        ("device", "remove", "nobody"),
        ("call", "hangup", "abcdef12"),
    ],
    ids=" ".join,
)
def test_what_is_refused_is_exit_code_1_and_one_sentence(system, as_json, arguments) -> None:
    told = as_json(*arguments, code=1)
    assert told["ok"] is False
    assert told["error"]["code"]
    done = system.command(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"ringwall: {told['error']['message']}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add"),
        ("user", "fly"),
        ("device", "add", "1", "2", "3"),
        ("ledger", "tail", "--lines", "none"),
        ("status", "--no-such"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(system, arguments) -> None:
    done = system.command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


async def test_calls_are_listed_and_hung_up(system, as_json, connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    calls = (await asyncio.to_thread(as_json, "call", "list"))["calls"]
    (call,) = [c for c in calls if c["caller"] == anna.account.extension]
    assert call["state"] == "talking"
    assert "inline" not in json.dumps(calls)
    ended = await asyncio.to_thread(as_json, "call", "hangup", call["call"])
    assert ended["call"] == call["call"]
    await asyncio.gather(here.ended(), there.ended())


@pytest.mark.req("I2")
def test_the_ledger_is_verified_and_read(as_json, person) -> None:
    account = person()
    verdict = as_json("ledger", "verify")
    assert verdict["ok"]
    assert verdict["finding"] is None
    records = as_json("ledger", "tail", "--kind", "admin.", "-n", "1000")["records"]
    added = [r for r in records if account.username in json.dumps(r["body"])]
    assert added
    assert account.password not in json.dumps(records)
    assert [r["seq"] for r in records] == sorted(r["seq"] for r in records)


@pytest.mark.req("T7")
def test_certificates_are_shown(as_json) -> None:
    certificates = as_json("pki", "show")["certificates"]
    assert len(certificates) >= 5
    assert all(each["problem"] is None and not each["due"] for each in certificates)


def test_a_second_system_on_the_same_folder_is_refused(system) -> None:
    done = system.run("up", "--detach", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "already-running"
    assert str(system.layout.data) in error["message"]


def test_commands_for_a_folder_without_a_system_say_so(tmp_path) -> None:
    nobody = System(Layout.of(tmp_path))
    for arguments in (("user", "list"), ("status",), ("call", "list")):
        done = nobody.command(*arguments)
        assert done.returncode == 1
        assert "./ringwall up" in done.stdout + done.stderr
        assert len((done.stdout + done.stderr).strip().splitlines()) == 1
