"""Places from which somebody signed in: few of each account, for a month, over restarts."""

import pytest
from sqlalchemy import func, select

from ringwall.core.identity import tables
from ringwall.core.identity.accounts import Account, account_write
from ringwall.core.identity.permissions import Role
from ringwall.core.lockout import known
from ringwall.core.lockout.known import ADMINISTRATORS, DAY_S, LIFE_S, MOST_OF_ACCOUNT, KnownPlaces
from support.events import Made

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock) -> KnownPlaces:
    return KnownPlaces(ADMINISTRATORS, clock=clock)


def test_a_place_is_known_after_a_sign_in_and_for_a_month(places, clock) -> None:
    assert not places.knows("admin", ["home"])
    places.learn("admin", ["home"])
    assert places.knows("admin", ["elsewhere", "home"])
    assert not places.knows("admin", ["elsewhere"])
    assert not places.knows("other", ["home"])
    clock.now += LIFE_S
    assert not places.knows("admin", ["home"])


def test_it_is_written_at_its_first_time_and_then_once_a_day(places, clock) -> None:
    assert len(places.learn("admin", ["home", "phone"])) == 2
    clock.now += DAY_S - 1
    assert places.learn("admin", ["home", "phone"]) == []
    clock.now += 1
    assert len(places.learn("admin", ["home", "phone"])) == 2


def test_of_an_account_the_latest_places_are_remembered(places) -> None:
    for number in range(100):
        writes = places.learn("admin", ["home", f"place {number}"])
        assert len(writes) <= 3
    assert places.knows("admin", ["home"])
    assert sum(places.knows("admin", [f"place {number}"]) for number in range(100)) == MOST_OF_ACCOUNT - 1
    assert len(places.forget("admin")) == MOST_OF_ACCOUNT
    assert not places.knows("admin", ["home"])
    assert places.forget("admin") == []


def test_what_no_database_takes_is_no_trouble(places) -> None:
    odd = "instance \0\udcff" + "x" * 500
    ((_, row),) = places.learn("admin", [odd])
    row["place"].encode()
    assert "\0" not in row["place"]
    assert len(row["place"]) < 200
    assert places.knows("admin", [odd])


async def test_it_is_known_to_a_new_process_unless_it_is_too_old_or_belongs_to_nobody(core, clock) -> None:
    for number, name in enumerate(("admin", "gone")):
        await core.store.commit([account_write(Account(number, name, Role.AUDITOR, "x", 1.0, 1.0))])
    before = await KnownPlaces.open(core.store, ADMINISTRATORS, select(tables.accounts.c.name), clock=clock)
    clock.now -= LIFE_S
    writes = before.learn("admin", ["old"])
    clock.now = NOW
    await core.store.commit([*writes, *before.learn("admin", ["home"]), *before.learn("gone", ["home"])])
    await core.store.commit([(tables.accounts.delete().where(tables.accounts.c.name == "gone"), {})])
    after = await KnownPlaces.open(core.store, ADMINISTRATORS, select(tables.accounts.c.name), clock=clock)
    assert after.knows("admin", ["home"])
    assert not after.knows("admin", ["old"])
    assert not after.knows("gone", ["home"])
    await core.ledger.record_durably(Made("system.test"))
    left = await core.store.read(
        lambda connection: connection.scalar(select(func.count()).select_from(known.known_places))
    )
    assert left == 1
