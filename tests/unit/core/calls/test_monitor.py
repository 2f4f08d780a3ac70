"""Silent monitor, silent coach and barge in: who hears whom, who may, and what is left when somebody goes."""

import pytest

from ringwall.core.calls.call import WatchMode
from ringwall.policy import FROM_ALL, FROM_NOBODY, Accept
from support.calls.world import World

pytestmark = pytest.mark.req("C2")

MONITOR, COACH, BARGE = WatchMode.MONITOR, WatchMode.COACH, WatchMode.BARGE
CODES = {MONITOR: "*17", COACH: "*12", BARGE: "*16"}
KEYS = {MONITOR: "4", COACH: "5", BARGE: "6"}
# By the watcher I, the one whose call it is T, and the other party C: whom each of them hears.
HEARS = {
    MONITOR: {"I": "TC", "T": "C", "C": "T"},
    COACH: {"I": "TC", "T": "CI", "C": "T"},
    BARGE: {"I": "TC", "T": "CI", "C": "TI"},
}
NAMES = {"201": "T", "202": "C", "301": "I"}


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


def watched(world):
    [call] = [call for call in world.switch.calls.values() if call.callee is not None]
    return call


def hears(world) -> dict[str, set[str]]:
    """Whom each of the three hears, by their letters."""
    legs = {leg.tag: leg for call in world.switch.calls.values() for leg in call.legs() if leg.media}
    return {
        NAMES[leg.extension]: {NAMES[legs[each].extension] for each in world.media_server.hears(tag)}
        for tag, leg in legs.items()
    }


def wanted(mode) -> dict[str, set[str]]:
    return {who: set(heard) for who, heard in HEARS[mode].items()}


def tones(media, tag: str) -> list[str]:
    """The tones that were played to a leg."""
    return [
        item["tone"]
        for op, request in media.log
        if op == "play" and request.get("leg") == tag
        for item in request["items"]
        if "tone" in item
    ]


def watch(world, boss, mode, extension="201"):
    call = boss.call(CODES[mode] + extension)
    world.run(4)
    return call


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


def test_nobody_watches_a_call_of_his_own(world, allowed):
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    second = world.phone("201").call("*17202")
    world.run(4)
    assert second.statuses[-1] == 403
    assert world.told("call.refused")[0]["why"] == "nobody watches a call of his own"
    a.bye()


def test_an_unknown_extension_is_denied(world, allowed, boss):
    own = watch(world, boss, MONITOR, "999")
    assert own.statuses[-1] == 404
    assert world.told("call.denied")[0]["rule"] == "target.unknown"


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
