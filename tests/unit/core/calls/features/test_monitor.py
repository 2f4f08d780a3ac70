"""Silent monitor, silent coach and barge in: who hears whom, who may, and which tones."""

import pytest

from ringwall.core.calls.model.watching import WatchMode
from ringwall.policy import FROM_ALL, FROM_NOBODY, Accept
from support.calls.watching import (
    COACH,
    KEYS,
    MONITOR,
    hears,
    tones,
    wanted,
    watch,
    watched,
)
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def allowed(world):
    world.rights.telephony(monitor=True, accept_monitor=FROM_ALL, barge_in=True, accept_barge_in=FROM_ALL)


@pytest.fixture
def talk(world, allowed):
    """T and C talk."""
    a, b = world.talk(world.phone("201"), world.phone("202"))
    yield a, b
    if "talking" in (a.state, b.state):
        world.run(5)
        a.bye()


@pytest.fixture
def boss(world):
    return world.phone("301")


@pytest.mark.parametrize("mode", WatchMode)
def test_who_hears_whom(world, talk, boss, mode):
    own = watch(world, boss, mode)
    assert own.state == "talking"
    assert hears(world) == wanted(mode)
    [started] = world.told("watch.started")
    assert (started["by"], started["target"], started["other"], started["mode"], started["rule"]) == (
        "301", "201", "202", mode.value, "pair.allowed",
    )  # fmt: skip
    own.bye()


@pytest.mark.parametrize("mode", WatchMode)
def test_the_watcher_goes_and_the_two_talk_on_by_a_relay(world, media, talk, boss, mode):
    a, b = talk
    own = watch(world, boss, mode)
    own.bye()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    assert watched(world).relay is not None
    assert not media.legs
    assert not media.players
    [ended] = world.told("watch.ended")
    assert (ended["by"], ended["mode"], ended["why"]) == ("301", mode.value, "the watcher left")
    a.bye()
    world.run()
    [of_call] = [told for told in world.told("call.ended") if told["dialled"] == "202"]
    assert of_call["watched_by"] == ["301"]


@pytest.mark.parametrize("mode", WatchMode)
@pytest.mark.parametrize("who", [0, 1])
def test_the_call_ends_for_all_when_one_of_the_two_hangs_up(world, media, talk, boss, mode, who):
    own = watch(world, boss, mode)
    talk[who].bye()
    world.run(5)
    assert {own.state, talk[0].state, talk[1].state} == {"ended"}
    assert not media.legs
    [ended] = world.told("watch.ended")
    assert ended["why"] == "the call ended"


@pytest.mark.parametrize("before", WatchMode)
@pytest.mark.parametrize("after", WatchMode)
def test_the_watcher_moves_between_the_modes_by_keys(world, media, talk, boss, before, after):
    own = watch(world, boss, before)
    [tag] = [c.watch.by.tag for c in world.switch.calls.values() if c.watch]
    media.press(tag, "1" + KEYS[after])
    world.run(4)
    assert hears(world) == wanted(after)
    moved = world.told("watch.moved")
    assert [(each["before"], each["mode"]) for each in moved] == (
        [(before.value, after.value)] if after is not before else []
    )
    own.bye()


@pytest.mark.parametrize("mode", WatchMode)
def test_who_may_not_hears_the_error_tone_and_the_two_hear_nothing_of_it(world, media, talk, boss, mode):
    world.rights.telephony(accept_monitor=FROM_ALL, accept_barge_in=FROM_ALL)
    own = watch(world, boss, mode)
    assert own.statuses == [183, 403]
    assert media.played() == ["congestion"]
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["caller"], denied["target"]) == ("feature.denied", "301", "201")
    assert not talk[0].requests
    assert not talk[1].requests
    assert watched(world).watch is None
    talk[0].bye()


