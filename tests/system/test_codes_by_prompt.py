"""Authorization codes by prompt, through the real engines: the system answers, asks, and calls or refuses (A1)."""

import array
import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ringwall.cli.demo.phones import Phone, Talk, load
from ringwall.cli.demo.tones import RATE, heard
from ringwall.cli.demo.wiretap import TONES
from system.descriptions import answer_to, of_port
from system.exchange import Exchange, House, house_in
from system.running import System, until
from system.srtp import MediaPort

ABROAD, CANONICAL = "000442079460123", "+442079460123"
CODE = "8135792460"


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        usual = system.ask("group.show", group="authorization-codes")
        system.ask("group.set", group="authorization-codes", call="international", trunk_groups=["pstn"])
        made.add("group", "coded", name="Coded", call="local", trunk_groups=["pstn"], codes="forced")
        made.add("authcode", "client-4711", name="Client 4711", code=CODE)
        yield made
        system.ask(
            "group.set", group="authorization-codes", call=usual["call"], trunk_groups=usual["trunk_groups"]
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(house: House) -> AsyncIterator[Exchange]:
    async with house.trunk("pstn-1", "pstn", caller_number="+41445550100", max_calls=50) as made:
        yield made


@pytest.fixture
def port(media) -> MediaPort:
    return media()


@pytest_asyncio.fixture(loop_scope="session")
async def coded(house: House, exchange: Exchange, person, desk_phones) -> Phone:
    """A real phone whose calls abroad need a code."""
    return await desk_phones(house.employ(person(), "coded"), hertz=TONES[0])


def loud(talk: Talk) -> bool:
    """Whether there is something to hear in the last half second."""
    pcm = bytes(talk.heard)[-RATE:]
    return len(pcm) == RATE and max(map(abs, array.array("h", pcm))) > 1000


async def prompted(phone: Phone) -> Talk:
    """Dial abroad and wait for the prompt."""
    talk = await phone.call(ABROAD)
    await until(lambda: loud(talk), "the prompt is heard")
    return talk


@pytest.mark.req("A1", "C6")
async def test_a_code_that_is_typed_opens_the_call_and_both_hear_each_other(
    system, exchange, coded, port
) -> None:
    exchange.describe = lambda sdp: answer_to(sdp, port)
    before = system.seq()
    talk = await prompted(coded)
    assert not exchange.invites
    await talk.call.send_dtmf(CODE + "#")
    there = await exchange.talk()
    await port.talk(there.remote, TONES[1])
    talk.forget()
    await until(lambda: heard(bytes(talk.heard)) == TONES[1], "the phone hears the carrier")
    await until(lambda: port.tone == TONES[0], "the carrier hears the phone")
    assert system.ask("status")["media"][0]["legs"] == 0
    await talk.call.hangup()
    await there.ended()
    record = await system.record(before, "call.ended", number=CANONICAL)
    assert (record["code"], record["caller"]) == ("client-4711", coded.credentials.extension)
    assert record["grants"][0]["subject"]["kind"] == "code"
    assert CODE not in str(system.records(0)) + str(system.records(before)) + system.log("core") + system.log(
        "media-1"
    )


@pytest.mark.req("A1")
async def test_wrong_codes_open_nothing_and_the_third_one_ends_the_call(system, exchange, coded) -> None:
    exchange.invites.clear()
    before = system.seq()
    talk = await prompted(coded)
    for _ in range(3):
        assert talk.established
        await talk.call.send_dtmf("123#")
        await asyncio.sleep(1.5)
    await until(lambda: talk.closed, "the system hangs up", 20)
    assert not exchange.invites
    await system.record(before, "security.wrong_code", source=coded.credentials.extension)
    await system.record(before, "call.denied", rule="code.unknown", caller=coded.credentials.extension)


@pytest.mark.req("A1")
async def test_keys_by_info_are_understood_too(system, house, exchange, port, person, connect) -> None:
    exchange.describe = answer_to
    phone = await connect(house.employ(person(), "coded"))
    asked = phone.invite(ABROAD, of_port(port))
    call = phone.confirm(asked, await asked.status(200))
    for key in CODE + "#":
        body = f"Signal={key}\r\nDuration=160\r\n".encode()
        assert (await call.ask("INFO", body, "application/dtmf-relay").final()).status == 200
    there = await exchange.talk()
    await call.changed(lambda sdp: answer_to(sdp, port))
    await call.hang_up()
    await there.ended()


@pytest.mark.req("A1")
async def test_a_media_server_that_dies_opens_nothing(system, exchange, coded) -> None:
    exchange.invites.clear()
    talk = await prompted(coded)
    system.kill("media-1")
    await until(lambda: talk.closed, "the call is over", 20)
    assert not exchange.invites
    await system.ready()
    talk = await prompted(coded)
    assert talk.established
    await talk.call.hangup()
    await until(lambda: talk.closed, "the phone is free")


@pytest.mark.req("A1", "R1")
async def test_a_core_that_dies_ends_the_call_at_the_prompt(system, exchange, coded) -> None:
    exchange.invites.clear()
    talk = await prompted(coded)
    system.kill("core")
    await until(lambda: talk.closed, "the call is over", 30)
    await system.ready()
    assert not exchange.invites
    await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "no leg is left")


async def test_a_mailbox_is_reached_by_its_code(system, coded) -> None:
    talk = await coded.call("*98")
    await until(lambda: loud(talk), "voice mail speaks")
    await talk.call.hangup()
    with pytest.raises(load().CallFailed):
        await coded.call("*99")
