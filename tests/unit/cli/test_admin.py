"""The commands for users, devices, calls and the ledger, against the control socket of a real core's data."""

import json
import sqlite3

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.ledger import operations as ledger_operations
from support.control import core_behind_socket
from support.operations import CALL as ONE_CALL
from support.operations import offer

CALL = {
    **ONE_CALL,
    "call": "c-0001",
    "state": "up",
    "callee": None,
    "seconds": 3.5,
    "suites": ["AEAD_AES_128_GCM", "AEAD_AES_128_GCM"],
}


async def _offer(operations, core):
    ledger_operations.register(operations, core.store, core.ledger)
    calls = [CALL]

    async def call_list(_actor, _args):
        return calls

    async def hang_up(_actor, args):
        if not calls or args.call != CALL["call"]:
            raise OperationError("not_found", "There is no such call.", "call")
        return calls.pop()

    offer(operations, "call.list", call_list)
    offer(operations, "call.hangup", hang_up)


@pytest.fixture
def running(data):
    """The same with a core behind the control socket."""
    with core_behind_socket(data, _offer):
        yield data


@pytest.fixture
def run(ringwall_on):
    return ringwall_on


def test_users_and_devices_from_beginning_to_end(running, run):
    code, out, _ = run(running, "user", "add", "201", "Anna Berg")
    assert code == 0
    assert "device add 201" in out
    code, out, _ = run(running, "device", "add", "201", "--label", "desk", "--json")
    device = json.loads(out)
    assert code == 0
    assert {name: device[name] for name in ("server", "port", "transport", "sip_user", "ca_file")} == {
        "server": "192.0.2.10",
        "port": 5061,
        "transport": "tls",
        "sip_user": "201",
        "ca_file": str(running.ca_certificate),
    }
    assert run(running, "user", "list")[1].splitlines()[1].split() == [
        "201",
        "Anna",
        "Berg",
        "least-privileged",
        "main",
        "1",
    ]
    assert json.loads(run(running, "user", "list", "--json")[1])["users"][0]["extension"] == "201"
    assert device["device"] in run(running, "user", "show", "201")[1]
    assert device["device"] in run(running, "device", "list", "201")[1]
    code, out, _ = run(running, "device", "remove", device["device"])
    assert (code, "desk" in out) == (0, True)
    assert "There are no devices" in run(running, "device", "list")[1]
    assert run(running, "user", "remove", "201")[0] == 0
    assert "There are no users yet" in run(running, "user", "list")[1]


def test_a_new_device_is_told_to_people_with_its_password(running, run):
    run(running, "user", "add", "201", "Anna")
    code, out, _ = run(running, "device", "add", "201", "--legacy")
    assert code == 0
    for words in (
        "Server",
        "192.0.2.10  port 5061  transport TLS",
        "SIP user",
        "Auth user",
        "Password",
        "CA file",
    ):
        assert words in out


def test_refusals_are_one_sentence_and_exit_code_1(running, run):
    run(running, "user", "add", "201", "Anna")
    code, out, err = run(running, "user", "add", "201", "Bert")
    assert (code, out, err) == (1, "", "ringwall: The extension 201 is taken.\n")
    code, out, _ = run(running, "user", "add", "2", "Bert", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"], error["field"]) == (1, "invalid", "extension")
    assert run(running, "user", "show", "999")[0] == 1
    assert run(running, "device", "add", "999")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [("user", "add", "201"), ("device", "burn"), ("ledger", "tail", "-n", "0"), ("call", "hangup")],
)
def test_wrong_usage_is_exit_code_2(data, run, arguments):
    assert run(data, *arguments)[0] == 2


def test_calls_are_listed_and_ended(running, run):
    code, out, _ = run(running, "call", "list")
    assert (code, out.splitlines()[1].split()) == (
        0,
        ["c-0001", "up", "201", "202", "3.5", "AEAD_AES_128_GCM"],
    )
    assert json.loads(run(running, "call", "list", "--json")[1]) == {"calls": [CALL]}
    assert run(running, "call", "hangup", "c-0001")[0] == 0
    code, _, err = run(running, "call", "hangup", "c-0001")
    assert (code, err) == (1, "ringwall: There is no such call.\n")
    assert run(running, "call", "list")[1] == "There are no calls.\n"


