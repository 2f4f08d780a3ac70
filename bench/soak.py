"""A long run at a steady rate, to see what grows: `./ringwall bench soak --minutes 60 [--json]`.

Made for Kamailio's allocator (`-x fm`), which costs 40 % less than the default one and must not be trusted
unseen: memory that falls to pieces shows as a PSS that keeps growing, as "out of memory" in its log, or as
calls that fail. It ends with 1 when a call failed, a program died, or Kamailio spoke of memory.
"""

import re
import sys
import time
from typing import Any

from bench import _figures, _system
from bench.calls import run as calls
from bench.register import run as registers

_MEMORY_WORDS = re.compile(rb"no more|out of|memory|malloc|free\(\)", re.IGNORECASE)


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (60)")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second (20)")
    parser.add_argument("--phones", type=int, default=40, help="phones; new connections every round (40)")
    parser.add_argument("--round", type=float, default=60.0, help="seconds of a round (60)")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    stopped = ""
    with _system.running(quiet=given.json) as system:
        until = time.monotonic() + given.minutes * 60
        began = time.monotonic()
        try:
            while time.monotonic() < until:
                rows.append(_round(system, given.rate, given.phones, given.round, began))
                _system.say(_line(rows[-1]))
        except KeyboardInterrupt:
            stopped = "(stopped before its time)"
        except SystemExit as error:
            # What was seen until then is worth more than a clean end.
            stopped = f"(ended early: {error})"
        log = (system.layout.log / "kamailio.log").read_bytes()
        core_log = (system.layout.log / "core.log").read_text(errors="replace").splitlines()
    words = [line.decode("utf-8", "replace")[:300] for line in log.splitlines() if _MEMORY_WORDS.search(line)]
    result = {
        "what": f"{given.rate:g} calls a second and sign-ins for {len(rows)} rounds {stopped}".strip(),
        "minutes": round(rows[-1]["minute"], 1) if rows else 0,
        "calls": sum(row["calls"] for row in rows),
        "failed": sum(row["calls"] - row["ok"] for row in rows),
        "restarted": sorted({name for row in rows for name in row["restarted"]}),
        "kamailio_says": words[:20],
        "core_says": core_log[-20:],
        "ended_early": stopped,
        "rounds": rows,
    }
    if given.json:
        _figures.dump(result)
    else:
        show(result)
    return 0 if rows and not (stopped or result["failed"] or result["restarted"] or words) else 1


def _round(system: _system.System, rate: float, phones: int, seconds: float, began: float) -> dict[str, Any]:
    """One round: phones connect, sign in over and over, then call, and hang up their connections."""
    signed = registers(system, 50.0, phones, seconds=max(1.0, seconds / 10), warm_up=0.5, anew=True)
    row = calls(system, rate, phones, seconds=seconds, warm_up=1.5)
    return {
        "minute": (time.monotonic() - began) / 60,
        "calls": row["calls"],
        "ok": row["ok"],
        "registers": signed["registers"],
        "restarted": row["restarted"],
        "memory_kb": system.memory(),
        "cpu_ms_per_call": row["cpu_ms_per_call"],
        "setup_ms": row["setup_ms"],
    }


def _line(row: dict[str, Any]) -> str:
    memory = row["memory_kb"]
    return (
        f"minute {row['minute']:.1f}: {row['ok']} of {row['calls']} calls, kamailio {memory['kamailio']} kB, "
        f"core {memory['core']} kB, {row['cpu_ms_per_call']['kamailio']} ms of kamailio a call"
    )


def show(result: dict[str, Any]) -> None:
    rows = result["rounds"]
    step = max(1, len(rows) // 15)
    shown = rows[::step] + ([rows[-1]] if rows and (len(rows) - 1) % step else [])
    table = [
        [
            f"{row['minute']:.1f}", row["calls"], row["ok"],
            *(row["memory_kb"][name] for name in _system.PROGRAMS), row["cpu_ms_per_call"]["kamailio"],
            row["setup_ms"]["p50"], row["setup_ms"]["p99"],
        ]
        for row in shown
    ]  # fmt: skip
    columns = ("minute", "calls", "ok", *(f"{name} kB" for name in _system.PROGRAMS))
    columns += ("kamailio ms", "set-up p50", "p99")
    note = (
        f"{result['calls']} calls, {result['failed']} failed, restarted: {result['restarted'] or 'nothing'}, "
        f"Kamailio's words about memory: {result['kamailio_says'] or 'none'}"
    )
    _figures.show(result, columns, table, note)


if __name__ == "__main__":
    sys.exit(main())
