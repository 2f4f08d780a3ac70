"""kill -9 loses nothing that was acknowledged, and the ledger still proves itself."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ringwall.core.ledger.apart import verify_database
from support.core_data import ADMIN, open_core

CHILD = """
import asyncio, sys
from pathlib import Path
from support.core_data import ADMIN, open_core
from support.events import Made

async def main():
    core = await open_core(Path(sys.argv[1]), interval=0.002)
    async def worker(lane):
        for number in range(100_000):
            core.ledger.record(Made("call.ended", lane=lane, n=number))
            user = await core.directory.add_user(ADMIN, str(10_000_000 + lane * 1_000_000 + number), "x")
            print(user.extension, flush=True)
    await asyncio.gather(*(worker(lane) for lane in range(4)))

asyncio.run(main())
"""

ENOUGH = 60


@pytest.mark.req("R2", "I2")
def test_everything_acknowledged_before_kill_9_is_there(tmp_path):
    root = Path(__file__).parents[4]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}:{root / 'tests'}"},
    )
    acknowledged = [child.stdout.readline().strip() for _ in range(ENOUGH)]
    child.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait()
    assert len(acknowledged) >= ENOUGH
    assert all(acknowledged)

    async def look():
        core = await open_core(tmp_path)
        try:
            there = core.directory.snapshot.by_extension
            assert [extension for extension in acknowledged if extension not in there] == []
            records = await core.ledger.tail(0, 1000)
            added = {
                record["body"]["after"]["extension"]
                for record in records
                if record["kind"] == "admin.user.added"
            }
            assert added == set(there)
            await core.directory.add_user(ADMIN, "201", "after the crash")
            return core.url, core.ledger.public_key
        finally:
            await core.store.close()

    url, key = asyncio.run(look())
    verdict = verify_database(url, key)
    assert verdict.ok, verdict.finding
    with sqlite3.connect(tmp_path / "ringwall.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
