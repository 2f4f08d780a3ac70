"""Call pickup, hunt groups and features by command, with real phones (C2)."""

import asyncio
from collections.abc import Iterator

import pytest

from system.running import until
from system.who_hears import HERTZ, all_hear, hang_up, no_leg, status_of

pytestmark = pytest.mark.req("C2")
ANNA, BEN, CLEO = HERTZ[:3]


@pytest.fixture
def people(person, give):
    """Three who may pick up, use the intercom and take hunt groups out of service."""
    found = [person() for _ in range(3)]
    give("features", *found, pickup=True, hunt_group_busy=True, intercom=True, accept_intercom=["all"])
    return found


@pytest.fixture
def hunt_group(system) -> Iterator:
    """Makes hunt groups."""
    made: list[str] = []

    def add(extension: str, *accounts, **settings) -> str:
        members = [account.extension for account in accounts]
        system.ask(
            "object.add", extension=extension, kind="hunt group", name="Sales", members=members, **settings
        )
        made.append(extension)
        return extension

    yield add
    for extension in made:
        system.ask("object.remove", extension=extension)


async def test_a_call_that_rings_elsewhere_is_picked_up_and_stops_ringing_there(
    system, desk_phones, people
) -> None:
    anna = await desk_phones(people[0], hertz=ANNA)
    ben = await desk_phones(people[1], hertz=BEN, answers=False)
    cleo = await desk_phones(people[2], hertz=CLEO)
    ours = await anna.dial(people[1].extension)
    waiting = await ben.taken()
    seq = system.seq()
    picked = await cleo.call("*14" + people[1].extension)
    await all_hear({ours: {CLEO}, picked: {ANNA}}, "the caller and the one who picked up hear each other")
    await until(lambda: waiting.closed, "it rings no more")
    record = await system.record(seq, "call.picked_up", by=people[2].extension)
    assert record["at"] == people[1].extension
    await hang_up(ours, picked)
    await no_leg(system)


async def test_who_may_not_pick_up_is_refused_and_it_rings_on(
    system, desk_phones, connect, people, person, give
) -> None:
    stranger = person()
    give("no-pickup", stranger, pickup=False)
    anna = await desk_phones(people[0])
    ben = await desk_phones(people[1], answers=False)
    other = await connect(stranger)
    ours = await anna.dial(people[1].extension)
    waiting = await ben.taken()
    assert await status_of(other, "*14" + people[1].extension) == 403
    assert not waiting.closed
    await waiting.call.answer()
    await until(lambda: ours.established, "the call goes on")
    await hang_up(ours)


async def test_a_user_who_is_not_to_be_picked_up_is_left_alone(system, desk_phones, connect, people) -> None:
    system.ask("user.set", extension=people[1].extension, no_pickup=True)
    anna = await desk_phones(people[0])
    ben = await desk_phones(people[1], answers=False)
    cleo = await connect(people[2])
    ours = await anna.dial(people[1].extension)
    waiting = await ben.taken()
    assert await status_of(cleo, "*14" + people[1].extension) == 403
    assert not waiting.closed
    await hang_up(ours)


async def test_a_hunt_group_rings_one_after_the_other(system, desk_phones, people, hunt_group) -> None:
    anna = await desk_phones(people[0], hertz=ANNA)
    ben = await desk_phones(people[1], hertz=BEN, answers=False)
    cleo = await desk_phones(people[2], hertz=CLEO)
    ours = await anna.call(hunt_group("7101", *people[1:], member_seconds=5))
    first = await ben.taken()
    await until(lambda: first.closed, "the first member rings no more")
    theirs = await cleo.taken()
    await all_hear({ours: {CLEO}, theirs: {ANNA}}, "caller and second member hear each other")
    await hang_up(ours)


async def test_a_hunt_group_rings_all_at_once(desk_phones, people, hunt_group) -> None:
    anna = await desk_phones(people[0], hertz=ANNA)
    ben = await desk_phones(people[1], hertz=BEN, answers=False)
    cleo = await desk_phones(people[2], hertz=CLEO, answers=False)
    ours = await anna.dial(hunt_group("7102", *people[1:], ringing="at once"))
    first, second = await ben.taken(), await cleo.taken()
    await second.call.answer()
    await all_hear({ours: {CLEO}, second: {ANNA}}, "caller and the one who answered hear each other")
    await until(lambda: first.closed, "the other rings no more")
    await hang_up(ours)


async def test_a_user_takes_a_hunt_group_out_of_service_and_back(
    system, desk_phones, connect, people, hunt_group
) -> None:
    anna = await desk_phones(people[0])
    await desk_phones(people[1])
    caller = await connect(people[2])
    group = hunt_group("7103", people[1])
    for busy in (True, False):
        seq = system.seq()
        told = await anna.call("*18" + group)
        await until(lambda t=told: t.closed, "the system has said what the group is now")
        changed = await system.record(seq, "admin.object.changed")
        assert changed["actor"]["kind"] == "phone"
        assert changed["actor"]["name"] == people[0].extension
        assert system.ask("object.show", extension=group)["busy"] is busy
        if busy:
            assert await status_of(caller, group) == 486
    ours = await anna.call(group)
    await hang_up(ours)


async def test_who_may_not_take_it_out_of_service_changes_nothing(
    system, connect, people, person, give, hunt_group
) -> None:
    stranger = person()
    give("no-busy", stranger, hunt_group_busy=False)
    other = await connect(stranger)
    group = hunt_group("7104", people[1])
    assert await status_of(other, "*18" + group) == 403
    assert system.ask("object.show", extension=group)["busy"] is False


async def test_an_intercom_by_command_opens_the_own_phone_and_then_the_other(
    system, desk_phones, people
) -> None:
    anna = await desk_phones(people[0], hertz=ANNA, answers=None)
    ben = await desk_phones(people[1], hertz=BEN, answers=None)
    await asyncio.to_thread(
        system.ask,
        "call.feature",
        extension=people[0].extension,
        feature="intercom",
        target=people[1].extension,
    )
    ours, theirs = await anna.taken(), await ben.taken()
    assert ours.asks_for_answer
    assert theirs.asks_for_answer
    await all_hear({ours: {BEN}, theirs: {ANNA}}, "both hear each other")
    await hang_up(ours, theirs)
    await no_leg(system)
