"""What the system itself says to a caller, through the real engines: why a call is refused, and the prompt for a code.

They need a system of their own: on the one that the other tests share nobody hears why a call is refused, so that
each answer comes at once.
"""

import array
import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from ringwall.cli.demo.phones import Phone, Phones, Talk, load
from ringwall.cli.demo.tones import RATE, heard, power_at
from ringwall.cli.demo.wiretap import TONES
from ringwall.media.tones import COUNTRIES
from system.descriptions import answer_to, of_port
from system.exchange import Exchange, House, house_in
from system.raw_phone import RawPhone
from system.running import Account, System, settings_for_tests, system_in_a_folder, until
from system.srtp import MediaPort

Person = Callable[..., Account]

ABROAD, CANONICAL = "000442079460123", "+442079460123"
CODE = "8135792460"
SIT = [part.hertz[0] for part in COUNTRIES["XX"]["intercept"].parts if part.hertz]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    told = settings_for_tests(intercept_seconds=6, hold_music="manolo_camp-morning_coffee")
    with system_in_a_folder(told.save) as running:
        yield running


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
def port(system: System) -> Iterator[MediaPort]:
    made = MediaPort(system.settings.address)
    yield made
    made.close()


@pytest_asyncio.fixture(loop_scope="session")
async def anna(system: System, house: House, person: Person) -> AsyncIterator[RawPhone]:
    phone = await RawPhone.connect(system, house.employ(person(), "local"))
    yield phone
    await phone.close()


@pytest_asyncio.fixture(loop_scope="session")
async def coded(system: System, house: House, person: Person) -> AsyncIterator[Phone]:
    """A real phone whose calls abroad need a code."""
    account = house.employ(person(), "coded")
    async with Phones(system.layout.ca_certificate, system.settings.address) as phones:
        phone = await phones.phone(account)
        phone.tone_hz = TONES[0]
        await phone.register()
        yield phone


def loud(talk: Talk | bytes) -> bool:
    """Whether there is something to hear in the last half second."""
    pcm = bytes(talk if isinstance(talk, bytes) else talk.heard)[-RATE:]
    return len(pcm) == RATE and max(map(abs, array.array("h", pcm))) > 1000


async def prompted(phone: Phone) -> Talk:
    """Dial abroad and wait for the prompt."""
    talk = await phone.call(ABROAD)
    await until(lambda: loud(talk), "the prompt is heard")
    return talk


@pytest.mark.req("C7")
async def test_a_denied_number_is_heard_as_intercept_before_the_refusal(system, exchange, anna, port) -> None:
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
    assert not exchange.invites
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
async def test_keys_by_info_are_understood_too(system, house, exchange, port, person) -> None:
    exchange.describe = answer_to
    phone = await RawPhone.connect(system, house.employ(person(), "coded"))
    asked = phone.invite(ABROAD, of_port(port))
    call = phone.confirm(asked, await asked.status(200))
    for key in CODE + "#":
        body = f"Signal={key}\r\nDuration=160\r\n".encode()
        assert (await call.ask("INFO", body, "application/dtmf-relay").final()).status == 200
    there = await exchange.talk()
    await call.changed(lambda sdp: answer_to(sdp, port))
    await call.hang_up()
    await there.ended()
    await phone.close()


@pytest.mark.req("A1")
async def test_a_media_server_that_dies_opens_nothing(system, exchange, coded) -> None:
    exchange.invites.clear()
    talk = await prompted(coded)
    system.kill("media-1")
    await until(lambda: talk.closed, "the call is over", 20)
    assert not exchange.invites
    await system.ready()
    assert (await prompted(coded)).established


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


@pytest.mark.req("T1")
@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_who_is_held_hears_music_and_then_the_other_one_again(system, person, by) -> None:
    async with Phones(system.layout.ca_certificate, system.settings.address) as phones:
        here, there = await phones.phone(person()), await phones.phone(person())
        here.tone_hz, there.tone_hz = TONES
        await asyncio.gather(here.register(), there.register())
        ours = await here.call(there.credentials.extension)
        theirs = await there.taken()
        await until(lambda: heard(bytes(ours.heard)) == TONES[1], "the caller hears the called phone")
        await until(lambda: heard(bytes(theirs.heard)) == TONES[0], "the called phone hears the caller")
        holder, held, tone = (ours, theirs, TONES[0]) if by == "caller" else (theirs, ours, TONES[1])
        await holder.call.hold()
        await until(lambda: system.ask("status")["media"][0]["legs"] == 2, "both are with the media server")
        held.forget()
        await until(lambda: loud(held) and heard(bytes(held.heard)) != tone, "the music is heard")
        await holder.call.resume()
        for talk in (ours, theirs):
            talk.forget()
        await until(lambda: heard(bytes(held.heard)) == tone, "the one who was held hears the other one")
        await until(lambda: system.ask("status")["media"][0]["legs"] == 0, "back on a relay")
        for talk in (ours, theirs):
            talk.forget()
        await until(lambda: heard(bytes(ours.heard)) == TONES[1], "the caller hears the called phone")
        await until(lambda: heard(bytes(theirs.heard)) == TONES[0], "the called phone hears the caller")
        await held.call.hangup()
        await until(lambda: ours.closed and theirs.closed, "both phones are free")
