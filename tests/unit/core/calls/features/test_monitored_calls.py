"""Watching of calls: which calls, what goes on meanwhile, and what is left when something fails."""

import pytest

from ringwall.policy import FROM_ALL
from support.calls.watching import (
    BARGE,
    COACH,
    MONITOR,
    hears,
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


def test_one_watcher_for_a_call(world, media, talk, boss):
    own = watch(world, boss, MONITOR)
    for code in ("*17201", "*17202", "*16201"):
        other = world.phone("302").call(code)
        world.run(4)
        assert other.statuses[-1] == 486
    assert hears(world) == wanted(MONITOR)
    own.bye()
    world.run(3)
    again = world.phone("302").call("*17201")
    world.run(4)
    assert again.state == "talking"
    again.bye()


@pytest.mark.parametrize("extension", ["203", "201"])
def test_who_is_in_no_call_cannot_be_watched(world, media, allowed, boss, extension):
    world.phone("203")
    world.phone("201").on_invite = "ring"
    if extension == "201":
        ringing = world.phone("204").call("201")
        world.run()
    own = watch(world, boss, MONITOR, extension)
    assert own.statuses == [183, 480]
    assert world.told("call.refused")[0]["why"] == f"{extension} has no call that can be watched"
    if extension == "201":
        ringing.cancel()


def test_nobody_watches_a_call_of_their_own(world, allowed):
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    second = world.phone("201").call("*17202")
    world.run(4)
    assert second.statuses[-1] == 403
    assert world.told("call.refused")[0]["why"] == "nobody watches a call of their own"
    a.bye()


def test_an_unknown_extension_is_denied(world, allowed, boss):
    own = watch(world, boss, MONITOR, "999")
    assert own.statuses[-1] == 404
    assert world.told("call.denied")[0]["rule"] == "target.unknown"


def test_an_emergency_call_is_not_watched(world, media, allowed, boss):
    world.carrier().on_invite = "answer"
    a = world.phone("201").call("911")
    world.run(2)
    own = watch(world, boss, MONITOR)
    assert own.statuses[-1] == 403
    assert world.told("call.denied")[0]["rule"] == "pair.emergency"
    assert not a.requests
    a.bye()


def test_an_emergency_call_is_watched_by_whom_the_class_of_service_lets(world, media, allowed, boss):
    world.rights.telephony(monitor=True, accept_monitor=FROM_ALL, watch_emergency_calls=True)
    world.carrier().on_invite = "answer"
    a = world.phone("201").call("911")
    world.run(2)
    own = watch(world, boss, MONITOR)
    assert own.state == "talking"
    own.bye()
    world.run(5)
    assert a.state == "talking"
    a.bye()


def test_a_call_on_hold_is_not_chosen_where_there_is_another_one(world, allowed, boss):
    anna = world.phone("201")
    a, _ = world.talk(anna, world.phone("202"))
    a.change("sendonly")
    world.run()
    c = anna.call("203") if world.phone("203") else None
    world.run()
    c.change("sendrecv")
    world.run()
    own = watch(world, boss, MONITOR)
    [call] = [call for call in world.switch.calls.values() if call.watch]
    assert call.callee.extension == "203"
    own.bye()
    world.run(5)
    a.bye()
    c.bye()


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_media_server_that_dies_ends_the_watching_and_not_the_call(world, media, talk, boss, comes_back):
    a, b = talk
    own = watch(world, boss, BARGE)
    media.kill()
    if comes_back:
        world.media_up()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    assert watched(world).relay is not None
    assert own.state == "ended"
    [ended] = world.told("watch.ended")
    assert ended["why"] == "the media server was lost"
    world.media_up()
    world.run(5)
    a.bye()


def test_a_media_server_that_is_away_lets_nobody_watch(world, media, talk, boss):
    media.lose()
    own = watch(world, boss, MONITOR)
    assert own.statuses[-1] == 503
    assert not talk[0].requests
    assert watched(world).watch is None
    talk[0].bye()


def test_a_call_that_cannot_be_moved_goes_on_and_the_watcher_is_told(world, media, talk, boss):
    world.phones[1].on_change = 488
    a, b = talk
    own = boss.call("*17201")
    while not b.requests:
        world.run(0.0001)
    world.phones[1].on_change = "accept"
    world.run(10)
    assert own.state == "ended"
    assert (a.state, b.state) == ("talking", "talking")
    assert world.told("watch.failed")
    assert not world.told("watch.started")
    assert watched(world).watch is None
    a.bye()


def test_a_watcher_who_hangs_up_at_once_leaves_nothing(world, media, talk, boss):
    a, b = talk
    own = boss.call("*17201")
    while own.state != "talking":
        world.run(0.001)
    own.bye()
    world.run(10)
    assert (a.state, b.state) == ("talking", "talking")
    assert watched(world).watch is None
    assert watched(world).relay is not None
    a.bye()


def test_who_is_coached_does_not_transfer(world, talk, boss):
    a, _ = talk
    own = watch(world, boss, COACH)
    world.phone("203")
    a.request("REFER", headers=[("Refer-To", "<sip:203@voice.example>")])
    world.run()
    assert a.status("REFER")[-1] == 403
    assert world.told("call.transfer_refused")
    media_key = watched(world).watch.by.tag
    world.media_server.press(media_key, "4")
    world.run(3)
    a.request("REFER", headers=[("Refer-To", "<sip:203@voice.example>")])
    world.run(3)
    assert a.status("REFER")[-1] == 202
    assert own.state == "ended"
    for phone in world.phones:
        for call in phone.calls:
            if call.state == "talking":
                call.bye()


def test_a_new_process_brings_the_two_back_and_ends_the_watching(world, media, talk, boss):
    a, b = talk
    own = watch(world, boss, COACH)
    world.restart_core()
    world.media_up()
    world.run(15)
    assert (a.state, b.state) == ("talking", "talking")
    assert own.state == "ended"
    assert watched(world).relay is not None
    assert not media.legs
    a.bye()


def test_hold_and_resume_while_somebody_listens(world, talk, boss):
    a, b = talk
    own = watch(world, boss, MONITOR)
    a.change("sendonly")
    world.run()
    a.change("sendrecv")
    world.run()
    assert a.status("INVITE")[-2:] == [200, 200]
    assert hears(world) == wanted(MONITOR)
    own.bye()
    world.run(5)
    assert (a.state, b.state) == ("talking", "talking")
    a.bye()


def test_a_call_that_is_coached_comes_into_no_conference(world, media, talk, boss):
    a, b = talk
    own = watch(world, boss, COACH)
    a.change("sendonly")
    world.run()
    call = world.phones[0].call("*10")
    world.run(4)
    assert call.statuses[-1] == 480
    assert hears(world) == wanted(COACH)
    assert (a.state, b.state) == ("talking", "talking")
    own.bye()


def test_keys_of_one_party_come_to_the_other_and_those_of_the_watcher_to_nobody(world, media, talk, boss):
    own = watch(world, boss, BARGE)
    call = watched(world)
    media.press(call.caller.tag, "42")
    media.press(call.callee.tag, "#")
    media.press(call.watch.by.tag, "9")
    world.run()
    talk[0].request("INFO", b"Signal=7\r\nDuration=160", content_type="application/dtmf-relay")
    world.run()
    to_c, to_t = call.callee.tag, call.caller.tag
    assert media.pressed == [(to_c, "4"), (to_c, "2"), (to_t, "#"), (to_c, "7")]
    own.bye()
