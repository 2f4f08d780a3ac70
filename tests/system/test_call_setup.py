"""Calls from the first INVITE to the end, between phones whose every message is seen."""

import asyncio
from functools import partial

import pytest

from ringwall.sip.message import Request
from system.descriptions import answer_to, good
from system.raw_phone import joined
from system.running import until


@pytest.mark.parametrize(("status", "cause"), [(486, "busy"), (603, "declined")])
async def test_a_phone_that_is_busy_or_declines_is_told_to_the_caller_as_such(
    system, connect, status, cause
) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    ringing = await ben.ringing()
    await asked.status(180)
    ringing.refuse(status)
    assert (await asked.final()).status == status
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (record["cause"], record["by"], record["status"], record["answered"]) == (
        cause,
        "callee",
        status,
        None,
    )


async def test_a_phone_that_nobody_answers_stops_ringing_and_the_caller_hears_so(system, connect) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    await ben.ringing()
    seconds = system.settings.sip.ring_seconds
    assert (await asked.final(seconds + 5)).status == 480
    await ben.came("CANCEL")
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert record["cause"] == "no answer"
    assert record["ended"] - record["started"] >= seconds - 0.1


async def test_a_caller_that_changes_their_mind_stops_the_ringing(system, connect) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    await ben.ringing()
    await asked.status(180)
    anna.cancel(asked)
    assert (await asked.final()).status == 487
    await ben.came("CANCEL")
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (record["cause"], record["by"]) == ("cancelled", "caller")
    await until(lambda: not system.ask("call.list"), "no call left")


@pytest.mark.req("W2")
async def test_nobody_else_stops_the_ringing(system, connect, source) -> None:
    """Who has read the whole INVITE gets 481 for a CANCEL over their own connection, and is on record."""
    anna, ben, eve = await connect(), await connect(), await connect(source=source)
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    await ben.ringing()
    await asked.status(180)
    cancel = Request("CANCEL", asked.request.uri, asked.request.headers.copy())
    cancel.headers.set("CSeq", f"{asked.request.cseq.number} CANCEL")
    eve.write(cancel.to_bytes())
    await system.record(before, "security.malformed_message", source=source)
    assert not ben.came_already("CANCEL")
    anna.cancel(asked)
    assert (await asked.final()).status == 487
    await ben.came("CANCEL")


@pytest.mark.req("W2", "T5")
async def test_nobody_else_acknowledges_what_we_have_accepted(system, connect, source) -> None:
    """Where the 200 has the offer, the ACK has the answer to it: where media goes, and its key."""
    anna, ben, eve = await connect(), await connect(), await connect(source=source)
    here, there = await joined(anna, ben, good(), answer_to)
    before = system.seq()
    asked = here.ask("INVITE")
    answer = await asked.status(200)
    real = here.dialog.ack(asked.request.cseq.number)
    for body in (b"v=0\r\n", answer_to(answer.body)):
        forged = Request("ACK", real.uri, real.headers.copy(), body)
        forged.headers.set("Via", "SIP/2.0/TLS eve.invalid;branch=z9hG4bKforged")
        forged.headers.set("Content-Type", "application/sdp")
        eve.write(forged.to_bytes())
    await system.record(before, "security.foreign_dialog", source=source, method="ACK")
    real.headers.set("Content-Type", "application/sdp")
    anna.tx.send(Request("ACK", real.uri, real.headers, answer_to(answer.body)))
    anna.flush()
    assert not system.records(before, "call.ended")
    assert (await here.hang_up()).status == 200
    await there.ended()


async def test_all_phones_of_a_user_ring_and_the_first_that_answers_has_the_call(
    system, connect, person
) -> None:
    anna, desk = await connect(), await connect()
    other = await connect(system.device(desk.account.extension))
    asked = anna.invite(desk.account.extension, good())
    at_desk, at_other = await asyncio.gather(desk.ringing(), other.ringing())
    there, answer = await asyncio.gather(at_other.answer(answer_to(at_other.request.body)), asked.status(200))
    here = anna.confirm(asked, answer)
    _, cancelled = await desk.came("CANCEL")
    assert cancelled.call_id == at_desk.request.call_id
    assert at_desk.request.call_id != at_other.request.call_id
    (call,) = [c for c in system.ask("call.list") if c["caller"] == anna.account.extension]
    assert call["callee_device"] == other.account.username
    assert (await here.hang_up()).status == 200
    await there.ended()
    assert not desk.came_already("BYE")


async def test_a_phone_that_answers_while_it_is_cancelled_is_hung_up(system, connect) -> None:
    anna, desk = await connect(), await connect()
    other = await connect(system.device(desk.account.extension))
    asked = anna.invite(desk.account.extension, good())
    at_desk, at_other = await asyncio.gather(desk.ringing(), other.ringing())
    ends = [ringing.answer_at_once(answer_to(ringing.request.body)) for ringing in (at_desk, at_other)]
    here = anna.confirm(asked, await asked.status(200))
    await until(lambda: desk.came_already("BYE") or other.came_already("BYE"), "the loser is hung up")
    winner = ends[1] if desk.came_already("BYE") else ends[0]
    assert (await here.hang_up()).status == 200
    await winner.ended()


async def test_when_one_phone_is_busy_the_other_rings_on(connect, system) -> None:
    anna, desk = await connect(), await connect()
    other = await connect(system.device(desk.account.extension))
    asked = anna.invite(desk.account.extension, good())
    at_desk, at_other = await asyncio.gather(desk.ringing(), other.ringing())
    at_desk.refuse(486)
    there, answer = await asyncio.gather(at_other.answer(answer_to(at_other.request.body)), asked.status(200))
    anna.confirm(asked, answer)
    assert (await there.hang_up()).status == 200


