"""Whether carriers are there: OPTIONS, REGISTER, and what follows for calls."""

import pytest

from support.calls.world import World, invites


def test_a_carrier_that_answers_is_up_and_one_that_does_not_is_down_and_comes_last(world: World) -> None:
    alice = world.phone("201")
    quiet = world.carrier("t1", priority=1, options_seconds=30)
    good = world.carrier("t2", priority=2, options_seconds=30)
    quiet.on_other = "silence"
    good.on_other = 404  # whatever it says, it is there
    world.run(10)
    states = {one["trunk"]: (one["up"], one["why"]) for one in world.trunks.describe()}
    assert states["t2"] == (True, "")
    assert states["t1"][0] is False
    assert "408" in states["t1"][1]
    a = alice.call("914085550123")
    world.run()
    assert world.only_call().callee.trunk == "t2"
    assert not invites(quiet.log)
    a.bye()
    quiet.on_other = 200
    world.run(20)
    assert [r["trunk"] for r in world.told("trunk.up")] == ["t1"]
    assert [r["trunk"] for r in world.told("trunk.down")] == ["t1"]
    b = alice.call("914085550123")
    world.run()
    assert world.only_call().callee.trunk == "t1"
    b.bye()
    world.rights.trunks.clear()
    world.rights.changed()


def test_options_come_as_often_as_the_trunk_says_and_not_at_all_where_it_says_never(world: World) -> None:
    asked, never = world.carrier("t1", options_seconds=60), world.carrier("t2", options_seconds=0)
    world.run(305)
    assert 5 <= len([m for m in asked.heard_outside if m.method == "OPTIONS"]) <= 6
    assert not never.heard_outside
    world.rights.trunks.clear()
    world.rights.changed()


def test_a_lost_core_link_says_nothing_of_the_carriers(world: World) -> None:
    carrier = world.carrier(options_seconds=10)
    world.run(5)
    carrier.on_other = "silence"
    world.run(7)
    world.link_down()
    world.run(3)
    assert world.trunks.states["t1"].up is True
    carrier.on_other = 200
    world.link_up()
    world.run(5)
    assert not world.told("trunk.down")
    world.rights.trunks.clear()
    world.rights.changed()


def registers(carrier):
    return [m for m in carrier.heard_outside if m.method == "REGISTER"]


def test_a_trunk_registers_with_its_login_and_refreshes_at_half_the_time_it_was_given(world: World) -> None:
    carrier = world.carrier(
        registers=True, username="ringwall", domain="carrier.example", register_seconds=600
    )
    carrier.login = ("ringwall", "hunter2")
    world.rights.passwords["t1"] = "hunter2"
    world.rights.changed()
    assert world.trunks.is_away("t1")
    world.run(5)
    state = world.trunks.states["t1"]
    assert (state.registered, state.registration) == (True, "for 120 s")  # what the carrier gave
    first, second = registers(carrier)
    assert first.call_id == second.call_id
    assert second.cseq.number == first.cseq.number + 1
    assert second.uri == "sip:carrier.example"
    assert second.contact.uri.host == "203.0.113.1"
    world.run(60)
    assert len(registers(carrier)) == 4
    assert len(world.told("trunk.registered")) == 1
    assert "hunter2" not in str(world.records)
    world.rights.trunks.clear()
    world.rights.changed()


def test_a_refused_registration_is_tried_again_later_each_time_and_told_once(world: World) -> None:
    carrier = world.carrier(registers=True, username="ringwall")
    carrier.login = ("ringwall", "right")
    world.rights.passwords["t1"] = "wrong"
    world.run(200)
    assert world.trunks.states["t1"].registered is False
    tries = len(registers(carrier)) // 2
    assert 3 <= tries <= 5
    [told] = world.told("trunk.not_registered")
    assert told["why"] == "the carrier refuses our login"
    world.rights.passwords["t1"] = "right"
    world.run(300)
    assert world.trunks.states["t1"].registered is True
    world.rights.trunks.clear()
    world.rights.changed()


@pytest.mark.parametrize("change", ["gone", "moved"])
def test_a_changed_trunk_is_asked_anew_and_one_that_is_gone_no_more(world: World, change: str) -> None:
    from support.calls.carrier import line

    carrier = world.carrier(options_seconds=10)
    world.run(5)
    if change == "gone":
        world.rights.trunks.clear()
        world.rights.changed()
        before = len(carrier.heard_outside)
        world.run(60)
        assert len(carrier.heard_outside) == before
        assert len(world.switch.supervision.timers) == 0
    else:
        world.rights.line(line(options_seconds=10, port=5080))
        world.run(5)
        assert carrier.heard_outside[-1].uri.endswith(":5080;transport=tls")
        world.rights.trunks.clear()
        world.rights.changed()
