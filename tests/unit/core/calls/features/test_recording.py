"""Recording of own and of other's calls: who may, what is told to whom, when it pauses, and how it ends."""

import pytest

from ringwall.core.calls.features import recording
from ringwall.policy import FROM_ALL, FROM_NOBODY
from support.calls.mailboxes import Mailboxes, the_call
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture(autouse=True)
def mailboxes(world):
    made = Mailboxes()
    recording.connect(world.switch, made)
    return made


@pytest.fixture
def talk(world):
    world.rights.telephony(record_own=True, record_others=True, accept_record=FROM_ALL)
    a, b = world.talk(world.phone("201"), world.phone("202"))
    yield a, b
    if "talking" in (a.state, b.state):
        world.run(5)
        a.bye()


def info(world, call, wish="on"):
    call.request("INFO", headers=[("Record", wish)])
    world.run(2)
    return call.status("INFO")[-1]


def tones(media, tag):
    return [
        item.get("tone") or item.get("prompt")
        for op, request in media.log
        if op == "play" and request.get("leg") == tag
        for item in request["items"]
        if "silence" not in item
    ]


def recorder(media):
    [found] = media.recorders.values()
    return found


def test_a_phone_says_record_on_and_off(world, media, mailboxes, talk):
    a, b = talk
    assert info(world, a) == 200
    call = the_call(world)
    assert recorder(media)["room"] == call.id
    assert recorder(media)["of"] == [call.caller.tag, call.callee.tag]
    [draft] = mailboxes.begun
    assert (draft.extension, draft.number, draft.name) == ("m201", "202", "User 202")
    world.run(10)
    assert info(world, a, "off") == 200
    world.run(5)
    assert mailboxes.kept == [draft]
    assert not media.recorders
    assert call.relay is not None
    assert (a.state, b.state) == ("talking", "talking")
    [started], [ended] = world.told("recording.started"), world.told("recording.ended")
    assert (started["by"], started["target"], started["other"], started["mailbox"], started["rule"]) == (
        "201", "201", "202", "m201", "feature.allowed",
    )  # fmt: skip
    assert (ended["why"], ended["kept"]) == ("the phone ended it", True)


def test_the_called_side_records_as_well(world, media, mailboxes, talk):
    _, b = talk
    assert info(world, b) == 200
    [draft] = mailboxes.begun
    assert (draft.extension, draft.number) == ("m202", "201")


def test_both_are_told_by_voice_and_by_the_tone(world, media, talk):
    info(world, talk[0])
    call = the_call(world)
    notices = [request for op, request in media.log if op == "play" and "room" in request]
    assert [(each["room"], each["items"]) for each in notices] == [
        (call.id, [{"prompt": "conf-now-recording"}])
    ]
    assert tones(media, call.caller.tag) == tones(media, call.callee.tag) == ["warning"]
    ops = [op for op, _ in media.log]
    assert ops.index("record") < ops.index("play"), "the notice has to stand in the recording"


def test_nobody_is_told_where_the_class_of_service_says_so(world, media, talk):
    world.rights.telephony(record_own=True, warning_tone=False, recording_notice=False)
    assert info(world, talk[0]) == 200
    assert media.played() == []


def test_a_notice_that_cannot_be_played_lets_nothing_be_recorded(world, media, mailboxes, talk):
    media.refusing["play"] = "unknown"
    assert info(world, talk[0]) == 480
    world.run(3)
    assert not mailboxes.kept
    assert mailboxes.gone == mailboxes.begun
    assert not media.recorders
    assert the_call(world).relay is not None


def test_who_may_not_is_refused(world, media, mailboxes, talk):
    world.rights.telephony(record_own=False)
    assert info(world, talk[0]) == 403
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["action"], denied["caller"]) == ("feature.denied", "record own", "201")
    assert not mailboxes.begun
    assert not media.legs


def test_a_full_mailbox_lets_nothing_begin_and_the_user_is_told(world, media, mailboxes, talk):
    mailboxes.full = True
    assert info(world, talk[0]) == 480
    world.run(2)
    assert world.phones[0].texts == ["Your call is not recorded: The mailbox 201 is full."]
    assert not media.legs
    assert world.told("recording.refused")[0]["why"] == "The mailbox 201 is full"


