"""The commands for rights, policy and reports, against the control socket of a real core's data."""

import csv
import io
import json
import shlex
from functools import partial
from pathlib import Path

import pytest

from ringwall.core.reports import operations as report_operations
from ringwall.core.rights import operations as rights_operations
from support.control import core_behind_socket
from support.core_data import open_rights
from support.events import Made

GRANTED = {
    "subject": {"kind": "user", "user": "201", "phone": "d1"},
    "rule": "call.scope",
    "class": "national",
}
CALLS = [
    ("call.ended", {"caller": "201", "dialled": "914085550123", "seconds": 61.5, **GRANTED, "code": "c1"}),
    ("call.ended", {"caller": "201", "dialled": "202", "seconds": 3}),
    ("call.denied", {**GRANTED, "rule": "call.beyond-scope", "dialled": "=900\x1b[31m", "because": "No."}),
    ("call.refused", {"caller": "202", "dialled": "299", "why": "not found", "status": 404}),
]


async def _offer(operations, core):
    rights = await open_rights(core)
    rights_operations.register(operations, rights, core.directory)
    report_operations.register(operations, core.store, rights, core.directory)
    for kind, body in CALLS:
        await core.ledger.record_durably(Made(kind, **body))


@pytest.fixture
def system(data):
    """A core's data behind its control socket, in a folder with a short name."""
    with core_behind_socket(data, _offer):
        yield data


@pytest.fixture
def run(system, ringwall_on):
    return partial(ringwall_on, system)


def _json(told):
    code, out, err = told
    assert (code, err) == (0, "")
    return json.loads(out)


@pytest.fixture
def office(run):
    for command in (
        (
            "cos",
            "call",
            "add",
            "National",
            "--scope",
            "National Long Distance",
            "--restrictions",
            "+1 900; +1xxx976",
        ),
        ("cos", "telephony", "add", "Staff", "--max-calls", "4", "--no-pickup", "--accept-barge-in", "none"),
        ("trunk-group", "add", "pstn", "--name", "PSTN", "--site", "main"),
        (
            "group",
            "add",
            "staff",
            "--name",
            "Staff",
            "--call",
            "National",
            "--telephony",
            "Staff",
            "--trunk-groups",
            "pstn",
            "--codes",
            "forced",
        ),
        ("user", "add", "201", "Anna Berg", "--group", "staff", "--did", "+1 408 555 0100"),
    ):
        code, _, err = run(*command)
        assert (code, err) == (0, ""), command
    return run


@pytest.mark.req("C1", "C3")
def test_an_organisation_is_set_up_with_commands(office):
    shown = _json(office("cos", "call", "show", "National", "--json"))
    assert (shown["scope"], shown["restrictions"]) == ("national", ["+1900", "+1xxx976"])
    assert _json(office("cos", "telephony", "show", "Staff", "--json"))["pickup"] is False
    code, out, _ = office("cos", "telephony", "show", "Staff")
    assert (code, "Maximum Number of Calls: 1 to 16." in out) == (0, True)
    listed = _json(office("group", "list", "--json"))["groups"]
    assert [one["group"] for one in listed] == ["authorization-codes", "least-privileged", "staff"]
    assert office("group", "list")[1].splitlines()[-1].split()[:2] == ["staff", "Staff"]
    user = _json(office("user", "set", "201", "--name", "Anna Ek", "--locked", "--no-pickup", "--json"))
    assert (user["name"], user["locked"], user["no_pickup"]) == ("Anna Ek", True, True)
    user = _json(office("user", "set", "201", "--no-locked", "--pickup", "--group", "none", "--json"))
    assert (user["group"], user["locked"], user["no_pickup"]) == (None, False, False)
    assert office("user", "set", "201", "--group", "staff")[0] == 0
    code, _, err = office("group", "remove", "staff")
    assert (code, "is used by user 201" in err) == (1, True)
    assert office("user", "remove", "201")[0] == 0
    assert office("group", "remove", "staff")[0] == 0
    assert _json(office("site", "list", "--json"))["sites"][0]["country"] == "US"


