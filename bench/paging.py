"""How long a page takes to reach its phones, and what it costs: `./ringwall bench paging [--json]`.

One phone pages a paging group; its members' phones answer at once, as desk phones that answer by themselves.
All of them sign in over TLS from one load process on the same machine, which takes a share of its processors.
Times are from the INVITE of the one who pages: to the answer of the first and of the last phone, and to the
answer that the one who pages gets, which is when the page tone begins. CPU is user and system time of all
processes of each program: for the set-up from the INVITE to two seconds after it; while the page is on, in
percent of one processor.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import _figures, _system
from bench._phone import Habits, Outgoing, Phone, tls_context
from bench._system import ADDRESS, System

GROUP = "7000"
_SET_UP_SECONDS = 2.0
_PATIENCE = 20.0
_STEP = 0.02
_PROGRAMS = (*_system.PROGRAMS, "media-1")
_AT_ONCE = 20


class Listener(Phone):
    """A phone that remembers when it answered."""

    answered_at = 0.0

    def _answer(self, head: bytes, body: bytes, tag: bytes) -> None:
        super()._answer(head, body, tag)
        self.answered_at = time.perf_counter()


class Pager:
    """Who is told how the page goes."""

    def answered(self, call: Outgoing) -> None:
        """The page begins."""

    def ended(self, call: Outgoing) -> None:
        """The page is over, or was refused."""


async def page(system: System, phones: int, seconds: float) -> dict[str, Any]:
    """Page so many phones once; returns the row."""
    job = system.job(phones + 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((ADDRESS, 0))  # where the voice goes: nobody has to read it
        port = sink.getsockname()[1]
        habits = Habits(ring_seconds=0.0, port=lambda: port)
        context, loop, gate = (
            tls_context(job["ca_file"]),
            asyncio.get_running_loop(),
            asyncio.Semaphore(_AT_ONCE),
        )

        async def sign_in(line: dict[str, str]) -> Listener:
            async with gate:
                _, phone = await loop.create_connection(
                    lambda: Listener(line, job["domain"], habits, Pager()),
                    job["host"],
                    job["port"],
                    ssl=context,
                    server_hostname=job["host"],
                )
                await phone.register()
                return phone

        made = await asyncio.gather(*(sign_in(line) for line in job["lines"]))
        pager, listeners = made[0], made[1:]
        system.ask("object.set", extension=GROUP, members=[line["extension"] for line in job["lines"][1:]])
        before = _cpu(system)
        call = pager.call(GROUP.encode(), None)
        await _until(lambda: bool(call.answered_at or call.failed))
        await asyncio.sleep(max(0.0, call.sent_at + _SET_UP_SECONDS - time.perf_counter()))
        set_up = _cpu(system)
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        talking, lasted = _cpu(system), time.perf_counter() - began
        reached = len([phone for phone in listeners if phone.taken])
        pager.hang_up(call)
        await _until(lambda: not any(phone.taken for phone in listeners))
        left = len([phone for phone in listeners if phone.taken])
        for phone in made:
            phone.close()
    times = sorted(phone.answered_at - call.sent_at for phone in listeners if phone.answered_at)
    return {
        "phones": phones,
        "reached": reached,
        "left_open": left,
        "failed": call.failed,
        "first_ms": _ms(times[0]) if times else None,
        "last_ms": _ms(times[-1]) if times else None,
        "begins_ms": _ms(call.answered_at - call.sent_at) if call.answered_at else None,
        "set_up_cpu_ms": {name: _ms(set_up[name] - before[name]) for name in _PROGRAMS},
        "talk_cpu_percent": {
            name: round((talking[name] - set_up[name]) * 100 / lasted, 1) for name in _PROGRAMS
        },
    }


async def _until(condition: Callable[[], bool]) -> None:
    """Wait for something, not for ever."""
    for _ in range(round(_PATIENCE / _STEP)):
        if condition():
            return
        await asyncio.sleep(_STEP)


def _cpu(system: System) -> dict[str, float]:
    return system.cpu(_PROGRAMS)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> int:
    parser = _figures.arguments(__doc__)
    parser.add_argument(
        "--phones", type=int, nargs="+", default=[10, 25, 50, 100], help="phones of each page"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each page talks (5)")
    given = parser.parse_args()
    rows = []
    with _system.running(quiet=given.json) as system:
        system.lines(max(given.phones) + 1)
        system.ask("cos.telephony.set", cos="Load", paging=True)
        system.ask("object.add", extension=GROUP, kind="paging group", name="Everybody")
        for phones in given.phones:
            if not given.json:
                _system.say(f"a page to {phones} phones")
            rows.append(asyncio.run(page(system, phones, given.seconds)))
    result = {"what": "a page to a paging group", "talk_seconds": given.seconds, "pages": rows}
    if given.json:
        _figures.dump(result)
    else:
        show(result)
    return 0 if all(row["reached"] == row["phones"] and not row["left_open"] for row in rows) else 1


def show(result: dict[str, Any]) -> None:
    rows = [
        [
            row["phones"], row["reached"], row["first_ms"], row["last_ms"], row["begins_ms"],
            *row["set_up_cpu_ms"].values(), *row["talk_cpu_percent"].values(),
        ]
        for row in result["pages"]
    ]  # fmt: skip
    columns = ["phones", "reached", "first", "last", "begins", *_PROGRAMS]
    columns += [f"{name} %" for name in _PROGRAMS]
    failures = [row["failed"] for row in result["pages"] if row["failed"]]
    note = "Times in ms from the INVITE. CPU of the set-up in ms; while the page is on (%) of one processor."
    _figures.show(result, columns, rows, f"{note}\nFailures: {failures}" if failures else note)


if __name__ == "__main__":
    sys.exit(main())
