"""What a held call takes of memory: `./ringwall bench memory [--json]`.

PSS of every process of the system, supervisor and certificate watch included: first with all phones signed
in, then with the calls up. Some time passes before each look, so that what belongs to the set-up only is
gone again.
"""

import sys
import time
from typing import Any

from bench import _figures, _system
from bench._driver import driving
from bench._system import System


def run(system: System, count: int, phones: int, *, rate: float, settle: float) -> dict[str, Any]:
    """Hold calls and return what they take."""
    job = system.job(phones) | {"kind": "held", "rate": rate, "count": count}
    base: dict[str, int] = {}
    held: dict[str, int] = {}
    soon: dict[str, int] = {}
    done: dict[str, Any] = {}
    up = known = 0
    with driving(job) as driver:
        for event in driver.events():
            if event["event"] == "held":
                if base:
                    up, known = event["calls"], system.ask("status")["calls"]
                    time.sleep(2)
                    soon = system.memory()
                time.sleep(settle)
                if base:
                    held = system.memory()
                else:
                    base = system.memory()
                driver.go_on()
            elif event["event"] == "done":
                done = event
    programs = {name: round((held[name] - base[name]) / max(1, up), 1) for name in base}
    return {
        "phones": phones,
        "calls": up,
        "calls_known_to_the_core": known,
        "settle_seconds": settle,
        "base_kb": base | {"total": sum(base.values())},
        "held_kb": held | {"total": sum(held.values())},
        "kb_per_call": programs | {"total": round((sum(held.values()) - sum(base.values())) / max(1, up), 1)},
        "kb_per_call_after_2_s": round((sum(soon.values()) - sum(base.values())) / max(1, up), 1),
        "failures": done["failures"],
    }


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--calls", type=int, default=500, help="calls that are held at one time (500)")
    parser.add_argument("--phones", type=int, default=200, help="phones, each with its own connection (200)")
    parser.add_argument("--rate", type=float, default=25.0, help="calls a second while they are made (25)")
    parser.add_argument("--settle", type=float, default=40.0, help="seconds before each look (40)")
    given = parser.parse_args()
    with _system.running(quiet=given.json) as system:
        result = {
            "what": f"{given.calls} held calls",
            **run(system, given.calls, given.phones, rate=given.rate, settle=given.settle),
        }
    if given.json:
        _figures.dump(result)
    else:
        rows = [
            [name, result["base_kb"][name], result["held_kb"][name], result["kb_per_call"][name]]
            for name in result["base_kb"]
        ]
        note = (
            f"PSS in kB: {given.phones} phones signed in; {result['calls']} calls up; what one call takes "
            f"({result['kb_per_call_after_2_s']} in total two seconds after the last set-up)."
        )
        _figures.show(result, ("program", "phones", "calls", "a call"), rows, note)
    return 0 if result["calls"] == given.calls and not result["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
