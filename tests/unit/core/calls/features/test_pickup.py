"""Call pickup: who takes a call that rings elsewhere, who may, and what becomes of everybody."""

import pytest

from support.calls.media import BOTH
from support.calls.world import World

pytestmark = pytest.mark.req("C2")
AES, GCM = BOTH


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def parties(world):
    """Who calls, at whose phone it rings, and who picks up."""
    caller, target, picker = (world.phone(extension) for extension in ("201", "202", "203"))
    target.on_invite = "ring"
    return caller, target, picker


def ring(world, caller):
    call = caller.call("202")
    world.run()
    assert call.statuses == [180]
    return call


@pytest.mark.parametrize("kinds", [{}, {"suites": (AES,)}, {"suites": (GCM,)}, {"dtls": True}])
@pytest.mark.parametrize("theirs", [{}, {"suites": (AES,)}, {"dtls": True}])
def test_the_two_talk_and_it_stops_ringing(world, media, kinds, theirs):
    caller, target, picker = world.phone("201", **theirs), world.phone("202"), world.phone("203", **kinds)
    target.on_invite = "ring"
    first = ring(world, caller)
    second = picker.call("*14202")
    world.run(2)
    assert (first.state, second.state) == ("talking", "talking")
    assert target.last.state == "cancelled"
    assert "cause=200" in target.last.reason or not target.last.reason
    call = world.only_call()
    assert (call.caller.extension, call.callee.extension) == ("201", "203")
    assert not media.legs
    assert len(world.rtpengine.calls) in (1, 2)
    assert first.remote_sdp
    first.bye()
    world.run()
    assert second.state == "ended"
    by_id = {ended["call"]: ended for ended in world.told("call.ended")}
    assert by_id[call.id]["picked_up_by"] == "203"
    assert world.told("call.picked_up") == [{"call": call.id, "by": "203", "at": "202"}]


def test_an_outside_caller_is_picked_up_as_well(world, media):
    target, picker = world.phone("202"), world.phone("203")
    target.on_invite = "ring"
    first = world.carrier().call("+14085550202")
    world.run()
    second = picker.call("*14202")
    world.run(2)
    assert (first.state, second.state) == ("talking", "talking")
    second.bye()
    world.run()
    assert first.state == "ended"


def test_a_transferred_party_is_picked_up_as_well(world, media):
    anna, ben, target, picker = (world.phone(extension) for extension in ("204", "205", "202", "203"))
    target.on_invite = "ring"
    first, second = world.talk(anna, ben)
    first.request("REFER", headers=[("Refer-To", "<sip:202@voice.example>")])
    world.run()
    third = picker.call("*14202")
    world.run(3)
    assert (second.state, third.state) == ("talking", "talking")
    assert target.last.state == "cancelled"
    assert first.state == "ended"
    second.bye()
    world.run()
    assert third.state == "ended"


def refused(world, picker, status: int, dialled: str = "*14202"):
    second = picker.call(dialled)
    world.run(8)
    assert second.statuses[-1] == status
    return second


def test_who_may_not_pick_up_hears_the_error_tone_and_it_rings_on(world, media, parties):
    caller, target, picker = parties
    world.rights.telephony(pickup=False)
    first = ring(world, caller)
    refused(world, picker, 403)
    assert media.played() == ["congestion"]
    assert target.last.state == "ringing"
    first.cancel()
    world.run()


def test_a_user_may_be_kept_from_being_picked_up(world, parties):
    caller, target, picker = parties
    world.rights.user("202", "Boss", no_pickup=True)
    first = ring(world, caller)
    refused(world, picker, 403)
    assert world.told("call.denied")[0]["rule"] == "pickup.refused"
    assert target.last.state == "ringing"
    first.cancel()
    world.run()


@pytest.mark.parametrize("dialled", ["*14", "*14202", "*14999"])
def test_where_nothing_rings_nothing_is_picked_up(world, parties, dialled):
    refused(world, parties[2], 480, dialled)


def test_a_call_that_is_up_is_not_taken_away(world, parties):
    caller, target, picker = parties
    target.on_invite = "answer"
    first, _ = world.talk(caller, target)
    refused(world, picker, 480)
    first.bye()
    world.run()


@pytest.mark.parametrize("who", ["target answers", "caller gives up"])
@pytest.mark.parametrize("pause", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1])
def test_whatever_crosses_it_nobody_is_left_hanging(world, media, parties, who, pause):
    caller, target, picker = parties
    first = ring(world, caller)
    second = picker.call("*14202")
    world.run(pause)
    if who == "target answers":
        if target.last.state == "ringing":
            target.last.answer()
    elif first.state == "calling":
        first.cancel()
    world.run(3)
    assert not media.legs
    talking = [call for call in (first, second, target.last) if call.state == "talking"]
    assert len(talking) in (0, 2)
    for call in talking:
        call.bye()
        world.run()


def test_one_whose_phone_does_not_follow_ends_both_calls(world, media, parties):
    caller, _, picker = parties
    first = ring(world, caller)
    picker.on_change = 488
    second = picker.call("*14202")
    world.run(5)
    assert first.statuses[-1] == 480
    assert second.state == "ended"
    assert not media.legs


def test_nobody_outside_and_no_phone_without_a_user_picks_up(world, parties):
    caller, target, picker = parties
    world.rights.unassigned(picker.username)
    first = ring(world, caller)
    refused(world, picker, 403)
    carrier = world.carrier()
    call = carrier.call("*14202")
    world.run(3)
    assert call.statuses[-1] >= 400
    assert target.last.state == "ringing"
    first.cancel()
    world.run()
