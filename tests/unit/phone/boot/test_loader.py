"""The loader with a real process: it starts what is verified, and goes back where the new one is no good."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ringwall.phone.boot import trust
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.loader import Loader
from ringwall.phone.boot.memory import Memory
from support.handset import path_of, probe


async def until(condition, what: str, seconds: float = 20):
    for _ in range(int(seconds / 0.02)):
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(what)


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


class Bench:
    """A phone that runs, and what its application says to the loader."""

    def __init__(self, phone, up_s: float) -> None:
        phone.memory = Memory(phone.memory.folder)
        fetcher = Fetcher(phone.depot.ca_file)
        self.memory = phone.memory
        self.loader = Loader(phone.memory, phone.made, up_s=up_s, pause_s=0.01, fetcher=fetcher)
        self.app = phone.memory.app

    def up(self) -> str:
        path = self.app / "up"
        return path.read_text() if path.exists() else ""

    def starts(self) -> list[str]:
        path = self.app / "started"
        return path.read_text().split() if path.exists() else []

    async def say(self, **told) -> dict:
        (self.app / "said").write_text(json.dumps(told))
        (self.app / "said").rename(self.app / "say")
        heard = self.app / "heard"
        if told["op"] == "restart":
            return {}
        await until(heard.exists, f"an answer to {told}")
        answer = json.loads(heard.read_text())
        heard.unlink()
        return answer


@asynccontextmanager
async def running(phone, up_s: float = 20.0):
    bench = Bench(phone, up_s)
    task = asyncio.create_task(bench.loader.run())
    try:
        yield bench
    finally:
        await bench.loader.stop()
        await asyncio.wait_for(task, 10)


@pytest.mark.req("F2")
async def test_the_loader_starts_the_verified_image_as_a_process_of_its_own(phone) -> None:
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "up")
        assert bench.loader.running.process.returncode is None
        command = command_of(bench.loader.running.process.pid)
        assert "/proc/self/fd/" in command


@pytest.mark.req("F2")
async def test_a_new_image_is_fetched_while_the_old_one_runs_and_started_after_a_restart(
    phone, depot
) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "up")
        told = await bench.say(op="update", url=depot.url, path=path_of("2.0.0"))
        assert told == {"event": "installed", "version": "2.0.0"}
        assert bench.starts() == ["1.0.0"]
        await bench.say(op="restart")
        await until(lambda: bench.up() == "2.0.0", "the new one is up")
        assert bench.memory.state.floor == "2.0.0"
        told = await bench.say(op="update", url=depot.url, path=path_of("2.0.0"))
        assert told["event"] == "current"


@pytest.mark.req("F2", "F3")
async def test_a_refused_image_is_told_with_the_reason_and_the_old_one_keeps_running(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    (image,) = [one for one in depot.images if "/2.0.0/" in one]
    depot.images[image] += b"x"
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "up")
        told = await bench.say(op="update", url=depot.url, path=path_of("2.0.0"))
        assert (told["event"], told["reason"], told["running"]) == ("refused", "endless", "1.0.0")
        waiting = await bench.say(op="refusals")
        assert [one["reason"] for one in waiting["refusals"]] == ["endless"]
        assert bench.loader.running.process.returncode is None
        await bench.say(op="restart")
        await until(lambda: bench.starts() == ["1.0.0", "1.0.0"], "the same again")
        await until(lambda: bench.loader.running is not None and bench.loader.running.up.is_set(), "up again")
        assert len(bench.memory.refusals()) == 1
        bench.memory.reported(1)
        assert bench.memory.refusals() == []


@pytest.mark.req("F2")
@pytest.mark.parametrize("behaves", ["silent", "ends"])
async def test_an_image_that_does_not_come_up_is_given_up_after_three_tries(phone, depot, behaves) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0", behaves))
    phone.install()
    async with running(phone, up_s=1.5) as bench:
        await until(lambda: bench.up() == "1.0.0", "back on the old one", 30)
        assert bench.starts()[:4] == ["2.0.0", "2.0.0", "2.0.0", "1.0.0"]
        assert [one["reason"] for one in bench.memory.refusals()] == ["start"]
        assert bench.memory.state.floor == "1.0.0"
        await until(lambda: bench.loader.running and bench.loader.running.up.is_set(), "up")
        told = await bench.say(op="update", url=depot.url, path=path_of("2.0.0"))
        assert told["reason"] == "start"  # not the same one over and over


@pytest.mark.req("F2")
async def test_a_new_image_that_changed_on_the_disk_is_not_started_once(phone, depot) -> None:
    depot.add(path_of("2.0.0"), probe("2.0.0"))
    phone.install()
    image = phone.memory.slot(phone.memory.state.trial) / trust.IMAGE
    image.write_bytes(image.read_bytes().replace(b"hello", b"hallo"))
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "the old one")
        assert bench.starts() == ["1.0.0"]
        assert [one["reason"] for one in bench.memory.refusals()] == ["changed"]


@pytest.mark.req("F2")
async def test_a_phone_whose_only_image_is_damaged_starts_nothing_and_fetches_it_again(phone, depot) -> None:
    image = phone.memory.slot(phone.memory.state.active) / trust.IMAGE
    image.write_bytes(b"damaged")
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "mended")
        assert [one["reason"] for one in bench.memory.refusals()] == ["changed"]


@pytest.mark.req("F2")
async def test_a_phone_that_cannot_fetch_a_good_image_starts_none(phone, depot) -> None:
    image = phone.memory.slot(phone.memory.state.active) / trust.IMAGE
    image.write_bytes(b"damaged")
    depot.images.clear()
    bench = Bench(phone, 5.0)
    assert await asyncio.wait_for(bench.loader.run(), 20) is False
    assert bench.starts() == []


async def test_a_phone_that_is_switched_off_at_its_display_stays_off(phone) -> None:
    bench = Bench(phone, 20.0)
    task = asyncio.create_task(bench.loader.run())
    await until(lambda: bench.up() == "1.0.0", "up")
    (bench.app / "said").write_text('{"op": "off", "restart": 1}')
    (bench.app / "said").rename(bench.app / "say")
    assert await asyncio.wait_for(task, 10) is True
    assert bench.starts() == ["1.0.0"]


async def test_the_loader_bears_an_application_that_talks_nonsense(phone) -> None:
    async with running(phone) as bench:
        await until(lambda: bench.up() == "1.0.0", "up")
        for told in (
            {"op": "reported", "number": "x"},
            {"op": None},
            {"op": "update", "url": 5, "path": ["x"]},
        ):
            answer = await bench.say(**told)
            assert answer["event"] in {"unknown", "refused"}
