"""Find Me: who is looked for where, whose rights count, and who has to press which key (C5)."""

import pytest

from ringwall.core.calls.model.settings import Forwarding
from ringwall.policy import CallRules, Scope
from support.calls.hearing import hears
from support.calls.world import World

pytestmark = pytest.mark.req("C5")

NATIONAL, ABROAD = "912125550123", "9011442079460123"


@pytest.fixture(autouse=True)
def media(world: World):
    world.media_up()
    world.rights.telephony(forwarding=CallRules(Scope.NATIONAL))
    return world.media_server


@pytest.fixture
def anna(world):
    return world.phone("201")


@pytest.fixture
def ben(world):
    """Somebody who does not take their calls."""
    phone = world.phone("202")
    phone.on_invite = 486
    return phone


def looked_for(world, *numbers, **more):
    world.rights.forwards["202"] = Forwarding(find_me=numbers, **more)


def press(world, key):
    tags = list(world.media_server.legs)
    world.media_server.event({"event": "dtmf", "leg": tags[-1], "key": key, "ms": 100})
    world.run(2)


@pytest.mark.parametrize("when", ["busy", "no answer", "not signed in"])
def test_who_is_found_inside_takes_the_call_with_a_key(world, media, anna, when):
    if when != "not signed in":
        world.phone("202").on_invite = 486 if when == "busy" else "ring"
    else:
        world.phone("202", register=False)
    carla = world.phone("203")
    looked_for(world, "203")
    call = anna.call("202")
    world.run(65 if when == "no answer" else 3)
    assert (call.state, carla.last.state) == ("calling", "talking")
    assert 180 in call.statuses
    assert media.played()[:1] == ["followme/call-from"]
    assert not hears(world, carla)
    press(world, "1")
    assert (call.state, carla.last.state) == ("talking", "talking")
    both = [said["hears"] for _, said in media.log if len(said.get("hears", {})) == 2]
    assert all(list(heard.values()) == [1.0] for heard in both[-1].values())  # in a room at first,
    assert not media.legs  # and then by a relay, as every call of two
    assert world.only_call().relay is not None
    call.bye()
    world.run()
    assert carla.last.state == "ended"
    [ended] = world.told("call.ended")
    assert (ended["caller"], ended["callee"], ended["dialled"]) == ("201", "203", "202")
    assert ended["answered"]
    assert world.told("call.find_me")[0]["by"] == "202"


@pytest.mark.req("C6", "T5")
def test_who_is_found_outside_is_called_with_a_grant_of_who_is_looked_for(world, anna, ben):
    world.rights.user("201", "Anna", group="least-privileged")  # the caller may call nobody outside
    carrier = world.carrier()
    looked_for(world, NATIONAL)
    call = anna.call("202")
    world.run(3)
    assert carrier.last.state == "talking"
    assert b"RTP/SAVP" in carrier.last.remote_sdp
    press(world, "1")
    assert call.state == "talking"
    carrier.last.bye()
    world.run()
    assert call.state == "ended"
    [ended] = world.told("call.ended")
    assert (ended["path"], ended["number"], ended["rule"]) == ("find me", "+12125550123", "call.scope")
    assert ended["grants"][0]["subject"]["user"] == "202"
    assert not world.rights.use.trunk_calls("tg")


def test_what_the_owner_may_not_reach_is_denied_and_the_next_number_is_tried(world, anna, ben):
    carrier, carla = world.carrier(), world.phone("203")
    looked_for(world, ABROAD, "203")
    call = anna.call("202")
    world.run(3)
    assert not carrier.calls
    [denied] = world.told("call.denied")
    assert (denied["action"], denied["rule"]) == ("find me", "call.beyond-scope")
    assert denied["subject"]["user"] == "202"
    press(world, "1")
    assert (call.state, carla.last.state) == ("talking", "talking")
    call.bye()


def test_an_answering_machine_presses_no_key_and_the_search_goes_on(world, anna, ben):
    machine, carla = world.phone("203"), world.phone("204")
    looked_for(world, "203", "204")
    call = anna.call("202")
    world.run(3)
    assert machine.last.state == "talking"
    world.run(40)
    assert (machine.last.state, call.state) == ("ended", "calling")
    assert carla.last.state == "talking"
    press(world, "1")
    assert call.state == "talking"
    call.bye()


@pytest.mark.parametrize("key", ["2", "hang up"])
def test_who_does_not_want_the_call_gives_it_back(world, anna, ben, key):
    carla = world.phone("203")
    looked_for(world, "203")
    taken = []

    class Mailbox:
        def may_take(self, extension):
            return True

        def take(self, call, extension, case):
            taken.append((extension, case.value))
            return False

    world.switch.hooks.diverters.append(Mailbox())
    call = anna.call("202")
    world.run(3)
    if key == "2":
        press(world, "2")
    else:
        carla.last.bye()
        world.run(2)
    assert [case for _, case in taken] == [
        "forward always",
        "forward busy",
    ]  # as if nobody had been looked for
    assert (carla.last.state, call.statuses[-1]) == ("ended", 486)
    assert not world.switch.calls


def test_two_sends_the_call_to_the_mailbox_without_trying_the_next_number(world, anna, ben):
    world.phone("203")
    other = world.phone("204")
    looked_for(world, "203", "204")
    call = anna.call("202")
    world.run(3)
    press(world, "2")
    assert call.statuses[-1] == 486
    assert not other.calls


def test_three_says_again_who_calls(world, media, anna, ben):
    world.phone("203")
    looked_for(world, "203")
    call = anna.call("202")
    world.run(3)
    before = media.played().count("followme/call-from")
    press(world, "3")
    assert media.played().count("followme/call-from") == before + 1
    press(world, "1")
    assert call.state == "talking"
    call.bye()


@pytest.mark.parametrize("answered", [False, True])
def test_a_caller_who_hangs_up_ends_the_search(world, anna, ben, answered):
    carla, other = world.phone("203"), world.phone("204")
    if not answered:
        carla.on_invite = "ring"
    looked_for(world, "203", "204")
    call = anna.call("202")
    world.run(3)
    call.cancel()
    world.run(3)
    assert call.statuses[-1] == 487
    assert carla.last.state in {"ended", "cancelled"}
    assert not other.calls
    assert not world.switch.calls


def test_forwarding_goes_first_and_a_call_that_is_answered_looks_for_nobody(world, anna):
    ben, carla, dora = world.phone("202"), world.phone("203"), world.phone("204")
    ben.on_invite = 486
    looked_for(world, "204", busy="203")
    call = anna.call("202")
    world.run(3)
    assert (call.state, carla.last.state) == ("talking", "talking")
    assert not dora.calls
    call.bye()
    world.run()
    ben.on_invite = "answer"
    again = anna.call("202")
    world.run(3)
    assert ben.last.state == "talking"
    assert not dora.calls
    again.bye()


def test_without_the_media_server_nobody_is_looked_for(world, media, anna, ben):
    media.lose()
    carla = world.phone("203")
    looked_for(world, "203")
    call = anna.call("202")
    world.run(3)
    assert call.statuses[-1] == 486
    assert not carla.calls


def test_numbers_that_lead_back_are_not_called(world, anna, ben):
    looked_for(world, "202")
    call = anna.call("202")
    world.run(3)
    assert call.statuses[-1] == 486
    assert len(ben.calls) == 1
