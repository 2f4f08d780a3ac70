"""Calls that move from their relay to the media server and back, and who hears whom there."""

import pytest

from ringwall.core.calls.bridging import bridge
from support.calls.media import BOTH

AES, GCM = BOTH


@pytest.fixture(autouse=True)
def media(world):
    world.media_up()
    return world.media_server


def do(world, work):
    """Run a piece of work to its end."""
    task = world.loop.create_task(work)
    world.run(5)
    return task.result()


def talk(world, **kinds):
    a, b = world.talk(world.phone("201", **kinds), world.phone("202", **kinds))
    return a, b, world.only_call()


def gathered(world, **kinds):
    a, b, call = talk(world, **kinds)
    do(world, bridge.to_bridge(world.switch, call))
    return a, b, call


@pytest.mark.parametrize("kinds", [{}, {"suites": (AES,)}, {"suites": (GCM, AES)}, {"dtls": True}])
def test_a_call_moves_to_a_room_and_back_and_nobody_is_hung_up(world, media, kinds):
    a, b, call = gathered(world, **kinds)
    assert (a.state, b.state) == ("talking", "talking")
    one, other = call.caller.tag, call.callee.tag
    assert (media.hears(one), media.hears(other)) == ({other}, {one})
    assert all(leg.wiring for leg in media.legs.values())
    assert call.relay is None
    assert len(world.rtpengine.calls) == 2
    do(world, bridge.to_relay(world.switch, call))
    assert (a.state, b.state) == ("talking", "talking")
    assert not media.legs
    assert call.relay is not None
    a.bye()
    world.run()
    assert b.state == "ended"


def test_who_hears_whom_is_told_before_the_first_one_is_asked_to_follow(world, media):
    _, _, call = talk(world)
    task = world.loop.create_task(bridge.to_bridge(world.switch, call))
    while not any(op == "room.set" for op, _ in media.log):
        world.run(0.001)
    assert all(leg.media is None for leg in call.legs())
    world.run()
    task.result()
    call_ids = [leg.wiring for leg in media.legs.values()]
    assert len(call_ids) == 2
    world.phones[0].last.bye()


def test_who_hangs_up_in_a_room_ends_the_call_and_both_legs(world, media):
    a, b, _ = gathered(world)
    b.bye()
    world.run()
    assert a.state == "ended"
    assert not media.legs
    assert not media.rooms


def test_a_party_in_a_room_changes_its_media_and_the_other_one_hears_nothing_of_it(world, media):
    a, b, call = gathered(world)
    before, asked = dict(media.legs[call.caller.tag].wiring), len(b.requests)
    a.change()
    world.run()
    assert a.status("INVITE")[-1] == 200
    assert len(b.requests) == asked
    assert media.legs[call.caller.tag].wiring["send_key"] == before["send_key"]
    a.bye()


def test_plain_media_is_refused_in_a_room_as_anywhere(world, media):
    from support.calls.media import describe

    a, _, _ = gathered(world)
    a.version += 1
    a.request("INVITE", describe((), protocol="RTP/AVP", version=a.version))
    world.run()
    assert a.status("INVITE")[-1] == 488
    assert world.told("media.refused")
    a.bye()


def test_a_media_server_that_is_away_leaves_the_call_where_it_was(world, media):
    a, b, call = talk(world)
    media.lose()
    with pytest.raises(bridge.NotMoved, match="no media server"):
        do(world, bridge.to_bridge(world.switch, call))
    assert call.relay is not None
    assert (a.state, b.state) == ("talking", "talking")
    assert not a.requests
    a.bye()


@pytest.mark.parametrize("operation", ["leg.open", "room.set"])
def test_a_server_that_refuses_leaves_the_call_where_it_was(world, media, operation):
    a, b, call = talk(world)
    media.refusing[operation] = "failed"
    with pytest.raises(bridge.NotMoved):
        do(world, bridge.to_bridge(world.switch, call))
    assert not media.legs
    assert (a.state, b.state) == ("talking", "talking")
    assert len(world.rtpengine.calls) == 1
    a.bye()


def test_a_relay_that_is_away_leaves_the_call_where_it_was(world, media):
    a, b, call = talk(world)
    world.rtpengine.down = True
    with pytest.raises(bridge.NotMoved):
        do(world, bridge.to_bridge(world.switch, call))
    world.rtpengine.down = False
    assert not media.legs
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()


def test_one_who_does_not_follow_brings_the_other_one_back(world, media):
    a, b, call = talk(world)
    world.phones[1].on_change = 488

    task = world.loop.create_task(bridge.to_bridge(world.switch, call))
    while not b.requests:
        world.run(0.0001)
    world.phones[1].on_change = "accept"
    world.run(5)
    assert isinstance(task.exception(), bridge.NotMoved)
    assert (a.state, b.state) == ("talking", "talking")
    assert call.relay is not None
    assert not media.legs
    a.bye()


def test_one_who_follows_nowhere_ends_the_call(world, media):
    a, _, call = talk(world)
    world.phones[1].on_change = 488
    with pytest.raises(bridge.NotMoved):
        do(world, bridge.to_bridge(world.switch, call))
    assert a.state == "ended"
    assert not media.legs


