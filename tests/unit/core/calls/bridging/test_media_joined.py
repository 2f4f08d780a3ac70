"""How media is joined: suites, chains, browsers, declined streams, and answers that must not be joined (T5)."""

import pytest

from ringwall.core.calls.media.descriptions import AES_CM, GCM_128, GCM_256
from support.calls.media import crypto_line, describe, keys
from support.calls.world import World

VIDEO = f"m=video 40002 RTP/SAVP 97\r\na=rtpmap:97 H264/90000\r\n{crypto_line(1, AES_CM)}\r\n"


@pytest.mark.req("T1", "T5")
@pytest.mark.parametrize(
    "caller", [(AES_CM,), (GCM_128,), (GCM_256,), (AES_CM, GCM_256), (GCM_256, GCM_128, AES_CM)]
)
@pytest.mark.parametrize("callee", [(AES_CM,), (AES_CM, GCM_256), (GCM_256, GCM_128, AES_CM)])
def test_any_two_phones_talk_with_keys_of_their_own(world: World, caller, callee) -> None:
    alice, bob = world.phone("201", suites=caller), world.phone("202", suites=callee)
    for a_way in (True, False, True):
        one, other = (alice, bob) if a_way else (bob, alice)
        a, b = world.talk(one, other)
        a.change("sendonly")
        world.run()
        b.change("sendrecv")
        world.run()
        assert a.status("INVITE")[-1] == b.status("INVITE")[-1] == 200
        a.bye()
        world.run()


@pytest.mark.req("T5")
def test_two_phones_with_one_suite_are_joined_by_two_relays(world: World) -> None:
    a, _ = world.talk(world.phone("201", suites=(AES_CM,)), world.phone("202", suites=(AES_CM,)))
    assert len(world.rtpengine.calls) == 2
    assert world.told("call.ended") == []
    a.bye()
    world.run()
    assert world.told("call.ended")[0]["suites"] == [AES_CM, AES_CM]


def test_a_phone_that_was_heard_to_speak_more_is_joined_by_one_relay(world: World) -> None:
    alice, bob = world.phone("201", suites=(AES_CM,)), world.phone("202", suites=(AES_CM, GCM_256))
    b, _ = world.talk(bob, alice)
    b.bye()
    world.run()
    a, _ = world.talk(alice, bob)
    assert len(world.rtpengine.calls) == 1
    a.bye()


@pytest.mark.parametrize("browser_calls", [True, False])
def test_a_browser_and_a_desk_phone_talk(world: World, browser_calls: bool) -> None:
    browser, desk = world.phone("201", dtls=True), world.phone("202")
    a, b = world.talk(browser, desk) if browser_calls else reversed(world.talk(desk, browser))
    assert b"a=fingerprint" in a.remote_sdp
    assert not keys(a.remote_sdp)
    assert keys(b.remote_sdp)
    assert b"fingerprint" not in b.remote_sdp
    for one in (a, b):
        one.change("sendonly")
        world.run()
        assert one.status("INVITE")[-1] == 200
    a.bye()


@pytest.mark.parametrize(("before", "after"), [("", VIDEO), (VIDEO, ""), (VIDEO, VIDEO)])
def test_other_streams_are_declined_in_their_places(world: World, before: str, after: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    alice.allow = "INVITE, ACK, BYE, CANCEL"
    a = alice.call("202", describe(before=before, after=after))
    world.run()
    assert a.state == "talking"
    lines = [line for line in a.remote_sdp.split(b"\r\n") if line.startswith(b"m=")]
    assert [line.split()[0] for line in lines] == [b"m=video"] * bool(before) + [b"m=audio"] + [
        b"m=video"
    ] * bool(after)
    assert all(line == b"m=video 0 RTP/SAVP 97" for line in lines if b"video" in line)
    assert bob.last.remote_sdp.count(b"m=") == 1
    world.run(1000)  # a refresh by re-INVITE says the same again
    assert a.state == "talking"
    a.bye()


def test_of_two_audio_streams_the_first_is_carried(world: World) -> None:
    alice = world.phone("201")
    world.phone("202")
    second = f"m=audio 40004 RTP/SAVP 8\r\n{crypto_line(1, AES_CM)}\r\n"
    a = alice.call("202", describe(after=second))
    world.run()
    lines = [line for line in a.remote_sdp.split(b"\r\n") if line.startswith(b"m=")]
    assert len(lines) == 2
    assert lines[1] == b"m=audio 0 RTP/SAVP 8"
    a.bye()


OFFERS = {
    "plain": describe((), protocol="RTP/AVP"),
    "no key": describe(()),
    "null": describe(("NULL_HMAC_SHA1_80",)),
    "weak": describe(("AES_CM_128_HMAC_SHA1_32",)),
    "plain beside": describe(after="m=video 40002 RTP/AVP 97\r\n"),
    "no body": b"",
    "video only": describe().replace(b"m=audio", b"m=video"),
    "rubbish": b"v=0\r\nrubbish\r\n",
    "weak fingerprint": describe(dtls=True).replace(b"sha-256", b"sha-1"),
    "no fingerprint": describe(dtls=True).replace(b"a=fingerprint", b"a=x-fingerprint"),
}


@pytest.mark.req("T5")
@pytest.mark.parametrize("name", list(OFFERS))
def test_an_offer_that_is_not_protected_makes_no_call(world: World, name: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a = alice.call("202", OFFERS[name])
    world.run()
    assert a.statuses == [488]
    assert "399 ringwall" in a.responses[-1].headers.get("Warning")
    assert not bob.calls
    [record] = world.told("media.refused")
    assert record["dialled"] == "202"


@pytest.mark.req("T5")
@pytest.mark.parametrize("name", ["plain", "no key", "not offered", "reflected", "two keys", "other profile"])
def test_an_answer_that_is_not_protected_is_hung_up(world: World, name: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    b = bob.last
    good = b._answer_body()
    reflected = (
        good.split(b"a=crypto:")[0] + b"a=crypto:" + b.remote_sdp.split(b"a=crypto:")[1].split(b"\r\n")[0]
    )
    b.answer({
        "plain": OFFERS["plain"],
        "no key": describe(()),
        "not offered": describe((GCM_256,), tags=[9]),
        "reflected": reflected + b"\r\n",
        "two keys": describe((AES_CM, GCM_128), tags=[1, 2]),
        "other profile": good.replace(b"RTP/SAVP", b"RTP/SAVPF"),
    }[name])  # fmt: skip
    world.run()
    assert a.statuses == [180, 488]
    assert b.state == "ended"
    [record] = world.told("media.refused")
    assert record["device"] == bob.username
    assert len(world.told("call.ended")) == 1


@pytest.mark.req("T5")
@pytest.mark.parametrize("fault", ["plain", "copied key", "null"])
def test_a_mistake_of_the_relay_refuses_the_call(world: World, fault: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    alice_offer = describe((GCM_256,))
    key = keys(alice_offer)[GCM_256]

    def meddle(command: str, made: bytes) -> bytes:
        if command != "answer":
            return made
        if fault == "plain":
            return made.replace(b"RTP/SAVP", b"RTP/AVP")
        if fault == "null":
            return made.replace(b"AEAD_AES_256_GCM", b"NULL_HMAC_SHA1_80")
        return made.replace(keys(made)[GCM_256].encode(), key.encode())

    world.rtpengine.meddle = meddle
    a = alice.call("202", alice_offer)
    world.run()
    assert a.statuses == [180, 488]
    assert bob.last.state == "ended"
