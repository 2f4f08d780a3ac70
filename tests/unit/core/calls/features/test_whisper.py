"""Whisper page: who is joined and how, who hears whom, and that the other party hears nothing of it."""

import pytest

from ringwall.policy import FROM_NOBODY
from support.calls.conference import made
from support.calls.hearing import WISHES, hears, tones, wishes
from support.calls.world import World

pytestmark = pytest.mark.req("C2")


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def parties(world):
    """I, T and C, of whom T and C talk."""
    initiator, target, other = (world.phone(extension) for extension in ("201", "202", "203"))
    world.talk(target, other)
    return initiator, target, other


def end(world, *calls) -> None:
    for call in calls:
        if call.state == "talking":
            call.bye()
            world.run()


def test_initiator_and_target_hear_one_another_and_the_other_party_nothing_of_it(world, media, parties):
    initiator, target, other = parties
    call = initiator.call("*19202")
    while call.state != "talking":
        world.run(0.01)
    assert hears(world, other) == {"202"}
    assert hears(world, target) == {"203"}, "before the tones are over nobody hears the initiator"
    world.run(3)
    assert tones(world) == {"202": ["page"], "201": ["beep"]}
    assert hears(world, initiator) == {"202"}
    assert hears(world, target) == {"201", "203"}
    assert hears(world, other) == {"202"}
    call.bye()
    world.run(3)
    assert (target.last.state, other.last.state) == ("talking", "talking")
    assert not media.legs, "the call is on a relay again"
    assert world.only_call().relay is not None
    end(world, target.last)


@pytest.mark.parametrize("who", ["target", "other"])
def test_when_the_call_is_over_the_whisper_is_over(world, media, parties, who):
    initiator, target, other = parties
    call = initiator.call("*19202")
    world.run(4)
    (target if who == "target" else other).last.bye()
    world.run()
    assert call.state == "ended"
    assert not media.legs


def test_who_may_not_is_refused_with_the_fast_busy_intercept(world, media, parties):
    initiator, target, _ = parties
    world.rights.telephony(intercom=False)
    call = initiator.call("*19202")
    world.run(8)
    assert call.statuses == [183, 403]
    assert media.played() == ["intercept"]
    assert len(target.calls) == 1
    assert world.only_call().relay is not None
    end(world, target.last)


def test_who_does_not_accept_it_is_rung(world, media, parties):
    initiator, target, _ = parties
    first = target.last
    target.on_invite = "ring"
    world.rights.telephony(accept_intercom=FROM_NOBODY)
    call = initiator.call("*19202")
    world.run()
    assert call.statuses == [180]
    assert len(target.calls) == 2
    assert not media.legs
    call.cancel()
    world.run()
    end(world, first)


def test_an_idle_target_gets_an_intercom(world, media):
    initiator, target = world.phone("201"), world.phone("202")
    target.on_invite = "answer"
    call = initiator.call("*19202")
    world.run(4)
    assert wishes(target.last.invite) == list(WISHES)
    assert (hears(world, initiator), hears(world, target)) == ({"202"}, {"201"})
    end(world, call)


def test_a_target_that_holds_its_call_is_busy_and_rings(world, media, parties):
    initiator, target, _ = parties
    first = target.last
    target.on_invite = "ring"
    first.change("sendonly")
    world.run()
    held = set(media.legs)  # with the music on hold
    call = initiator.call("*19202")
    world.run()
    assert call.statuses == [180]
    assert set(media.legs) == held
    call.cancel()
    world.run()
    end(world, first)


def test_a_target_in_a_browser_is_rung(world, media):
    initiator, target, other = world.phone("201"), world.phone("202", dtls=True), world.phone("203")
    first, _ = world.talk(target, other)
    target.on_invite = "ring"
    held = set(media.legs)  # with the music on hold
    call = initiator.call("*19202")
    world.run()
    assert call.statuses == [180]
    assert set(media.legs) == held
    call.cancel()
    world.run()
    end(world, first)


