"""Who listens hears what is on the disk, and goes on where it has left off without a gap or a double."""

import asyncio
import contextlib
from itertools import islice

import pytest

from ringwall.core.feed import Bus, Feed, SubscriptionLost
from ringwall.core.feed import feed as module
from ringwall.core.feed.feed import CursorTooOld
from ringwall.core.feed.sight import may_see, permission_of
from ringwall.core.identity.permissions import Permission, Role
from ringwall.events.calls import CallEnded
from ringwall.events.catalogue import KINDS
from ringwall.events.registrations import RegistrationEnded
from ringwall.events.security import SignedIn
from ringwall.events.states import StateOfCall, StateOfMailbox
from ringwall.events.trunks import TrunkDown, TrunkUp
from support.core_data import open_core
from support.events import Made

pytestmark = pytest.mark.req("I2")


@pytest.fixture
async def core(tmp_path):
    core = await open_core(tmp_path, interval=0.002)
    yield core
    await core.store.close()


@pytest.fixture
async def feed(core):
    feed = await Feed.open(core.ledger, Bus())
    core.ledger.on_durable(feed.changed)
    task = asyncio.ensure_future(feed.run())
    yield feed
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def everything(_event) -> bool:
    return True


async def first(found, count: int) -> list:
    return [await asyncio.wait_for(anext(found), 30) for _ in range(count)]


async def test_who_listens_hears_what_is_recorded_as_the_event_that_it_was(core, feed) -> None:
    found = feed.follow(None, everything).events()
    waiting = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    core.ledger.record(TrunkDown(trunk="main", why="503"))
    numbered = await asyncio.wait_for(waiting, 30)
    assert numbered.event == TrunkDown(trunk="main", why="503")
    (record,) = await core.ledger.tail(numbered.seq - 1, 1)
    assert (record["seq"], record["at"], record["kind"]) == (numbered.seq, numbered.at, "trunk.down")
    await found.aclose()


