"""kill -9 at any moment under load: the mark, in the file and at the edge, is never ahead of what is on the disk."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ringwall.core.ledger.apart import verify_database
from ringwall.core.ledger.verdict import Kept
from ringwall.edge.agent.ledger_marks import LedgerMarks
from ringwall.infra.ledger_mark import evidence_of
from support.core_data import open_core
from support.events import Made

CHILD = """
import asyncio, sys
from pathlib import Path
from ringwall.core.ledger import chain, keeper
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.witnesses import EdgeWitness
from ringwall.edge.agent.ledger_marks import LedgerMarks
from support.core_data import open_core
from support.events import Made

chain.CHECKPOINT_RECORDS = 16
keeper.MARK_SECONDS, keeper.LEAST_SECONDS = 0.001, 0.0

class Wire:
    def __init__(self, folder):
        self.marks = LedgerMarks(folder / "ledger-marks.json")
        self.marks.load()
        self.call = self.marks.witness

async def main():
    folder = Path(sys.argv[1])
    core = await open_core(folder, interval=0.001)
    marks = MarkKeeper(
        core.ledger, core.ledger.memory, [EdgeWitness(Wire(folder), "edge.test", core.ledger.public_key)]
    )
    asyncio.get_running_loop().create_task(marks.run())
    async def worker(lane):
        while True:
            core.ledger.record(Made("call.ended", lane=lane))
            await core.ledger.record_durably(Made("call.ended", lane=lane))
            print(core.ledger.memory.marked or 0, flush=True)
    await asyncio.gather(*(worker(lane) for lane in range(8)))

asyncio.run(main())
"""
KILLS = 5


@pytest.mark.req("R2", "I2")
def test_kill_9_under_load_never_looks_like_a_ledger_that_was_cut(tmp_path):
    root = Path(__file__).parents[4]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root / 'tests'}"}
    marked = 0
    for kill in range(KILLS):
        command = [sys.executable, "-c", CHILD, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
            assert child.stdout is not None
            until = marked + 50 + 37 * kill
            for line in child.stdout:
                if int(line) > until:
                    break
            child.send_signal(signal.SIGKILL)
        marked, verdict, found = asyncio.run(_look(tmp_path))
        assert marked > until
        assert verdict.ok, (verdict.finding, verdict.marks)
        assert [mark.ok for mark in verdict.marks] == [True, True]
        assert found == []


async def _look(folder: Path):
    """Read the marks as the killed process left them, then start on its data."""
    marks = LedgerMarks(folder / "ledger-marks.json")
    marks.load()
    core = await open_core(folder)
    try:
        verifier = core.ledger.memory.verifier
        held = (await marks.witness({"key": core.ledger.public_key}))["held"]
        edge = Kept("edge", "kept", evidence_of(held, verifier))
        file = Kept.in_file(folder / "ledger.mark", verifier)
        assert file.evidence is not None
        verdict = verify_database(core.url, core.ledger.public_key, [file, edge])
        await core.ledger.record_durably(Made("system.test"))
        return file.evidence.mark.seq, verdict, await core.ledger.tail(0, 10, "security.ledger_mismatch")
    finally:
        await core.store.close()
