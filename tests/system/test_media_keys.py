"""Each leg has keys of its own, whatever happens in a call, and voice passes between all kinds of phones (T1)."""

import asyncio
from functools import partial

import pytest

from ringwall.cli.demo.tones import heard
from ringwall.cli.demo.wiretap import TONES
from system.descriptions import Line, answer_to, crypto_lines, describe, good, keys, of_port
from system.raw_phone import joined
from system.running import until
from system.srtp import SUITE

GCM = "AEAD_AES_256_GCM"


async def talk(ours, theirs, here, there) -> None:
    """Let both sides play from now on, and wait until each hears the other."""
    for port in (ours, theirs):
        port.forget()
    await ours.talk(here.remote, TONES[0])
    await theirs.talk(there.remote, TONES[1])
    await until(lambda: ours.tone == TONES[1] and theirs.tone == TONES[0], "both hear each other")


@pytest.mark.req("T1", "T5")
async def test_two_phones_that_know_only_aes_cm_hear_each_other_with_keys_of_their_own(
    system, connect, media
) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await talk(ours, theirs, here, there)
    used = [{ours.key.removeprefix("inline:")}, keys(here.remote), {theirs.key.removeprefix("inline:")}]
    chosen = {key for _, suite, key in crypto_lines(there.remote) if suite == SUITE}
    everything = [*used, chosen]
    assert sum(map(len, everything)) == len(set().union(*everything)) == 4
    (call,) = [c for c in system.ask("call.list") if c["caller"] == anna.account.extension]
    assert call["suites"] == [SUITE, SUITE]
    assert (await here.hang_up()).status == 200


@pytest.mark.req("T5")
@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize("suites", [(SUITE, SUITE), (SUITE, GCM), (GCM, SUITE), (GCM, GCM)], ids=str)
async def test_no_key_is_on_two_legs_also_after_changes(connect, by, suites) -> None:
    anna, ben = await connect(), await connect()
    seen: list[tuple[str, set[str]]] = []  # in order: whose leg, the keys said on it by one side

    def offer(version: int, direction: str = "sendrecv") -> bytes:
        made = describe(Line(suites[0]), Line(suites[1], tag=2), version=version, direction=direction)
        seen.append(("caller", keys(made)))
        return made

    def answer(sdp: bytes, version: int = 1, direction: str = "sendrecv", leg: str = "callee") -> bytes:
        seen.append((leg, keys(sdp)))
        wanted = suites[1] if leg == "callee" else suites[0]
        offered = [suite for _, suite, _ in crypto_lines(sdp)]
        suite = wanted if wanted in offered else offered[0]
        made = answer_to(sdp, suite=suite, version=version, direction=direction)
        seen.append((leg, keys(made)))
        return made

    here, there = await joined(anna, ben, offer(1), answer)
    seen.append(("caller", keys(here.remote)))
    first, second = (here, there) if by == "caller" else (there, here)
    legs = ("caller", "callee") if by == "caller" else ("callee", "caller")
    for version, direction, mirror in ((2, "sendonly", "recvonly"), (3, "sendrecv", "sendrecv")):
        change = describe(Line(suites[0]), Line(suites[1], tag=2), version=version, direction=direction)
        seen.append((legs[0], keys(change)))
        mirrored = partial(answer, version=version, direction=mirror, leg=legs[1])
        response, _ = await asyncio.gather(first.reinvite(change), second.changed(mirrored))
        assert response.status == 200, response.headers.get("warning")
        seen.append((legs[0], keys(response.body)))
    of_caller = set().union(*(found for leg, found in seen if leg == "caller"))
    of_callee = set().union(*(found for leg, found in seen if leg == "callee"))
    assert of_caller
    assert of_callee
    assert not of_caller & of_callee
    assert (await here.hang_up()).status == 200


