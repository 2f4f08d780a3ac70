"""Directed intercom: who is called over the speaker, who rings, who is refused, and who hears whom."""

import pytest

from ringwall.core.calls.model.settings import Forwarding
from ringwall.core.calls.routing.originate import auto_answer
from ringwall.policy import FROM_NOBODY
from support.calls.hearing import WISHES, hears, tones, wishes
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def anna(world):
    return world.phone("201")


@pytest.fixture
def ben(world):
    phone = world.phone("202")
    phone.on_invite = "answer"
    return phone


def test_an_idle_phone_answers_by_itself_and_both_hear_one_another_after_the_tones(world, media, anna, ben):
    call = anna.call("*15202")
    while not ben.calls or ben.last.state != "talking" or call.state != "talking":
        world.run(0.005)
    assert wishes(ben.last.invite) == list(WISHES)
    assert not hears(world, anna)
    assert not hears(world, ben)
    world.run(3)
    assert media.played() == ["page", "beep"]
    assert tones(world) == {"202": ["page"], "201": ["beep"]}
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    assert call.statuses == [180, 200]
    call.bye()
    world.run()
    assert ben.last.state == "ended"
    [ended] = world.told("call.ended")
    assert (ended["feature"], ended["callee"], ended["cause"]) == ("intercom", "202", "hung up")


def test_the_one_who_was_called_can_hang_up_as_well(world, anna, ben):
    call = anna.call("*15202")
    world.run(3)
    ben.last.bye()
    world.run()
    assert call.state == "ended"


def test_who_may_not_is_refused_with_the_fast_busy_intercept(world, media, anna, ben):
    world.rights.telephony(intercom=False)
    call = anna.call("*15202")
    world.run(10)
    assert call.statuses == [183, 403]
    assert media.played() == ["intercept"]
    assert not ben.calls
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["action"], denied["caller"]) == ("feature.denied", "intercom", "201")
    assert not world.told("call.ended")


def test_without_a_media_server_the_refusal_comes_at_once(world, media, anna, ben):
    media.lose()
    world.rights.telephony(intercom=False)
    call = anna.call("*15202")
    world.run(0.5)
    assert call.statuses == [403]
    assert "does not have" in call.responses[-1].headers.get("Warning")


def rings(world, call, ben, media) -> None:
    """The call of Ben is one that he takes by hand, and its media does not go to the media server."""
    world.run(1)
    assert call.statuses == [180]
    assert not wishes(ben.last.invite)
    ben.last.answer()
    world.run()
    assert call.state == "talking"
    assert not media.legs
    assert not media.played()
    call.bye()
    world.run()


def test_who_does_not_accept_it_is_rung_as_in_any_call(world, media, anna, ben):
    world.rights.telephony(accept_intercom=FROM_NOBODY)
    ben.on_invite = "ring"
    rings(world, anna.call("*15202"), ben, media)
    assert world.told("call.ended")[0]["answered_by"] == "hand"


def test_a_busy_one_is_rung_as_in_any_call(world, media, anna, ben):
    other, _ = world.talk(world.phone("203"), ben)
    ben.on_invite = "ring"
    rings(world, anna.call("*15202"), ben, media)
    other.bye()


def test_a_phone_in_a_browser_is_rung_as_in_any_call(world, media, anna):
    browser = world.phone("204", dtls=True)
    browser.on_invite = "ring"
    rings(world, anna.call("*15204"), browser, media)


def test_without_a_media_server_there_is_no_tone_and_so_no_open_microphone(world, media, anna, ben):
    media.lose()
    ben.on_invite = "ring"
    rings(world, anna.call("*15202"), ben, media)


@pytest.mark.parametrize("accept", [True, False])
def test_forwarding_is_left_out_in_every_case(world, anna, ben, accept):
    if not accept:
        world.rights.telephony(accept_intercom=FROM_NOBODY)
    cleo = world.phone("203")
    world.rights.forwards["202"] = Forwarding(always="203", busy="203", no_answer="203", seconds=5)
    ben.on_invite = "ring"
    call = anna.call("*15202")
    world.run(world.settings.sip.ring_seconds + 5)
    assert ben.calls
    assert not cleo.calls
    assert call.statuses == [180, 480]


def test_a_phone_that_does_not_know_the_headers_rings_and_is_taken_by_hand(world, media, anna, ben):
    ben.on_invite = "ring"
    call = anna.call("*15202")
    world.run(5)
    assert call.statuses == [180]
    ben.last.answer()
    world.run(4)
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    call.bye()
    world.run()


