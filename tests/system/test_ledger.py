"""The ledger of a real system: whole after real calls, and no change to it goes unseen (I2)."""

import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from system.descriptions import answer_to, good
from system.raw_phone import RawPhone, joined
from system.running import System, system_in_a_folder

CALLS = 3


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stopped():
    """A system on which people called each other, and that was stopped in good order."""
    with system_in_a_folder() as system:
        phones = [await RawPhone.connect(system, system.person()) for _ in range(2)]
        for _ in range(CALLS):
            here, there = await joined(*phones, good(), answer_to)
            assert (await here.hang_up()).status == 200
            await there.ended()
        for phone in phones:
            await phone.close()
        system.down()
        yield system


@pytest.fixture
def copy(stopped: System, tmp_path: Path) -> Path:
    """A copy of its database, to be tampered with."""
    log = stopped.layout.database.with_name(stopped.layout.database.name + "-wal")
    assert not log.exists() or not log.stat().st_size  # all of it is in the one file
    return Path(shutil.copy(stopped.layout.database, tmp_path / "ringwall.db"))


def verify(system: System, database: Path | None = None) -> tuple[int, dict]:
    where = ["--database", str(database)] if database else []
    done = system.command("ledger", "verify", "--json", *where)
    return done.returncode, json.loads(done.stdout)


def calls_of(database: Path) -> list[int]:
    with sqlite3.connect(database) as connection:
        return [
            row[0]
            for row in connection.execute("SELECT seq FROM ledger WHERE kind = 'call.ended' ORDER BY seq")
        ]


def execute(database: Path, *statements: str) -> None:
    with sqlite3.connect(database) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
    connection.close()


@pytest.mark.req("I2")
def test_the_ledger_of_a_stopped_system_is_whole_and_can_be_read(stopped, copy) -> None:
    code, verdict = verify(stopped)
    assert (code, verdict["ok"], verdict["finding"]) == (0, True, None)
    assert len(calls_of(copy)) == CALLS
    code, verdict = verify(stopped, copy)
    assert (code, verdict["ok"]) == (0, True)
    done = stopped.command("ledger", "tail", "--kind", "call.ended", "--json")
    records = json.loads(done.stdout)["records"]
    assert [record["seq"] for record in records] == calls_of(copy)
    assert all(record["body"]["cause"] == "hung up" for record in records)


@pytest.mark.req("I2")
def test_a_changed_record_is_named(stopped, copy) -> None:
    victim = calls_of(copy)[1]
    execute(copy, f"UPDATE ledger SET body = replace(body, 'hung up', 'busy') WHERE seq = {victim}")
    code, verdict = verify(stopped, copy)
    assert code == 1
    assert not verdict["ok"]
    assert (verdict["finding"]["kind"], verdict["finding"]["first"]) == ("changed", victim)
    done = stopped.command("ledger", "verify", "--database", str(copy))
    assert done.returncode == 1
    assert str(victim) in done.stdout


@pytest.mark.req("I2")
def test_a_removed_record_is_named(stopped, copy) -> None:
    victim = calls_of(copy)[0]
    execute(copy, f"DELETE FROM ledger WHERE seq = {victim}")
    code, verdict = verify(stopped, copy)
    assert (code, verdict["finding"]["kind"], verdict["finding"]["first"]) == (1, "removed", victim)


@pytest.mark.req("I2")
def test_a_removed_record_whose_gap_was_closed_is_named(stopped, copy) -> None:
    victim = calls_of(copy)[0]
    execute(
        copy,
        f"DELETE FROM ledger WHERE seq = {victim}",
        f"UPDATE ledger SET seq = -seq WHERE seq > {victim}",
        "UPDATE ledger SET seq = -seq - 1 WHERE seq < 0",
    )
    code, verdict = verify(stopped, copy)
    assert code == 1
    assert verdict["finding"]["first"] == victim


@pytest.mark.req("I2")
def test_an_inserted_record_is_named(stopped, copy) -> None:
    place = calls_of(copy)[2]
    execute(
        copy,
        f"UPDATE ledger SET seq = -seq WHERE seq >= {place}",
        "UPDATE ledger SET seq = -seq + 1 WHERE seq < 0",
        f"INSERT INTO ledger SELECT {place}, at, kind, body, previous, hash FROM ledger WHERE seq = {place + 1}",
    )
    code, verdict = verify(stopped, copy)
    assert code == 1
    assert verdict["finding"]["first"] in {place, place + 1}


@pytest.mark.req("I2")
def test_records_that_were_cut_off_at_the_end_are_missed(stopped, copy) -> None:
    last = max(calls_of(copy))
    execute(copy, f"DELETE FROM ledger WHERE seq >= {last}")
    code, verdict = verify(stopped, copy)
    assert code == 1
    assert verdict["finding"]["first"] <= last


@pytest.mark.req("I2")
def test_a_forged_signature_is_named(stopped, copy) -> None:
    execute(copy, "UPDATE ledger_checkpoints SET signature = zeroblob(64)")
    code, verdict = verify(stopped, copy)
    assert code == 1
    assert not verdict["ok"]


@pytest.mark.req("I2", "R2")
async def test_the_system_starts_again_and_goes_on_where_it_was(stopped, capsys) -> None:
    """How long the second start takes is told; it decides nothing here, on a machine that others may be using."""
    _, before = verify(stopped)
    told = stopped.up()
    with capsys.disabled():
        sys.stdout.write(f"\nsecond start: ready after {told['seconds']} s\n")
    assert told["password"] is None
    try:
        verdict = stopped.ask("ledger.verify")
        assert verdict["ok"]
        assert verdict["seq"] > before["seq"]
        assert verdict["public_key"] == before["public_key"]
    finally:
        stopped.down()
