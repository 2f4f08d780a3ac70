"""``ringwall user pin``: a PIN is typed unseen or read from standard input, never an argument."""

import io
import json
import sys

import pytest

import ringwall.cli
from ringwall.cli import forms, pins

STATE = {
    "extension": "201",
    "set_at": "2026-11-27T08:00:00Z",
    "must_change": False,
    "days_left": 90,
    "wrong_tries": 0,
    "locked_until": None,
}


@pytest.fixture
def run(monkeypatch, capsys):
    asked = []

    def ask(_layout, operation, arguments=None, **_):
        asked.append((operation, dict(arguments or {})))
        return {**STATE, **run.changes}

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["ringwall", "user", "pin", *words])
        code = 0
        try:
            ringwall.cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, capsys.readouterr().out

    monkeypatch.setattr(pins, "ask", ask)
    run.changes = {}
    call.asked, call.changes = asked, run.changes
    return call


@pytest.mark.req("V2")
def test_a_pin_is_read_from_standard_input(run, monkeypatch) -> None:
    monkeypatch.setattr(forms.sys, "stdin", io.StringIO("407259\n"))
    code, out = run("set", "201")
    assert (code, "407259" in out) == (0, False)
    assert run.asked == [("user.pin.set", {"extension": "201", "pin": "407259", "must_change": True})]
    assert run("set", "201", "407259")[0] == 2


def test_a_first_pin_is_shown_once(run) -> None:
    run.changes["pin"] = "40725918"
    assert "40725918" in run("reset", "201")[1]
    assert json.loads(run("reset", "201", "--json")[1])["pin"] == "40725918"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "90 more days"),
        ({"set_at": None}, "has no PIN"),
        ({"must_change": True}, "has to be changed"),
        ({"days_left": None, "wrong_tries": 3}, "3 wrong tries"),
        ({"locked_until": "2026-11-27T09:00:00Z"}, "is locked until"),
    ],
)
def test_the_state_is_told_in_sentences(run, changes, words) -> None:
    run.changes.update(changes)
    assert words in run("show", "201")[1]
    assert words in run("unlock", "201")[1]
