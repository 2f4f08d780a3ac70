"""What a call costs, and how long its set-up takes: `./ringwall bench calls [--json]`.

A call is INVITE, 100, 180, 200, ACK, 0.1 s of ringing, 0.5 s of talk, BYE, 200, between two phones that are
connected over TLS, with a relay in rtpengine (no media flows: `bench relay` measures that) and a record in
the ledger. CPU is user and system time of all processes of each program over a window, divided by the calls
that ended in it. Set-up is from the INVITE sent to the 180 received at the caller; "answer" from the INVITE
to the 200, without the ringing.
"""

import sys
from typing import Any

from bench import _figures, _system
from bench._driver import driving
from bench._system import System

ONE_SUITE = ["AES_CM_128_HMAC_SHA1_80"]


def run(
    system: System, rate: float, phones: int, *, seconds: float, warm_up: float, chained: bool = False
) -> dict[str, Any]:
    """Make calls at one rate and return its row."""
    job = system.job(phones) | {
        "kind": "calls", "rate": rate, "seconds": seconds, "warm_up_seconds": warm_up, "talk_seconds": 0.5,
    }  # fmt: skip
    if chained:
        job["suites"] = ONE_SUITE
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    done: dict[str, Any] = {}
    since = system.restarts()
    with driving(job) as driver:
        for event in driver.events():
            if event["event"] == "window":
                before = system.cpu()
            elif event["event"] == "closed":
                after = system.cpu()
            elif event["event"] == "done":
                done = event
    died = [name for name, at in system.restarts().items() if since.get(name) != at]
    return {
        "cps": rate,
        "phones": phones,
        "chained": chained,
        "calls": done["calls"],
        "ok": done["ok"],
        "failures": done["failures"],
        "restarted": died,
        "cpu_ms_per_call": _figures.cpu_ms(before, after, done["finished"]),
        "setup_ms": _figures.in_ms(done["setup"]),
        "answer_ms": _figures.in_ms(done["answer"]),
        "load_cpu_ms_per_call": round(done["load_cpu"] * 1000 / max(1, done["finished"]), 3),
    }


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[50.0, 100.0, 200.0], help="calls a second")
    # A user has at most sixteen calls at once, so the load is spread over enough of them.
    parser.add_argument("--phones", type=int, default=80, help="phones, each with its own connection (80)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the window of each rate (20)")
    parser.add_argument("--warm-up", type=float, default=4.0, help="seconds before the window (4)")
    parser.add_argument(
        "--aes-cm", action="store_true",
        help="phones that only know AES_CM: two relays in a chain for each call",
    )  # fmt: skip
    given = parser.parse_args()
    rates = []
    with _system.running(quiet=given.json) as system:
        for rate in given.rates:
            if not given.json:
                _system.say(f"{rate:g} calls a second")
            rates.append(
                run(
                    system,
                    rate,
                    given.phones,
                    seconds=given.seconds,
                    warm_up=given.warm_up,
                    chained=given.aes_cm,
                )
            )
    what = (
        f"calls of {given.phones} phones, {'AES_CM only (chained relays)' if given.aes_cm else 'two suites'}"
    )
    result = {"what": what, "window_seconds": given.seconds, "rates": rates}
    if given.json:
        _figures.dump(result)
    else:
        show(result)
    return (
        0 if all(row["calls"] and row["ok"] == row["calls"] and not row["restarted"] for row in rates) else 1
    )


def show(result: dict[str, Any]) -> None:
    rows = []
    for row in result["rates"]:
        cpu = row["cpu_ms_per_call"]
        rows.append(
            [
                f"{row['cps']:g}", row["calls"], row["ok"], *cpu.values(),
                *row["setup_ms"].values(), *row["answer_ms"].values(),
            ]
        )  # fmt: skip
    columns = ["calls/s", "calls", "ok", *_system.PROGRAMS, "total", "set-up p50", "p99", "answer p50", "p99"]
    failures = [row["failures"] for row in result["rates"] if row["failures"]]
    note = "CPU in ms a call. Set-up: INVITE sent to 180 received at the caller, ms; "
    note += "answer: to 200, less the ringing, ms."
    _figures.show(result, columns, rows, f"{note}\nFailures: {failures}" if failures else note)


if __name__ == "__main__":
    sys.exit(main())
