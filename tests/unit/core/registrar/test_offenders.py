"""Who sends what no phone sends is on record once a minute, and turned away, unless others would be hit."""

import asyncio
from typing import Any

import pytest

from ringwall.core.registrar import offenders
from ringwall.core.registrar.offenders import BAN_S, LONGEST_BAN_S, MOST, MOST_ASKED, Offenders
from support.events import told

pytestmark = pytest.mark.req("R3", "N4")
SOURCE = "192.0.2.7"


class Rig:
    def __init__(self, **spared: str) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.banned: list[tuple[str, float, str]] = []
        self.fails = False
        self.offenders = Offenders(
            lambda event: self.records.append(told(event)),
            self._ban,
            lambda source: spared.get(source.replace(".", "_"), ""),
            frozenset({"198.51.100.1"}),
        )

    async def _ban(self, source: str, seconds: float, reason: str) -> None:
        if self.fails:
            raise ConnectionError
        self.banned.append((source, seconds, reason))

    async def offend(self, source: str = SOURCE, now: float = 5.0, times: int = MOST + 1) -> None:
        for _ in range(times):
            self.offenders.note(source, "bad", now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.records if each == kind]


async def test_a_source_has_one_record_a_minute_and_is_banned_when_it_goes_on() -> None:
    rig = Rig()
    await rig.offend(times=MOST)
    assert not rig.banned
    assert rig.told("security.malformed_message") == [{"source": SOURCE, "why": "bad"}]
    rig.offenders.note(SOURCE, "worse", 6.0, 90)
    await asyncio.sleep(0)
    assert [(source, seconds) for source, seconds, _ in rig.banned] == [(SOURCE, BAN_S)]
    assert rig.told("security.source_banned")[0]["source"] == SOURCE
    rig.offenders.sweep(30.0)
    assert len(rig.told("security.malformed_message")) == 1
    rig.offenders.sweep(66.0)
    assert rig.told("security.malformed_message")[1:] == [
        {"source": SOURCE, "why": "worse", "repeated": MOST + 89}
    ]


async def test_a_few_offences_a_minute_are_put_up_with() -> None:
    rig = Rig()
    for minute in range(20):
        await rig.offend(now=61.0 * minute, times=MOST)
        rig.offenders.sweep(61.0 * minute + 60.5)
    assert not rig.banned


async def test_who_comes_back_is_turned_away_for_longer() -> None:
    rig = Rig()
    for day in range(9):
        await rig.offend(now=1000.0 * day)
    assert [seconds for _, seconds, _ in rig.banned[:4]] == [BAN_S, 2 * BAN_S, 4 * BAN_S, 8 * BAN_S]
    assert rig.banned[-1][1] == LONGEST_BAN_S
    rig.offenders.sweep(200_000.0)
    await rig.offend(now=200_000.0)
    assert rig.banned[-1][1] == BAN_S


async def test_an_office_where_somebody_has_signed_in_is_never_turned_away_as_a_whole() -> None:
    rig = Rig(**{SOURCE.replace(".", "_"): "somebody there has signed in"})
    for second in range(20):
        await rig.offend(now=float(second))
    assert not rig.banned
    assert rig.told("security.ban_spared") == [{"source": SOURCE, "why": "somebody there has signed in"}]


@pytest.mark.parametrize("source", ["127.0.0.1", "127.255.1.3", "0.0.0.0", "::1", "198.51.100.1", "trunk main", "unknown"])  # fmt: skip
async def test_what_cannot_be_banned_is_not_asked_for(source: str) -> None:
    rig = Rig()
    await rig.offend(source)
    assert not rig.banned
    assert {kind for kind, _ in rig.records} == {"security.malformed_message"}


async def test_an_edge_that_is_away_is_asked_again_with_the_next_offences() -> None:
    rig = Rig()
    rig.fails = True
    await rig.offend()
    rig.fails = False
    assert not rig.told("security.source_banned")
    await rig.offend(now=6.0)
    assert rig.banned[0][1] == BAN_S


async def test_bans_that_are_under_way_and_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offenders, "MOST_SOURCES", 50)
    rig = Rig()
    for number in range(200):
        rig.offenders.note(f"198.51.100.{number + 2}", "bad", 1.0, MOST + 1)
    assert len(rig.offenders._asked) == MOST_ASKED
    assert len(rig.offenders._counts) <= 50
    assert len(rig.offenders._strikes) <= 50
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(rig.banned) == MOST_ASKED
    # Who was not asked for is with the next offence.
    await rig.offend("198.51.100.201")
    assert rig.banned[-1][0] == "198.51.100.201"
