"""What the ledger costs at a rate of records, and what the marks add that say elsewhere how far it has come.

On a database of its own in a folder of its own, with an edge agent's witness in the same process. Records
come evenly, as calls end, and ten times a second somebody waits until one is on the disk. CPU is user and
system time of the process in milliseconds for each second, the driver's own work among it. The lag is how
many records are on the disk that the file's mark does not name yet, looked at every 10 ms.
"""

import asyncio
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import _figures

from ringwall.core.ledger import Ledger
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.witnesses import EdgeWitness
from ringwall.edge.agent.ledger_marks import LedgerMarks
from support.core_data import open_core
from support.events import Made

_SECONDS = 15.0
_STEP = 0.01
_FIELDS = {"cause": "hung up", "caller": "201", "callee": "202", "seconds": 61.2, "answered": True}


class _Wire:
    """The witness of an edge agent, without the wire."""

    def __init__(self, folder: Path) -> None:
        self.marks = LedgerMarks(folder / "ledger-marks.json")
        self.told = 0

    async def call(self, op: dict[str, Any]) -> dict[str, Any]:
        self.told += "evidence" in op
        return await self.marks.witness(op)


async def measure(rate: int, seconds: float, marked: bool) -> dict[str, Any]:
    """Write so many records a second, with or without marks."""
    with tempfile.TemporaryDirectory(prefix="ringwall-bench-", dir="/var/tmp") as name:
        folder = Path(name)
        core = await open_core(folder, interval=0.05)
        memory = core.ledger.memory
        assert memory is not None
        wire = _Wire(folder)
        keeper = MarkKeeper(
            core.ledger, memory, [EdgeWitness(wire, "edge.test", core.ledger.public_key)] if marked else []
        )
        task = asyncio.create_task(keeper.run()) if marked else None
        lags: list[float] = []
        waits: list[float] = []
        waiting = asyncio.create_task(_wait_for_records(core.ledger, waits))
        await core.ledger.record_durably(Made("system.test"))
        before, began, made = _cpu(), time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            for _ in range(int(rate * passed) - made):
                core.ledger.record(Made("call.ended", **_FIELDS))
                made += 1
            if marked:
                lags.append(max(core.ledger.durable_seq - (memory.marked or 0), 0))
            await asyncio.sleep(_STEP)
        await core.ledger.record_durably(Made("system.test"))
        used, passed = _cpu() - before, time.perf_counter() - began
        tasks = [waiting, *([task] if task is not None else [])]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await core.store.close()
        return {
            "rate": rate,
            "marks": marked,
            "records": made,
            "cpu_ms_a_second": round(used * 1000 / passed, 1),
            "durable_ms": _figures.in_ms(waits),
            "marks_a_second": round(wire.told / seconds, 2),
            "lag_p50": _figures.percentile(lags, 0.5) if lags else None,
            "lag_most": max(lags) if lags else None,
        }


async def _wait_for_records(ledger: Ledger, waits: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await ledger.record_durably(Made("system.test"))
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run at each rate, without marks and with them."""
    parser = _figures.arguments(__doc__)
    parser.add_argument(
        "--rates", type=int, nargs="+", default=[1, 50, 500], metavar="N", help="records a second"
    )
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="for each")
    options = parser.parse_args()
    runs = [
        asyncio.run(measure(rate, options.seconds, marked))
        for rate in options.rates
        for marked in (False, True)
    ]
    result = {"what": "Records of the ledger, without and with marks", "runs": runs}
    if options.json:
        _figures.dump(result)
        return
    columns = (
        *("records/s", "marks", "CPU ms/s", "on the disk ms p50", "p99"),
        *("marks/s", "lag p50", "lag most"),
    )
    rows = [
        (
            *(run["rate"], "yes" if run["marks"] else "no", run["cpu_ms_a_second"]),
            *(run["durable_ms"]["p50"], run["durable_ms"]["p99"]),
            *(run["marks_a_second"], run["lag_p50"], run["lag_most"]),
        )
        for run in runs
    ]
    _figures.show(result, columns, rows, "The lag is in records; the witness's work is in the CPU.")


if __name__ == "__main__":
    main()
