"""Whatever is declared has a command, and whatever commands ask is declared."""

import base64
import json
import re
from functools import partial
from pathlib import Path

import pytest

import ringwall.cli
from ringwall.cli import _assemble
from ringwall.cli.plain import find, with_plain_commands
from ringwall.core.catalogue import declared
from ringwall.core.errors import OperationError
from support.control import core_behind_socket
from support.operations import offer

PHONE = {"source": "192.0.2.7", "transport": "tls", "user_agent": "Phone\x1b[2J", "expires_in": 60}


told = []


async def _offer(operations, _core):
    async def mute(_actor, args):
        return {"extension": args.extension, "on": args.on}

    async def registrations(_actor, _args):
        return [{"extension": f"2{number:04d}", "device": "d1", **PHONE} for number in range(1500)]

    async def upload(_actor, args):
        return {"have": len(base64.b64decode(args.data)) + args.offset, "complete": args.length == 3}

    async def imported(_actor, args):
        return {"added": len(args.csv.splitlines()) - 1, "changed": 0, "same": 0}

    async def trunk(_actor, args):
        told.append(args.model_dump(exclude_unset=True))
        raise OperationError("refused", "Not now.")

    offer(operations, "call.whisper.mute", mute)
    offer(operations, "registration.list", registrations)
    offer(operations, "firmware.upload", upload)
    offer(operations, "user.import", imported)
    offer(operations, "trunk.set", trunk)


@pytest.fixture
def run(data, ringwall_on):
    with core_behind_socket(data, _offer):
        yield partial(ringwall_on, data)


def test_every_operation_has_a_command():
    by_hand = [one.name for one in declared() if find(_assemble(), one.words) is not None]
    assert {"user.add", "call.conference.start", "mail.list"} <= set(by_hand)
    app = with_plain_commands(_assemble(), declared())
    assert find(_assemble(), ["call", "whisper"]) is None
    assert [one.name for one in declared() if find(app, one.words) is None] == []


def test_whatever_a_command_asks_is_declared():
    asked = set()
    for module in Path(ringwall.cli.__file__).parent.glob("*.py"):
        asked |= set(
            re.findall(
                r'\bask\((?:Layout\.of\(data\)|layout), "([a-z]+(?:[.-][a-z-]+)*)"', module.read_text()
            )
        )
    assert len(asked) > 30
    assert asked - {one.name for one in declared()} == set()


def test_positional_arguments_options_and_flags_become_arguments(run):
    code, out, _ = run("call", "whisper", "mute", "201", "--no-on", "--json")
    assert (code, json.loads(out)) == (0, {"extension": "201", "on": False})
    assert run("call", "whisper", "mute", "201")[1].splitlines()[1:] == ["extension  201", "on         True"]
    code, _, said = run("call", "whisper", "mute", "2")
    assert (code, "at least 2" in said) == (1, True)


def test_a_list_comes_as_a_whole_unless_a_limit_is_given_and_is_no_danger_to_the_terminal(run):
    code, out, _ = run("registration", "list")
    lines = out.splitlines()
    assert (code, len(lines), lines[0].split()[:2]) == (0, 1501, ["extension", "device"])
    assert "\x1b" not in out
    assert len(json.loads(run("registration", "list", "--limit", "2", "--json")[1])) == 2
    assert run("registration", "list", "--q", "nobody")[1] == "None.\n"
    code, _, said = run("registration", "list", "--limit", "many")
    assert (code, "limit" in said) == (1, True)


def test_a_body_is_a_file(run, tmp_path):
    file = tmp_path / "image"
    file.write_bytes(b"abc")
    code, out, _ = run("firmware", "upload", "0" * 64, "--length", "3", "--file", str(file), "--json")
    assert (code, json.loads(out)) == (0, {"have": 3, "complete": True})


def test_whatever_is_declared_can_be_asked_with_all_its_arguments(run, tmp_path):
    app = with_plain_commands(_assemble(), declared())
    assert [one.name for one in declared() if find(app, ["ask", one.name]) is None] == []
    file = tmp_path / "users.csv"
    file.write_text("extension,name\n201,Anna\n")
    code, out, _ = run("ask", "user.import", "--csv", str(file), "--json")
    assert (code, json.loads(out)["added"]) == (0, 1)


def test_a_secret_is_never_on_the_command_line(run):
    code, _, said = run("ask", "trunk.set", "a", "--port", "5062", "--ask-password", typed="hush-hush\n")
    assert (code, "Not now." in said) == (1, True)
    assert told == [
        {"trunk": "a", "port": 5062, "password": "hush-hush"},
    ]
    assert run("ask", "trunk.set", "a", "--password", "hush-hush")[0] == 2


def test_commands_written_by_hand_do_not_wait_for_the_others():
    assert ringwall.cli._is_written_by_hand(["call", "list", "--json"])
    assert ringwall.cli._is_written_by_hand(["status"])
    for words in (
        [],
        ["--help"],
        ["call"],
        ["call", "--help"],
        ["call", "whisper", "mute"],
        ["registration"],
        ["nonsense"],
    ):
        assert not ringwall.cli._is_written_by_hand(words), words