@pytest.mark.parametrize("mode", WatchMode)
@pytest.mark.parametrize("accept", [FROM_NOBODY, Accept.only_from(users=["302"])])
def test_who_is_not_accepted_hears_the_error_tone_and_the_target_is_not_alerted(
    world, media, talk, boss, mode, accept
):
    world.rights.telephony(monitor=True, barge_in=True, accept_monitor=accept, accept_barge_in=accept)
    own = watch(world, boss, mode)
    assert own.statuses == [183, 403]
    assert media.played() == ["congestion"]
    [denied] = world.told("call.denied")
    assert denied["rule"] == "pair.not-accepted"
    assert not talk[0].requests
    talk[0].bye()


@pytest.mark.parametrize("mode", WatchMode)
def test_who_is_accepted_by_name_may(world, talk, boss, mode):
    only = Accept.only_from(users=["301"])
    world.rights.telephony(monitor=True, barge_in=True, accept_monitor=only, accept_barge_in=only)
    own = watch(world, boss, mode)
    assert own.state == "talking"
    own.bye()


@pytest.mark.parametrize("lost", ["right", "acceptance"])
def test_a_move_asks_for_the_right_of_the_new_mode(world, media, talk, boss, lost):
    own = watch(world, boss, MONITOR)
    rights = {"barge_in": False} if lost == "right" else {"barge_in": True, "accept_barge_in": FROM_NOBODY}
    world.rights.telephony(monitor=True, accept_monitor=FROM_ALL, **rights)
    call = watched(world)
    media.press(call.watch.by.tag, "6")
    world.run(4)
    assert hears(world) == wanted(MONITOR)
    assert call.watch.mode is MONITOR
    assert tones(media, call.watch.by.tag) == ["congestion"]
    assert "intrusion" not in media.played()
    [denied] = world.told("call.denied")
    assert denied["action"] == "barge in"
    assert not world.told("watch.moved")
    own.bye()


def test_the_other_party_alone_hears_the_warning_tone(world, media, talk, boss):
    own = watch(world, boss, MONITOR)
    call = watched(world)
    assert tones(media, call.callee.tag) == ["warning"]
    assert tones(media, call.caller.tag) == []
    assert tones(media, call.watch.by.tag) == []
    own.bye()


def test_no_warning_tone_where_the_class_of_service_says_so(world, media, allowed, talk, boss):
    world.rights.telephony(monitor=True, accept_monitor=FROM_ALL, warning_tone=False)
    own = watch(world, boss, MONITOR)
    assert own.state == "talking"
    assert media.played() == []
    own.bye()


def test_both_hear_the_intrusion_tone_and_the_warning_tone_stops(world, media, talk, boss):
    own = watch(world, boss, COACH)
    call = watched(world)
    assert len(media.players) == 1
    media.press(call.watch.by.tag, "6")
    world.run(4)
    assert not media.players
    assert tones(media, call.caller.tag) == ["intrusion"]
    assert tones(media, call.callee.tag) == ["warning", "intrusion"]
    assert tones(media, call.watch.by.tag) == []
    media.press(call.watch.by.tag, "4")
    world.run(4)
    assert tones(media, call.callee.tag) == ["warning", "intrusion", "warning"]
    own.bye()


def test_the_tone_is_heard_before_the_one_who_barges_in(world, media, talk, boss):
    own = boss.call("*16201")
    while "intrusion" not in media.played():
        world.run(0.01)
    assert hears(world)["C"] == {"T"}
    world.run(4)
    assert hears(world)["C"] == {"T", "I"}
    own.bye()


def test_a_call_with_the_outside_is_watched_too(world, media, allowed, boss):
    carrier = world.carrier()
    carrier.on_invite = "answer"
    a = world.phone("201").call("914155550123")
    world.run(2)
    own = watch(world, boss, COACH)
    call = watched(world)
    assert own.state == "talking"
    assert media.hears(call.callee.tag) == {call.caller.tag}
    assert media.hears(call.caller.tag) == {call.callee.tag, call.watch.by.tag}
    own.bye()
    world.run(5)
    a.bye()