def test_it_pauses_while_the_call_is_on_hold(world, media, talk):
    a, b = talk
    info(world, a)
    a.change("sendonly")
    world.run()
    assert recorder(media)["paused"]
    played = [item["prompt"] for player in media.players.values() for item in player["items"]]
    assert played == ["moh/manolo_camp-morning_coffee"], "nobody is warned of what is not recorded"
    a.change("sendrecv")
    world.run()
    assert not recorder(media)["paused"]
    b.change("sendonly")
    world.run()
    assert recorder(media)["paused"]
    b.change("sendrecv")
    world.run()
    assert not recorder(media)["paused"]
    assert media.played().count("conf-now-recording") == 1


def test_the_code_on_a_second_line_begins_and_ends_it(world, media, mailboxes, talk):
    a, _ = talk
    a.change("sendonly")
    world.run()
    second = world.phones[0].call("*13")
    world.run(3)
    assert second.state == "ended"
    assert recorder(media)["paused"]
    assert "conf-now-recording" not in media.played()
    a.change("sendrecv")
    world.run(2)
    assert not recorder(media)["paused"]
    assert media.played().count("conf-now-recording") == 1
    a.change("sendonly")
    world.run()
    world.phones[0].call("*13")
    world.run(5)
    assert not media.recorders
    assert mailboxes.kept == mailboxes.begun
    a.change("sendrecv")
    world.run()


def test_the_code_says_why_nothing_is_recorded(world, media, mailboxes, talk):
    mailboxes.full = True
    second = world.phones[0].call("*13")
    world.run(5)
    assert second.state == "ended"
    assert media.played() == ["vm-mailboxfull"]
    world.rights.telephony(record_own=False)
    third = world.phones[0].call("*13")
    world.run(5)
    assert third.statuses == [183, 403]


def test_who_is_in_no_call_has_nothing_to_record(world):
    world.rights.telephony(record_own=True)
    call = world.phone("201").call("*13")
    world.run(5)
    assert call.statuses == [183, 480]


def test_a_supervisor_records_somebodys_call_into_their_mailbox(world, media, mailboxes, talk):
    boss = world.phone("301")
    own = boss.call("*13202")
    world.run(3)
    assert own.state == "ended"
    [draft] = mailboxes.begun
    assert (draft.extension, draft.number) == ("m301", "201")
    [started] = world.told("recording.started")
    assert (started["by"], started["target"], started["rule"]) == ("301", "202", "pair.allowed")
    boss.call("*13202")
    world.run(5)
    assert mailboxes.kept == [draft]
    assert the_call(world).relay is not None


@pytest.mark.parametrize("rights", [{"record_others": False}, {"accept_record": FROM_NOBODY}])
def test_both_halves_are_asked_for_somebodys_call(world, media, mailboxes, talk, rights):
    world.rights.telephony(**{"record_others": True, "accept_record": FROM_ALL, **rights})
    own = world.phone("301").call("*13201")
    world.run(5)
    assert own.statuses == [183, 403]
    assert media.played() == ["congestion"]
    assert not talk[0].requests
    assert not mailboxes.begun


def test_one_recording_of_a_call(world, media, mailboxes, talk):
    assert info(world, talk[0]) == 200
    assert info(world, talk[1]) == 480
    own = world.phone("301").call("*13201")
    world.run(5)
    assert own.statuses[-1] == 486
    assert len(mailboxes.begun) == 1


def test_it_ends_with_the_call_and_is_kept(world, media, mailboxes, talk):
    info(world, talk[0])
    world.run(5)
    talk[1].bye()
    world.run(3)
    assert mailboxes.kept == mailboxes.begun
    [ended] = world.told("recording.ended")
    assert ended["why"] == "the call ended"
    [record] = world.told("call.ended")
    assert record["recorded_by"] == ["201"]


def test_it_ends_when_it_is_as_long_as_the_mailbox_takes(world, media, mailboxes, talk):
    mailboxes.most = 20.0
    info(world, talk[0])
    world.run(25)
    assert mailboxes.kept == mailboxes.begun
    assert world.told("recording.ended")[0]["why"] == "it is as long as the mailbox takes"
    assert the_call(world).relay is not None


