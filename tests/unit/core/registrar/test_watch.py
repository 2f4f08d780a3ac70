"""A stranger cannot fill the ledger."""

from ringwall.core.registrar import watch
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.events.security import StrayResponse, WrongCode
from support.events import told


def test_repeated_events_become_two_records() -> None:
    records: list = []
    guard = SecurityWatch(lambda event: records.append(told(event)))
    for n in range(1000):
        guard.note(WrongCode(source="192.0.2.1", within_the_hour=n), 5.0 + n / 1000)
    assert records == [("security.wrong_code", {"source": "192.0.2.1", "within_the_hour": 0})]
    guard.sweep(10.0)
    assert len(records) == 1
    guard.sweep(15.0)
    assert records[1:] == [
        ("security.wrong_code", {"source": "192.0.2.1", "repeated": 999, "within_the_hour": 999})
    ]
    guard.sweep(30.0)
    assert len(records) == 2


def test_sources_beyond_the_limit_are_counted(monkeypatch) -> None:
    monkeypatch.setattr(watch, "MAX_SOURCES", 3)
    records: list = []
    guard = SecurityWatch(lambda event: records.append(told(event)))
    for n in range(5):
        guard.note(StrayResponse(source=f"192.0.2.{n}"), 1.0)
    assert len(records) == 3
    guard.sweep(2.0)
    assert records[-1] == ("security.sources_not_followed", {"count": 2})


def test_an_event_after_its_window_begins_a_new_one() -> None:
    records: list = []
    guard = SecurityWatch(lambda event: records.append(event.kind))
    guard.note(StrayResponse(source="a"), 1.0)
    guard.note(StrayResponse(source="a"), 2.0)
    guard.note(StrayResponse(source="a"), 20.0)
    assert len(records) == 3


def test_many_at_once_and_a_window_of_ones_own() -> None:
    records: list = []
    guard = SecurityWatch(lambda event: records.append(told(event)[1]), 60.0)
    guard.note(StrayResponse(source="a"), 1.0, 5)
    guard.note(StrayResponse(source="a"), 50.0, 7)
    guard.sweep(60.0)
    assert records == [{"source": "a"}]
    guard.sweep(61.0)
    assert records[1:] == [{"source": "a", "repeated": 11}]
