"""Who may call whom outside, on every path, with real engines and a carrier at the other end of a TLS trunk."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest
import pytest_asyncio

from ringwall.sip.message import Response
from system.descriptions import answer_to, good
from system.exchange import SITE, Employee, Exchange, House, house_in
from system.raw_phone import RawCall, RawPhone, joined
from system.running import System, until

LOCAL, ABROAD = "00445550123", "000442079460123"
CANONICAL = {LOCAL: "+41445550123", ABROAD: "+442079460123"}


class Case(NamedTuple):
    """A class of numbers: what is dialled, what leaves, the group that may and the one that may not."""

    name: str
    dialled: str
    canonical: str
    may: str
    may_not: str
    site: str = SITE
    sent: str = ""  # where it is not the canonical form


CLASSES = (
    Case("local", LOCAL, "+41445550123", "local", "internal"),
    Case("toll-free", "00800123456", "+41800123456", "local", "internal"),
    Case("service", "0140", "41/140", "local", "internal"),
    Case("national", "00313701234", "+41313701234", "national", "local"),
    Case("national mobile", "00791234567", "+41791234567", "national-mobile", "national"),
    Case("shared cost", "00840123456", "+41840123456", "national-mobile", "national"),
    Case("international", ABROAD, "+442079460123", "international", "national-mobile"),
    Case("premium", "00900123456", "+41900123456", "all", "international"),
    Case("satellite", "000881651234567", "+881651234567", "all", "international"),
    Case("fraud test", "0005352345678", "+5352345678", "all", "international"),
    Case("vertical service", "0*67", "41/*67", "all", "international"),
    Case(
        "carrier select",
        "0107330445550123",
        "41/10733/+41445550123",
        "all",
        "international",
        sent="107330445550123",
    ),
    Case("directory", "9411", "1/411", "national", "local", "main"),
    Case("operator", "90", "1/0", "all", "international", "main"),
)


@pytest.fixture(scope="module")
def house(system: System) -> Iterator[House]:
    with house_in(system) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exchange(house: House) -> AsyncIterator[Exchange]:
    """The carrier of everybody here."""
    async with house.trunk("pstn-1", "pstn", caller_number="+41445550100", max_calls=50) as made:
        yield made


@pytest.fixture
def employee(house, exchange, connect, person) -> Employee:
    """Connects a phone of a new user in a group."""

    async def make(group: str, **settings: object) -> RawPhone:
        return await connect(house.employ(person(), group, **settings))

    exchange.answers = 200
    exchange.invites.clear()
    while not exchange.talks.empty():
        exchange.talks.get_nowait()
    return make


async def call_out(phone: RawPhone, exchange: Exchange, dialled: str) -> tuple[RawCall, RawCall]:
    """Call a number; both ends of the call."""
    asked = phone.invite(dialled.replace("#", "%23"), good())
    here = phone.confirm(asked, await asked.status(200))
    return here, await exchange.talk()


async def hang_up(here: RawCall, there: RawCall) -> None:
    assert (await here.hang_up()).status == 200
    await there.ended()


async def refused(phone: RawPhone, dialled: str) -> Response:
    return await phone.invite(dialled.replace("#", "%23"), good()).final()


@pytest.mark.req("C3", "C6")
@pytest.mark.parametrize("case", CLASSES, ids=lambda case: case.name.replace(" ", "-"))
async def test_each_class_of_numbers_opens_on_its_rung_and_not_below(
    system, employee, exchange, case
) -> None:
    may, may_not = (
        await employee(case.may, site=case.site),
        await employee(case.may_not, site=case.site),
    )
    before = system.seq()
    here, there = await call_out(may, exchange, case.dialled)
    (invite,) = exchange.invites
    assert invite.uri.startswith(f"sip:{case.sent or case.canonical.rpartition('/')[2]}@")
    await hang_up(here, there)
    record = await system.record(before, "call.ended", caller=may.account.extension)
    facts = {name: record[name] for name in ("number", "class", "path", "trunk", "direction")}
    assert facts == {
        "number": case.canonical,
        "class": case.name,
        "path": "dial",
        "trunk": "pstn-1",
        "direction": "out",
    }
    (grant,) = record["grants"]
    assert record["rule"] == grant["rule"] == "call.scope"
    assert (grant["canonical"], grant["allowed"]) == (case.canonical, True)
    assert grant["subject"] == {"kind": "user", "user": may.account.extension, "phone": may.account.username}

    answer = await refused(may_not, case.dialled)
    assert (answer.status, answer.reason) == (403, "Not permitted")
    denial = await system.record(before, "call.denied", caller=may_not.account.extension)
    assert (denial["class"], denial["canonical"]) == (case.name, case.canonical)
    assert denial["rule"] in {"call.beyond-scope", "call.closed"}
    assert denial["because"] in (answer.headers.get("warning") or "")
    assert len(exchange.invites) == 1


@pytest.mark.req("C3")
async def test_a_number_that_its_country_gave_to_nobody_is_called_by_nobody(
    system, employee, exchange
) -> None:
    anna = await employee("all")
    before = system.seq()
    assert (await refused(anna, "000447700900123")).status == 403
    denial = await system.record(before, "call.denied", caller=anna.account.extension)
    assert (denial["class"], denial["rule"]) == ("unallocated", "call.unallocated")
    assert not exchange.invites


@pytest.mark.req("C3")
async def test_inside_calls_need_no_rung_and_what_is_no_number_is_none(system, employee, exchange) -> None:
    anna, ben = await employee("internal"), await employee("internal")
    here, there = await joined(anna, ben, good(), answer_to)
    await hang_up(here, there)
    assert (await refused(anna, "9998887")).status == 404
    assert not exchange.invites


@pytest.mark.req("C3")
async def test_the_newest_user_calls_nobody_outside(system, connect, exchange) -> None:
    anna = await connect()
    before, seen = system.seq(), len(exchange.invites)
    assert (await refused(anna, "914085550123")).status == 403
    await system.record(before, "call.denied", caller=anna.account.extension)
    assert len(exchange.invites) == seen


@pytest.mark.req("P2", "C3")
@pytest.mark.parametrize("dialled", ["112", "0112", "117"])
@pytest.mark.parametrize("locked", [False, True], ids=["", "locked"])
async def test_emergency_calls_pass_every_gate_with_and_without_access_code(
    system, employee, exchange, dialled, locked
) -> None:
    anna = await employee("internal", locked=locked, did="+41445550177")
    before = system.seq()
    here, there = await call_out(anna, exchange, dialled)
    (invite,) = exchange.invites
    assert invite.uri.startswith(f"sip:{dialled[-3:]}@")
    assert b"Bahnhofstrasse 1, 3rd floor" in invite.body
    assert "+41445550177" in (invite.headers.get("p-asserted-identity") or "")
    told = await system.record(before, "emergency.called", caller=anna.account.extension)
    assert (told["location"], told["callback"]) == ("Bahnhofstrasse 1, 3rd floor", "+41445550177")
    await hang_up(here, there)
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (record["class"], record["rule"], record["trunk"]) == ("emergency", "emergency", "pstn-1")
    assert record["grants"][0]["rule"] == "emergency"


# Other paths than dialling


@pytest.mark.req("C5", "C6")
@pytest.mark.parametrize("when", ["always", "busy", "no_answer"])
async def test_a_forward_leads_outside_with_the_rights_of_who_forwards(
    system, employee, exchange, when
) -> None:
    """The caller may call nobody outside; that is no matter."""
    anna, ben = await employee("internal"), await employee("local")
    settings = {when: LOCAL} | ({"seconds": 5} if when == "no_answer" else {})
    system.ask("forwarding.set", extension=ben.account.extension, **settings)
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    if when != "always":
        ringing = await ben.ringing()
        if when == "busy":
            ringing.refuse(486)
    here = anna.confirm(asked, await asked.status(200, 12))
    there = await exchange.talk()
    await hang_up(here, there)
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    path = f"forward {when.replace('_', ' ')}"
    assert (record["number"], record["path"], record["rule"]) == (CANONICAL[LOCAL], path, "call.scope")
    assert record["grants"][0]["subject"]["user"] == ben.account.extension
    assert record["trunk"] == "pstn-1"


@pytest.mark.req("C5")
@pytest.mark.parametrize("when", ["always", "busy", "no_answer"])
async def test_a_forward_that_is_not_allowed_leads_to_nobody_outside(
    system, employee, exchange, when
) -> None:
    """The forwarder had the right when setting it, and has lost it since: the call goes as if none were set."""
    anna, ben = await employee("international"), await employee("local")
    settings = {when: LOCAL} | ({"seconds": 5} if when == "no_answer" else {})
    extension = ben.account.extension
    system.ask("forwarding.set", extension=extension, **settings)
    system.ask("user.set", extension=extension, group="internal")
    before = system.seq()
    asked = anna.invite(extension, good())
    ringing = await ben.ringing()
    if when == "always":
        called, answer = await asyncio.gather(
            ringing.answer(answer_to(ringing.request.body)), asked.status(200)
        )
        await hang_up(anna.confirm(asked, answer), called)
    elif when == "busy":
        ringing.refuse(486)
        assert (await asked.final()).status == 486
    else:
        assert (await asked.final(12)).status == 480
    denial = await system.record(before, "call.denied")
    assert (denial["action"], denial["subject"]["user"]) == (f"forward {when.replace('_', ' ')}", extension)
    assert not exchange.invites


async def refer(call: RawCall, target: str) -> Response:
    return await call.ask("REFER", Refer_To=f"<{target}>").final()


def to(call: RawCall, number: str) -> str:
    return f"sip:{number}@{call.phone.account.domain}"


async def gives_away(phone: RawPhone, call: RawCall) -> None:
    """Hear of the transfer's progress until it has succeeded; the call is then over for this phone."""
    while True:
        key, request = await phone.came("NOTIFY")
        phone.respond(key, request.response(200))
        if b"200 OK" in request.body:
            break
    await call.ended()


