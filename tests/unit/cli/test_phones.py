"""``ringwall phone``: what is asked of the core, and how it is told."""

import json
import sys

import pytest

import ringwall.cli
from ringwall.cli import phones
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

PHONE = {
    "mac": "00:15:65:12:00:10",
    "state": "available",
    "user": None,
    "home": None,
    "identity": "factory certificate",
    "vendor": "yealink",
    "model": "T46U",
    "label": "",
    "site": "main",
    "asked_from": "10.0.0.7",
    "code": "ABCDE23456",
    "minutes": 30,
    "address": "https://192.0.2.10:8443/phone/abc/",
}


@pytest.fixture
def run(monkeypatch, capsys):
    asked = []

    def ask(_layout, operation, arguments=None, **_):
        asked.append((operation, dict(arguments or {})))
        return [PHONE] if operation == "phone.list" else PHONE

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["ringwall", "phone", *words])
        code = 0
        try:
            ringwall.cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, capsys.readouterr().out

    monkeypatch.setattr(phones, "ask", ask)
    call.asked = asked
    return call


@pytest.mark.parametrize(
    ("words", "operation", "arguments"),
    [
        (["list"], "phone.list", {}),
        (["show", "m"], "phone.show", {"mac": "m"}),
        (["add", "m", "--home", "201"], "phone.add", {"mac": "m", "home": "201"}),
        (
            ["set", "m", "--group", "none", "--label", "none", "--legacy"],
            "phone.set",
            {"mac": "m", "group": None, "label": "", "legacy": True},
        ),
        (["approve", "m", "--from", "10.0.0.7"], "phone.approve", {"mac": "m", "source": "10.0.0.7"}),
        (["address", "m"], "phone.address", {"mac": "m"}),
        (["block", "m"], "phone.block", {"mac": "m"}),
        (["unblock", "m"], "phone.unblock", {"mac": "m"}),
        (["forget", "m"], "phone.forget", {"mac": "m"}),
        (["assign", "m", "201", "--home"], "phone.assign", {"mac": "m", "extension": "201", "home": True}),
        (["unassign", "m"], "phone.unassign", {"mac": "m"}),
        (["go-home", "201"], "phone.go-home", {"extension": "201"}),
        (["remove", "m"], "phone.remove", {"mac": "m"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_command_asks_one_operation(run, words, operation, arguments) -> None:
    code, out = run(*words)
    assert code == 0
    assert PHONE["mac"] in out
    assert run.asked == [(operation, arguments)]
    told = json.loads(run(*words, "--json")[1])
    assert told == ({"phones": [PHONE]} if operation == "phone.list" else PHONE)


@pytest.mark.req("P1")
def test_what_a_dhcp_server_is_told_is_printed(run, tmp_path) -> None:
    Settings.for_address("192.0.2.10").save(Layout(tmp_path))
    code, out = run("dhcp", "--data", str(tmp_path))
    assert code == 0
    assert out.count("https://192.0.2.10:8443/phone/") > 15
    (poly,) = json.loads(run("dhcp", "poly", "--data", str(tmp_path), "--json")[1])["vendors"]
    assert {one["option"] for one in poly["options"]} == {160, 66, 43}
    assert run("dhcp", "acme", "--data", str(tmp_path))[0] == 1


@pytest.mark.req("P4")
def test_a_code_and_an_address_are_shown_to_who_asked(run) -> None:
    assert PHONE["code"] in run("approve", "m")[1]
    assert PHONE["address"] in run("address", "m")[1]
