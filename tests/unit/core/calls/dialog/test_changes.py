"""Changes of a call that is up: hold and resume, refusals, glare, and media that must not be let through (T5)."""

import pytest

from ringwall.core.calls.media.descriptions import AES_CM, GCM_128, GCM_256
from support.calls.media import describe, keys
from support.calls.world import World

NO_KEY = describe(())
PLAIN = describe((), protocol="RTP/AVP")
NULL = describe(("NULL_HMAC_SHA1_80",))
UNENCRYPTED = describe(("AES_CM_128_HMAC_SHA1_80",)).replace(b"a=crypto:1 ", b"a=crypto:1 ", 1)
UNENCRYPTED = b"\r\n".join(
    line + b" UNENCRYPTED_SRTP" if line.startswith(b"a=crypto") else line
    for line in UNENCRYPTED.split(b"\r\n")
)
BAD = {"plain": PLAIN, "no key": NO_KEY, "null": NULL, "unencrypted": UNENCRYPTED}


@pytest.fixture
def pair(world: World):
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    yield a, b
    if a.state == "talking":
        a.bye()


def relay_state(world: World):
    return {
        call_id: {tag: (party.offered, party.told) for tag, party in call.items()}
        for call_id, call in world.rtpengine.calls.items()
    }


@pytest.mark.req("T5")
@pytest.mark.parametrize("side", ["caller", "callee"])
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_hold_and_resume(world: World, pair, side: str, method: str) -> None:
    one, other = pair if side == "caller" else reversed(pair)
    for direction, heard in (
        ("sendonly", b"a=sendonly"),
        ("sendrecv", b"a=sendrecv"),
        ("inactive", b"a=inactive"),
    ):
        one.change(direction, method)
        world.run()
        assert one.status(method)[-1] == 200
        assert heard in other.remote_sdp
    assert [r.method for r in other.requests] == ["INVITE"] * 3
    assert len(other.acks if other.outgoing is False else other.requests) >= 3
    assert len(keys(one.remote_sdp)) <= 1


@pytest.mark.req("T5")
@pytest.mark.parametrize("bad", list(BAD))
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_change_to_clear_media_is_refused_and_the_call_stays(
    world: World, pair, bad: str, method: str
) -> None:
    a, b = pair
    before = relay_state(world)
    b.request(method, BAD[bad])
    world.run()
    assert b.status(method) == [488]
    assert "399 ringwall" in b.responses[-1].headers.get("Warning")
    assert not a.requests
    assert relay_state(world) == before
    [record] = world.told("media.refused")
    assert record["device"] == b.phone.username
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200


def test_a_refused_change_leaves_the_relay_as_it_was(world: World, pair) -> None:
    a, b = pair
    before = relay_state(world)
    b.phone.on_change = 488
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 488
    assert relay_state(world) == before
    b.phone.on_change = "accept"
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    a.phone.on_change = 606
    b.change()
    world.run()
    assert b.status("INVITE") == [606]
    a.phone.on_change = "accept"
    b.change()
    world.run()
    assert b.status("INVITE") == [606, 200]


def test_the_relay_is_set_back_the_way_that_was_agreed_on_last(world: World, pair) -> None:
    a, b = pair
    for one, other, tag in ((b, a, "b"), (a, b, "a")):
        one.change("sendonly")
        world.run()
        one.phone.on_change = other.phone.on_change = 488
        world.rtpengine.commands.clear()
        other.change()
        world.run()
        assert world.rtpengine.commands[1:] == [("offer", tag), ("answer", tag)]
        one.phone.on_change = other.phone.on_change = "accept"
    answer = next(line for line in a.remote_sdp.split(b"\r\n") if line.startswith(b"a=crypto"))[9:].split(
        b" "
    )
    a.ack_body = describe((answer[1].decode(),), tags=[int(answer[0])])
    world.rtpengine.commands.clear()
    a.request("INVITE")  # it answers our offer, so the other side counts as the one who offered
    world.run()
    assert world.rtpengine.commands == [("offer", "b"), ("answer", "b")]
    a.ack_body = None


