"""No fallback: what is offered or answered without good encryption is refused, at any time of a call (T5)."""

import asyncio
import random

import pytest

from ringwall.cli.demo.wiretap import TONES, Wiretap
from system.descriptions import REFUSED, Line, answer_to, crypto_lines, describe, good, keys, of_port
from system.raw_phone import joined
from system.running import until
from system.srtp import SUITE

refused = pytest.mark.parametrize("offer", REFUSED.values(), ids=REFUSED)


@refused
@pytest.mark.req("T5")
async def test_a_call_with_such_an_offer_is_refused_with_the_reason_and_put_on_record(
    system, connect, offer
) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    answer = await anna.invite(ben.account.extension, offer).final()
    assert answer.status == 488
    warning = answer.headers.get("warning")
    assert warning
    assert warning.startswith("399 ")
    record = await system.record(before, "media.refused", caller=anna.account.extension)
    assert record["why"] in warning.replace("\\", "")
    assert not keys(record["why"].encode())
    assert not ben.came_already("INVITE")


@refused
@pytest.mark.req("T5")
async def test_a_change_to_such_an_offer_is_refused_and_the_call_stays_as_it_was(
    system, connect, media, offer
) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    before = system.seq()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    by = random.choice([here, there])  # both ways are the same code: over all offers each is taken
    answer = await by.reinvite(offer.replace(b"o=- 77 1 ", b"o=- 77 2 "))
    assert answer.status == 488
    assert answer.headers.get("warning")
    record = await system.record(before, "media.refused", extension=by.phone.account.extension)
    assert record["method"] == "INVITE"
    other = there if by is here else here
    assert not other.phone.came_already("re-INVITE")
    # What was agreed on before still works.
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
    assert (await here.hang_up()).status == 200


def turned_plain(offer: bytes) -> bytes:
    return describe(profile="RTP/AVP")


def without_key(offer: bytes) -> bytes:
    return describe()


def another_suite(offer: bytes) -> bytes:
    offered = {suite for _, suite, _ in crypto_lines(offer)}
    tag = crypto_lines(offer)[0][0]
    assert "AES_CM_128_HMAC_SHA1_32" not in offered
    return describe(Line("AES_CM_128_HMAC_SHA1_32", tag=tag))


def null_suite(offer: bytes) -> bytes:
    return describe(Line("NULL_HMAC_SHA1_80", tag=crypto_lines(offer)[0][0]))


def unencrypted(offer: bytes) -> bytes:
    tag = next(tag for tag, suite, _ in crypto_lines(offer) if suite == SUITE)
    return describe(Line(tag=tag, session="UNENCRYPTED_SRTP"))


def unauthenticated(offer: bytes) -> bytes:
    tag = next(tag for tag, suite, _ in crypto_lines(offer) if suite == SUITE)
    return describe(Line(tag=tag, session="UNAUTHENTICATED_SRTP"))


def two_lines(offer: bytes) -> bytes:
    tag = next(tag for tag, suite, _ in crypto_lines(offer) if suite == SUITE)
    return describe(Line(tag=tag), Line(tag=tag + 1))


def same_key(offer: bytes) -> bytes:
    tag, _, key = next(line for line in crypto_lines(offer) if line[1] == SUITE)
    return describe(Line(tag=tag, key=f"inline:{key}"))


@pytest.mark.parametrize(
    "bad",
    [turned_plain, without_key, another_suite, null_suite, unencrypted, unauthenticated, two_lines, same_key],
)
@pytest.mark.req("T5")
async def test_an_answer_without_good_encryption_ends_the_call_on_both_sides(system, connect, bad) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    asked = anna.invite(ben.account.extension, good())
    ringing = await ben.ringing()
    called, answer = await asyncio.gather(ringing.answer(bad(ringing.request.body)), asked.final())
    assert answer.status == 488
    assert answer.headers.get("warning")
    await called.ended()
    record = await system.record(before, "media.refused", device=ben.account.username)
    assert record["method"] == "answer"
    assert not keys(record["why"].encode())


@pytest.mark.req("T5")
async def test_a_change_that_is_answered_in_the_clear_ends_the_call(system, connect) -> None:
    anna, ben = await connect(), await connect()
    before = system.seq()
    here, there = await joined(anna, ben, good(), answer_to)
    answer, _ = await asyncio.gather(
        here.reinvite(good(direction="sendonly", version=2)),
        there.changed(turned_plain),
    )
    assert answer.status == 488
    await asyncio.gather(here.ended(), there.ended())
    record = await system.record(before, "call.ended", caller=anna.account.extension)
    assert record["cause"] != "hung up"


@pytest.mark.req("T5", "T6")
async def test_clear_voice_is_carried_in_no_state_of_a_call(system, connect, media) -> None:
    """A phone that sends plain RTP into a call, before and after it asked for that, is heard by nobody."""
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")
    ports = system.settings.ports
    ours.silence()
    tap = Wiretap({}, {"media": (ports.rtp_first, ports.rtp_last)})
    await tap.start()
    try:
        theirs.forget()
        plain = describe(profile="RTP/AVP", host=ours.host, port=ours.port, version=2)
        assert (await here.reinvite(plain)).status == 488
        assert (await there.reinvite(plain)).status == 488
        clear = bytes(range(160))
        for _ in range(50):
            ours.send(ours.header() + clear)
        # Voice with the key of the leg comes after it and is heard: the clear packets have been dealt with.
        await ours.talk(here.remote, TONES[0])
        await until(lambda: theirs.received > 10, "what is encrypted is heard")
        assert theirs.strange == 0
    finally:
        found = await tap.stop()
    assert found.rtp_packets > 20
    assert found.decodable_rtp == 0
    assert (await here.hang_up()).status == 200


@pytest.mark.req("T5")
async def test_a_refused_call_puts_no_media_packet_on_the_wire(system, connect) -> None:
    anna, ben = await connect(), await connect()
    ports = system.settings.ports
    tap = Wiretap({}, {"media": (ports.rtp_first, ports.rtp_last)})
    await tap.start()
    try:
        assert (await anna.invite(ben.account.extension, REFUSED["plain RTP"]).final()).status == 488
        asked = anna.invite(ben.account.extension, good())
        ringing = await ben.ringing()
        await asyncio.gather(ringing.answer(turned_plain(ringing.request.body)), asked.final())
        await ben.came("BYE")
    finally:
        found = await tap.stop()
    assert found.links["media"] == 0
    assert found.readable_sip == 0
