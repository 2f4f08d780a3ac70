"""What keeps a call in a room, and how it comes back to a relay when nothing does."""

import pytest

from ringwall.core.calls.bridging import bridge, bridge_holds


@pytest.fixture(autouse=True)
def media(world):
    world.media_up()
    return world.media_server


def do(world, work):
    task = world.loop.create_task(work)
    world.run(5)
    return task.result()


def kept(world, *reasons):
    a, b = world.talk(world.phone("201"), world.phone("202"))
    call = world.only_call()
    for reason in reasons:
        assert do(world, bridge_holds.hold_in_bridge(world.switch, call, reason)) == call.id
    return a, b, call


def test_a_call_goes_back_when_the_last_reason_is_gone(world, media):
    a, b, call = kept(world, "one", "another")
    assert call.relay is None
    bridge_holds.release(world.switch, call, "one")
    world.run(5)
    assert call.relay is None
    bridge_holds.release(world.switch, call, "another")
    world.run(5)
    assert call.relay is not None
    assert not media.legs
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()


def test_a_reason_that_comes_while_the_call_goes_back_is_served(world, media):
    a, b, call = kept(world, "one")
    bridge_holds.release(world.switch, call, "one")
    world.run(0.001)
    do(world, bridge_holds.hold_in_bridge(world.switch, call, "another"))
    world.run(5)
    assert call.relay is None
    assert len(media.legs) == 2
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()


def test_one_who_is_not_to_be_brought_back_now_is_asked_again(world, media):
    a, b, call = kept(world, "one")
    world.rtpengine.down = True
    bridge_holds.release(world.switch, call, "one")
    world.run(3)
    assert (a.state, b.state) == ("talking", "talking")
    assert call.relay is None
    world.rtpengine.down = False
    world.run(6)
    assert call.relay is not None
    a.bye()


def test_what_could_not_be_moved_is_kept_by_nothing(world, media):
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    call = world.only_call()
    media.lose()
    with pytest.raises(bridge.NotMoved):
        do(world, bridge_holds.hold_in_bridge(world.switch, call, "one"))
    assert not call.bridge_holds
    a.bye()


@pytest.mark.req("R1")
def test_a_new_process_brings_a_call_back_whose_reasons_died_with_the_old_one(world, media):
    a, b, _ = kept(world, "one")
    world.restart_core()
    world.media_up()
    world.run(15)
    assert (a.state, b.state) == ("talking", "talking")
    assert world.only_call().relay is not None
    assert not media.legs
    a.bye()


def test_a_call_that_ends_meanwhile_leaves_nothing(world, media):
    a, b, call = kept(world, "one")
    bridge_holds.release(world.switch, call, "one")
    b.bye()
    world.run(1)
    assert a.state == "ended"