@pytest.mark.parametrize(("who", "status"), [("nobody", 404), ("signed out", 480)])
async def test_who_cannot_be_called_is_refused_with_a_reason(system, connect, person, who, status) -> None:
    anna = await connect()
    before = system.seq()
    extension = "99887" if who == "nobody" else person().extension
    answer = await anna.invite(extension, good()).final()
    assert answer.status == status
    assert extension in (answer.headers.get("warning") or "")
    record = await system.record(before, "call.refused", caller=anna.account.extension)
    assert (record["dialled"], record["status"]) == (extension, status)


@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_either_side_can_hang_up_and_the_record_is_complete(system, connect, by) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    here, there = await joined(anna, ben, good(), answer_to)
    first, second = (here, there) if by == "caller" else (there, here)
    assert (await first.hang_up()).status == 200
    bye = await second.ended()
    assert bye.headers.get("reason")
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (
        record
        | {
            "caller_device": anna.account.username,
            "caller_source": anna.local,
            "callee": ben.account.extension,
            "callee_device": ben.account.username,
            "callee_source": ben.local,
            "dialled": ben.account.extension,
            "cause": "hung up",
            "by": by,
            "status": 200,
            "suites": ["AES_CM_128_HMAC_SHA1_80"] * 2,
        }
        == record
    )
    assert record["started"] <= record["answered"] <= record["ended"]
    assert abs(record["seconds"] - (record["ended"] - record["answered"])) < 0.01
    assert (await second.ask("BYE").final()).status == 481


async def test_an_administrator_ends_a_call(system, connect) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    here, there = await joined(anna, ben, good(), answer_to)
    (call,) = [c for c in system.ask("call.list") if c["caller"] == anna.account.extension]
    system.ask("call.hangup", call=call["call"])
    await asyncio.gather(here.ended(), there.ended())
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert record["by"] == "administrator"


async def test_a_call_of_a_phone_that_does_not_come_back_is_ended(system, connect) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    here, _ = await joined(anna, ben, good(), answer_to)
    await ben.close()
    await here.ended(system.settings.sip.lost_phone_seconds + 8)
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert (record["cause"], record["by"]) == ("phone lost", "system")


async def test_a_phone_that_comes_back_over_another_connection_goes_on_talking(system, connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    before = system.seq()
    await ben.close()
    again = await connect(ben.account)
    await system.record(before, "registration.ended", source=ben.local)
    there.phone = again
    answer, _ = await asyncio.gather(
        here.reinvite(good(direction="sendonly", version=2)),
        there.changed(partial(answer_to, direction="recvonly")),
    )
    assert answer.status == 200
    assert (await here.hang_up()).status == 200
    await there.ended()


async def test_two_changes_at_once_are_glare(connect) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    asked = here.ask("INVITE", good(direction="sendonly", version=2))
    key, request = await ben.came("re-INVITE")
    # Before it answers the other side's change, it asks for one of its own.
    offer = good(direction="inactive", version=2)
    assert (await there.reinvite(offer)).status == 491
    there.dialog.receive(request)
    body = answer_to(request.body, direction="recvonly")
    headers = [("Contact", ben.contact)]
    ben.respond(key, request.response(200, headers=headers, body=body, content_type="application/sdp"))
    assert (await asked.final()).status == 200
    here.acknowledge(asked)
    await ben.came("ACK")
    # And afterwards its change is heard.
    answer, _ = await asyncio.gather(
        there.reinvite(good(direction="inactive", version=3)),
        here.changed(partial(answer_to, direction="inactive")),
    )
    assert answer.status == 200
    assert (await here.hang_up()).status == 200


@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_a_digit_that_is_sent_as_info_reaches_the_other_side(connect, by) -> None:
    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, good(), answer_to)
    sender, receiver = (here, there) if by == "caller" else (there, here)
    digit = b"Signal=5\r\nDuration=160\r\n"
    asked = sender.ask("INFO", digit, "application/dtmf-relay")
    key, request = await receiver.phone.came("INFO")
    assert request.body == digit
    assert request.headers.get("content-type") == "application/dtmf-relay"
    receiver.phone.respond(key, request.response(200))
    assert (await asked.final()).status == 200
    assert (await here.hang_up()).status == 200


async def test_phones_that_end_the_lines_of_their_bodies_with_lf_only_talk_and_send_digits(connect) -> None:
    def lf(body: bytes) -> bytes:
        return body.replace(b"\r\n", b"\n")

    anna, ben = await connect(), await connect()
    here, there = await joined(anna, ben, lf(good()), lambda offer: lf(answer_to(offer)))
    asked = here.ask("INFO", b"Signal=5\nDuration=160\n", "application/dtmf-relay")
    key, request = await there.phone.came("INFO")
    assert request.body == b"Signal=5\nDuration=160\n"
    there.phone.respond(key, request.response(200))
    assert (await asked.final()).status == 200
    await here.hang_up()


async def test_nobody_else_can_speak_in_a_call(system, connect) -> None:
    anna, ben, mallory = await connect(), await connect(), await connect()
    before = system.seq()
    here, there = await joined(anna, ben, good(), answer_to)
    # The dialog to the letter, but over another device's connection.
    stolen = here.dialog.request("BYE")
    assert (await mallory.ask(stolen).final()).status in {403, 404}
    assert not there.phone.came_already("BYE")
    assert (await there.hang_up()).status == 200
    await here.ended()
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert record["by"] == "callee"