async def test_behind_a_cursor_come_the_old_ones_and_then_the_new_ones(core, feed, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    for number in range(10):
        await core.ledger.record_durably(TrunkUp(trunk=str(number), why=""))
    after = core.ledger.durable_seq - 10
    found = feed.follow(after, everything).events()
    told = await first(found, 10)
    for number in range(10, 20):
        core.ledger.record(TrunkUp(trunk=str(number), why=""))
    told += await first(found, 10)
    assert [each.event.trunk for each in told] == [str(number) for number in range(20)]
    assert [each.seq for each in told] == list(range(after + 1, after + 21))
    await found.aclose()


async def test_whoever_comes_back_with_its_cursor_misses_nothing_and_hears_nothing_twice(core, feed) -> None:
    """Records are written all the time, and the listener goes and comes."""

    async def write() -> None:
        for number in range(200):
            core.ledger.record(TrunkUp(trunk=str(number), why=""))
            if number % 10 == 0:
                await asyncio.sleep(0)

    await core.ledger.record_durably(TrunkDown(trunk="-", why=""))
    after, told = core.ledger.durable_seq, []
    writing = asyncio.ensure_future(write())
    while len(told) < 200:
        found = feed.follow(after, everything).events()
        told += [each.event.trunk for each in await first(found, 20)]
        after += 20
        await found.aclose()
    await writing
    assert told == [str(number) for number in range(200)]


async def test_a_slow_listener_loses_its_place_and_catches_up_behind_its_cursor(
    core, feed, monkeypatch
) -> None:
    bus_most = 5
    monkeypatch.setattr(feed, "_bus", bus := _Small(bus_most))
    found = feed.follow(None, everything).events()
    waiting = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    for number in range(50):
        core.ledger.record(TrunkUp(trunk=str(number), why=""))
    told = [await asyncio.wait_for(waiting, 30)]
    await _settled(lambda: not len(bus))
    told += await _until_lost(found)
    assert len(told) < 50
    again = feed.follow(told[-1].seq, everything).events()
    told += await first(again, 50 - len(told))
    assert [each.event.trunk for each in told] == [str(number) for number in range(50)]
    await again.aclose()


class _Small(Bus):
    def __init__(self, most: int) -> None:
        super().__init__()
        self._most_waiting = most

    def subscribe(self, wanted, most=0):
        return super().subscribe(wanted, self._most_waiting)


async def _until_lost(found) -> list:
    told = []
    try:
        async for numbered in found:
            told.append(numbered)  # noqa: PERF401 - what was told before the end counts
    except SubscriptionLost:
        return told
    raise AssertionError("the subscription was not lost")


async def _settled(holds) -> None:
    for _ in range(6000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("this never came to be")


async def test_the_cursor_of_a_listener_passes_what_it_does_not_want_and_never_what_waits(core, feed) -> None:
    listener = feed.follow(None, lambda event: isinstance(event, SignedIn))
    found = listener.events()
    waiting = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    for number in range(5):
        await core.ledger.record_durably(TrunkUp(trunk=str(number), why=""))
    await _settled(lambda: listener.position == core.ledger.durable_seq)
    before = listener.position
    core.ledger.record(SignedIn(account="eve", source="192.0.2.1"))
    core.ledger.record(SignedIn(account="adam", source="192.0.2.1"))
    await asyncio.wait_for(waiting, 30)
    await _settled(lambda: feed.seq == core.ledger.durable_seq == before + 2)
    assert listener.position == before + 1
    assert (await first(found, 1))[0].event.account == "adam"
    assert listener.position == before + 2
    await found.aclose()


async def test_only_what_is_wanted_is_told_old_and_new(core, feed) -> None:
    await core.ledger.record_durably(TrunkUp(trunk="a", why=""))
    await core.ledger.record_durably(SignedIn(account="admin", source="192.0.2.1"))
    after = core.ledger.durable_seq - 2
    found = feed.follow(after, lambda event: isinstance(event, SignedIn)).events()
    assert (await first(found, 1))[0].event.account == "admin"
    core.ledger.record(TrunkUp(trunk="b", why=""))
    core.ledger.record(SignedIn(account="eve", source="192.0.2.1"))
    assert (await first(found, 1))[0].event.account == "eve"
    await found.aclose()


async def test_a_record_that_this_version_cannot_read_is_passed_over(core, feed) -> None:
    await core.ledger.record_durably(Made("call.ended", n=1))
    await core.ledger.record_durably(Made("call.flown", n=1))
    await core.ledger.record_durably(TrunkUp(trunk="a", why=""))
    found = feed.follow(core.ledger.durable_seq - 3, everything).events()
    assert (await first(found, 1))[0].event == TrunkUp(trunk="a", why="")
    await found.aclose()


async def test_a_cursor_that_is_too_old_is_refused(core, feed, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BEHIND", 3)
    for number in range(6):
        await core.ledger.record_durably(TrunkUp(trunk=str(number), why=""))
    await _settled(lambda: feed.seq == core.ledger.durable_seq)
    with pytest.raises(CursorTooOld):
        feed.follow(feed.seq - 4, everything).events()


async def test_without_listeners_nothing_is_read(core, feed, monkeypatch) -> None:
    async def never(*_args):
        raise AssertionError("the ledger was read")

    monkeypatch.setattr(core.ledger, "tail", never)
    core.ledger.record(TrunkUp(trunk="a", why=""))
    await core.ledger.record_durably(TrunkUp(trunk="b", why=""))
    await _settled(lambda: feed.seq == core.ledger.durable_seq)


def test_each_role_sees_what_it_may_look_at_and_the_rest_is_for_readers_of_the_ledger() -> None:
    seen = {role: {kind for kind, cls in KINDS.items() if may_see(role, _bare(cls))} for role in Role}
    assert seen[Role.ADMINISTRATOR] == seen[Role.AUDITOR] == set(KINDS)
    assert seen[Role.USER] == set()
    assert not any(may_see(None, _bare(cls)) for cls in islice(KINDS.values(), 5))
    assert {CallEnded.kind, RegistrationEnded.kind, TrunkDown.kind} <= seen[Role.OPERATOR]
    for role in (Role.OPERATOR, Role.SUPERVISOR):
        assert not {kind for kind in seen[role] if kind.startswith(("security.", "admin.", "user."))}
    assert permission_of("something.new") is Permission.LEDGER_READ
    assert [role for role in Role if may_see(role, _bare(StateOfCall))] == [
        Role.ADMINISTRATOR,
        Role.OPERATOR,
        Role.SUPERVISOR,
        Role.AUDITOR,
    ]
    assert Role.SUPERVISOR not in {role for role in Role if may_see(role, _bare(StateOfMailbox))}


def _bare(cls):
    """An event of a class without its fields: what is looked at is the kind."""
    return object.__new__(cls)


async def test_states_pass_to_those_who_listen_and_leave_no_trace(core, feed) -> None:
    made = []

    def waiting(new: int):
        made.append(new)
        return StateOfMailbox(mailbox="201", new=new, new_urgent=0, saved=0)

    feed.pass_on(lambda: waiting(1))
    assert made == []  # nobody listens: it is not even made
    listener = feed.follow(None, everything)
    found = listener.events()
    hearing = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    before = listener.position
    feed.pass_on(lambda: waiting(2))
    feed.pass_on(lambda: waiting(3))
    assert [(await hearing).event.new, (await first(found, 1))[0].event.new] == [2, 3]
    assert listener.position == before
    core.ledger.record(TrunkUp(trunk="a", why=""))
    assert (await first(found, 1))[0].event == TrunkUp(trunk="a", why="")
    await found.aclose()
    with pytest.raises(TypeError, match="never recorded"):
        core.ledger.record(waiting(4))


async def test_a_state_that_cannot_be_made_breaks_nothing(feed, caplog) -> None:
    def broken():
        raise ValueError("broken")

    found = feed.follow(None, everything).events()
    hearing = asyncio.ensure_future(anext(found))
    await asyncio.sleep(0)
    feed.pass_on(broken)
    feed.pass_on(lambda: StateOfMailbox(mailbox="201", new=1, new_urgent=0, saved=0))
    assert (await hearing).event.new == 1
    assert "could not be told" in caplog.text
    await found.aclose()