def test_a_media_server_that_dies_ends_it_and_not_the_call(world, media, mailboxes, talk):
    a, b = talk
    info(world, a)
    world.run(5)
    media.kill()
    world.run(3)
    assert (a.state, b.state) == ("talking", "talking")
    assert the_call(world).relay is not None
    world.media_up()
    world.run(3)
    assert mailboxes.kept == mailboxes.begun
    assert world.told("recording.ended")[0]["why"] == "the media server was lost"
    assert the_call(world).recording is None


def test_a_link_that_was_away_for_a_while_leaves_no_recorder_behind(world, media, mailboxes, talk):
    info(world, talk[0])
    world.run(5)
    media.lose()  # and the server lives on
    world.run(3)
    assert the_call(world).relay is not None
    assert media.recorders
    world.media_up()
    world.run(3)
    assert not media.recorders
    assert not media.rooms
    assert mailboxes.kept == mailboxes.begun


def test_what_cannot_be_kept_now_is_on_record(world, media, mailboxes, talk):
    info(world, talk[0])
    mailboxes.broken = True
    info(world, talk[0], "off")
    world.run(3)
    [ended] = world.told("recording.ended")
    assert not ended["kept"]
    assert "The disk is away" in ended["why"]


def test_a_media_server_that_is_away_lets_nothing_begin(world, media, mailboxes, talk):
    media.lose()
    assert info(world, talk[0]) == 480
    assert mailboxes.gone == mailboxes.begun
    assert not talk[1].requests


def test_a_party_that_hangs_up_while_it_begins_leaves_nothing(world, media, mailboxes, talk):
    a, b = talk
    a.request("INFO", headers=[("Record", "on")])
    world.run(0.002)
    b.bye()
    world.run(5)
    assert mailboxes.gone == mailboxes.begun
    assert not mailboxes.kept


def test_who_only_listens_is_not_in_it_and_who_barges_in_is(world, media, talk):
    world.rights.telephony(
        record_own=True, monitor=True, accept_monitor=FROM_ALL, barge_in=True, accept_barge_in=FROM_ALL
    )
    info(world, talk[0])
    call = the_call(world)
    two = [call.caller.tag, call.callee.tag]
    own = world.phone("301").call("*17201")
    world.run(4)
    assert recorder(media)["of"] == two
    media.press(call.watch.by.tag, "6")
    world.run(4)
    assert recorder(media)["of"] == [*two, call.watch.by.tag]
    assert not media.players, "nobody needs to be warned when somebody has come in for all to hear"
    own.bye()
    world.run(5)
    assert len(media.recorders) == 1
    assert call.relay is None
    assert tones(media, call.callee.tag)[-1] == "warning"


def test_ones_own_recording_ends_when_one_is_coached_and_does_not_begin(world, media, mailboxes, talk):
    world.rights.telephony(
        record_own=True, record_others=True, accept_record=FROM_ALL, monitor=True, accept_monitor=FROM_ALL
    )
    info(world, talk[0])
    world.run(3)
    own = world.phone("301").call("*12201")
    world.run(5)
    assert world.told("recording.ended")[0]["why"] == "the call is being coached"
    assert info(world, talk[0]) == 403
    assert world.told("call.denied")[-1]["rule"] == "record.coached"
    assert info(world, talk[1]) == 200, "the other party may"
    own.bye()
    world.run(3)


def test_an_info_of_something_else_is_passed_on(world, talk):
    a, b = talk
    a.request("INFO", b"Signal=5\r\nDuration=160", content_type="application/dtmf-relay")
    world.run()
    assert [r.method for r in b.requests] == ["INFO"]


def test_a_word_that_is_no_wish_is_passed_on(world, talk):
    a, b = talk
    a.request("INFO", headers=[("Record", "please")])
    world.run()
    assert [r.method for r in b.requests] == ["INFO"]


def test_an_emergency_call_is_recorded_by_nobody(world, media, mailboxes):
    world.rights.telephony(record_own=True, record_others=True, accept_record=FROM_ALL)
    world.carrier().on_invite = "answer"
    a = world.phone("201").call("911")
    world.run(2)
    assert info(world, a) == 480
    own = world.phone("301").call("*13201")
    world.run(5)
    assert own.statuses[-1] == 403
    assert world.told("call.denied")[-1]["rule"] == "pair.emergency"
    assert mailboxes.gone == mailboxes.begun
    a.bye()
