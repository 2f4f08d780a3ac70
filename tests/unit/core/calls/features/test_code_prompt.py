"""Authorization codes that are typed in the call (A1)."""

import json

import pytest

from ringwall.core.calls.routing import dialling
from ringwall.policy import AuthCode, CodeMode, Scope
from support.calls.world import World

ABROAD = "9011442079460123"
CODE = "48151623"


@pytest.fixture
def alice(world: World):
    world.media_up()
    world.rights.code_mode(CodeMode.FORCED)
    world.rights.change(codes=(AuthCode("c1", "Client One"),))
    world.rights.codes = {CODE: "c1"}
    return world.phone("201")


def dial(world: World, alice, number: str = ABROAD):
    call = alice.call(number)
    world.run(1.5)
    return call


def press(world: World, keys: str, seconds: float = 3.0) -> None:
    world.media_server.press(world.media_server.only_leg(), keys)
    world.run(seconds)


@pytest.mark.req("A1")
def test_a_refused_number_asks_for_a_code_and_the_right_one_calls_it(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    assert call.state == "talking"
    assert world.media_server.played() == ["agent-pass"]
    assert not carrier.calls
    press(world, CODE + "#")
    assert carrier.last.state == "talking"
    assert not world.media_server.legs
    call.bye()
    world.run()
    assert carrier.last.state == "ended"
    asked, made = world.told("call.ended")
    assert (asked["feature"], asked["connected_to"]) == ("authorization code", made["call"])
    assert (made["code"], made["number"], made["caller"]) == ("c1", "+442079460123", "201")
    assert made["grants"][0]["subject"]["kind"] == "code"
    assert CODE not in json.dumps(world.records)


@pytest.mark.req("A1")
def test_a_number_inside_the_scope_asks_for_nothing(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice, "914085550123")
    assert carrier.last.state == "talking"
    assert not world.media_server.played()
    call.bye()


@pytest.mark.req("A1", "P2")
def test_an_emergency_call_asks_for_nothing(world: World, alice) -> None:
    world.rights.scope(Scope.INTERNAL)
    carrier = world.carrier()
    dial(world, alice, "911")
    assert carrier.last.state == "talking"
    assert not world.media_server.log
    carrier.last.bye()


@pytest.mark.req("A1")
def test_three_wrong_codes_end_the_call_with_a_message_and_are_counted(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    for _ in range(2):
        press(world, "1234#", 2)
        assert call.state == "talking"
    press(world, "1234#", 6)
    assert call.state == "ended"
    assert not carrier.calls
    assert world.media_server.played()[:3] == ["agent-pass", "auth-incorrect", "auth-incorrect"]
    assert world.media_server.played()[-1] == "vm-goodbye"
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["caller"]) == ("code.unknown", "201")
    assert [fields["within_the_hour"] for fields in world.told("security.wrong_code")] == [1]
    assert "1234" not in json.dumps(world.records)


@pytest.mark.req("A1")
def test_a_new_try_may_be_the_right_one(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    press(world, "1#")
    press(world, CODE + "#")
    assert carrier.last.state == "talking"
    call.bye()


@pytest.mark.req("A1")
def test_a_bare_hash_goes_on_where_codes_are_optional_and_only_there(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    press(world, "#")
    assert not carrier.calls
    call.bye()
    world.run()
    world.rights.code_mode(CodeMode.OPTIONAL)
    call = dial(world, alice)
    press(world, "#")
    assert carrier.last.state == "talking"
    call.bye()
    world.run()
    assert world.told("call.ended")[-1]["code"] == ""


@pytest.mark.req("A1")
def test_who_waits_more_than_ten_seconds_has_one_try_less_and_has_guessed_nothing(
    world: World, alice
) -> None:
    call = dial(world, alice)
    world.run(9)
    assert world.media_server.played() == ["agent-pass"]
    world.run(3)
    assert world.media_server.played() == ["agent-pass", "auth-incorrect"]
    world.run(30)
    assert call.state == "ended"
    assert not world.told("security.wrong_code")


@pytest.mark.req("A1")
def test_keys_without_the_closing_hash_are_no_code(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    press(world, CODE, 13)
    assert not carrier.calls
    assert world.media_server.played()[-1] == "auth-incorrect"
    press(world, "1" * 30, 3)
    assert world.media_server.played()[-1] == "auth-incorrect"
    call.bye()


@pytest.mark.req("A1")
def test_the_service_group_may_refuse_and_then_the_caller_hears_intercept(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice, "9011881612345678")  # a satellite number, closed for the service's group, too
    press(world, CODE + "#", 8)
    assert call.state == "ended"
    assert not carrier.calls
    assert world.told("call.denied")
    assert "intercept" in world.media_server.played()


@pytest.mark.req("A1")
def test_without_a_media_server_the_number_is_refused_as_it_was(world: World, alice) -> None:
    world.media_server.lose()
    call = dial(world, alice)
    assert call.statuses == [403]
    [denied] = world.told("call.denied")
    assert denied["rule"] == "call.beyond-scope"


@pytest.mark.req("A1")
def test_a_media_server_that_goes_away_opens_nothing(world: World, alice) -> None:
    carrier = world.carrier()
    call = dial(world, alice)
    world.media_server.kill()
    world.media_up()
    world.run()
    assert call.state == "ended"
    assert not carrier.calls


@pytest.mark.req("A1")
def test_a_phone_that_cannot_be_heard_gets_the_refusal(world: World, alice) -> None:
    world.media_server.refusing["leg.open"] = "full"
    call = dial(world, alice)
    assert call.statuses == [403]


@pytest.mark.req("A1")
def test_a_busy_number_is_heard_as_busy(world: World, alice) -> None:
    carrier = world.carrier()
    carrier.on_invite = 486
    call = dial(world, alice)
    press(world, CODE + "#", 2)
    assert world.media_server.played()[-1] == "busy"
    world.run(6)
    assert call.state == "ended"


@pytest.mark.req("A1")
def test_a_locked_caller_is_not_asked(world: World, alice) -> None:
    device = world.directory.snapshot.by_device["d1"]
    for _ in range(20):
        dialling.authorize(world.switch, device, f"*551#{ABROAD}")
    call = dial(world, alice)
    world.run(6)
    assert call.statuses[-1] == 403
    assert "agent-pass" not in world.media_server.played()


@pytest.mark.req("A1")
def test_disabled_codes_are_not_asked_for(world: World, alice) -> None:
    world.rights.code_mode(CodeMode.DISABLED)
    call = dial(world, alice)
    world.run(6)
    assert call.statuses[-1] == 403
    assert "agent-pass" not in world.media_server.played()
