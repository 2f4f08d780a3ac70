"""What signing in costs: `./ringwall bench register [--json]`.

Phones that stay connected sign in again and again: REGISTER, 401, REGISTER with a SHA-256 proof, 200. "one
round" is a phone that uses its nonce again with the next count, as RFC 7616 lets it: REGISTER, 200. Times
are from the first REGISTER sent to the 200 received; CPU is that of all processes of each program.
"""

import sys
from typing import Any

from bench import _figures, _system
from bench._driver import driving
from bench._system import System


def run(
    system: System, rate: float, phones: int, *, seconds: float, warm_up: float, anew: bool
) -> dict[str, Any]:
    """Sign in at one rate and return its row."""
    job = system.job(phones) | {
        "kind": "register", "rate": rate, "seconds": seconds, "warm_up_seconds": warm_up, "anew": anew,
    }  # fmt: skip
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    done: dict[str, Any] = {}
    with driving(job) as driver:
        for event in driver.events():
            if event["event"] == "window":
                before = system.cpu()
            elif event["event"] == "closed":
                after = system.cpu()
            elif event["event"] == "done":
                done = event
    return {
        "rate": rate,
        "phones": phones,
        "rounds": 2 if anew else 1,
        "registers": done["registers"],
        "failures": done["failures"],
        "cpu_ms_per_register": _figures.cpu_ms(before, after, done["registers"]),
        "ms": _figures.in_ms(done["took"]),
    }


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[100.0, 200.0], help="sign-ins a second")
    parser.add_argument("--phones", type=int, default=100, help="phones, each with its own connection (100)")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the window of each rate (20)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before the window (3)")
    given = parser.parse_args()
    rows = []
    with _system.running(quiet=given.json) as system:
        for rate, anew in [*((rate, True) for rate in given.rates), (given.rates[0], False)]:
            if not given.json:
                _system.say(f"{rate:g} sign-ins a second, {'401 and 200' if anew else '200 alone'}")
            rows.append(
                run(system, rate, given.phones, seconds=given.seconds, warm_up=given.warm_up, anew=anew)
            )
    result = {"what": f"sign-ins of {given.phones} phones", "window_seconds": given.seconds, "rates": rows}
    if given.json:
        _figures.dump(result)
    else:
        table = [
            [
                f"{row['rate']:g}", "401 and 200" if row["rounds"] == 2 else "one round", row["registers"],
                *row["cpu_ms_per_register"].values(), row["ms"]["p50"], row["ms"]["p99"],
            ]
            for row in rows
        ]  # fmt: skip
        columns = ("a second", "with", "sign-ins", *_system.PROGRAMS, "total", "p50", "p99")
        failures = [row["failures"] for row in rows if row["failures"]]
        _figures.show(
            result, columns, table, f"CPU in ms a sign-in; p50 and p99 in ms. Failures: {failures or 'none'}"
        )
    return 0 if all(row["registers"] and not row["failures"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