def test_of_several_phones_the_first_that_answers_has_the_call(world, media, anna, ben):
    second = world.phone("202")
    second.on_invite = "ring"
    browser = world.phone("202", dtls=True)
    call = anna.call("*15202")
    world.run(4)
    assert ben.last.state == "talking"
    assert second.last.state == "cancelled"
    assert not browser.calls
    assert len(media.legs) == 2
    call.bye()
    world.run()


def test_a_phone_that_refuses_is_busy(world, media, anna, ben):
    ben.on_invite = 486
    call = anna.call("*15202")
    world.run()
    assert call.statuses == [486]
    assert not media.legs


def test_who_hangs_up_while_it_rings_leaves_nothing(world, media, anna, ben):
    ben.on_invite = "ring"
    call = anna.call("*15202")
    world.run(1)
    call.cancel()
    world.run()
    assert ben.last.state == "cancelled"
    assert not media.legs


def test_who_hangs_up_during_the_tones_leaves_nothing(world, media, anna, ben):
    call = anna.call("*15202")
    while call.state != "talking":
        world.run(0.01)
    call.bye()
    world.run()
    assert ben.last.state == "ended"
    assert not media.legs


def test_an_answer_in_the_clear_is_hung_up_and_the_caller_is_told(world, media, anna, ben):
    from support.calls.media import describe

    ben.on_invite = "ring"
    call = anna.call("*15202")
    world.run(1)
    ben.last.answer(describe((), protocol="RTP/AVP"))
    world.run()
    assert call.statuses[-1] == 480
    assert world.told("media.refused")
    assert not media.legs


@pytest.mark.parametrize(
    ("dialled", "status"),
    [("*15", 404), ("*15299", 404), ("*15201", 403), ("*15202", 480)],
    ids=["nobody", "unknown", "oneself", "no phone"],
)
def test_where_nobody_can_be_reached_the_answer_says_so(world, anna, dialled, status):
    if dialled == "*15202":
        world.phone("202", register=False)
    call = anna.call(dialled)
    world.run(10)
    assert call.statuses[-1] == status


def test_one_who_has_as_many_calls_as_allowed_is_busy(world, anna, ben):
    world.rights.telephony(max_calls=1)
    other, _ = world.talk(world.phone("203"), ben)
    call = anna.call("*15202")
    world.run()
    assert call.statuses == [486]
    other.bye()


def test_a_phone_without_a_user_has_none(world, ben):
    phone = world.phone("205")
    world.rights.unassigned(phone.username)
    call = phone.call("*15202")
    world.run(10)
    assert call.statuses[-1] == 403
    assert not ben.calls


def test_nobody_outside_has_it(world, ben):
    carrier = world.carrier()
    call = carrier.call("*15202")
    world.run(3)
    assert call.statuses[-1] >= 400
    assert not ben.calls


def test_the_headers_of_a_caller_open_no_speaker(world, anna, ben):
    """What makes a phone answer is said by the system alone."""
    ben.on_invite = "ring"
    call = anna.call("202", headers=auto_answer("voice.example"))
    world.run()
    assert not wishes(ben.last.invite)
    call.cancel()
    world.run()


@pytest.mark.parametrize("operation", ["leg.open", "leg.connect", "play", "room.set"])
def test_a_media_server_that_refuses_ends_the_call_and_leaves_nothing(world, media, anna, ben, operation):
    media.refusing[operation] = "failed"
    call = anna.call("*15202")
    world.run(10)
    if call.state == "talking":  # without the tones, which the server would not play
        assert operation == "play"
        call.bye()
    world.run()
    assert not media.legs


def test_it_goes_on_in_another_process(world, media, anna, ben):
    call = anna.call("*15202")
    world.run(4)
    world.restart_core()
    media.connect()
    world.run(10)
    assert (call.state, ben.last.state) == ("talking", "talking")
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    call.bye()
    world.run()
    assert ben.last.state == "ended"


def test_it_can_be_transferred_as_any_call(world, media, anna, ben):
    cleo = world.phone("203")
    call = anna.call("*15202")
    world.run(4)
    call.request("REFER", headers=[("Refer-To", "<sip:203@voice.example>")])
    world.run(4)
    assert call.state == "ended"
    assert (ben.last.state, cleo.last.state) == ("talking", "talking")
    assert not media.legs
    assert world.only_call().relay is not None
    cleo.last.bye()
    world.run()
    assert ben.last.state == "ended"


def test_it_can_be_held_and_resumed(world, media, anna, ben):
    call = anna.call("*15202")
    world.run(4)
    for direction in ("sendonly", "sendrecv"):
        call.change(direction)
        world.run()
        assert call.status("INVITE")[-1] == 200
    assert (hears(world, anna), hears(world, ben)) == ({"202"}, {"201"})
    call.bye()
    world.run()