@pytest.mark.req("T1")
@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_hold_and_back_by_either_side_is_heard_and_keeps_the_keys_apart(connect, media, by) -> None:
    anna, ben = await connect(), await connect()
    ours, theirs = media(), media()
    here, there = await joined(anna, ben, of_port(ours), lambda sdp: answer_to(sdp, theirs))
    await talk(ours, theirs, here, there)
    first, second = (here, there) if by == "caller" else (there, here)
    mine, other = (ours, theirs) if by == "caller" else (theirs, ours)

    async def change(version: int, direction: str, mirror: str) -> None:
        response, request = await asyncio.gather(
            first.reinvite(of_port(mine, version=version, direction=direction)),
            second.changed(lambda sdp: answer_to(sdp, other, version=version, direction=mirror)),
        )
        assert response.status == 200
        assert f"a={direction}".encode() in request.body
        assert f"a={mirror}".encode() in response.body

    await change(2, "inactive", "inactive")
    for port in (mine, other):
        port.silence()
    for port in (mine, other):
        port.forget()
    await change(3, "sendrecv", "sendrecv")
    await talk(ours, theirs, here, there)
    assert (await there.hang_up()).status == 200


@pytest.mark.req("T1")
@pytest.mark.parametrize("caller", ["desk phone", "AES_CM only"])
async def test_a_desk_phone_and_one_that_knows_only_aes_cm_hear_each_other(
    desk_phones, connect, media, caller
) -> None:
    desk, plain, port = await desk_phones(hertz=TONES[0]), await connect(), media()
    if caller == "desk phone":
        dialling = asyncio.create_task(desk.call(plain.account.extension))
        ringing = await plain.ringing()
        call = await ringing.answer(answer_to(ringing.request.body, port))
        talking = await dialling
    else:
        call = await plain.call(desk.credentials.extension, of_port(port))
        talking = await desk.taken()
    # This desk phone describes itself anew soon after it has answered.
    following = asyncio.create_task(call.follow(lambda sdp: answer_to(sdp, port), port, TONES[1]))
    await until(lambda: port.tone == TONES[0], "the raw phone hears the desk phone")
    await until(lambda: heard(bytes(talking.heard)) == TONES[1], "the desk phone hears the raw phone")
    following.cancel()
    assert (await call.hang_up()).status == 200
    await until(lambda: talking.closed, "the desk phone is free")


@pytest.mark.req("T5")
async def test_a_phone_that_offers_everything_gets_a_good_suite(system, connect) -> None:
    anna, ben = await connect(), await connect()
    lines = ["AES_CM_128_HMAC_SHA1_32", SUITE, "F8_128_HMAC_SHA1_80", GCM]
    offer = describe(*(Line(suite, tag=tag) for tag, suite in enumerate(lines, 1)))
    asked = anna.invite(ben.account.extension, offer)
    ringing = await ben.ringing()
    offered = {suite for _, suite, _ in crypto_lines(ringing.request.body)}
    assert offered <= {SUITE, GCM, "AEAD_AES_128_GCM"}
    assert not keys(offer) & keys(ringing.request.body)
    suite = min(offered)
    there, answer = await asyncio.gather(
        ringing.answer(answer_to(ringing.request.body, suite=suite)), asked.status(200)
    )
    anna.confirm(asked, answer)
    ((tag, chosen, _),) = crypto_lines(answer.body)
    assert lines[tag - 1] == chosen == GCM
    assert (await there.hang_up()).status == 200


@pytest.mark.req("T1")
async def test_a_video_stream_is_declined_and_the_voice_is_taken(connect) -> None:
    anna, ben = await connect(), await connect()
    video = b"m=video 40002 RTP/SAVP 96\r\na=rtpmap:96 VP8/90000\r\n" + str(Line()).encode() + b"\r\n"
    here, there = await joined(anna, ben, good() + video, answer_to)
    assert b"m=video 0 RTP/SAVP 96" in here.remote
    assert b"m=video" not in there.remote
    assert (await here.hang_up()).status == 200
