"""`ringwall test`: all checks run, whatever the others say, each is shown whole, and pytest has the last word."""

import json
from pathlib import Path

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
    results = checks.run(folder, [[FAILS, PASSES]], Output(as_json=False))
    assert [result.ok for result in results] == [False, True]
    printed = capfd.readouterr().out
    assert "broken" in printed
    assert "all fine" in printed
    assert "second  FAILED" in printed


def test_a_failed_stage_does_not_stop_the_next(folder):
    results = checks.run(folder, [[FAILS], [PASSES]], Output(as_json=False))
    assert [(result.name, result.ok) for result in results] == [("second", False), ("first", True)]


TALK = """
import pathlib, sys, time
mine, other = map(pathlib.Path, sys.argv[1:])
for number in range(3):
    print(f"{mine.name} {number}", flush=True)
    mine.write_text(str(number))
    while not other.exists() or int(other.read_text() or "-1") < number:
        time.sleep(0.001)
"""


def test_checks_of_a_stage_run_side_by_side_and_each_is_shown_whole(folder, tmp_path, capfd, monkeypatch):
    """Each of the two writes a line, and the next one only when the other has written its own."""
    monkeypatch.setattr(checks, "processors", lambda: 2)
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    stage = [Check("one", ("-c", TALK, one, two)), Check("two", ("-c", TALK, two, one))]
    assert all(result.ok for result in checks.run(folder, [stage], Output(as_json=False)))
    words = [line for line in capfd.readouterr().out.splitlines() if line[-1:].isdigit()]
    assert sorted([words[:3], words[3:]]) == [["one 0", "one 1", "one 2"], ["two 0", "two 1", "two 2"]]


def test_the_output_ends_with_the_closing_line_of_pytest(folder, capfd):
    checks.run(
        folder,
        [[Check("unit tests", ("-m", "pytest", "tests/unit", "-p", "no:cacheprovider"))], [PASSES]],
        Output(as_json=False),
    )
    last = capfd.readouterr().out.strip().splitlines()[-1]
    assert "1 passed in" in last


def test_with_json_standard_output_is_one_object(folder, capfd):
    checks.run(folder, [[PASSES, FAILS]], Output(as_json=True))
    told = capfd.readouterr()
    assert [check["ok"] for check in json.loads(told.out)["checks"]] == [True, False]
    assert "all fine" in told.err


def test_the_checkout_is_tested_and_not_the_released_copy(folder, capfd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere/else")
    checks.run(
        folder, [[Check("path", ("-c", "import os; print(os.environ['PYTHONPATH'])"))]], Output(as_json=False)
    )
    assert str(folder / "src") in capfd.readouterr().out


def test_tests_have_a_folder_with_a_short_name_wherever_temporary_files_are(folder, capfd, monkeypatch):
    """Unix sockets below a test's folder must have at most 107 bytes in all."""
    monkeypatch.setenv("TMPDIR", str(folder))
    (folder / "tests" / "unit" / "test_x.py").write_text("def test_x(tmp_path):\n    print(tmp_path)\n")
    stage = [Check("unit tests", ("-m", "pytest", "-s", "tests/unit", "-p", "no:cacheprovider"))]
    assert checks.run(folder, [stage], Output(as_json=False))[0].ok
    [where] = [line.split()[-1] for line in capfd.readouterr().out.splitlines() if "/test_x0" in line]
    assert len(where.removesuffix("/test_x0")) < 20
    assert not Path(where.removesuffix(".")).exists()


def names(stages):
    return [[check.name for check in stage] for stage in stages]


FAST = ["unit tests", "types", "import rules", "style", "format"]
SYSTEM = [["system tests"], ["system tests alone"]]


def test_the_suites_hold_what_they_say(folder):
    assert names(checks.suite(folder, "fast", 2)) == [FAST]
    assert names(checks.suite(folder, "system", 2)) == SYSTEM
    assert names(checks.suite(folder, "all", 2)) == [FAST, *SYSTEM]


@pytest.mark.parametrize(("processors", "unit", "systems"), [(1, None, None), (2, "2", "2"), (16, "16", "4")])
def test_tests_are_shared_among_the_processors_and_those_that_must_be_alone_are(
    folder, processors, unit, systems
):
    def workers(check):
        words = check.arguments
        return words[words.index("-n") + 1] if "-n" in words else None

    [[tests, *_], [system], [alone]] = checks.suite(folder, "all", processors)
    assert [workers(tests), workers(system), workers(alone)] == [unit, systems, None]
    assert system.arguments[-2:] == ("-m", "not alone")
    assert alone.arguments[-2:] == ("-m", "alone")


def test_the_lab_is_part_of_the_system_tests_where_there_is_one(folder):
    (folder / "tests" / "lab").mkdir()
    assert names(checks.suite(folder, "system", 2)) == [*SYSTEM, ["lab tests"]]


def test_the_requirements_table_is_checked_where_its_tool_is(folder):
    (folder / "tools").mkdir()
    (folder / "tools" / "requirements.py").write_text("")
    assert names(checks.suite(folder, "fast", 2)) == [[*FAST, "requirements table"]]


def test_without_a_checkout_the_error_says_where_the_tests_are(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGWALL_REPOSITORY", str(tmp_path))
    with pytest.raises(RingwallError, match="from a clone"):
        checks.repository()
