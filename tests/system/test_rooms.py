"""Calls that the media server joins: what people hear, with the real engines (T1, R1)."""

import asyncio
import logging
import time

import pytest

from ringwall.cli.demo.phones import load
from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from system.descriptions import answer_to, keys, of_port
from system.raw_phone import joined
from system.running import until
from system.srtp import MediaPort

log = logging.getLogger(__name__)


def call_of(system, extension: str) -> dict:
    [found] = [call for call in system.ask("call.list") if extension in (call["caller"], call["callee"])]
    return found


async def move(system, call: str, to: str) -> dict:
    return await asyncio.to_thread(system.ask, "call.move", call=call, to=to)


async def hear(ours, theirs) -> None:
    ours.forget()
    theirs.forget()
    await until(lambda: heard(bytes(ours.heard)) == TONES[1], "the caller hears the called phone")
    await until(lambda: heard(bytes(theirs.heard)) == TONES[0], "the called phone hears the caller")


async def talking(desk_phones):
    anna, ben = await desk_phones(hertz=TONES[0]), await desk_phones(hertz=TONES[1])
    ours = await anna.call(ben.credentials.extension)
    theirs = await ben.taken()
    await hear(ours, theirs)
    return anna, ours, theirs


@pytest.mark.req("T1")
async def test_a_call_moves_to_a_room_and_back_and_both_hear_each_other(system, desk_phones) -> None:
    # A phone that lost power in a test before may still be waited for.
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is there yet", 60)
    anna, ours, theirs = await talking(desk_phones)
    call = call_of(system, anna.credentials.extension)["call"]
    for to in ("room", "relay", "room"):
        assert (await move(system, call, to))["joined"] == to
        await hear(ours, theirs)
    assert system.ask("status")["media"][0]["legs"] == 2
    await ours.call.hangup()
    await until(lambda: ours.closed and theirs.closed, "both phones are free")
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


class Watched(MediaPort):
    """A media port that knows when packets came that it could open."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.times: list[float] = []

    def datagram_received(self, data: bytes, address: object) -> None:
        before = self.received
        super().datagram_received(data, address)
        if self.received > before and any(self._heard[-160:]):
            self.times.append(time.monotonic())

    def longest_gap(self) -> float:
        return max(b - a for a, b in zip(self.times, self.times[1:], strict=False))


@pytest.mark.req("T1", "T5")
async def test_a_call_moves_to_a_room_and_back_and_both_stay_on_the_line(system, connect) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = Watched(system.settings.address), Watched(system.settings.address)
    seen: list[set[str]] = []

    def changed(port):
        def answer(sdp: bytes) -> bytes:
            seen.append(keys(sdp))
            return answer_to(sdp, port, version=len(seen) + 1)

        return answer

    following: list[asyncio.Task[None]] = []
    try:
        here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
        for talk, port, hertz in ((here, ours, TONES[0]), (there, theirs, TONES[1])):
            following.append(asyncio.create_task(talk.follow(changed(port), port, hertz)))
        await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
        call = call_of(system, anna.account.extension)["call"]
        for to in ("room", "relay"):
            ours.times.clear()
            theirs.times.clear()
            await move(system, call, to)
            ours.forget()
            theirs.forget()
            await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
            gaps = ours.longest_gap(), theirs.longest_gap()
            log.info("to the %s: the longest gaps are %.0f and %.0f ms", to, *(1000 * gap for gap in gaps))
        assert len(seen) == 4
        assert sum(map(len, seen)) == len(set().union(*seen)), "a key was used twice"
        await here.hang_up()
    finally:
        for task in following:
            task.cancel()
        ours.close()
        theirs.close()


@pytest.mark.req("R1")
async def test_a_room_outlives_the_core(system, desk_phones) -> None:
    anna, ours, theirs = await talking(desk_phones)
    await move(system, call_of(system, anna.credentials.extension)["call"], "room")
    await hear(ours, theirs)
    system.kill("core")
    await hear(ours, theirs)
    await system.ready()
    await hear(ours, theirs)
    call = call_of(system, anna.credentials.extension)
    assert call["joined"] == "room"
    await move(system, call["call"], "relay")
    await hear(ours, theirs)
    await ours.call.hangup()
    await until(lambda: ours.closed and theirs.closed, "both phones are free")


@pytest.mark.req("R1")
async def test_a_room_is_made_anew_when_the_media_server_was_killed_and_relays_notice_nothing(
    system, desk_phones
) -> None:
    anna, ours, theirs = await talking(desk_phones)
    _, other, another = await talking(desk_phones)
    await move(system, call_of(system, anna.credentials.extension)["call"], "room")
    await hear(ours, theirs)
    other.forget()
    another.forget()
    system.kill("media-1")
    await hear(other, another)
    await system.ready()
    await hear(ours, theirs)
    for talk in (ours, other):
        await talk.call.hangup()
    await until(lambda: all(t.closed for t in (ours, theirs, other, another)), "all phones are free")
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


@pytest.mark.req("T1")
async def test_a_feature_number_that_nothing_answers_is_refused(desk_phones) -> None:
    anna = await desk_phones()
    with pytest.raises(load().CallFailed):
        await anna.call("*19201")
