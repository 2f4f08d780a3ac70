"""Owners: events wait for whoever comes back, and what is forgotten is what nobody will ask for."""

import pytest

from ringwall.media.control import owners
from ringwall.media.control.owners import Owner, target_of
from ringwall.media.errors import MediaError


class Heard:
    def __init__(self):
        self.events, self.closed = [], False

    def event(self, values):
        self.events.append(values)

    def close(self):
        self.closed = True


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(owners.time, "monotonic", lambda: Clock.now)
    return Clock


@pytest.mark.req("R1")
def test_a_new_connection_takes_over_and_hears_what_was_missed_in_order(clock):
    owner, first, second = Owner("core1"), Heard(), Heard()
    owner.take_over(first, 30)
    owner.tell({"n": 1})
    owner.lost(first)
    for number in (2, 3):
        owner.tell({"n": number})
    owner.take_over(second, 30)
    owner.send_waiting()
    owner.tell({"n": 4})
    assert first.events == [{"n": 1}]
    assert second.events == [{"n": 2}, {"n": 3}, {"n": 4}]
    assert not first.closed  # it was gone already
    third = Heard()
    owner.take_over(third, 30)
    assert second.closed
    owner.lost(second)  # a late end of the old one takes nothing from the new one
    owner.tell({"n": 5})
    assert third.events == [{"n": 5}]


def test_a_lease_runs_out_when_it_is_not_renewed(clock):
    owner = Owner("core1")
    owner.take_over(Heard(), 15)
    clock.now += 14
    assert not owner.expired(clock.now)
    owner.renew()
    clock.now += 14
    assert not owner.expired(clock.now)
    clock.now += 2
    assert owner.expired(clock.now)


def test_an_owner_is_forgotten_when_nothing_and_nobody_waits(clock):
    owner, heard = Owner("core1"), Heard()
    owner.take_over(heard, 15)
    clock.now += 16
    assert not owner.forgotten(clock.now)
    owner.lost(heard)
    assert owner.forgotten(clock.now)
    owner.tell({"event": "recorded"})
    assert not owner.forgotten(clock.now)
    clock.now += 700
    assert owner.forgotten(clock.now)
    owner.recorders["r"] = object()
    assert not owner.forgotten(clock.now)


def test_events_that_wait_are_limited(clock):
    owner = Owner("core1")
    for number in range(5000):
        owner.tell({"n": number})
    heard = Heard()
    owner.take_over(heard, 15)
    owner.send_waiting()
    assert [event["n"] for event in heard.events] == list(range(4000, 5000))


def test_exactly_one_target_is_named(clock):
    owner = Owner("core1")
    owner.legs["a"] = leg = object()
    assert target_of(owner, "a", None) is leg
    for names, code in (
        (("a", "r"), "syntax"),
        ((None, None), "syntax"),
        (("b", None), "unknown"),
        ((None, "r"), "unknown"),
    ):
        with pytest.raises(MediaError) as caught:
            target_of(owner, *names)
        assert caught.value.code == code
