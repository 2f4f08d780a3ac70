"""What the system itself says to a caller, through the real engines: why a call is refused, and music on hold.

They need a system of their own: on the one that the other tests share each refusal comes at once, and a hold is
silence.
"""

import array
import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ringwall.cli.demo.tones import RATE, power_at
from ringwall.cli.demo.wiretap import TONES
from ringwall.media.tones import COUNTRIES
from system.descriptions import answer_to, of_port
from system.exchange import House, house_in
from system.raw_phone import RawPhone, joined
from system.running import System, settings_for_tests, system_in_a_folder, until
from system.srtp import MediaPort

ABROAD = "000442079460123"
SIT = [part.hertz[0] for part in COUNTRIES["XX"]["intercept"].parts if part.hertz]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    told = settings_for_tests(intercept_seconds=6, hold_music="manolo_camp-morning_coffee")
    with system_in_a_folder(told.save) as running:
        yield running


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


@pytest.fixture
def port(media) -> MediaPort:
    return media()


@pytest_asyncio.fixture(loop_scope="session")
async def anna(house: House, connect, person) -> AsyncIterator[RawPhone]:
    yield await connect(house.employ(person(), "local"))


def loud(pcm: bytes) -> bool:
    """Whether there is something to hear in the last half second."""
    return len(pcm) >= RATE and max(map(abs, array.array("h", pcm[-RATE:]))) > 1000


@pytest.mark.req("C7")
async def test_a_denied_number_is_heard_as_intercept_before_the_refusal(system, anna, port) -> None:
    before = system.seq()
    asked = anna.invite(ABROAD, of_port(port))
    early = await asked.status(183)
    await port.talk(early.body, TONES[0])
    found: set[int] = set()

    def all_three() -> bool:
        samples = array.array("h", bytes(port._heard[-RATE // 2 :]))
        found.update(hz for hz in SIT if len(samples) > 1000 and power_at(samples, hz) > 0.5)
        return len(found) == len(SIT)

    await until(all_three, "the three tones of the intercept", 5)
    answer = await asked.final()
    assert (answer.status, answer.reason) == (403, "Not permitted")
    assert "reaches less far" in (answer.headers.get("warning") or "")
    denial = await system.record(before, "call.denied", caller=anna.account.extension)
    assert denial["status"] == 403
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")
    assert not system.ask("call.list")


async def test_a_number_that_does_not_exist_is_announced(system, anna, port) -> None:
    asked = anna.invite("9998887", of_port(port))
    await port.talk((await asked.status(183)).body, TONES[0])
    await until(lambda: loud(bytes(port._heard)) and port.tone is None, "a voice")
    assert (await asked.final(12)).status == 404


async def test_who_cancels_while_it_is_heard_leaves_nothing(system, anna, port) -> None:
    asked = anna.invite(ABROAD, of_port(port))
    await asked.status(183)
    anna.cancel(asked)
    assert (await asked.final()).status == 487
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


@pytest.mark.req("T1")
@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_who_is_held_hears_music_and_then_the_other_one_again(system, connect, media, by) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
    holder, mine, held, other = (here, ours, there, theirs) if by == "caller" else (there, theirs, here, ours)
    sounds = (0, 1) if by == "caller" else (1, 0)
    versions = iter(range(3, 20))

    def following(port: MediaPort):
        return lambda sdp: answer_to(sdp, port, version=next(versions))

    follows = asyncio.create_task(held.follow(following(other), other, TONES[sounds[1]]))
    answer = await holder.reinvite(of_port(mine, version=2, direction="sendonly"))
    assert answer.status == 200
    assert b"a=recvonly" in answer.body
    await until(lambda: system.ask("status")["media"][0]["legs"] == 2, "both are with the media server")
    other.forget()
    await until(lambda: loud(bytes(other._heard)) and other.tone != TONES[sounds[0]], "the music is heard")
    answer = await holder.reinvite(of_port(mine, version=next(versions)))
    await mine.talk(answer.body, TONES[sounds[0]])
    back = asyncio.create_task(holder.follow(following(mine), mine, TONES[sounds[0]]))
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "back on a relay")
    for each in (ours, theirs):
        each.forget()
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other again")
    follows.cancel()
    back.cancel()
    await here.hang_up()
