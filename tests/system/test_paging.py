"""Group and overhead paging with real phones: whose speakers open, and who hears whom (C2)."""

import asyncio
from collections.abc import Iterator

import pytest

from ringwall.cli.demo.tones import which
from system.descriptions import answer_to
from system.raw_phone import Incoming, RawPhone
from system.running import until
from system.srtp import MediaPort
from system.who_hears import HERTZ, all_hear, hang_up, hears, no_leg, status_of

pytestmark = pytest.mark.req("C2")
PAGER, BEN, CLEO, DORA = HERTZ
PAGE_TONE = (784.0, 659.0, 523.0)
MANY = 20


@pytest.fixture
def page_group(system) -> Iterator:
    """Makes paging groups and overhead paging."""
    made: list[str] = []

    def add(extension: str, *accounts, kind: str = "paging group") -> str:
        members = [account.extension for account in accounts]
        system.ask("object.add", extension=extension, kind=kind, name="A page", members=members)
        made.append(extension)
        return extension

    yield add
    for extension in made:
        system.ask("object.remove", extension=extension)


@pytest.fixture
def people(person, give):
    """Four who may page."""
    found = [person() for _ in range(4)]
    give("pagers", *found, paging=True)
    return found


async def listeners(desk_phones, accounts, hertz=(BEN, CLEO)):
    return [
        await desk_phones(account, hertz=tone, answers=None)
        for account, tone in zip(accounts, hertz, strict=False)
    ]


async def test_all_hear_the_one_who_pages_and_nobody_hears_anybody_else(
    system, desk_phones, people, page_group
) -> None:
    anna = await desk_phones(people[0], hertz=PAGER)
    ben, cleo = await listeners(desk_phones, people[1:3])
    seq = system.seq()
    page = await anna.call(page_group("7001", *people[:3]))
    there = [await phone.taken() for phone in (ben, cleo)]
    assert all(talk.asks_for_answer for talk in there)
    for talk in (page, *there):
        await until(lambda t=talk: which(bytes(t.heard)[-4000:], PAGE_TONE), "everybody hears the page tone")
    assert not any(hears(talk) for talk in there), "before the end of the tone nobody is heard"
    await all_hear({page: set(), there[0]: {PAGER}, there[1]: {PAGER}}, "all hear the one who pages, alone")
    await there[0].call.hangup()
    await all_hear({there[1]: {PAGER}}, "the page goes on without one who left")
    await hang_up(page)
    await until(lambda: all(talk.closed for talk in there), "all phones are free")
    await no_leg(system)
    ended = await system.record(seq, "call.ended", feature="page")
    assert sorted(ended["paged"]) == sorted(account.extension for account in people[1:3])


async def test_who_may_not_page_is_refused_and_no_phone_opens(
    system, desk_phones, connect, person, give, page_group
) -> None:
    one, other = person(), person()
    give("no-paging", one, other, paging=False)
    anna = await connect(one)
    [ben] = await listeners(desk_phones, [other])
    seq = system.seq()
    assert await status_of(anna, page_group("7002", other)) == 403
    denied = await system.record(seq, "call.denied", caller=one.extension)
    assert (denied["rule"], denied["heard"]) == ("feature.denied", "error tone")
    assert ben.incoming.empty()
    found = [f for f in system.ask("policy.lint")["findings"] if f["where"] == "7002"]
    assert [f["id"] for f in found] == ["paging.member-without-right"]


async def test_a_busy_member_is_offered_an_ordinary_call_and_hears_what_is_left(
    desk_phones, people, page_group
) -> None:
    anna = await desk_phones(people[0], hertz=PAGER)
    [ben] = await listeners(desk_phones, people[1:2])
    cleo = await desk_phones(people[2], hertz=CLEO, answers=False)
    dora = await desk_phones(people[3], hertz=DORA)
    talking = await cleo.call(people[3].extension)
    await dora.taken()
    page = await anna.call(page_group("7003", *people[1:3]))
    there, waiting = await ben.taken(), await cleo.taken()
    assert (there.asks_for_answer, waiting.asks_for_answer) == (True, False)
    await all_hear({there: {PAGER}, page: set()}, "the idle one hears the page")
    assert not waiting.established
    await waiting.call.answer()
    await all_hear({waiting: {PAGER}}, "who took the call hears it, too")
    await hang_up(page)
    await until(lambda: there.closed and waiting.closed, "the page is over for all")
    await hang_up(talking)


async def test_a_page_that_nobody_takes_from_a_busy_phone_stops_ringing_there(
    desk_phones, people, page_group
) -> None:
    anna = await desk_phones(people[0], hertz=PAGER)
    [ben] = await listeners(desk_phones, people[1:2])
    cleo = await desk_phones(people[2], hertz=CLEO, answers=False)
    dora = await desk_phones(people[3], hertz=DORA)
    talking = await cleo.call(people[3].extension)
    await dora.taken()
    page = await anna.call(page_group("7004", *people[1:3]))
    there, waiting = await ben.taken(), await cleo.taken()
    await all_hear({there: {PAGER}}, "the idle one hears the page")
    await hang_up(page)
    await until(lambda: waiting.closed and there.closed, "nothing rings any more")
    await hang_up(talking)


async def opens(phone: RawPhone, port: MediaPort) -> None:
    """A desk phone that answers by itself when it is asked to, and listens."""
    key, request = await phone.came("INVITE")
    assert "answer-after=0" in (request.headers.get("call-info") or "")
    call = Incoming(phone, key, request, "speaker").answer_at_once(answer_to(request.body, port))
    await port.listen(call.remote)


async def test_a_page_of_a_whole_site_is_heard_by_as_many_phones_as_there_are(
    system, desk_phones, connect, media, people, person, page_group
) -> None:
    anna = await desk_phones(people[0], hertz=PAGER)
    ports = [media() for _ in range(MANY)]
    phones = [await connect(person()) for _ in range(MANY)]
    opening = asyncio.gather(*(opens(phone, port) for phone, port in zip(phones, ports, strict=True)))
    site = page_group("7005", *(phone.account for phone in phones), kind="overhead paging")
    page, _ = await asyncio.gather(anna.call(site), opening)
    await all_hear({port: {PAGER} for port in ports}, "every phone hears the page", 20)
    await all_hear({page: set()}, "the one who pages hears nobody")
    await hang_up(page)
    for phone in phones:
        await phone.came("BYE")
    await no_leg(system)


async def test_phones_are_hung_up_when_the_core_dies_in_a_page(
    system, desk_phones, people, page_group
) -> None:
    anna = await desk_phones(people[0], hertz=PAGER)
    ben, cleo = await listeners(desk_phones, people[1:3])
    page = await anna.call(page_group("7006", *people[1:3]))
    there = [await phone.taken() for phone in (ben, cleo)]
    await all_hear({talk: {PAGER} for talk in there}, "all hear the page")
    system.kill("core")
    await until(lambda: page.closed and all(talk.closed for talk in there), "all phones are free", 30)
    await system.ready()
    await no_leg(system)