@pytest.mark.req("C5", "C6")
@pytest.mark.parametrize("group", ["local", "internal"])
async def test_a_blind_transfer_to_the_outside_needs_the_right_to_call_there(
    system, employee, exchange, group
) -> None:
    anna, ben = await employee(group), await employee("internal")
    here, there = await joined(anna, ben, good(), answer_to)
    before = system.seq()
    answer = await refer(here, to(here, LOCAL))
    if group == "internal":
        assert answer.status == 403
        denial = await system.record(before, "call.denied", caller=anna.account.extension)
        assert (denial["action"], denial["rule"]) == ("blind transfer", "call.beyond-scope")
        assert not exchange.invites
        await hang_up(here, there)  # the call has returned
        return
    assert answer.status == 202
    outside = await exchange.talk()
    await asyncio.gather(gives_away(anna, here), there.changed(answer_to))
    await hang_up(there, outside)
    record = await system.record(before, "call.ended", path="blind transfer")
    assert (record["caller"], record["number"]) == (ben.account.extension, CANONICAL[LOCAL])
    assert (record["rule"], record["trunk"]) == ("call.scope", "pstn-1")
    assert record["grants"][0]["subject"]["user"] == anna.account.extension


@pytest.mark.req("C5", "C6")
async def test_an_attended_transfer_joins_an_inside_party_and_one_outside(system, employee, exchange) -> None:
    anna, ben = await employee("local"), await employee("internal")
    here, there = await joined(anna, ben, good(), answer_to)
    second, outside = await call_out(anna, exchange, LOCAL)
    before = system.seq()
    dialog = second.dialog
    replaces = f"{dialog.call_id}%3Bto-tag%3D{dialog.remote_tag}%3Bfrom-tag%3D{dialog.local_tag}"
    assert (await refer(here, f"{to(here, LOCAL)}?Replaces={replaces}")).status == 202
    await asyncio.gather(
        outside.changed(answer_to), there.changed(answer_to), gives_away(anna, here), second.ended()
    )
    told = await system.record(before, "call.transfer", by=anna.account.extension)
    assert (told["path"], told["rule"]) == ("attended transfer", "call.scope")
    await hang_up(there, outside)


