"""Verify, doctor and status say what the marks of the ledger say, also where nothing runs, and never forget it."""

import asyncio
import json
import os
import sqlite3

import pytest

from ringwall.cli import system
from ringwall.cli.doctor import examine
from ringwall.cli.readiness import Health
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.memory import Memory
from ringwall.edge.agent.ledger_marks import LedgerMarks
from support.control import core_behind_socket

MARK = "core/ledger.mark"
EDGE = "edge/agent/ledger-marks.json"
pytestmark = pytest.mark.req("I2")


@pytest.fixture
def run(ringwall_on):
    return ringwall_on


@pytest.fixture
def stopped(data):
    """A system of two records that was stopped in good order, with a mark beside its key and one at its edge."""
    memory = Memory(data.ledger_mark, load_key(data.ledger_key))
    memory.load()
    with sqlite3.connect(data.database) as db:
        seq, digest, checkpoints = db.execute("SELECT seq, hash, checkpoints FROM ledger_head").fetchone()
    db.close()
    memory.sign_mark(memory.evidence.mark.chain, seq, digest, checkpoints)
    memory.save_now()
    data.agent.mkdir(parents=True)
    told = {"key": public_hex(memory.verifier), "evidence": memory.evidence.to_dict()}
    asyncio.run(LedgerMarks(data.ledger_marks_file).witness(told))
    return data


def cut(layout):
    with sqlite3.connect(layout.database) as db:
        for table in ("ledger_head", "ledger_checkpoints"):
            db.execute(f"DELETE FROM {table}")
        db.execute("DELETE FROM ledger WHERE seq > 1")
    db.close()


def ledger_findings(layout):
    return [each for each in examine(layout) if each.subject == "ledger"]


def test_a_stopped_system_tells_of_each_mark_that_this_host_keeps(stopped, run):
    code, out, _ = run(stopped, "ledger", "verify")
    assert code == 0
    for place in (MARK, EDGE):
        assert f"Mark kept in {place}, record 2 at " in out
    assert out.count(": as it says") == 2
    assert "Found once" not in out


@pytest.mark.parametrize("gone", [None, MARK, EDGE])
def test_a_cut_end_is_told_by_the_stopped_system_whichever_mark_is_left(stopped, run, gone):
    cut(stopped)
    if gone is not None:
        (stopped.data / gone).unlink()
    code, out, _ = run(stopped, "ledger", "verify", "--json")
    verdict = json.loads(out)
    assert (code, verdict["ok"]) == (1, False)
    wrong = {mark["place"]: mark["text"] for mark in verdict["marks"] if mark["ok"] is False}
    for place in {MARK, EDGE} - {gone}:
        assert f"{place} says that the ledger had come to record 2 at" in wrong[place]
        assert "ends at record 1: 1 record is missing." in wrong[place]
    if gone == MARK:
        assert "is missing" in wrong[MARK]
    told = run(stopped, "ledger", "verify")[1]
    assert told.startswith("THE LEDGER IS NOT AS IT WAS WRITTEN.")
    assert ": MISMATCH: " in told


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user")
def test_what_the_stopped_system_found_is_remembered_when_the_database_was_put_right(stopped, run):
    whole = stopped.database.read_bytes()
    os.chown(stopped.ledger_mark, 4711, 4712)
    cut(stopped)
    assert run(stopped, "ledger", "verify")[0] == 1
    stopped.database.write_bytes(whole)
    code, out, _ = run(stopped, "ledger", "verify")
    assert code == 1
    assert out.startswith("THE LEDGER WAS NOT AS IT WAS WRITTEN.")
    assert "Found once: " in out
    assert "./ringwall ledger acknowledge" in out
    state = stopped.ledger_mark.stat()
    assert (state.st_uid, state.st_gid, state.st_mode & 0o777) == (4711, 4712, 0o600)
    (finding, *_) = [each for each in ledger_findings(stopped) if not each.ok]
    assert "1 record is missing" in finding.found
    assert "acknowledge" in finding.mend


def test_a_copy_is_compared_and_nothing_is_remembered_of_it(stopped, run, tmp_path):
    before = stopped.ledger_mark.read_bytes()
    copy = tmp_path / "copy.db"
    copy.write_bytes(stopped.database.read_bytes())
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE ledger SET hash = zeroblob(32) WHERE seq = 2")
    db.close()
    assert run(stopped, "ledger", "verify", "--database", str(copy))[0] == 1
    assert stopped.ledger_mark.read_bytes() == before


def test_the_doctor_compares_with_the_marks(stopped):
    assert [each.ok for each in ledger_findings(stopped)] == [True]
    cut(stopped)
    found = ledger_findings(stopped)
    assert [each.ok for each in found] == [False, False]
    assert all("1 record is missing" in each.found for each in found)


def test_a_damaged_file_of_the_edge_is_told(stopped, run):
    stopped.ledger_marks_file.write_bytes(b"{")
    code, out, _ = run(stopped, "ledger", "verify")
    assert code == 1
    assert f"{EDGE} is damaged" in out


def test_an_acknowledgement_is_on_record_with_its_reason_and_the_mismatch_stays(stopped, run):
    cut(stopped)

    async def offer(operations, core):
        keeper = MarkKeeper(core.ledger, core.ledger.memory)
        ledger_operations.register(operations, core.store, core.ledger, keeper)

    with core_behind_socket(stopped, offer):
        assert run(stopped, "ledger", "verify")[0] == 1
        code, out, _ = run(stopped, "ledger", "acknowledge", "a test")
        assert code == 0
        assert "Acknowledged, and on record: " in out
        code, out, _ = run(stopped, "ledger", "verify")
        assert code == 0
        assert out.startswith("The ledger is whole")
        assert "a test" in out
        records = json.loads(run(stopped, "ledger", "tail", "--kind", "admin.ledger.", "--json")[1])
        (body,) = [each["body"] for each in records["records"]]
        assert body["reason"] == "a test"
        code, _, err = run(stopped, "ledger", "acknowledge", "again")
        assert (code, "no mismatch" in err) == (1, True)
        assert run(stopped, "ledger", "acknowledge", "x")[0] == 1
    found = ledger_findings(stopped)
    assert found
    assert all(each.ok and "(acknowledged)" in each.found for each in found)


def test_the_status_says_what_was_found(monkeypatch, data, run):
    mismatch = {"at": "2026-11-30T08:00:00.000000Z", "place": MARK, "text": "1 record is missing."}
    told = {"mismatches": [{**mismatch, "acknowledged": None}, {**mismatch, "acknowledged": {"by": "root"}}]}
    health = Health((), {}, {"ledger": told}, "")
    monkeypatch.setattr(system.readiness, "look", lambda _layout: health)
    out = run(data, "status")[1]
    assert f"Ledger, MISMATCH: {mismatch['at']}, {MARK}: 1 record is missing." in out
    assert "Ledger, acknowledged: " in out


def test_what_is_no_file_is_not_opened_as_a_database(stopped):
    """A pipe would be waited for, without an end."""
    stopped.database.unlink()
    os.mkfifo(stopped.database)
    assert ledger_findings(stopped) is not None
