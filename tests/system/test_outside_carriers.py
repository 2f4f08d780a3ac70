"""Carriers: a real one that is not our own stack, ones that fail, ones that are not who they say, and strangers."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from ringwall.cli.demo import carrier as carriers
from ringwall.cli.demo.phones import Phone, Talk, load
from ringwall.cli.demo.tones import heard
from ringwall.infra.errors import RefusedError
from system.descriptions import answer_to, describe, good
from system.exchange import SITE, Employee, House, Peer, house_in
from system.peer_process import HERTZ
from system.raw_phone import RawPhone
from system.running import System, until

DIALLED, NUMBER = "00445550123", "+41445550123"
DID = "+41445552100"
TONE = 440.0


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


@pytest.fixture
def employee(house, connect, person) -> Employee:
    """Connects a phone of a new user in a group."""

    async def make(group: str = "local", **settings: object) -> RawPhone:
        return await connect(house.employ(person(), group, **settings))

    return make


@pytest.fixture
def alone(house) -> str:
    """A group with a trunk group of its own, which has no trunks yet."""
    if "alone" not in {each["trunk_group"] for each in house.system.ask("trunk-group.list")}:
        house.add("trunk-group", "alone", name="Alone", site=SITE)
        house.add("group", "alone", name="Alone", call="local", trunk_groups=["alone"])
    return "alone"


# A real carrier: baresip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def peer(system: System, house: House) -> AsyncIterator[Peer]:
    """The carrier in a process of its own, and a trunk to it that is up."""
    made = await Peer.start(system, house.papers)
    system.ask(
        "trunk.add",
        trunk="real",
        name="Real carrier",
        trunk_group="pstn",
        host=system.settings.address,
        port=made.port,
        certificate_name=carriers.NAME,
        authority=house.papers.authority,
        sources=[system.settings.address],
        did_ranges=["+41445552000-+41445552999"],
        options_seconds=10,
    )
    await until(lambda: house.state("real")["up"], "the trunk is up", 30)
    yield made
    system.ask("trunk.remove", trunk="real")
    await made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(house, desk_phones, person, peer) -> Phone:
    """A real phone of somebody who may call local numbers, and is called by a number of their own."""
    phone: Phone = await desk_phones(house.employ(person(), "local", did=DID), hertz=TONE)
    return phone


async def becomes(peer: Peer, **wanted: object) -> None:
    """Wait until the carrier's call is so; what was heard before does not count."""
    await peer.do("forget")
    for _ in range(100):
        facts = await peer.do("look")
        if all(facts.get(name) == value for name, value in wanted.items()):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{wanted} instead of {facts}")


async def hears(talk: Talk) -> None:
    talk.forget()
    await until(lambda: heard(bytes(talk.heard)) == HERTZ, "the phone hears the carrier")


async def resumed(talk: Talk) -> None:
    """Take the other side off hold; the phone wants the answer to its hold before."""
    for _ in range(50):
        try:
            await talk.call.resume()
        except load().BaresipError:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError("the phone's hold is not answered")


@pytest.mark.req("C3", "C6", "T1")
@pytest.mark.parametrize("by", ["phone", "carrier"])
async def test_a_call_out_is_heard_held_and_hung_up_by_either_side(system, desk, peer, by) -> None:
    before = system.seq()
    talk = await desk.call(DIALLED)
    await peer.do("take")
    await hears(talk)
    await becomes(peer, hears=TONE)
    if by == "carrier":
        await peer.do("hold")
        await until(lambda: talk.call.remote_on_hold, "the phone knows that it is held")
        await becomes(peer, hears=None)
        await peer.do("resume")
        await until(lambda: not talk.call.remote_on_hold, "the phone is not held any more")
        await becomes(peer, hears=TONE)
        await peer.do("hang up")
    else:
        await talk.call.hold()
        await becomes(peer, held=True)
        await resumed(talk)
        await becomes(peer, held=False, hears=TONE)
        await talk.call.hangup()
    await until(lambda: talk.closed, "the phone is free")
    await becomes(peer, closed=True)
    record = await system.record(before, "call.ended", caller=desk.credentials.extension)
    facts = ("number", "trunk", "rule", "path", "class", "direction", "by", "cause")
    assert [record[name] for name in facts] == [
        *(NUMBER, "real", "call.scope", "dial", "local", "out"),
        *("caller" if by == "phone" else "callee", "hung up"),
    ]
    assert all(record["suites"])
    assert record["answered"]