@pytest.mark.req("C5")
@pytest.mark.parametrize("allowed", [False, True], ids=["denied", "allowed"])
async def test_from_outside_to_outside_only_with_trunk_to_trunk(
    system, house, employee, exchange, allowed
) -> None:
    group = "local"
    if allowed:
        house.add("cos.telephony", "Tandem", trunk_to_trunk=True)
        group = house.add(
            "group", "tandem", name="Tandem", call="local", telephony="Tandem", trunk_groups=["pstn"]
        )
    anna = await employee(group)
    here, first = await call_out(anna, exchange, LOCAL)
    before = system.seq()
    answer = await refer(here, to(here, "00445550124"))
    if not allowed:
        assert answer.status == 403
        denial = await system.record(before, "call.denied", caller=anna.account.extension)
        assert denial["rule"] == "transfer.trunk-to-trunk"
        assert len(exchange.invites) == 1
        await hang_up(here, first)
        return
    assert answer.status == 202
    second = await exchange.talk()
    # Both ends of the new call come over one connection: each takes the change that is for its dialog.
    await gives_away(anna, here)
    key, request = await first.phone.came("re-INVITE")
    assert request.call_id == first.dialog.call_id
    first.dialog.receive(request)
    headers = [("Contact", first.phone.contact)]
    body = answer_to(request.body)
    first.phone.respond(
        key, request.response(200, headers=headers, body=body, content_type="application/sdp")
    )
    await hang_up(second, first)
    record = await system.record(before, "call.ended", path="blind transfer")
    assert (record["number"], record["trunk"]) == ("+41445550124", "pstn-1")


# Authorization codes