def test_without_a_running_system_one_sentence_says_so(data, run):
    code, _, err = run(data, "user", "list")
    assert code == 1
    assert "`./ringwall up` starts one" in err


@pytest.mark.req("I2")
@pytest.mark.parametrize("state", ["running", "data"])
def test_the_ledger_is_verified_and_read_running_or_not(state, request, run):
    layout = request.getfixturevalue(state)
    code, out, _ = run(layout, "ledger", "verify")
    assert (code, out.splitlines()[0]) == (0, "The ledger is whole: 2 records, 1 checkpoints.")
    verdict = json.loads(run(layout, "ledger", "verify", "--json")[1])
    assert (verdict["ok"], verdict["records"], verdict["finding"]) == (True, 2, None)
    records = json.loads(run(layout, "ledger", "tail", "--json")[1])["records"]
    assert [record["kind"] for record in records] == ["system.created", "admin.administrator.added"]
    lines = run(layout, "ledger", "tail", "-n", "1", "--kind", "system.")[1].splitlines()
    assert len(lines) == 1
    assert "system.created" in lines[0]
    assert run(layout, "ledger", "tail", "--after", "2")[1] == ""


@pytest.mark.req("I2")
def test_a_changed_ledger_is_exit_code_1_and_the_record_is_named(data, run):
    with sqlite3.connect(data.database, isolation_level=None) as db:
        db.execute("UPDATE ledger SET body = '{}' WHERE seq = 2")
    db.close()
    code, out, _ = run(data, "ledger", "verify")
    assert code == 1
    assert "Record 2 was changed." in out
    code, out, _ = run(data, "ledger", "verify", "--json")
    assert (code, json.loads(out)["finding"]["first"]) == (1, 2)


def test_a_copy_is_verified_with_a_key_that_was_noted(data, run):
    key = json.loads(run(data, "ledger", "verify", "--json")[1])["public_key"]
    copy = data.data / "copy.db"
    copy.write_bytes(data.database.read_bytes())
    data.ledger_key.unlink()
    assert run(data, "ledger", "verify", "--database", str(copy), "--public-key", key)[0] == 0
    assert run(data, "ledger", "verify", "--database", str(copy), "--public-key", "00" * 32)[0] == 1
    code, _, err = run(data, "ledger", "verify")
    assert (code, "key" in err) == (1, True)


def test_following_needs_a_running_system_and_tells_each_record_once(running, run, monkeypatch):
    from ringwall.cli import ledger

    answers = iter(
        [
            {"records": [_record(1), _record(2)], "after": 2},
            {"records": [], "after": 2},
            {"records": [_record(3)], "after": 3},
        ]
    )
    asked = []

    def ask(_layout, operation, arguments=None, **_):
        asked.append((operation, arguments["after"]))
        try:
            return next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(ledger, "ask", ask)
    monkeypatch.setattr(ledger, "_POLL_SECONDS", 0)
    code, out, _ = run(running, "ledger", "tail", "--follow", "--json")
    assert code == 130
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2, 3]
    assert [after for _, after in asked] == [None, 2, 2, 3]


def test_words_of_strangers_cannot_steer_the_terminal(running, run, monkeypatch):
    from ringwall.cli import ledger

    evil = {**_record(1), "body": {"user_agent": "\x9b2J\u202e\x1b[31m"}}
    monkeypatch.setattr(ledger, "ask", lambda *_, **__: {"records": [evil], "after": 1})
    out = run(running, "ledger", "tail")[1]
    assert out.rstrip("\n").isprintable()


def _record(seq):
    return {"seq": seq, "at": "2026-11-23T10:00:00.000000Z", "kind": "call.ended", "body": {}, "hash": "00"}
