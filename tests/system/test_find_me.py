"""Find Me with real phones, a real media server and a carrier: who is found takes the call with a key (C5)."""

import array
from collections.abc import Iterator

import pytest

from ringwall.cli.demo.phones import Talk
from ringwall.cli.demo.tones import RATE, heard
from ringwall.cli.demo.wiretap import TONES
from system.descriptions import answer_to, good
from system.exchange import House, house_in
from system.running import System, until

pytestmark = pytest.mark.req("C5")

LOCAL, CANONICAL = "00445550123", "+41445550123"


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


def loud(talk: Talk) -> bool:
    """Whether something was heard in the last half second."""
    pcm = bytes(talk.heard)[-RATE:]
    return len(pcm) == RATE and max(map(abs, array.array("h", pcm))) > 1000


@pytest.mark.req("T1")
async def test_who_is_found_hears_who_calls_takes_the_call_and_both_hear_one_another(
    system, desk_phones, person
) -> None:
    anna, carla = await desk_phones(hertz=TONES[0]), await desk_phones(hertz=TONES[1])
    ben = person()  # has a phone that is not signed in
    system.ask("forwarding.set", extension=ben.extension, find_me=[carla.credentials.extension])
    before = system.seq()
    ours = await anna.dial(ben.extension)
    theirs = await carla.taken()
    await until(lambda: loud(theirs), "the prompt is heard")
    assert not ours.established
    await theirs.call.send_dtmf("1")
    await ours.call.wait_established(15)
    ours.forget()
    theirs.forget()
    await until(lambda: heard(bytes(ours.heard)) == TONES[1], "the caller hears who was found", 20)
    await until(lambda: heard(bytes(theirs.heard)) == TONES[0], "who was found hears the caller", 20)
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "the call is on a relay", 20)
    await ours.call.hangup()
    await until(lambda: ours.closed and theirs.closed, "both phones are free")
    record = await system.record(before, "call.ended", caller=anna.credentials.extension)
    assert (record["callee"], record["dialled"]) == (carla.credentials.extension, ben.extension)
    assert (await system.record(before, "call.find_me"))["by"] == ben.extension


@pytest.mark.req("C6")
@pytest.mark.parametrize("group", ["local", "internal"])
async def test_outside_it_counts_how_far_the_one_who_is_looked_for_may_forward(
    system, house, connect, person, group
) -> None:
    """The right was there when the number was set, and for `internal` it is gone since."""
    async with house.trunk("pstn-1", "pstn", caller_number="+41445550100") as exchange:
        anna, ben = await connect(), house.employ(person(), "local")
        house.employ(anna.account, "internal")
        system.ask("forwarding.set", extension=ben.extension, find_me=[LOCAL])
        house.employ(ben, group)
        before = system.seq()
        asked = anna.invite(ben.extension, good())
        if group == "internal":
            denial = await system.record(before, "call.denied", caller=anna.account.extension)
            assert (denial["action"], denial["subject"]["user"]) == ("find me", ben.extension)
            assert not exchange.invites
            anna.cancel(asked)
            return
        there = await exchange.talk()
        assert exchange.invites[0].uri.startswith(f"sip:{CANONICAL}@")
        # The media server asks for the key; nobody presses one, and the carrier's party hangs up again.
        await there.changed(answer_to)
        assert (await there.hang_up()).status == 200
        record = await system.record(before, "call.ended", path="find me")
        assert (record["number"], record["rule"]) == (CANONICAL, "call.scope")
        assert record["grants"][0]["subject"]["user"] == ben.extension
        anna.cancel(asked)