@pytest.mark.req("C1")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("site", "add", "x", "--name", "X"), 2, "--country"),
        (
            ("site", "add", "x", "--name", "X", "--country", "XX"),
            1,
            "country: has to be a country's two letters",
        ),
        (("cos", "call", "add", "x", "--scope", "galaxy"), 1, "--scope: has to be one of internal, local"),
        (("cos", "call", "add", "x", "--restrictions", "408"), 1, "the entry '408' cannot be read"),
        (("cos", "telephony", "add", "x", "--max-calls", "many"), 2, "--max-calls"),
        (("cos", "telephony", "add", "x", "--max-calls", "17"), 1, "whole number from 1 to 16"),
        (("group", "set", "staff", "--call", "x"), 1, "accepted are Least privileged, National"),
        (("trunk", "set", "x", "--port", "1"), 1, "no trunk 'x'"),
        (
            (
                "trunk",
                "add",
                "x",
                "--name",
                "X",
                "--host",
                "h",
                "--trunk-group",
                "pstn",
                "--authority",
                "/x/y",
            ),
            1,
            "",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_is_accepted(office, arguments, code, words):
    told = office(*arguments)
    assert told[0] == code
    assert words in told[2]


@pytest.mark.req("A1", "I2")
def test_secrets_come_from_standard_input_and_go_nowhere(office, system):
    trunk = ("--name", "A", "--trunk-group", "pstn", "--host", "sip.example.com", "--ask-password", "--json")
    made = _json(office("trunk", "add", "a", *trunk, typed="correct-horse\n"))
    assert made["password_set"] is True
    chosen = _json(office("authcode", "add", "c1", "--name", "Client A", "--json"))
    assert len(chosen["code"]) == 10
    own = ("authcode", "add", "c2", "--name", "Client B", "--ask-code")
    assert office(*own, typed="555-44-33\n") == (0, "Added the authorization code c2.\n", "")
    code, out, err = office(*own[:2], "c3", *own[3:], "--json", typed="5554433\n")
    assert (code, json.loads(out)["error"]["field"], err) == (1, "code", "")
    told = office("authcode", "add", "--name", "Client C")[1]
    assert "they are not shown again" in told
    everything = (
        office("trunk", "show", "a")[1] + office("authcode", "list")[1] + office("authcode", "export")[1]
    )
    everything += b"".join(path.read_bytes() for path in system.core.glob("ringwall.db*")).decode("latin-1")
    for secret in ("correct-horse", "5554433", "555-44-33", chosen["code"]):
        assert secret not in everything


@pytest.mark.req("C1", "A2")
def test_files_go_in_and_out(office, tmp_path):
    file = tmp_path / "users.csv"
    assert office("user", "export", str(file))[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text() + "202,Bert,staff,main,,,off,off\n")
    assert office("user", "import", str(file))[1] == "1 added, 0 changed, 1 as they were.\n"
    code, _, err = office("user", "import", "-", typed="extension,name,group\n2,A,staff\n203,B,nowhere\n")
    assert code == 1
    assert err.startswith("ringwall: 2 lines are wrong, so nothing was changed:\n  line 2, extension: ")
    assert "line 3, group: there is no group 'nowhere'; accepted are" in err
    file.write_bytes(b"\xff\xfe")
    assert "no text in UTF-8" in office("user", "import", str(file))[2]
    codes = tmp_path / "codes.csv"
    codes.write_text("authcode,name,code\nc1,Client A,12345678\n")
    assert _json(office("authcode", "import", str(codes), "--json")) == {"added": 1, "changed": 0, "same": 0}
    assert "12345678" not in office("authcode", "export")[1]
    assert office("authcode", "import", str(tmp_path / "none.csv"))[0] == 1


@pytest.mark.req("C7")
def test_a_decision_is_explained_step_by_step(office):
    told = _json(office("policy", "explain", "201", "914085550123", "--at", "2026-11-23", "--json"))
    assert {"allowed", "canonical", "class", "rule", "steps", "heard"} <= set(told)
    assert (told["allowed"], told["canonical"], told["class"]) == (True, "+14085550123", "national")
    code, out, _ = office("policy", "explain", "201", "9011442079460123")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "DENIED: dial 9011442079460123 (+442079460123, international) by 201"
    assert any(line.startswith("  1. emergency") for line in lines)
    assert "An authorization code would be asked for (forced)." in lines
    assert office("policy", "explain", "201", "911")[1].startswith("ALLOWED: dial 911 (1/911, emergency)")
    assert (
        _json(office("policy", "explain", "201", "914085550123", "--path", "forward", "--json"))["allowed"]
        is False
    )
    for wrong in (("999", "911"), ("201", "911", "--path", "smoke"), ("201", "911", "--at", "soon")):
        assert office("policy", "explain", *wrong)[0] == 1


@pytest.mark.req("C7")
def test_the_linter_fails_for_severe_findings_only(office):
    assert office("site", "set", "main", "--location", "Main street 1")[0] == 0
    code, out, _ = office("policy", "lint", "--json")
    assert (code, json.loads(out)["severe"]) == (0, False)
    assert office("cos", "telephony", "set", "Staff", "--trunk-to-trunk")[0] == 0
    assert office("cos", "call", "set", "National", "--scope", "international")[0] == 0
    code, out, _ = office("policy", "lint")
    assert code == 1
    assert any(
        line.startswith("HIGH      staff: Its members may join two outside") for line in out.splitlines()
    )


@pytest.mark.req("A2")
def test_reports_by_code_user_and_time(office):
    assert office("authcode", "add", "c1", "--name", "Client A")[0] == 0
    (row,) = _json(office("report", "authcodes", "--json"))["rows"]
    assert (row["code"], row["code_name"], row["caller"], row["group"]) == ("c1", "Client A", "201", "staff")
    assert (row["calls"], row["seconds"]) == (1, 61.5)
    rows = _json(office("report", "calls", "--json"))["rows"]
    assert [(one["caller"], one["calls"], one["seconds"]) for one in rows] == [("201", 2, 64.5)]
    rows = _json(office("report", "denied", "--detail", "--json"))["rows"]
    assert [(one["caller"], one["rule"], one["why"]) for one in rows] == [
        ("201", "call.beyond-scope", "No."),
        ("202", "", "not found"),
    ]
    assert len(_json(office("report", "denied", "--detail", "--user", "202", "--json"))["rows"]) == 1
    assert _json(office("report", "calls", "--code", "c9", "--json"))["rows"] == []
    assert _json(office("report", "calls", "--from", "2999-01-01", "--json"))["rows"] == []
    assert _json(office("report", "calls", "--to", "2000-01-01", "--json"))["rows"] == []
    told = list(csv.DictReader(io.StringIO(office("report", "denied", "--detail", "--csv")[1])))
    assert told[0]["dialled"].startswith("'=900")
    code, out, _ = office("report", "denied", "--detail")
    assert (code, "\x1b" in out, "call.beyond-scope" in out) == (0, False, True)
    _, out, err = office("report", "calls", "--detail", "-n", "1")
    assert ("914085550123" in out, "goes on" in err) == (True, True)
    assert office("report", "calls", "--from", "soon")[0] == 1


@pytest.mark.req("C1")
def test_the_guide_can_be_followed_word_for_word(run):
    guide = (Path(__file__).parents[3] / "docs" / "class-of-service.md").read_text()
    commands = [line for line in guide.splitlines() if line.startswith("./ringwall ") and "CSV" not in line]
    ran = 0
    for line in commands:
        words = shlex.split(line, comments=True)[1:]
        if words[1] in {"import", "export"}:
            continue
        code, out, err = run(*words, typed="24681357\n")
        assert err == "", line
        assert code == 0 or words[:2] == ["policy", "lint"], line
        if words[:2] == ["policy", "explain"]:
            assert out.startswith("ALLOWED: dial 00445550123 (+41445550123, local) by 201")
        ran += 1
    assert ran >= 12
