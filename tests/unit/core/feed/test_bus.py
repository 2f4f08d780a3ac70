"""Subscribers hear of what happens, in order; a slow one loses its subscription and holds up nobody."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.feed import Bus, Numbered, SubscriptionLost
from ringwall.events.security import StrayResponse
from ringwall.events.system import SystemStopped
from ringwall.events.trunks import TrunkUp

pytestmark = pytest.mark.req("I2")


def everything(_event) -> bool:
    return True


def number(seq: int) -> Numbered:
    return Numbered(seq, "2026-11-27T10:00:00.000000Z", TrunkUp(trunk=f"t{seq % 3}", why=""))


async def got(subscription) -> list[int]:
    """The numbers of what waits for a subscriber, until there is no more."""
    found = []
    while subscription.waiting:
        found.append((await anext(subscription)).seq)
    return found


async def test_each_subscriber_gets_what_it_wants_in_order() -> None:
    bus = Bus()
    with bus.subscribe(everything) as all_of_it, bus.subscribe(lambda e: isinstance(e, TrunkUp)) as trunks:
        bus.publish(Numbered(1, "", SystemStopped()))
        bus.publish(number(2))
        bus.publish(number(3))
        assert await got(all_of_it) == [1, 2, 3]
        assert await got(trunks) == [2, 3]
    assert len(bus) == 0


async def test_who_is_too_slow_gets_what_was_kept_and_is_then_told() -> None:
    bus = Bus()
    slow, quick = bus.subscribe(everything, most=2), bus.subscribe(everything)
    for seq in range(1, 6):
        bus.publish(number(seq))
    assert len(bus) == 1
    assert slow.lost
    assert [(await anext(slow)).seq, (await anext(slow)).seq] == [1, 2]
    with pytest.raises(SubscriptionLost):
        await anext(slow)
    assert await got(quick) == [1, 2, 3, 4, 5]


async def test_who_waits_is_woken_by_an_event_and_by_the_end() -> None:
    bus = Bus()
    subscription = bus.subscribe(everything)
    waiting = asyncio.ensure_future(anext(subscription))
    await asyncio.sleep(0)
    bus.publish(number(1))
    assert (await waiting).seq == 1
    waiting = asyncio.ensure_future(anext(subscription, None))
    await asyncio.sleep(0)
    subscription.close()
    assert await waiting is None
    bus.publish(number(2))
    assert subscription.waiting == 0


async def test_who_waits_and_wants_nothing_that_comes_is_not_woken_and_never_lost() -> None:
    bus = Bus()
    with bus.subscribe(lambda event: isinstance(event, StrayResponse), most=1) as subscription:
        for seq in range(100):
            bus.publish(number(seq))
        assert not subscription.lost
        assert subscription.waiting == 0


async def test_a_subscriber_that_breaks_costs_nobody_else_an_event(caplog) -> None:
    def broken(_event) -> bool:
        raise ValueError("broken")

    bus = Bus()
    bus.subscribe(broken)
    with bus.subscribe(everything) as good:
        bus.publish(number(1))
        assert await got(good) == [1]
        assert len(bus) == 1
    assert "dropped" in caplog.text


@given(st.lists(st.integers(0, 2) | st.just("publish"), max_size=60), st.integers(1, 5))
def test_whatever_the_order_each_gets_a_beginning_of_what_was_published_in_order(steps, most: int) -> None:
    """Three subscribers read or not as they like: nothing twice, nothing out of order, a hole only at the end."""

    async def play() -> None:
        bus, seq = Bus(), 0
        subscriptions = [bus.subscribe(everything, most=most) for _ in range(3)]
        heard: list[list[int]] = [[], [], []]
        for step in steps:
            if step == "publish":
                seq += 1
                bus.publish(number(seq))
            elif subscriptions[step].waiting:
                heard[step].append((await anext(subscriptions[step])).seq)
        for subscription, numbers in zip(subscriptions, heard, strict=True):
            everything_told = numbers + await got(subscription)
            assert everything_told == list(range(1, len(everything_told) + 1))
            assert subscription.lost or len(everything_told) == seq

    asyncio.run(play())


async def test_whoever_publishes_much_can_wait_until_there_is_room_and_no_lost_one_is_waited_for() -> None:
    bus = Bus()
    quick, slow = bus.subscribe(everything, most=4), bus.subscribe(everything, most=4)
    for seq in range(3):
        bus.publish(number(seq))
    waiting = asyncio.ensure_future(bus.has_room())
    assert await got(quick) == [0, 1, 2]
    await asyncio.sleep(0)
    assert not waiting.done()
    for seq in range(3, 5):
        bus.publish(number(seq))
    assert slow.lost
    await got(quick)
    await asyncio.wait_for(waiting, 30)