def test_a_change_that_is_accepted_after_the_call_has_ended_is_only_acknowledged(world: World, pair) -> None:
    a, b = pair
    b.phone.on_change = "silence"
    b.phone.world.edge.silent = _Forgetful()
    a.change("sendonly")
    world.run()
    b.bye()
    world.run()
    change = b.requests[-1]
    key = next(e.key for e in b.phone.events if getattr(e, "request", None) is change)
    b.phone.respond(key, change.response(200, headers=[("Contact", b.phone.contact)]))
    world.run()
    assert len(b.acks) == 2
    assert [r.method for r in b.requests] == ["INVITE"]


class _Forgetful(dict):
    """An edge that does not give up on a phone that is silent."""

    def __setitem__(self, key, value) -> None:
        """Nothing is remembered."""


def test_a_change_keeps_away_from_the_other_legs_suite(world: World) -> None:
    alice, bob = world.phone("201", suites=(AES_CM, GCM_128)), world.phone("202", suites=(GCM_256,))
    b, _ = world.talk(bob, alice)
    b.bye()
    world.run()
    a = alice.call("202", describe((AES_CM,)))
    world.run()
    assert a.state == "talking"
    assert len(world.rtpengine.calls) == 1
    a.change(suites=(GCM_256, GCM_128))
    world.run()
    assert a.status("INVITE")[-1] == 200
    a.bye()


def test_a_change_in_which_the_relay_fails_is_refused(world: World, pair) -> None:
    a, _ = pair
    world.rtpengine.refusing = "no"
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 503
    world.rtpengine.refusing = None
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200


@pytest.mark.req("T5")
def test_a_plain_answer_to_a_change_ends_the_call(world: World, pair) -> None:
    a, b = pair
    b.phone._new_answer = lambda call, request: PLAIN
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 488
    assert (a.state, b.state) == ("ended", "ended")
    assert len(world.told("media.refused")) == 1


def test_the_same_description_again_is_answered_here(world: World, pair) -> None:
    a, b = pair
    a.request("INVITE", a.local_sdp)
    world.run()
    assert a.status("INVITE")[-1] == 200
    assert not b.requests
    assert a.responses[-1].body == a.remote_sdp


def test_a_change_while_another_is_open_must_wait(world: World, pair) -> None:
    a, b = pair
    world.rtpengine.delay = 0.3
    a.change("sendonly")
    world.run(0.1)
    a.change("inactive")
    world.run(0.1)
    assert a.status("INVITE")[-1] == 500
    assert a.responses[-1].headers.get("Retry-After")
    world.run(5)
    assert a.status("INVITE")[-1] == 200
    a.change()
    world.run(5)
    assert a.status("INVITE")[-1] == 200
    assert len(b.requests) == 2


def test_an_update_that_meets_an_open_update_must_wait_and_blocks_nothing(world: World, pair) -> None:
    a, _ = pair
    world.rtpengine.delay = 0.3
    a.change("sendonly", "UPDATE")
    world.run(0.1)
    a.change("inactive", "INVITE")
    world.run(5)
    assert sorted(a.status("INVITE")) == [200, 500]
    a.change("sendrecv", "INVITE")
    world.run(5)
    assert a.status("INVITE")[-1] == 200


def test_changes_from_both_sides_at_once_are_glare(world: World, pair) -> None:
    a, b = pair
    a.change("sendonly")
    b.change("sendonly")
    world.run(3)
    assert sorted([a.status("INVITE")[-1], b.status("INVITE")[-1]]) == [200, 491]
    a.change()
    world.run()
    assert a.status("INVITE")[-1] == 200


def test_glare_that_the_phone_finds_is_told_to_the_one_who_asked(world: World, pair) -> None:
    a, b = pair
    b.phone.on_change = 491
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 491


def test_a_call_that_ends_during_a_change_leaves_nothing_open(world: World, pair) -> None:
    a, b = pair
    b.phone.on_change = "silence"
    a.change("sendonly")
    world.run()
    b.bye()
    world.run()
    assert a.status("INVITE")[-1] == 487
    assert (a.state, b.state) == ("ended", "ended")


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.25, 0.35])
def test_a_chained_relay_is_gone_when_the_call_ends_during_a_change(world: World, delay: float) -> None:
    a, b = world.talk(world.phone("201", suites=(AES_CM,)), world.phone("202", suites=(AES_CM,)))
    world.rtpengine.delay = 0.1
    a.change("sendonly")
    world.run(delay)
    b.bye()
    world.run(3)
    assert a.state == "ended"


