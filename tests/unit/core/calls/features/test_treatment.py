"""Who is refused hears why before the answer comes."""

import pytest

from ringwall.core.calls.features.treatment import MOST_OF_ONE, items_for
from ringwall.policy.rules import RULES, Heard
from support.calls.world import World

ABROAD = "9011442079460123"


@pytest.fixture
def alice(world: World):
    world.media_up()
    return world.phone("201")


def test_a_denied_number_is_heard_as_intercept_and_then_refused_as_before(world: World, alice) -> None:
    call = alice.call(ABROAD)
    world.run(1)
    assert call.statuses == [183]
    assert b"m=audio" in call.remote_sdp
    assert world.media_server.playing(world.media_server.only_leg())[0][0]["tone"] == "intercept"
    [denied] = world.told("call.denied")
    assert denied["status"] == 403
    world.run(5)
    assert call.statuses == [183, 403]
    assert "reaches less far" in call.responses[-1].headers.get("Warning")
    assert len(world.records) == len([r for r in world.records if r[0] != "call.ended"])


def test_a_number_that_does_not_exist_is_announced(world: World, alice) -> None:
    call = alice.call("999999")
    world.run(10)
    assert call.statuses == [183, 404]
    assert world.media_server.played()[-1] == "check-number-dial-again"


def test_no_trunk_is_heard_as_reorder(world: World, alice) -> None:
    call = alice.call("914085550123")
    world.run(10)
    assert call.statuses == [183, 503]
    assert world.media_server.played() == ["congestion"]


def test_one_who_hangs_up_meanwhile_leaves_nothing(world: World, alice) -> None:
    call = alice.call(ABROAD)
    world.run(1)
    call.cancel()
    world.run()
    assert call.statuses == [183, 487]
    assert not world.media_server.legs
    assert not world.told("call.ended")


def test_it_ends_when_its_time_is_over(world: World, alice) -> None:
    world.media_server.event = lambda event: None  # the end of the tone is never told
    call = alice.call(ABROAD)
    world.run(world.settings.sip.intercept_seconds + 0.5)
    assert call.statuses == [183, 403]


def test_a_busy_extension_is_told_by_its_answer_alone(world: World, alice) -> None:
    bob = world.phone("202")
    bob.on_invite = 486
    call = alice.call("202")
    world.run()
    assert 486 in call.statuses
    assert not world.media_server.played()


def test_without_a_media_server_the_answer_comes_at_once(world: World, alice) -> None:
    world.media_server.lose()
    call = alice.call(ABROAD)
    world.run(0.5)
    assert call.statuses == [403]


@pytest.mark.parametrize("operation", ["leg.open", "leg.connect", "play"])
def test_a_server_that_refuses_makes_no_difference_to_the_answer(world: World, alice, operation) -> None:
    world.media_server.refusing[operation] = "failed"
    call = alice.call(ABROAD)
    world.run(1)
    assert call.statuses[-1] == 403


def test_one_party_hears_only_so_many_at_one_time(world: World, alice) -> None:
    calls = [alice.call(ABROAD) for _ in range(MOST_OF_ONE + 1)]
    world.run(1)
    assert [call.statuses for call in calls] == [[183]] * MOST_OF_ONE + [[403]]
    world.run(8)


@pytest.mark.parametrize("trunk", ["t1"])
def test_nobody_outside_hears_anything(world: World, alice, trunk) -> None:
    carrier = world.carrier(trunk)
    call = carrier.call("+14085559999")
    world.run(1)
    assert call.statuses == [404]
    assert not world.media_server.log


def test_a_reliable_183_is_acknowledged_and_repeated_as_any(world: World, alice) -> None:
    call = alice.call(ABROAD, supports="100rel, timer")
    world.run(1)
    assert call.status("PRACK") == [200]
    world.run(6)
    assert call.statuses[-1] == 403


def test_each_thing_that_is_to_be_heard_has_a_sound() -> None:
    quiet = {Heard.BUSY, Heard.ORDINARY_CALL, Heard.VOICE_MAIL, Heard.CALL_RETURNS, Heard.STAYS,
             Heard.WARNED_END, Heard.AUDIO_ONLY, Heard.BLANK, Heard.HIDDEN, Heard.MESSAGE,
             Heard.MAILBOX_FULL, Heard.NEW_PASSWORD, Heard.NOTHING}  # fmt: skip
    for name, rule in RULES.items():
        assert bool(items_for(rule.heard, name)) == (rule.heard not in quiet or name.startswith("limit")), (
            name
        )