@pytest.mark.req("T1", "C6")
@pytest.mark.parametrize("by", ["phone", "carrier"])
async def test_a_call_comes_in_to_who_has_the_number(system, desk, peer, by) -> None:
    before = system.seq()
    door = f"{system.settings.address}:{system.settings.ports.sips};transport=tls"
    await peer.do("dial", uri=f"sip:{DID}@{door}")
    talk = await desk.taken()
    await hears(talk)
    await becomes(peer, hears=TONE)
    await (talk.call.hangup() if by == "phone" else peer.do("hang up"))
    await until(lambda: talk.closed, "the phone is free")
    await becomes(peer, closed=True)
    record = await system.record(before, "call.ended", callee=desk.credentials.extension)
    assert (record["caller_trunk"], record["direction"]) == ("real", "in")
    assert record["by"] == ("callee" if by == "phone" else "caller")


@pytest.mark.req("C5")
async def test_who_calls_from_outside_reaches_numbers_inside_and_nothing_else(system, desk, peer) -> None:
    """No dial tone: neither an outside number, nor one that is nobody's, nor with an access code."""
    door = f"{system.settings.address}:{system.settings.ports.sips};transport=tls"
    for number, rule in (
        ("+442079460123", "trunk.no-tandem"),
        ("000442079460123", "number.invalid"),
        ("+41445552999", "trunk.no-tandem"),
        ("112", "trunk.no-tandem"),
    ):
        before = system.seq()
        with pytest.raises(AssertionError, match=r"CallFailed: .* 404"):
            await peer.do("dial", uri=f"sip:{number}@{door}")
        denial = await system.record(before, "call.denied")
        assert (denial["rule"], denial["caller_trunk"]) == (rule, "real")
    assert (await peer.do("look"))["waiting"] == 0


# Carriers that fail


@pytest.mark.req("C6")
@pytest.mark.parametrize("fault", ["503", "gone"])
async def test_a_trunk_that_fails_is_followed_by_the_next_one(system, house, employee, fault) -> None:
    anna = await employee()
    async with (
        house.trunk("first", "pstn", priority=1) as first,
        house.trunk("second", "pstn", priority=2) as second,
    ):
        before = system.seq()
        if fault == "503":
            first.answers = 503
        else:
            await first.close()
        asked = anna.invite(DIALLED, good())
        here = anna.confirm(asked, await asked.status(200))
        there = await second.talk()
        assert len(first.invites) == (fault == "503")
        assert (await here.hang_up()).status == 200
        await there.ended()
        record = await system.record(before, "call.ended", caller=anna.account.extension)
        assert (record["trunk"], record["number"]) == ("second", NUMBER)
        assert record["grants"][0]["trunks_tried"] == ["first", "second"]
        failed = await system.record(before, "trunk.failed", trunk="first")
        assert failed["status"] == 503
        assert house.state("first")["up"] is False
        # The next call does not wait for it any more.
        asked = anna.invite(DIALLED, good())
        here = anna.confirm(asked, await asked.status(200))
        await second.talk()
        assert len(first.invites) == (fault == "503")
        assert (await here.hang_up()).status == 200


async def test_what_the_called_party_says_is_final_and_no_trunk_repeats_it(system, house, employee) -> None:
    anna = await employee()
    async with (
        house.trunk("first", "pstn", priority=1) as first,
        house.trunk("second", "pstn", priority=2) as second,
    ):
        first.answers = 486
        before = system.seq()
        assert (await anna.invite(DIALLED, good()).final()).status == 486
        record = await system.record(before, "call.ended", caller=anna.account.extension)
        assert (record["cause"], record["trunk"]) == ("busy", "first")
        assert not second.invites


@pytest.mark.req("C6")
async def test_without_any_trunk_the_call_is_refused_and_said_so(system, house, employee, alone) -> None:
    anna = await employee(alone)
    answer = await anna.invite(DIALLED, good()).final()
    assert (answer.status, answer.reason) == (503, "No Trunk")
    async with house.trunk("only", alone) as only:
        only.answers = 503
        answer = await anna.invite(DIALLED, good()).final()
        assert answer.status == 503
    await until(lambda: not system.ask("call.list"), "no call is left")


# Who is no carrier


@pytest.mark.req("T5", "C6")
async def test_a_carrier_with_a_certificate_for_another_name_gets_no_call(
    system, house, employee, alone
) -> None:
    anna = await employee(alone)
    with carriers.papers("sip.another.example") as wrong:
        async with house.trunk(
            "impostor",
            alone,
            certificate=wrong.file,
            up=False,
            authority=wrong.authority,
        ) as impostor:
            await until(lambda: "for another name" in house.state("impostor")["why"], "it is found out", 5)
            # More questions go unanswered, and the reason still stands.
            await asyncio.sleep(12)
            assert "for another name" in house.state("impostor")["why"]
            assert house.state("impostor")["up"] is False
            answer = await anna.invite(DIALLED, good()).final()
            assert (answer.status, answer.reason) == (503, "No Trunk")
            assert not impostor.invites
            assert not impostor.asked


