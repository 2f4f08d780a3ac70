"""Make Me conference: who is in it, who hears whom, who may, and how it ends (C2)."""

import pytest

from support.calls.conference import all_hear_all, calls_to, made, telephony
from support.calls.world import World


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    return world.media_server


@pytest.fixture
def anna(world: World):
    return world.phone("201")


@pytest.mark.req("C2")
def test_two_calls_become_one_conference_in_which_all_hear_all(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    assert (ben.last.state, carla.last.state) == ("talking", "talking")
    assert all_hear_all(world, media, 3)
    [record] = world.told("call.conference")
    assert (record["by"], sorted(record["parties"])) == ("201", ["201", "202", "203"])
    own.bye()
    world.run()
    assert (ben.last.state, carla.last.state) == ("talking", "talking")
    assert all_hear_all(world, media, 2)
    ben.last.bye()
    world.run()
    assert carla.last.state == "ended"
    assert not media.legs


@pytest.mark.req("C2")
def test_the_limit_counts_the_starter_and_refuses_what_is_too_much_and_nothing_else(
    world: World, media, anna
) -> None:
    ben, carla, dora = (world.phone(n) for n in ("202", "203", "204"))
    calls = calls_to(world, anna, ben, carla, dora)
    own = anna.call("*10")
    world.run(3)
    assert own.statuses[-1] == 403
    [denied] = world.told("call.denied")
    assert denied["rule"] == "conference.full"
    assert all(call.state == "talking" for call in calls)
    assert not media.legs
    telephony(world, max_conference_parties=4)
    own = anna.call("*10")
    world.run(3)
    assert own.state == "talking"
    assert all_hear_all(world, media, 4)
    own.bye()
    ben.last.bye()
    carla.last.bye()


@pytest.mark.req("C2")
def test_one_more_call_joins_the_conference_that_is_there(world: World, media, anna) -> None:
    telephony(world, max_conference_parties=5)
    ben, carla, dora = (world.phone(n) for n in ("202", "203", "204"))
    first = made(world, anna, ben, carla)
    [call] = calls_to(world, anna, dora)
    again = anna.call("*10")
    world.run(3)
    assert (first.state, call.state, again.state) == ("ended", "ended", "talking")
    assert all_hear_all(world, media, 4)
    for phone in (ben, carla, dora):
        phone.last.bye()


@pytest.mark.req("C2")
def test_somebody_is_called_into_the_conference(world: World, media, anna) -> None:
    telephony(world, max_conference_parties=4)
    ben, carla, dora = (world.phone(n) for n in ("202", "203", "204"))
    dora.on_invite = "ring"
    own = made(world, anna, ben, carla)
    told = anna.call("*10204")
    world.run(3)
    assert told.state == "ended"
    assert own.state == "talking"
    assert dora.last.state == "ringing"
    dora.last.answer()
    world.run(2)
    assert all_hear_all(world, media, 4)
    assert dora.last.state == "talking"
    # Another one would be one too many.
    world.phone("205")
    more = anna.call("*10205")
    world.run(3)
    assert more.statuses[-1] == 403
    for phone in (ben, carla, dora):
        phone.last.bye()


@pytest.mark.req("C2", "C6")
def test_an_outside_party_is_called_with_a_grant_of_the_starter(world: World, media, anna) -> None:
    telephony(world, max_conference_parties=4)
    carrier = world.carrier()
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    refused = anna.call("*109011442079460123")
    world.run(8)
    assert refused.statuses[-1] == 403
    assert not carrier.calls
    anna.call("*10914085550123")
    world.run(3)
    assert carrier.last.state == "talking"
    assert all_hear_all(world, media, 4)
    own.bye()
    ben.last.bye()
    carla.last.bye()
    world.run(1)
    record = next(r for r in world.told("call.ended") if r.get("grants"))
    assert record["grants"][0]["action"] == "conference add"


def outside_conference(world: World, media, anna):
    carrier = world.carrier()
    own = made(world, anna, "914085550123", "914085550124")
    assert all_hear_all(world, media, 3)
    return carrier, own


@pytest.mark.req("C2")
def test_outsiders_who_are_left_hear_a_warning_and_the_end(world: World, media, anna) -> None:
    carrier, own = outside_conference(world, media, anna)
    own.bye()
    world.run(1)
    assert [call.state for call in carrier.calls] == ["talking", "talking"]
    assert "conf-leaderhasleft" in media.played()
    world.run(6)
    assert [call.state for call in carrier.calls] == ["ended", "ended"]
    [denied] = world.told("call.denied")
    assert denied["rule"] == "conference.left"
    assert not media.legs


@pytest.mark.req("C2")
def test_outsiders_go_on_where_the_last_one_inside_has_trunk_to_trunk(world: World, media, anna) -> None:
    telephony(world, trunk_to_trunk=True)
    carrier, own = outside_conference(world, media, anna)
    own.bye()
    world.run(20)
    assert [call.state for call in carrier.calls] == ["talking", "talking"]
    carrier.calls[0].bye()
    world.run()
    assert carrier.calls[1].state == "ended"


@pytest.mark.req("C2")
def test_outsiders_go_on_while_somebody_inside_is_there(world: World, media, anna) -> None:
    telephony(world, max_conference_parties=4)
    carrier = world.carrier()
    ben = world.phone("202")
    own = made(world, anna, "914085550123", "914085550124", ben)
    own.bye()
    world.run(10)
    assert [call.state for call in carrier.calls] == ["talking", "talking"]
    ben.last.bye()
    world.run(8)
    assert [call.state for call in carrier.calls] == ["ended", "ended"]


@pytest.mark.req("C2", "P2")
def test_an_emergency_call_is_left_alone(world: World, media, anna) -> None:
    carrier = world.carrier()
    [call] = calls_to(world, anna, "911")
    own = anna.call("*10")
    world.run(3)
    assert own.statuses[-1] == 480
    assert call.state == "talking"
    carrier.last.bye()


@pytest.mark.req("C2")
def test_one_who_does_not_follow_keeps_their_call(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    first, second = calls_to(world, anna, ben, carla)
    ben.on_change = 488
    own = anna.call("*10")
    world.run(4)
    assert (first.state, second.state, own.state) == ("talking", "ended", "talking")
    assert all_hear_all(world, media, 2)
    own.bye()
    first.bye()


def test_without_calls_or_without_a_media_server_there_is_no_conference(world: World, media, anna) -> None:
    ben = world.phone("202")
    own = anna.call("*10")
    world.run(8)
    assert own.statuses[-1] == 480
    [call] = calls_to(world, anna, ben)
    media.lose()
    own = anna.call("*10")
    world.run(8)
    assert own.statuses[-1] == 503
    assert call.state == "talking"
    call.bye()


def test_one_who_cancels_at_once_leaves_their_calls_as_they_were(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    calls = calls_to(world, anna, ben, carla)
    own = anna.call("*10")
    world.run(0.0015)
    own.cancel()
    world.run(3)
    assert own.statuses[-1] == 487
    for call in calls:
        assert call.state == "talking"
        call.bye()


@pytest.mark.req("R1")
def test_a_conference_goes_on_when_the_core_has_died(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    world.restart_core()
    world.media_up()
    world.run(10)
    assert all_hear_all(world, media, 3)
    assert (own.state, ben.last.state, carla.last.state) == ("talking",) * 3
    ben.last.bye()
    carla.last.bye()
    world.run()
    assert own.state == "ended"


@pytest.mark.req("R1")
def test_a_conference_is_made_anew_when_the_media_server_has_died(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    media.kill()
    world.media_up()
    world.run(5)
    assert all_hear_all(world, media, 3)
    assert (own.state, ben.last.state, carla.last.state) == ("talking",) * 3
    own.bye()
    ben.last.bye()


def test_a_phone_that_holds_its_conference_keeps_its_place(world: World, media, anna) -> None:
    ben, carla = world.phone("202"), world.phone("203")
    own = made(world, anna, ben, carla)
    own.change("sendonly")
    world.run()
    assert own.status("INVITE")[-1] == 200
    own.change("sendrecv")
    world.run()
    assert all_hear_all(world, media, 3)
    own.bye()
    ben.last.bye()
