"""The load process: phones that sign in, call, hold calls or register, as a job on standard input says.

It tells of what happens as lines of JSON on standard output: "ready", "window" (measure from here),
"closed" (measure until here), "held" (waits for a line on standard input), "done" with the results,
"failed" with the reason.
"""

import asyncio
import gc
import json
import random
import resource
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import uvloop
from bench import _media
from bench._phone import CM, GCM, Habits, Outgoing, Phone, tls_context

_SUITES = {"AEAD_AES_256_GCM": GCM, "AES_CM_128_HMAC_SHA1_80": CM}
_CONNECTS_AT_ONCE = 20
_PATIENCE = 10.0  # seconds for calls that are under way when no more are made
_MOST_CALLS = 2_000_000
_MOST_SECONDS = 4 * 3600.0


def tell(event: str, **values: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


class Load:
    """The phones of one job, and what came of their calls."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.habits = Habits(suites=tuple(_SUITES[name] for name in job.get("suites", _SUITES)))
        self.phones: list[Phone] = []
        self.made = 0
        self.open: set[Outgoing] = set()
        self.up: list[tuple[Phone, Outgoing]] = []
        self.ended_calls: list[Outgoing] = []
        self.answered_calls = 0
        self.random = random.Random(1)

    # Watcher

    def answered(self, call: Outgoing) -> None:  # noqa: ARG002 - of the protocol
        self.answered_calls += 1

    def ended(self, call: Outgoing) -> None:
        self.open.discard(call)
        self.ended_calls.append(call)

    # Phones

    async def sign_in(self) -> None:
        """Connect and register all phones, some at a time."""
        context = tls_context(self.job["ca_file"])
        gate = asyncio.Semaphore(_CONNECTS_AT_ONCE)

        async def one(line: dict[str, str]) -> None:
            async with gate:
                self.phones.append(await self._connect(line, context))
                await self.phones[-1].register()

        await asyncio.gather(*(one(line) for line in self.job["lines"]))

    async def _connect(self, line: dict[str, str], context: ssl.SSLContext) -> Phone:
        host = self.job["host"]
        _, phone = await asyncio.get_running_loop().create_connection(
            lambda: Phone(line, self.job["domain"], self.habits, self),
            host,
            self.job["port"],
            ssl=context,
            server_hostname=host,
        )
        return phone

    def _one_call(self, talk_seconds: float | None) -> None:
        """The first half of the phones calls the second half, each its own partner in turn."""
        half = len(self.phones) // 2
        place = self.made % half
        partner = self.phones[half + (place + self.made // half) % half]
        call = self.phones[place].call(partner.extension, talk_seconds)
        self.made += 1
        self.open.add(call)
        if talk_seconds is None:
            self.up.append((self.phones[place], call))

    async def _calls(self, rate: float, seconds: float, talk_seconds: float | None) -> None:
        """Make calls at a rate, each at a random moment within its own slot of time."""
        loop = asyncio.get_running_loop()
        count = min(int(rate * seconds), _MOST_CALLS)
        begin = loop.time()
        for number in range(count):
            at = begin + (number + self.random.random()) / rate
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            self._one_call(talk_seconds)

    async def _quiet(self) -> None:
        """Wait for the end of the calls that are under way, not for ever."""
        await _until(lambda: not self.open)
        for call in self.open:
            call.failed = "never ended"
        self.ended_calls.extend(self.open)
        self.open.clear()

    # Jobs

    async def calls(self) -> None:
        """Short calls at a rate: warm-up, a window that is measured, a little more to keep it even."""
        rate, seconds, talk = self.job["rate"], self.job["seconds"], self.job["talk_seconds"]
        work = asyncio.get_running_loop().create_task(
            self._calls(rate, self.job["warm_up_seconds"] + seconds + 1.0, talk)
        )
        await asyncio.sleep(self.job["warm_up_seconds"])
        begin, own = time.perf_counter(), _own_cpu()
        tell("window")
        await asyncio.sleep(seconds)
        end, own = time.perf_counter(), _own_cpu() - own
        tell("closed")
        await work
        await self._quiet()
        window = [c for c in self.ended_calls if begin <= c.sent_at < end]
        finished = [c for c in self.ended_calls if not c.failed and begin <= c.ended_at < end]
        ok = [c for c in window if not c.failed]
        tell(
            "done",
            calls=len(window),
            ok=len(ok),
            finished=len(finished),
            failures=Counter(c.failed for c in self.ended_calls if c.failed),
            setup=[c.ringing_at - c.sent_at for c in ok if c.ringing_at],
            answer=[c.answered_at - c.sent_at - self.habits.ring_seconds for c in ok],
            load_cpu=own,
        )

    async def registers(self) -> None:
        """Phones that are signed in sign in again, one after the other, at a rate."""
        rate, seconds, warm = self.job["rate"], self.job["seconds"], self.job["warm_up_seconds"]
        anew = self.job["anew"]
        loop = asyncio.get_running_loop()
        took: list[tuple[float, float]] = []
        failures: Counter[str] = Counter()
        tasks: set[asyncio.Task[None]] = set()

        async def one(phone: Phone) -> None:
            try:
                took.append((await phone.register(anew=anew), time.perf_counter()))
            except ConnectionError as error:
                failures[str(error)] += 1

        async def all_of_them() -> None:
            begin = loop.time()
            for number in range(int(rate * (warm + seconds + 0.5))):
                at = begin + (number + self.random.random()) / rate
                if at > loop.time():
                    await asyncio.sleep(at - loop.time())
                task = loop.create_task(one(self.phones[number % len(self.phones)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        work = loop.create_task(all_of_them())
        await asyncio.sleep(warm)
        begin = time.perf_counter()
        tell("window")
        await asyncio.sleep(seconds)
        end = time.perf_counter()
        tell("closed")
        await work
        await asyncio.wait_for(asyncio.gather(*tasks), _PATIENCE)
        window = [seconds for seconds, at in took if begin <= at < end]
        tell("done", registers=len(window), failures=failures, took=window)

    async def held(self) -> None:
        """Calls that are made and stay up until the line comes that says how long is enough."""
        await self._calls(20, 1, 0.5)
        await self._quiet()
        tell("held", calls=0)
        await _line()
        before = self.answered_calls
        await self._calls(self.job["rate"], self.job["count"] / self.job["rate"], None)
        await _until(lambda: self.answered_calls - before >= self.job["count"])
        tell("held", calls=self.answered_calls - before)
        await _line()
        await self._hang_up_all()
        tell("done", failures=Counter(c.failed for c in self.ended_calls if c.failed))

    async def media(self) -> None:
        """Calls with real SRTP in both directions for a while."""
        sockets = _media.Sockets(self.job["host"])
        self.habits.port = sockets.open
        self.habits.key = _media.key_for
        count = self.job["count"]
        await self._calls(self.job["rate"], count / self.job["rate"], None)
        await _until(lambda: self.answered_calls >= count)
        legs = [call.stream for _, call in self.up if call.stream is not None and not call.failed]
        legs += [stream for phone in self.phones for stream in phone.taken.values()]
        generator = _media.Generator(self.job["host"], sockets, legs)
        seconds, warm = self.job["seconds"], self.job["warm_up_seconds"]
        result = await asyncio.get_running_loop().run_in_executor(
            None,
            lambda: generator.run(warm, seconds, lambda: tell("window"), lambda: tell("closed")),
        )
        await self._hang_up_all()
        failures = Counter(c.failed for c in self.ended_calls if c.failed)
        tell("done", calls=self.answered_calls, legs=len(legs), failures=failures, **result)

    async def _hang_up_all(self) -> None:
        for phone, call in self.up:
            phone.hang_up(call)
            await asyncio.sleep(0.002)
        await self._quiet()

    async def run(self) -> None:
        """Do the job."""
        await self.sign_in()
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 50)
        tell("ready")
        jobs = {"calls": self.calls, "register": self.registers, "held": self.held, "media": self.media}
        try:
            await asyncio.wait_for(jobs[self.job["kind"]](), _MOST_SECONDS)
        finally:
            for phone in self.phones:
                phone.close()


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _until(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most _PATIENCE seconds."""
    for _ in range(int(_PATIENCE * 10)):
        if holds():
            return
        await asyncio.sleep(0.1)


async def _line() -> None:
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if not line:
        raise ConnectionError("nobody waits for the result any longer")


def main() -> int:
    try:
        uvloop.run(Load(json.loads(sys.stdin.readline())).run())
    except (OSError, TimeoutError, ValueError) as error:
        tell("failed", why=f"{type(error).__name__}: {error}")
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