@pytest.mark.req("W2", "W5", "C5")
@pytest.mark.parametrize("registered", [False, True], ids=["stranger", "phone"])
async def test_a_forged_call_from_outside_is_refused(
    system, house, employee, connect, source, registered
) -> None:
    """From an address that is no trunk's; or over a phone's own connection. Neither is a carrier's."""
    async with house.trunk("pstn-1", "pstn", priority=1) as exchange:
        ben = await employee()
        phone = await connect(ben.account if not registered else None, source=source, registered=registered)
        before = system.seq()
        claim = ("P-Asserted-Identity", "<sip:+41445559999@sip.carrier.example>")
        forged = phone.invite(
            ben.account.extension, good(), from_="sip:+41445559999@sip.carrier.example", headers=(claim,)
        )
        assert (await forged.final()).status == 403
        if not registered:
            told = await system.record(before, "security.foreign_call")
            assert told["claimed"] == "+41445559999@sip.carrier.example"
            # Who claims to be somebody of this house has to prove it.
            assert (await phone.invite(ben.account.extension, good()).final()).status == 401
        # The same words of the carrier itself are heard.
        rings = exchange.line.invite(ben.account.extension, good())
        ringing = await ben.ringing()
        ringing.refuse(486)
        assert (await rings.final()).status == 486
        # Which trunk it is, the edge alone says: who writes that has a head that is not let in.
        marked = phone.invite(
            ben.account.extension,
            good(),
            from_="sip:+41445559999@sip.carrier.example",
            headers=(("P-Ringwall-Trunk", "1"), claim),
        )
        assert (await marked.final()).status == 400
        assert not ben.came_already("INVITE")


# In clear text


@pytest.mark.req("T5", "C6")
async def test_clear_text_needs_express_permission_and_is_told_everywhere(system, house, employee) -> None:
    anna = await employee()
    with pytest.raises(RefusedError, match="allow_clear_text"):
        async with house.trunk("old", "pstn", encrypted=False, transport="tcp", media="rtp"):
            pass
    async with house.trunk(
        "old",
        "pstn",
        encrypted=False,
        transport="tcp",
        media="rtp",
        allow_clear_text=True,
        priority=1,
    ) as old:
        warning = "clear text to carrier Carrier old: signalling and voice"
        assert house.state("old")["clear_text"] == warning
        old.describe = lambda _: describe(profile="RTP/AVP")
        before = system.seq()
        asked = anna.invite(DIALLED, good())
        answer = await asked.status(200)
        here = anna.confirm(asked, answer)
        there = await old.talk()
        (invite,) = old.invites
        assert b"RTP/AVP" in invite.body
        assert b"a=crypto" not in invite.body
        assert b"RTP/SAVP" in answer.body  # the phone's own leg stays encrypted
        (call,) = [one for one in system.ask("call.list") if one["caller"] == anna.account.extension]
        assert call["clear_text"] == [warning]
        await system.record(before, "call.clear_text", trunk="old")
        assert (await here.hang_up()).status == 200
        await there.ended()
        record = await system.record(before, "call.ended", caller=anna.account.extension)
        assert record["clear_text"] == [warning]
    assert all("clear_text" not in trunk for trunk in system.ask("status")["trunks"])


@pytest.mark.req("T5")
async def test_a_carrier_that_answers_in_the_clear_without_permission_gets_no_call(
    system, house, employee
) -> None:
    anna = await employee()
    async with house.trunk("plain", "pstn", priority=1) as plain:
        plain.describe = lambda _: describe(profile="RTP/AVP")
        before = system.seq()
        answer = await anna.invite(DIALLED, good()).final()
        assert answer.status == 488
        assert b"RTP/SAVP" in plain.invites[0].body
        await system.record(before, "media.refused")
        await (await plain.talk()).ended()
        # What comes in without encryption is refused as well.
        offer = describe(profile="RTP/AVP")
        assert (await plain.line.invite(anna.account.extension, offer).final()).status == 488
        plain.describe = answer_to
        asked = anna.invite(DIALLED, good())
        assert (await anna.confirm(asked, await asked.status(200)).hang_up()).status == 200