def test_one_who_hangs_up_meanwhile_leaves_nothing(world, media):
    a, b, call = talk(world)
    task = world.loop.create_task(bridge.to_bridge(world.switch, call))
    world.run(0.004)
    b.bye()
    world.run(5)
    assert isinstance(task.exception(), bridge.NotMoved)
    assert a.state == "ended"


@pytest.mark.req("P2")
def test_an_emergency_call_never_moves(world, media):
    carrier = world.carrier()
    alice = world.phone("201")
    call = alice.call("911")
    world.run()
    assert call.state == "talking"
    with pytest.raises(bridge.NotMoved, match="emergency"):
        do(world, bridge.to_bridge(world.switch, world.only_call()))
    carrier.last.bye()


def test_a_third_one_hears_only_whom_it_is_let_hear(world, media):
    a, b, call = gathered(world)
    c, d = world.talk(world.phone("203"), world.phone("204"))
    other = next(each for each in world.switch.calls.values() if each is not call)
    do(world, bridge.join(world.switch, other, other.caller, call.id))
    bridge.set_gain(other.caller, call.caller)
    do(world, bridge.apply(world.switch, call.id))
    assert media.hears(other.caller.tag) == {call.caller.tag}
    assert media.hears(call.caller.tag) == {call.callee.tag}
    bridge.set_gain(call.caller, other.caller)
    bridge.set_gain(other.caller, call.caller, 0)
    do(world, bridge.apply(world.switch, call.id))
    assert media.hears(other.caller.tag) == set()
    c.bye()
    world.run()
    assert other.caller.tag not in call.caller.media.hears if call.caller.media else True
    a.bye()
    assert b.state
    assert d.state


def test_a_change_that_comes_while_the_call_moves_is_glare(world, media):
    a, _, call = talk(world)
    call.begin_move()
    a.change()
    world.run()
    assert 491 in a.status("INVITE")
    call.end_move()
    a.bye()


@pytest.mark.req("R1")
def test_a_room_call_outlives_the_core(world, media):
    a, b, call = gathered(world)
    one, other = call.caller.tag, call.callee.tag
    wires = {name: dict(leg.wiring) for name, leg in media.legs.items()}
    world.restart_core()
    world.media_up()
    world.run(10)
    assert (a.state, b.state) == ("talking", "talking")
    assert {name: leg.wiring for name, leg in media.legs.items()} == wires
    again = world.only_call()
    assert set(world.switch.rooms[again.id]) == {one, other}
    do(world, bridge.to_relay(world.switch, again))
    assert not media.legs
    a.bye()
    world.run()
    assert b.state == "ended"


@pytest.mark.req("R1")
@pytest.mark.parametrize("comes_back", [True, False])
def test_a_call_of_two_goes_back_to_a_relay_when_the_media_server_has_died(world, media, comes_back):
    a, b, call = gathered(world)
    media.kill()
    if comes_back:
        world.media_up()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    assert call.relay is not None
    assert len(world.rtpengine.calls) == 1
    world.media_up()
    world.run(5)
    assert not media.legs
    a.bye()


def test_a_link_that_is_back_at_once_moves_nobody(world, media):
    a, b, call = gathered(world)
    asked = len(a.requests), len(b.requests)
    media.lose()
    world.run(0.5)
    world.media_up()
    world.run(5)
    assert (len(a.requests), len(b.requests)) == asked
    assert call.relay is None
    a.bye()


@pytest.mark.req("R1")
def test_core_and_media_server_may_both_have_died(world, media):
    a, b, _ = gathered(world)
    media.kill()
    world.restart_core()
    world.media_up()
    world.run(15)
    assert (a.state, b.state) == ("talking", "talking")
    assert world.only_call().relay is not None
    assert not media.legs
    a.bye()


def test_relay_calls_hear_nothing_of_a_media_server_that_dies(world, media):
    a, b, _ = talk(world)
    media.kill()
    world.media_up()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    assert not a.requests
    assert not b.requests
    a.bye()


def test_legs_that_nobody_knows_are_closed_when_the_link_comes_up(world, media):
    from support.calls.media_server import Leg

    media.lose()
    media.legs["stranger"] = Leg(1)
    world.media_up()
    assert not media.legs


def test_a_call_in_a_room_can_be_transferred(world, media):
    a, b, _ = gathered(world)
    carol = world.phone("203")
    a.request("REFER", headers=[("Refer-To", f"<sip:203@{world.domain}>")])
    world.run(3)
    assert b.state == "talking"
    assert carol.last.state == "talking"
    assert not media.legs
    b.bye()
    world.run()
    assert carol.last.state == "ended"


def test_a_phone_that_changes_its_network_keeps_its_room(world, media):
    a, b, call = gathered(world)
    world.run(1900)  # the session is refreshed
    assert (a.state, b.state) == ("talking", "talking")
    assert media.hears(call.caller.tag) == {call.callee.tag}
    a.bye()
