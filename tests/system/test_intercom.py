"""Directed intercom and whisper page: who hears whom, with real phones that answer by themselves (C2)."""

import asyncio

import pytest

from ringwall.cli.demo.tones import which
from system.running import until
from system.who_hears import HERTZ, all_hear, hang_up, hears, no_leg, status_of

pytestmark = pytest.mark.req("C2")
I, T, C = HERTZ[:3]  # noqa: E741 - as the documents call them
PAGE_TONE = (784.0, 659.0, 523.0)
BEEP = (1000.0,)


@pytest.fixture
def people(person, give):
    """I, T and C, who may and accept the intercom."""
    found = [person() for _ in range(3)]
    give("intercom", *found, intercom=True, accept_intercom=["all"])
    return found


async def test_an_idle_phone_answers_by_itself_after_the_tones_and_both_hear_each_other(
    system, desk_phones, people
) -> None:
    anna = await desk_phones(people[0], hertz=I)
    ben = await desk_phones(people[1], hertz=T, answers=None)
    ours = await anna.call("*15" + people[1].extension)
    theirs = await ben.taken()
    assert theirs.asks_for_answer
    await until(
        lambda: which(bytes(theirs.heard)[-4000:], PAGE_TONE), "the target hears the announcement tone"
    )
    assert not hears(theirs), "before the end of the tone nobody is heard"
    await all_hear({ours: {T}, theirs: {I}}, "both hear each other")
    await hang_up(ours, theirs)
    await no_leg(system)


async def test_who_may_not_is_refused_and_no_phone_opens(system, desk_phones, connect, person, give) -> None:
    one, other = person(), person()
    give("no-intercom", one, intercom=False)
    give("accepting", other, accept_intercom=["all"])
    anna = await connect(one)
    ben = await desk_phones(other, answers=None)
    seq = system.seq()
    assert await status_of(anna, "*15" + other.extension) == 403
    denied = await system.record(seq, "call.denied", caller=one.extension)
    assert (denied["rule"], denied["heard"]) == ("feature.denied", "intercept tone")
    assert ben.incoming.empty()


async def test_who_does_not_accept_is_rung_and_takes_the_call_by_hand(desk_phones, person, give) -> None:
    one, other = person(), person()
    give("initiating", one, intercom=True)
    give("not-accepting", other, accept_intercom=[])
    anna = await desk_phones(one, hertz=I)
    ben = await desk_phones(other, hertz=T, answers=None)
    ours = await anna.dial("*15" + other.extension)
    theirs = await ben.taken()
    assert not theirs.asks_for_answer
    await asyncio.sleep(0.5)
    assert not theirs.established
    await theirs.call.answer()
    await all_hear({ours: {T}, theirs: {I}}, "both hear each other")
    await hang_up(ours, theirs)


async def test_a_busy_phone_is_rung(desk_phones, people) -> None:
    anna = await desk_phones(people[0], hertz=I)
    ben = await desk_phones(people[1], hertz=T)
    cleo = await desk_phones(people[2], hertz=C)
    first = await cleo.call(people[1].extension)
    await ben.taken()
    ours = await anna.dial("*15" + people[1].extension)
    second = await ben.taken()
    assert not second.asks_for_answer
    await hang_up(ours, first)


async def whispering(desk_phones, people):
    """I whispers to T, who talks with C; their talks, and the whisper that is under way."""
    anna = await desk_phones(people[0], hertz=I)
    ben = await desk_phones(people[1], hertz=T)
    cleo = await desk_phones(people[2], hertz=C)
    other = await cleo.call(people[1].extension)
    target = await ben.taken()
    await all_hear({target: {C}, other: {T}}, "T and C hear each other")
    return anna, target, other


async def test_a_whisper_is_heard_by_the_target_alone(system, desk_phones, people) -> None:
    anna, target, other = await whispering(desk_phones, people)
    told: set[float] = set()
    whisper = await anna.call("*19" + people[1].extension)

    async def listen() -> None:
        """What C hears of the system's tones while they sound at T."""
        while not hears(target, [I]):
            told.update(which(bytes(other.heard)[-4000:], PAGE_TONE))
            await asyncio.sleep(0.05)

    await asyncio.wait_for(listen(), 10)
    assert not told, "the other party heard the announcement tone"
    await all_hear({whisper: {T}, target: {I, C}, other: {T}}, "I and T hear each other, C hears T alone")
    await hang_up(whisper)
    await all_hear({target: {C}, other: {T}}, "T and C hear each other as before")
    await no_leg(system)
    await hang_up(target, other)


async def test_the_target_of_a_whisper_hears_the_announcement_tone_and_the_initiator_the_beep(
    desk_phones, people
) -> None:
    anna, target, other = await whispering(desk_phones, people)
    calling = asyncio.create_task(anna.call("*19" + people[1].extension))
    await until(lambda: which(bytes(target.heard)[-4000:], PAGE_TONE), "T hears the announcement tone")
    whisper = await calling
    await until(lambda: which(bytes(whisper.heard)[-4000:], BEEP), "I hears the beep")
    await hang_up(whisper, target, other)


@pytest.mark.parametrize("who", ["target", "other"])
async def test_the_end_of_the_call_ends_the_whisper(desk_phones, people, who) -> None:
    anna, target, other = await whispering(desk_phones, people)
    whisper = await anna.call("*19" + people[1].extension)
    await all_hear({whisper: {T}}, "the whisper is on")
    await (target if who == "target" else other).call.hangup()
    await until(lambda: whisper.closed and target.closed and other.closed, "all phones are free")


async def test_a_whisper_without_the_right_is_refused_and_changes_nothing(
    system, desk_phones, connect, people, person, give
) -> None:
    _, target, other = await whispering(desk_phones, people)
    stranger = person()
    give("no-whisper", stranger, intercom=False)
    fourth = await connect(stranger)
    assert await status_of(fourth, "*19" + people[1].extension) == 403
    await all_hear({target: {C}, other: {T}}, "T and C hear each other as before")
    await hang_up(target, other)


async def test_a_whisper_that_is_not_accepted_is_an_ordinary_call(desk_phones, people, give) -> None:
    give("deaf", people[1], accept_intercom=[])
    anna, target, other = await whispering(desk_phones, people)
    ours = await anna.dial("*19" + people[1].extension)
    await until(lambda: ours.established, "T took the ordinary call")
    await all_hear({ours: {T}}, "I and T talk")
    await hang_up(ours, target, other)


async def test_a_whisper_to_an_idle_phone_is_an_intercom(desk_phones, people) -> None:
    anna = await desk_phones(people[0], hertz=I)
    ben = await desk_phones(people[1], hertz=T, answers=None)
    ours = await anna.call("*19" + people[1].extension)
    theirs = await ben.taken()
    assert theirs.asks_for_answer
    await all_hear({ours: {T}, theirs: {I}}, "both hear each other")
    await hang_up(ours, theirs)
