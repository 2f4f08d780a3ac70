"""Who is put on hold hears music, and nothing of the other party."""

import pytest

from ringwall.core.calls.bridging import bridge
from support.calls.world import World

TRACK = "moh/manolo_camp-morning_coffee"


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


def talk(world: World, **kinds):
    a, b = world.talk(world.phone("201", **kinds), world.phone("202", **kinds))
    return a, b, world.only_call()


def music(media, leg: str) -> list[str]:
    return [item["prompt"] for items in media.playing(leg) for item in items]


def hold(world: World, call, direction: str = "sendonly", method: str = "INVITE") -> None:
    call.change(direction, method)
    world.run(3)


@pytest.mark.parametrize("kinds", [{}, {"dtls": True}, {"suites": ("AES_CM_128_HMAC_SHA1_80",)}])
@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_music_while_it_is_held_and_a_relay_afterwards(world: World, media, kinds, by, direction) -> None:
    a, b, call = talk(world, **kinds)
    holder = a if by == "caller" else b
    own, other = (call.caller, call.callee) if by == "caller" else (call.callee, call.caller)
    hold(world, holder, direction)
    assert holder.status("INVITE")[-1] == 200
    assert music(media, other.tag) == [TRACK]
    assert not music(media, own.tag)
    assert media.hears(other.tag) == media.hears(own.tag) == set()
    assert call.relay is None
    hold(world, holder, "sendrecv")
    assert holder.status("INVITE")[-1] == 200
    assert not media.legs
    assert call.relay is not None
    assert not call.bridge_holds
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()
    world.run()
    assert b.state == "ended"


def test_they_hear_one_another_at_once_when_nobody_holds_any_more(world: World, media) -> None:
    a, _, call = talk(world)
    hold(world, a)
    before = len(media.log)
    hold(world, a, "sendrecv")
    one, other = call.caller.tag, call.callee.tag
    [said] = [fields["hears"] for op, fields in media.log[before:] if op == "room.set"]
    assert said == {one: {other: 1.0}, other: {one: 1.0}}
    a.bye()


def test_both_may_hold_and_the_last_one_takes_it_back(world: World, media) -> None:
    a, b, call = talk(world)
    hold(world, a)
    hold(world, b)
    assert music(media, call.caller.tag) == music(media, call.callee.tag) == [TRACK]
    hold(world, a, "sendrecv")
    assert music(media, call.caller.tag) == [TRACK]
    assert music(media, call.callee.tag) == []
    hold(world, b, "sendrecv")
    assert not media.legs
    a.bye()


def test_a_hold_by_update_is_one_too(world: World, media) -> None:
    a, _, call = talk(world)
    hold(world, a, method="UPDATE")
    assert music(media, call.callee.tag) == [TRACK]
    a.bye()


@pytest.mark.parametrize("who", ["holder", "held"])
def test_either_hangs_up_while_it_is_held_and_nothing_is_left(world: World, media, who) -> None:
    a, b, _ = talk(world)
    hold(world, a)
    (a if who == "holder" else b).bye()
    world.run()
    assert (a.state, b.state) == ("ended", "ended")
    assert not media.legs


def test_who_is_held_can_be_transferred(world: World, media) -> None:
    a, b, _ = talk(world)
    carla = world.phone("203")
    hold(world, a)
    a.request("REFER", headers=[("Refer-To", f"<sip:203@{world.domain}>")])
    world.run(3)
    assert (b.state, carla.last.state) == ("talking", "talking")
    assert not media.legs
    b.bye()


def test_who_is_held_comes_into_a_conference_without_the_music(world: World, media) -> None:
    from support.calls.conference import all_hear_all

    anna, ben, carla = (world.phone(n) for n in ("201", "202", "203"))
    for phone in (ben, carla):
        call = anna.call(phone.extension)
        world.run()
        hold(world, call)
    own = anna.call("*10")
    world.run(3)
    assert all_hear_all(world, media, 3)
    assert not media.players
    own.bye()
    ben.last.bye()


def test_without_music_or_media_server_the_hold_is_passed_on(world: World, media) -> None:
    a, b, _ = talk(world)
    media.lose()
    hold(world, a)
    assert b"a=sendonly" in b.remote_sdp
    hold(world, a, "sendrecv")
    assert b"a=sendrecv" in b.remote_sdp
    a.bye()


@pytest.mark.parametrize("operation", ["leg.open", "leg.connect"])
def test_a_server_that_refuses_leaves_the_hold_as_it_was(world: World, media, operation) -> None:
    a, b, call = talk(world)
    media.refusing[operation] = "full"
    hold(world, a)
    assert a.status("INVITE")[-1] == 200
    assert b"a=sendonly" in b.remote_sdp
    assert not media.legs
    assert call.relay is not None
    a.bye()


def test_who_does_not_follow_is_held_as_before(world: World, media) -> None:
    a, b, call = talk(world)
    world.phones[1].on_change = 488
    hold(world, a)
    assert a.status("INVITE")[-1] == 488
    assert (a.state, b.state) == ("talking", "talking")
    assert not media.legs
    assert call.relay is not None
    a.bye()


def test_a_carrier_that_holds_is_passed_on_and_one_that_is_held_hears_music(world: World, media) -> None:
    carrier = world.carrier()
    alice = world.phone("201")
    a = alice.call("914085550123")
    world.run()
    hold(world, carrier.last)
    assert b"a=sendonly" in a.remote_sdp
    hold(world, carrier.last, "sendrecv")
    hold(world, a)
    assert music(media, world.only_call().callee.tag) == [TRACK]
    a.bye()


@pytest.mark.req("P2")
def test_an_emergency_call_stays_on_its_relay(world: World, media) -> None:
    carrier = world.carrier()
    a = world.phone("201").call("911")
    world.run()
    hold(world, a)
    assert not media.log
    assert world.only_call().relay is not None
    carrier.last.bye()


def test_a_call_in_a_room_has_music_there_and_stays(world: World, media) -> None:
    a, _, call = talk(world)
    task = world.loop.create_task(bridge.to_bridge(world.switch, call))
    world.run(2)
    task.result()
    hold(world, a)
    assert music(media, call.callee.tag) == [TRACK]
    hold(world, a, "sendrecv")
    assert not media.players
    assert len(media.legs) == 2
    a.bye()


def test_a_media_server_that_dies_brings_both_back_to_a_relay(world: World, media) -> None:
    a, b, call = talk(world)
    hold(world, a)
    media.kill()
    world.media_up()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    assert call.relay is not None
    a.bye()


@pytest.mark.req("R1")
def test_a_held_call_outlives_the_core(world: World, media) -> None:
    a, b, _ = talk(world)
    hold(world, a)
    world.restart_core()
    world.media_up()
    world.run(15)
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()
    world.run()
    assert b.state == "ended"
