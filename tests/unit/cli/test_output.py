"""What the commands print: text for people, one JSON object for programs."""

import json

import pytest

from ringwall.cli.output import Output, format_table
from ringwall.infra.errors import PortTakenError, RefusedError


def test_a_result_is_one_line_of_json_or_a_text(capsys):
    Output(as_json=True).result({"ok": True, "name": "Zoë"}, "done")
    Output(as_json=False).result({"ok": True}, "done")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"ok": True, "name": "Zoë"}
    assert second == "done"


def test_a_table_is_aligned_and_says_when_it_is_empty(capsys):
    assert format_table(("a", "long"), [("100", "x"), ("1", "yy")]).splitlines() == [
        "a    long",
        "100  x",
        "1    yy",
    ]
    Output(as_json=False).table(("a", "b"), [(1, None)], {})
    Output(as_json=False).table(("a", "b"), [], {}, "No users.")
    assert capsys.readouterr().out.splitlines() == ["a  b", "1  -", "No users."]


def test_progress_is_for_people_only(capsys):
    Output(as_json=False).progress("installing")
    Output(as_json=True).progress("installing")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "  installing\n"


def test_an_error_is_one_sentence_or_its_object(capsys):
    Output(as_json=False).error(PortTakenError("Port 5061 is taken."))
    Output(as_json=True).error(RefusedError("No such user.", code="not-found", field="extension"))
    told = capsys.readouterr()
    assert told.err == "ringwall: Port 5061 is taken.\n"
    assert json.loads(told.out) == {
        "ok": False,
        "error": {"code": "not-found", "message": "No such user.", "field": "extension"},
    }


@pytest.mark.parametrize("as_json", [True, False])
def test_a_listing_without_a_text_is_still_readable(capsys, as_json):
    Output(as_json=as_json).result({"sips": 5061})
    assert capsys.readouterr().out in {'{"sips": 5061}\n', "sips  5061\n"}
