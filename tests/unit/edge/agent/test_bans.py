"""Bans: who can be banned, for how long, and that none is forgotten or stays too long."""

import asyncio
import json

import pytest

from ringwall.edge.agent.bans import LONGEST_SECONDS, BanError, Bans
from ringwall.edge.haproxy_admin import HaproxyError


class FakeHaproxy:
    def __init__(self) -> None:
        self.list: set[str] = set()
        self.cuts: list[str] = []
        self.away = False

    def banned(self, acl: str) -> set[str]:
        if self.away:
            raise HaproxyError("HAProxy does not answer.")
        return set(self.list)

    def ban(self, acl: str, source: str) -> None:
        self.list.add(source)

    def unban(self, acl: str, source: str) -> None:
        self.list.remove(source)

    def cut(self, source: str, keep: frozenset[str]) -> int:
        assert keep == {"inner"}
        self.cuts.append(source)
        return 2


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self, folder) -> None:
        self.folder = folder
        self.haproxy = FakeHaproxy()
        self.clock = Clock()
        self.bans = self.agent()

    def agent(self) -> Bans:
        made = Bans(
            self.folder / "bans.json",
            self.folder / "bans.acl",
            self.haproxy,  # type: ignore[arg-type]
            own=frozenset({"192.0.2.1"}),
            clock=self.clock,
        )
        made.load()
        return made

    def file(self) -> list[str]:
        return (self.folder / "bans.acl").read_text().splitlines()


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.mark.req("N4")
async def test_a_ban_is_in_haproxy_in_the_list_and_in_memory_and_cuts(world) -> None:
    assert await world.bans.ban("192.0.2.9", 60, "guessing") == 2
    assert world.haproxy.list == {"192.0.2.9"}
    assert world.haproxy.cuts == ["192.0.2.9"]
    assert world.file() == ["192.0.2.9"]
    assert [(ban.source, ban.until, ban.reason) for ban in world.agent().all()] == [
        ("192.0.2.9", 1060.0, "guessing")
    ]


async def test_an_address_has_one_form(world) -> None:
    await world.bans.ban("2001:DB8:0:0::1", 60, "")
    await world.bans.ban("::ffff:192.0.2.9", 60, "")
    assert world.haproxy.list == {"2001:db8::1", "192.0.2.9"}
    assert await world.bans.unban("2001:db8::0001")
    assert world.haproxy.list == {"192.0.2.9"}


@pytest.mark.parametrize(
    "source",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "192.0.2.1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
async def test_this_system_and_what_is_no_host_cannot_be_banned(world, source) -> None:
    with pytest.raises(BanError, match="cannot be banned"):
        await world.bans.ban(source, 60, "")
    assert world.haproxy.list == set()


@pytest.mark.parametrize(
    "source", ["", "x", "192.0.2.0/24", "192.0.2.9 ", "192.0.2.9\n10.0.0.1", None, 3221225993]
)
async def test_what_is_no_address_is_refused(world, source) -> None:
    with pytest.raises(BanError, match="one IPv4 or IPv6 address"):
        await world.bans.ban(source, 60, "")


@pytest.mark.parametrize("seconds", [0, -1, 0.5, LONGEST_SECONDS + 1, float("nan"), float("inf")])
async def test_the_time_of_a_ban_has_limits(world, seconds) -> None:
    with pytest.raises(BanError, match="lasts from"):
        await world.bans.ban("192.0.2.9", seconds, "")


async def test_a_second_ban_of_a_source_sets_its_end_anew(world) -> None:
    await world.bans.ban("192.0.2.9", 60, "one")
    await world.bans.ban("192.0.2.9", 600, "two")
    assert [(ban.until, ban.reason) for ban in world.bans.all()] == [(1600.0, "two")]


async def test_what_is_over_is_lifted_and_a_change_of_somebody_else_is_undone(world) -> None:
    await world.bans.ban("192.0.2.9", 60, "")
    await world.bans.ban("192.0.2.10", 600, "")
    world.haproxy.list = {"192.0.2.9", "203.0.113.5"}
    world.clock.now += 61
    world.bans._synchronise()
    assert world.haproxy.list == {"192.0.2.10"}
    assert world.file() == ["192.0.2.10"]


async def test_a_ban_while_haproxy_is_away_is_in_the_list_that_it_reads_at_its_start(world) -> None:
    world.haproxy.away = True
    assert await world.bans.ban("192.0.2.9", 60, "") == 0
    assert world.file() == ["192.0.2.9"]
    assert world.bans.all()


async def test_a_ban_that_ends_soon_wakes_the_loop_that_lifts_it(world) -> None:
    task = asyncio.get_running_loop().create_task(world.bans.keep(0.01))
    await asyncio.sleep(0)
    await world.bans.ban("192.0.2.9", 1, "")
    world.clock.now += 2
    while world.haproxy.list:  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.01)
    task.cancel()


@pytest.mark.parametrize(
    "content",
    [
        "nonsense",
        "{}",
        "[1]",
        '[{"source": "x", "until": 1, "reason": ""}]',
        '[{"source": "192.0.2.9"}]',
        "\x00",
    ],
)
def test_a_damaged_memory_is_put_aside_and_does_not_stop_the_edge(world, content) -> None:
    (world.folder / "bans.json").write_text(content)
    assert world.agent().all() == []
    if content != "{}":
        assert (world.folder / "bans.damaged").read_text() == content


def test_a_ban_that_ended_while_the_agent_was_away_is_forgotten(world) -> None:
    entries = [
        {"source": "192.0.2.9", "until": 999.0, "reason": ""},
        {"source": "192.0.2.8", "until": 1001.0, "reason": ""},
    ]
    (world.folder / "bans.json").write_text(json.dumps(entries))
    assert [ban.source for ban in world.agent().all()] == ["192.0.2.8"]