def test_a_change_that_is_never_answered_means_that_the_phone_is_lost(world: World, pair) -> None:
    a, b = pair
    b.phone.on_change = "silence"
    a.change("sendonly")
    world.run(35)
    assert a.status("INVITE")[-1] == 487
    assert a.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "phone lost"


def test_an_info_reaches_the_other_party(world: World, pair) -> None:
    a, b = pair
    a.request("INFO", b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
    world.run()
    assert a.status("INFO") == [200]
    [info] = b.requests
    assert (info.body, info.content_type) == (b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay")


def test_an_info_that_waits_is_answered_when_the_call_ends(world: World, pair) -> None:
    a, b = pair
    world.edge.lose.append(lambda way, m: way == "to phone" and getattr(m, "method", "") == "INFO")
    a.request("INFO", b"x", content_type="text/plain")
    world.run()
    b.bye()
    world.run()
    assert a.status("INFO") == [481]


def test_a_stale_request_is_out_of_order(world: World, pair) -> None:
    a, _ = pair
    a.change("sendonly")
    world.run()
    a.dialog.local_cseq = 0
    a.request("INFO", b"x", content_type="text/plain")
    world.run()
    assert a.status("INFO") == [500]
    a.dialog.local_cseq = 10


def test_an_unknown_dialog_and_an_unknown_method_are_refused(world: World, pair) -> None:
    a, b = pair
    a.request("MESSAGE", b"x", content_type="text/plain")
    a.request("OPTIONS")
    world.run()
    assert a.status("MESSAGE") == [405]
    assert a.status("OPTIONS") == [200]
    right = b.dialog.remote_tag
    b.dialog.remote_tag = "somebody-else"
    b.request("INFO", b"x", content_type="text/plain")
    world.run()
    assert b.status("INFO") == [481]
    b.dialog.remote_tag = right


@pytest.mark.req("T5")
def test_nobody_speaks_in_somebody_elses_call(world: World, pair) -> None:
    a, b = pair
    mallory = world.phone("203")
    stolen = b.dialog
    thief = type(b)(mallory, outgoing=True)
    thief.dialog = type(stolen).from_value(stolen.to_value())
    mallory.by_call_id[stolen.call_id] = thief
    thief.request("BYE")
    world.run()
    assert thief.status("BYE") == [403]
    assert a.state == "talking"
    world.run(20)
    assert world.told("security.foreign_dialog")


@pytest.mark.req("T5")
@pytest.mark.parametrize("bad", ["nothing", "plain", "changed"])
def test_a_change_without_an_offer_gets_ours_and_its_answer_is_checked(world: World, pair, bad: str) -> None:
    a, b = pair
    before = b.remote_sdp
    tag = next(line for line in a.remote_sdp.split(b"\r\n") if line.startswith(b"a=crypto"))[9:].split(b" ")
    suite, number = tag[1].decode(), int(tag[0])
    a.ack_body = {"nothing": b"", "plain": PLAIN}.get(
        bad, describe((suite,), tags=[number], direction="sendonly")
    )
    a.request("INVITE")
    world.run()
    assert a.status("INVITE")[-1] == 200
    assert a.responses[-1].body == a.remote_sdp
    if bad == "changed":
        assert (a.state, b.state) == ("talking", "talking")
        assert b.remote_sdp == before
        [call] = world.rtpengine.calls.values()
        assert call["a"].offered[suite].key_params in a.ack_body.decode()
        a.ack_body = None
        b.change("sendonly")
        world.run()
        assert b.status("INVITE")[-1] == 200
    else:
        assert (a.state, b.state) == ("ended", "ended")
        assert world.told("media.refused")[0]["method"] == "answer"


def test_a_change_without_an_offer_and_with_the_same_answer_changes_nothing(world: World, pair) -> None:
    a, b = pair
    a.ack_body = a.local_sdp
    count = len(world.rtpengine.commands)
    a.request("INVITE")
    world.run()
    assert (a.state, b.state) == ("talking", "talking")
    assert len(world.rtpengine.commands) == count