@pytest.mark.req("A1", "C6")
async def test_a_good_code_opens_what_the_caller_may_not_and_its_digits_stand_nowhere(
    system, house, employee, exchange
) -> None:
    code, wrong = "8135792460", "8135792461"
    usual = system.ask("group.show", group="authorization-codes")
    system.ask("group.set", group="authorization-codes", call="international", trunk_groups=["pstn"])
    house.add("group", "coded", name="Coded", call="local", trunk_groups=["pstn"], codes="forced")
    house.add("authcode", "client-4711", name="Client 4711", code=code)
    try:
        anna = await employee("coded")
        before = system.seq()
        # Without a code the system answers, and asks for one.
        asked = anna.invite(ABROAD, good())
        prompted = anna.confirm(asked, await asked.status(200))
        assert (await prompted.hang_up()).status == 200
        answer = await refused(anna, f"*55{wrong}#{ABROAD}")
        assert (answer.status, answer.reason) == (403, "Code not valid")
        denial = await system.record(before, "call.denied", rule="code.unknown")
        assert denial["dialled"] == f"*55...#{ABROAD}"
        assert not exchange.invites
        here, there = await call_out(anna, exchange, f"*55{code}#{ABROAD}")
        (invite,) = exchange.invites
        assert invite.uri.startswith(f"sip:{CANONICAL[ABROAD]}@")
        assert code.encode() not in invite.to_bytes()
        assert code not in str(system.ask("call.list"))
        await hang_up(here, there)
        record = await system.record(before, "call.ended", number=CANONICAL[ABROAD])
        assert (record["code"], record["caller"]) == ("client-4711", anna.account.extension)
        assert record["grants"][0]["subject"]["kind"] == "code"
        assert "client-4711" in str(system.ask("report.authcodes"))
        # Neither a good code's digits nor those of a bad one are kept anywhere.
        await asyncio.sleep(0.2)
        kept = str(system.records(0)) + str(system.records(before))
        kept += "".join(path.read_text(errors="replace") for path in system.layout.log.glob("*.log*"))
        assert code not in kept
        assert wrong not in kept
        for path in system.layout.core.glob("ringwall.db*"):
            assert code.encode() not in path.read_bytes(), path.name
    finally:
        system.ask(
            "group.set",
            group="authorization-codes",
            call=usual["call"],
            trunk_groups=usual["trunk_groups"],
        )


# A stolen password


@pytest.mark.req("C5", "N5")
@pytest.mark.parametrize(
    ("numbers", "most", "rule"),
    [
        ([f"00044207946{n:04}" for n in range(30)], 3, "limit.calls-per-minute"),
        ([f"00900123{n:03}" for n in range(456, 476)], 1, "limit.calls-per-minute"),
    ],
    ids=["abroad", "premium"],
)
async def test_a_stolen_password_makes_few_calls_before_it_is_cut(
    system, house, employee, exchange, connect, capsys, numbers, most, rule
) -> None:
    """Everything that the user may do, from elsewhere, as fast as the system answers; calls are hung up at once."""
    owner = await employee("all")
    thief = await connect(owner.account, source="127.0.9.9")
    before, through, refusals = system.seq(), 0, 0
    for number in numbers:
        asked = thief.invite(number, good())
        answer = await asked.final()
        if answer.status == 200:
            through += 1
            await hang_up(thief.confirm(asked, answer), await exchange.talk())
            continue
        refusals += 1
        assert (answer.status, answer.reason) == (403, "Limit reached")
    with capsys.disabled():
        sys.stdout.write(
            f"\n  stolen password: {through} of {len(numbers)} calls went through, then {rule}\n"
        )
    assert (through, refusals) == (most, len(numbers) - most)
    assert len(exchange.invites) == most
    denial = await system.record(before, "call.denied", caller=owner.account.extension)
    assert denial["rule"] == rule
    # The owner can still call for help.
    await hang_up(*await call_out(owner, exchange, "112"))


@pytest.mark.req("C5", "N5")
async def test_a_stolen_password_holds_few_calls_at_once(system, employee, exchange) -> None:
    thief = await employee("all")
    before = system.seq()
    up = [await call_out(thief, exchange, f"0044555{n:04}") for n in range(200, 204)]
    answer = await refused(thief, LOCAL)
    assert (answer.status, answer.reason) == (403, "Limit reached")
    denial = await system.record(before, "call.denied", caller=thief.account.extension)
    assert denial["rule"] == "limit.user-calls"
    for here, _ in up:
        assert (await here.hang_up()).status == 200
    await until(lambda: not system.ask("call.list"), "all calls are over")
    await hang_up(*await call_out(thief, exchange, LOCAL))
