"""Conferences of real phones: who hears whom, and what happens when something dies (C2, R1)."""

import array
import asyncio

import pytest

from ringwall.cli.demo.phones import Phone, Talk
from ringwall.cli.demo.tones import RATE, power_at
from system.running import until

HERTZ = (440.0, 620.0, 1000.0, 1330.0)


def hears(talk: Talk, *tones: float) -> bool:
    """Whether exactly these of the tones are heard."""
    samples = array.array("h", bytes(talk.heard[-RATE:]))
    if len(samples) < RATE // 4:
        return False
    return {hz for hz in HERTZ if power_at(samples, hz) > 0.15} == set(tones)


async def all_hear_all(*talks: Talk) -> None:
    """Wait until each one hears all the others; the talks are in the order of their tones."""
    for talk in talks:
        talk.forget()
    for place, talk in enumerate(talks):
        others = [hz for n, hz in enumerate(HERTZ[: len(talks)]) if n != place]
        await until(lambda t=talk, o=others: hears(t, *o), f"phone {place} hears {others}")


async def phones(desk_phones, count: int) -> list[Phone]:
    return [await desk_phones(hertz=hz) for hz in HERTZ[:count]]


async def conference(desk_phones, count: int) -> tuple[list[Phone], list[Talk]]:
    """The first phone calls the others and makes one conference of it."""
    made = await phones(desk_phones, count)
    talks, before = [], []
    for other in made[1:]:
        before.append(await made[0].call(other.credentials.extension))
        talks.append(await other.taken())
    own = await made[0].call("*10")
    await until(lambda: all(talk.closed for talk in before), "the calls before are over")
    await all_hear_all(own, *talks)
    return made, [own, *talks]


@pytest.mark.req("C2")
async def test_three_phones_hear_one_another_and_go_on_when_the_starter_leaves(system, desk_phones) -> None:
    _, (own, ben, carla) = await conference(desk_phones, 3)
    assert system.ask("status")["media"][0]["legs"] == 3
    await own.call.hangup()
    await until(lambda: own.closed, "the starter has left")
    ben.forget()
    carla.forget()
    await until(lambda: hears(ben, HERTZ[2]) and hears(carla, HERTZ[1]), "the others hear one another")
    await ben.call.hangup()
    await until(lambda: carla.closed, "nobody is left alone")
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


@pytest.mark.req("C2")
async def test_the_fourth_one_is_refused_and_the_conference_stays(system, desk_phones) -> None:
    made, talks = await conference(desk_phones, 3)
    dora = await desk_phones()
    before = system.seq()
    refused = await made[0].dial(f"*10{dora.credentials.extension}")
    denial = await system.record(before, "call.denied", caller=made[0].credentials.extension)
    assert denial["rule"] == "conference.full"
    await until(lambda: refused.closed, "the refusal is heard")
    assert dora.incoming.empty()
    assert all(talk.established for talk in talks)
    for talk in talks[1:]:
        await talk.call.hangup()
    await until(lambda: all(talk.closed for talk in talks), "all phones are free")


@pytest.mark.req("R1")
@pytest.mark.parametrize("dies", ["media-1", "core"])
async def test_a_conference_goes_on_when_something_was_killed(system, desk_phones, dies) -> None:
    _, talks = await conference(desk_phones, 3)
    system.kill(dies)
    await system.ready()
    await asyncio.sleep(1)
    await all_hear_all(*talks)
    for talk in talks[1:]:
        await talk.call.hangup()
    await until(lambda: all(talk.closed for talk in talks), "all phones are free")
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


@pytest.mark.req("C2")
async def test_an_administrator_adds_and_drops(system, desk_phones) -> None:
    made = await phones(desk_phones, 3)
    own = await made[0].call(made[1].credentials.extension)
    ben = await made[1].taken()
    await all_hear_all(own, ben)
    room = (
        await asyncio.to_thread(system.ask, "call.conference.start", extension=made[0].credentials.extension)
    )["conference"]
    await until(lambda: hears(own, HERTZ[1]) and hears(ben, HERTZ[0]), "the two hear one another")
    number = made[2].credentials.extension
    await asyncio.to_thread(system.ask, "call.conference.add", conference=room, number=number)
    carla = await made[2].taken()
    await all_hear_all(own, ben, carla)
    [told] = system.ask("call.conference.list")
    theirs = next(p["call"] for p in told["parties"] if p["party"] == made[1].credentials.extension)
    await asyncio.to_thread(system.ask, "call.conference.drop", conference=room, call=theirs)
    await until(lambda: ben.closed, "one was dropped")
    own.forget()
    carla.forget()
    await until(lambda: hears(own, HERTZ[2]) and hears(carla, HERTZ[0]), "the others go on")
    await own.call.hangup()
    await until(lambda: carla.closed, "all phones are free")
