"""What carrying voice costs: `./ringwall bench relay [--json]`.

Calls with SRTP in both directions (G.711, 50 packets a second each way), every leg with keys of its own, so
that rtpengine decrypts and encrypts each packet. CPU seconds of rtpengine for each minute of a call. The
delay is from just before a packet is sent to the kernel's time stamp where it comes in; packets that go
from socket to socket of the load process without a relay, at the same time, tell how much of that the
machine itself adds.
"""

import sys
from typing import Any

from bench import _figures, _system
from bench._driver import driving
from bench._system import System
from bench.calls import ONE_SUITE


def run(system: System, count: int, *, seconds: float, chained: bool = False) -> dict[str, Any]:
    """Carry `count` calls for a while and return what that took."""
    job = system.job(40) | {
        "kind": "media", "rate": 20.0, "count": count, "seconds": seconds, "warm_up_seconds": 3.0,
    }  # fmt: skip
    if chained:
        job["suites"] = ONE_SUITE
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
    relayed, direct = _figures.in_ms(done["relayed"]), _figures.in_ms(done["direct"])
    used = after["rtpengine"] - before["rtpengine"]
    return {
        "calls": done["calls"],
        "legs": done["legs"],
        "chained": chained,
        "window_seconds": seconds,
        "packets_sent": done["sent"],
        "packets_lost": done["lost"],
        "packets_checked": done["checked"],
        "packets_unreadable": done["unreadable"],
        "rtpengine_cpu_seconds": round(used, 2),
        "rtpengine_cpu_seconds_per_call_minute": round(used / (count * seconds / 60), 4),
        "delay_ms": relayed,
        "delay_without_relay_ms": direct,
        "added_delay_ms": {
            name: None
            if relayed[name] is None or direct[name] is None
            else round(relayed[name] - direct[name], 3)  # type: ignore[operator]
            for name in relayed
        },
        "failures": done["failures"],
    }


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument("--calls", type=int, default=100, help="calls at one time (100)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the window (30, at most 120)")
    parser.add_argument(
        "--aes-cm", action="store_true", help="phones that only know AES_CM: two relays in a chain"
    )
    given = parser.parse_args()
    seconds = min(given.seconds, 120.0)
    with _system.running(quiet=given.json) as system:
        result = {
            "what": f"SRTP of {given.calls} calls",
            **run(system, given.calls, seconds=seconds, chained=given.aes_cm),
        }
    if given.json:
        _figures.dump(result)
    else:
        show(result)
    good = (
        result["legs"] == 2 * given.calls and result["packets_checked"] and not result["packets_unreadable"]
    )
    return 0 if good and not result["failures"] else 1


def show(result: dict[str, Any]) -> None:
    rows = [
        ["CPU of rtpengine, seconds a call-minute", result["rtpengine_cpu_seconds_per_call_minute"]],
        ["delay through the relay, ms, p50 / p99", _pair(result["delay_ms"])],
        ["delay without it", _pair(result["delay_without_relay_ms"])],
        ["added by it", _pair(result["added_delay_ms"])],
        ["packets sent", result["packets_sent"]],
        ["packets lost", result["packets_lost"]],
        ["packets decrypted and compared", result["packets_checked"]],
        ["of these not what was said", result["packets_unreadable"]],
    ]
    note = f"{result['legs']} legs, {result['window_seconds']:g} s. Failures: {result['failures'] or 'none'}"
    _figures.show(result, ("", ""), rows, note)


def _pair(value: dict[str, float | None]) -> str:
    return f"{value['p50']} / {value['p99']}"


if __name__ == "__main__":
    sys.exit(main())
