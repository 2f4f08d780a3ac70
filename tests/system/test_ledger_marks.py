"""The end of a real system's ledger is cut off while it is stopped, by whoever owns the database: that is seen (I2)."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from ringwall.infra.errors import RefusedError, UnavailableError
from system.running import System, system_in_a_folder, until

KILLS = 4
_EDGE = "the edge agent"


@pytest.fixture(scope="module")
def system():
    with system_in_a_folder() as running:
        yield running


def verify(system: System) -> tuple[int, dict]:
    done = system.command("ledger", "verify", "--json")
    return done.returncode, json.loads(done.stdout)


def marks(system: System) -> dict[str, int]:
    """How far the ledger had come by what is kept in each place."""
    return {each["place"]: each["seq"] or 0 for each in system.ask("status")["ledger"]["marks"]}


async def marked_everywhere(system: System) -> None:
    """Wait until every place has a mark of now."""
    seq = system.seq()
    await until(lambda: min(marks(system).values()) >= seq, "a mark of now in each place", 30)


def cut(system: System, keep: int) -> None:
    """Cut the end off so that nothing in the database tells of it."""
    with sqlite3.connect(system.layout.database) as connection:
        connection.execute("DELETE FROM ledger WHERE seq > ?", (keep,))
        connection.execute("DELETE FROM ledger_checkpoints WHERE seq > ?", (keep,))
        connection.execute("DELETE FROM ledger_head")
    connection.close()


def copied(source: Path, place: Path) -> None:
    """Copy a file with owner and mode, as a backup does."""
    subprocess.run(["cp", "-a", str(source), str(place)], check=True)


@pytest.mark.req("I2", "R2")
async def test_a_core_that_is_killed_under_load_is_no_mismatch(system) -> None:
    for _ in range(KILLS):
        after = system.seq()
        adding = [asyncio.create_task(asyncio.to_thread(_add, system, 2000)) for _ in range(2)]
        await until(lambda: min(marks(system).values()) > after, "a mark while records come", 30)  # noqa: B023
        system.kill("core")
        await asyncio.gather(*adding)
        await system.ready()
    await marked_everywhere(system)
    code, verdict = verify(system)
    assert (code, verdict["finding"], verdict["mismatches"]) == (0, None, [])
    assert [mark["ok"] for mark in verdict["marks"]] == [True, True]


def _add(system: System, most: int) -> None:
    """Make records until the core is gone: a change that is refused is one."""
    for _ in range(most):
        try:
            system.ask("user.remove", extension="9999")
        except RefusedError:
            continue
        except UnavailableError:
            return


@pytest.mark.req("I2")
@pytest.mark.timeout(420)
async def test_a_cut_end_is_seen_before_and_after_the_start_and_for_ever(system, tmp_path) -> None:
    before = system.seq()
    for _ in range(5):
        system.user()
    await marked_everywhere(system)
    system.down()
    copied(system.layout.database, tmp_path / "whole.db")
    cut(system, before)

    # The stopped system says it, by the mark beside the key and by the edge's.
    code, verdict = verify(system)
    assert (code, verdict["ok"]) == (1, False)
    wrong = {mark["place"]: mark["text"] for mark in verdict["marks"] if mark["ok"] is False}
    assert len(wrong) == 2
    for text in wrong.values():
        assert f"ends at record {before}" in text
        assert "records are missing" in text

    # So does the system when it runs again; it goes on all the same.
    system.up()
    extension = system.user()
    assert extension in {user["extension"] for user in system.ask("user.list")}
    code, verdict = verify(system)
    assert (code, verdict["finding"]["kind"], verdict["finding"]["first"]) == (1, "removed", before + 1)
    assert any("records are missing" in each["text"] for each in verdict["mismatches"])
    status = system.command("status")
    assert status.returncode == 0
    assert "MISMATCH" in status.stdout
    assert any("records are missing" in each["found"] for each in _doctor(system))

    # Putting the records back does not make it forget.
    system.down()
    copied(tmp_path / "whole.db", system.layout.database)
    system.up()
    code, verdict = verify(system)
    assert (code, verdict["ok"]) == (1, False)
    assert any(f"ends at record {before}" in each["text"] for each in verdict["mismatches"])


@pytest.mark.req("I2")
@pytest.mark.timeout(420)
async def test_the_edge_alone_is_enough_and_an_administrator_can_only_take_note(system) -> None:
    before = system.seq()
    for _ in range(5):
        system.user()
    await marked_everywhere(system)
    known = {each["text"] for each in system.ask("status")["ledger"]["mismatches"]}
    system.down()
    cut(system, before)
    system.layout.ledger_mark.unlink()
    system.up()

    def told() -> list[dict]:
        return [
            each
            for each in system.ask("status")["ledger"]["mismatches"]
            if each["place"].startswith(_EDGE) and each["text"] not in known
        ]

    (found,) = await until(told, "the edge says how far the ledger had come", 30)
    assert "records are missing" in found["text"]
    assert verify(system)[0] == 1

    done = system.command("ledger", "acknowledge", "a test cut it off")
    assert done.returncode == 0, done.stdout + done.stderr
    code, verdict = verify(system)
    assert (code, verdict["finding"]) == (0, None)
    assert found["text"] in {each["text"] for each in verdict["mismatches"]}
    assert {each["acknowledged"]["reason"] for each in verdict["mismatches"]} == {"a test cut it off"}
    assert not [each for each in _doctor(system) if each["subject"] == "ledger"]
    done = system.command("ledger", "verify")
    assert "Found once: " in done.stdout
    system.up_again()
    assert found["text"] in {each["text"] for each in verify(system)[1]["mismatches"]}


@pytest.mark.req("I2", "R2")
@pytest.mark.timeout(420)
async def test_an_old_backup_is_a_mismatch_that_says_so(system, tmp_path) -> None:
    """With the mark of its time beside it: the edge knows better."""
    system.down()
    for path in (system.layout.database, system.layout.ledger_mark):
        copied(path, tmp_path / path.name)
    system.up()
    for _ in range(3):
        system.user()
    await marked_everywhere(system)
    known = len(system.ask("status")["ledger"]["mismatches"])
    system.down()
    for path in (system.layout.database, system.layout.ledger_mark):
        copied(tmp_path / path.name, path)
    system.up()
    await until(lambda: len(system.ask("status")["ledger"]["mismatches"]) > known, "the edge says so", 30)
    assert system.ask("status")["ledger"]["mismatches"][-1]["place"].startswith(_EDGE)


def _doctor(system: System) -> list[dict]:
    """What the doctor finds wrong."""
    done = system.command("doctor", "--json")
    return [one for one in json.loads(done.stdout)["findings"] if not one["ok"]]


def test_begin_anew_begins_another_ledger_beside_the_old_one_at_the_edge(system) -> None:
    system.down()
    old = json.loads(system.layout.ledger_mark.read_text())["mark"]["chain"]
    witnessed = system.layout.ledger_marks_file.read_bytes()
    assert system.command("begin-anew", "--yes").returncode == 0
    # The folder of the edge was moved aside with the rest; an edge on another host has its file still.
    system.up()
    system.down()
    system.layout.ledger_marks_file.write_bytes(witnessed)
    shutil.chown(system.layout.ledger_marks_file, "ringwall-edge", "ringwall-edge")
    system.up()
    code, verdict = verify(system)
    assert (code, verdict["mismatches"]) == (0, [])
    assert json.loads(system.layout.ledger_mark.read_text())["mark"]["chain"] != old