def test_a_conference_is_left_alone(world, media, parties):
    initiator, target, _ = parties
    second = world.phone("204")
    one = initiator.call("*19202")
    world.run(4)
    two = second.call("*19202")
    world.run(8)
    assert two.statuses[-1] == 403
    assert world.told("call.denied")[-1]["rule"] == "pair.conference"
    end(world, one, target.last)


def test_who_is_in_a_make_me_conference_is_left_alone(world, media, parties):
    initiator, target, _ = parties
    own = made(world, world.phone("204"), world.phone("205"), world.phone("206"))
    target.last.bye()
    world.run()
    call = initiator.call("*19205")
    world.run(8)
    assert call.statuses[-1] == 403
    assert world.told("call.denied")[-1]["rule"] == "pair.conference"
    end(world, own)
    end(world, world.phones[-1].last, world.phones[-2].last)


def test_an_emergency_call_is_left_alone(world, media):
    initiator, target = world.phone("201"), world.phone("202")
    world.carrier()
    call = target.call("911")
    world.run(2)
    assert call.state == "talking", call.statuses
    whisper = initiator.call("*19202")
    world.run(8)
    assert whisper.statuses[-1] == 403
    assert not media.legs
    assert not target.last.requests
    end(world, call)


def test_the_initiator_transfers_nobody(world, media, parties):
    initiator, target, _ = parties
    call = initiator.call("*19202")
    world.run(4)
    call.request("REFER", headers=[("Refer-To", "<sip:204@voice.example>")])
    world.run()
    assert call.status("REFER") == [480]
    assert call.state == "talking"
    end(world, call)
    world.run(3)
    end(world, target.last)


def test_who_hangs_up_during_the_tones_leaves_the_two_on_their_relay(world, media, parties):
    initiator, target, other = parties
    call = initiator.call("*19202")
    while call.state != "talking":
        world.run(0.01)
    call.bye()
    world.run(3)
    assert not media.legs
    assert (target.last.state, other.last.state) == ("talking", "talking")
    end(world, target.last)


@pytest.mark.parametrize("pause", [0.0, 0.002, 0.01, 0.03, 0.1])
def test_who_cancels_meanwhile_leaves_the_two_on_their_relay(world, media, parties, pause):
    initiator, target, other = parties
    call = initiator.call("*19202")
    world.run(pause)
    (call.bye if call.state == "talking" else call.cancel)()
    world.run(5)
    assert not media.legs
    assert (target.last.state, other.last.state) == ("talking", "talking")
    end(world, target.last)


@pytest.mark.parametrize("operation", ["leg.open", "room.set", "leg.connect"])
def test_a_media_server_that_refuses_leaves_the_two_where_they_were(world, media, parties, operation):
    initiator, target, other = parties
    media.refusing[operation] = "failed"
    call = initiator.call("*19202")
    world.run(8)
    assert call.statuses[-1] >= 400
    assert (target.last.state, other.last.state) == ("talking", "talking")
    end(world, target.last)


def test_a_new_process_ends_the_whisper_and_keeps_the_call(world, media, parties):
    initiator, target, other = parties
    call = initiator.call("*19202")
    world.run(4)
    world.restart_core()
    media.connect()
    world.run(10)
    assert call.state == "ended"
    assert (target.last.state, other.last.state) == ("talking", "talking")
    assert not media.legs, "the two are on a relay again"
    end(world, target.last)


def test_the_death_of_the_media_server_ends_the_whisper_and_the_call_goes_on(world, media, parties):
    initiator, target, other = parties
    call = initiator.call("*19202")
    world.run(4)
    media.kill()
    world.run(0.5)
    media.connect()
    world.run(10)
    assert call.state == "ended"
    assert (target.last.state, other.last.state) == ("talking", "talking")
    assert not media.legs
    end(world, target.last)
