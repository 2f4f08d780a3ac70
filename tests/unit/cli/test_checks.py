"""`ringwall test`: all checks run, whatever the ones before said, and pytest has the last word."""

import json

import pytest

from ringwall.cli import checks
from ringwall.cli.checks import Check
from ringwall.cli.output import Output
from ringwall.infra.errors import RingwallError

PASSES = Check("first", ("-c", "print('all fine')"))
FAILS = Check("second", ("-c", "print('broken'); raise SystemExit(3)"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "tests" / "unit" / "test_x.py").write_text("def test_x():\n    assert True\n")
    return tmp_path


def test_a_failed_check_does_not_stop_the_next(folder, capfd):
    results = checks.run(folder, [FAILS, PASSES], Output(as_json=False))
    assert [result.ok for result in results] == [False, True]
    printed = capfd.readouterr().out
    assert "broken" in printed
    assert "all fine" in printed
    assert "second  FAILED" in printed


def test_the_output_ends_with_the_closing_line_of_pytest(folder, capfd):
    checks.run(
        folder,
        [Check("unit tests", ("-m", "pytest", "tests/unit", "-p", "no:cacheprovider")), PASSES],
        Output(as_json=False),
    )
    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert "1 passed in" in last


def test_with_json_standard_output_is_one_object(folder, capfd):
    checks.run(folder, [PASSES, FAILS], Output(as_json=True))
    told = capfd.readouterr()
    assert [check["ok"] for check in json.loads(told.out)["checks"]] == [True, False]
    assert "all fine" in told.err


def test_the_checkout_is_tested_and_not_the_released_copy(folder, capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    checks.run(
        folder, [Check("path", ("-c", "import os; print(os.environ['PYTHONPATH'])"))], Output(as_json=False)
    )
    assert str(folder / "src") in capfd.readouterr().out


def test_the_suites_hold_what_they_say(folder):
    fast = [check.name for check in checks.suite(folder, "fast")]
    assert fast == ["style", "format", "types", "import rules", "unit tests"]
    assert [check.name for check in checks.suite(folder, "system")] == ["system tests"]
    assert [check.name for check in checks.suite(folder, "all")] == [*fast, "system tests"]


def test_the_lab_is_part_of_the_system_tests_where_there_is_one(folder):
    (folder / "tests" / "lab").mkdir()
    assert [check.name for check in checks.suite(folder, "system")] == ["system tests", "lab tests"]


def test_the_requirements_table_is_checked_where_its_tool_is(folder):
    (folder / "tools").mkdir()
    (folder / "tools" / "requirements.py").write_text("")
    assert "requirements table" in [check.name for check in checks.suite(folder, "fast")]


def test_without_a_checkout_the_error_says_where_the_tests_are(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGWALL_REPOSITORY", str(tmp_path))
    with pytest.raises(RingwallError, match="from a clone"):
        checks.repository()
