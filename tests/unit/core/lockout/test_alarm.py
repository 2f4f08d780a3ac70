"""Guessing is told: when it is noticed and how it went, in few records whatever strangers do."""

import pytest

from ringwall.core.lockout import alarm
from ringwall.core.lockout.alarm import (
    AT_ACCOUNT,
    EVERYWHERE,
    MOST_FOLLOWED,
    MOST_TOLD,
    OF_SOURCE,
    SECONDS,
    GuessingAlarm,
)

pytestmark = pytest.mark.req("N3")


class Told(list):
    def __call__(self, event) -> None:
        kind, fields = event.kind, event.to_body()
        assert kind == "security.guessing"
        self.append(fields)

    def of(self, scope):
        return [fields for fields in self if fields["scope"] == scope]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def guessing(told) -> GuessingAlarm:
    return GuessingAlarm(told, "device password")


def _failed(guessing, account, source, now) -> None:
    guessing.failed(account, account, source, source, now)


def test_one_account_from_many_sources(guessing, told) -> None:
    for number in range(AT_ACCOUNT - 1):
        _failed(guessing, "d1", f"192.0.2.{number}", 1.0)
    assert told == []
    for number in range(AT_ACCOUNT - 1, 250):
        _failed(guessing, "d1", f"192.0.2.{number}", 2.0)
    (first,) = told
    assert first == {
        "guessed": "device password",
        "scope": "account",
        "account": "d1",
        "source": f"192.0.2.{AT_ACCOUNT - 1}",
        "tries": AT_ACCOUNT,
        "sources": AT_ACCOUNT,
        "seconds": 1,
    }
    guessing.sweep(1.0 + SECONDS - 1)
    assert len(told) == 1
    guessing.sweep(1.0 + SECONDS)
    assert told[1]["tries"] == 250
    assert told[1]["sources"] == alarm.MOST_OTHERS
    guessing.sweep(10 * SECONDS)
    assert len(told) == 2


def test_many_accounts_from_one_source(guessing, told) -> None:
    for number in range(1500):
        _failed(guessing, f"d{number}", "192.0.2.1", number / 75)
    (first,) = told.of("source")
    assert (first["source"], first["tries"], first["accounts"]) == ("192.0.2.1", OF_SOURCE, OF_SOURCE)
    assert told.of("account") == []
    guessing.sweep(SECONDS + 30)
    assert told.of("source")[1]["tries"] == 1500


def test_a_little_everywhere(guessing, told) -> None:
    for number in range(EVERYWHERE):
        _failed(guessing, f"d{number}", f"source {number}", 0.0)
    (only,) = told
    assert (only["scope"], only["tries"]) == ("everywhere", EVERYWHERE)


def test_a_guessing_that_goes_on_is_told_again_every_five_minutes(guessing, told) -> None:
    for second in range(3600):
        _failed(guessing, "d1", "192.0.2.1", float(second))
    assert len(told.of("account")) <= 2 * 3600 / SECONDS
    assert sum(fields["tries"] for fields in told.of("account")[1::2]) >= 3600 - SECONDS


def test_a_few_wrong_passwords_are_no_guessing(guessing, told) -> None:
    for number in range(100):
        _failed(guessing, "d1", "192.0.2.1", number * 60.0)
    guessing.sweep(1e6)
    assert told == []


def test_neither_memory_nor_records_grow_with_what_strangers_do(guessing, told) -> None:
    for number in range(3 * MOST_FOLLOWED):
        for _ in range(AT_ACCOUNT):
            _failed(guessing, f"made up {number}", f"source {number}", 1.0)
    assert len(told) <= MOST_TOLD
    assert all(len(followed) <= MOST_FOLLOWED for followed in guessing._open.values())
    _failed(guessing, "d1", "192.0.2.1", 2 * SECONDS)
    for _ in range(AT_ACCOUNT):
        _failed(guessing, "d1", "192.0.2.1", 2 * SECONDS)
    assert told[-1]["account"] == "d1"
    assert sum(fields.get("others_not_told", 0) for fields in told) > MOST_FOLLOWED
