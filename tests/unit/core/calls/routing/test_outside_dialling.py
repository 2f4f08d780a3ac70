"""Calls to the outside: with a grant, over a trunk, on record."""

import pytest

from ringwall.policy import Scope
from support.calls.world import World, invites
from support.usage import held_by


@pytest.mark.req("C3", "C6", "T5")
def test_a_granted_call_goes_out_with_srtp_and_the_record_keeps_the_grant(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    a = alice.call("914085550123")
    world.run()
    assert a.state == "talking", a.statuses
    [invite] = invites(carrier.log)
    assert invite.uri == "sip:+14085550123@sip.carrier.example:5061;transport=tls;user=phone"
    assert "P-Ringwall-Trunk" not in invite.headers
    assert b"RTP/SAVP" in carrier.last.remote_sdp
    assert world.trunks.live == {"t1": 1}
    a.bye()
    world.run()
    assert carrier.last.state == "ended"
    [record] = world.told("call.ended")
    assert record["direction"] == "out"
    assert record["callee"] == record["number"] == "+14085550123"
    assert (record["rule"], record["class"], record["path"], record["code"]) == (
        "call.scope",
        "local",
        "dial",
        "",
    )
    assert record["trunk"] == "t1"
    assert record["grants"][0]["because"].startswith("staff calls of group Staff reaches")
    assert "clear_text" not in record


@pytest.mark.req("C3", "C5")
def test_what_the_class_of_service_does_not_reach_is_denied_with_its_rule(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    a = alice.call("9011442079460123")
    world.run()
    assert a.statuses == [403]
    assert a.responses[-1].reason == "Not permitted"
    assert "reaches less far than" in a.responses[-1].headers.get("Warning")
    assert not carrier.log
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["class"], denied["canonical"]) == (
        "call.beyond-scope", "international", "+442079460123"
    )  # fmt: skip
    assert (denied["caller"], denied["action"]) == ("201", "dial")
    assert not world.told("call.ended")


@pytest.mark.req("C5")
def test_a_changed_class_of_service_applies_to_the_next_call(world: World) -> None:
    alice, _carrier = world.phone("201"), world.carrier()
    world.rights.scope(Scope.INTERNAL)
    a = alice.call("914085550123")
    world.run()
    world.rights.scope(Scope.LOCAL)
    b = alice.call("914085550123")
    world.run()
    assert (a.statuses, b.state) == ([403], "talking")
    world.rights.scope(Scope.INTERNAL)
    world.run()
    assert b.state == "talking"
    b.bye()


@pytest.mark.req("C5")
def test_the_limits_of_use_count_calls_that_are_up_and_cut_a_stolen_account(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    world.rights.scope(Scope.INTERNATIONAL)
    statuses = []
    for _ in range(6):
        call = alice.call("9011442079460123")
        world.run()
        statuses.append(call.statuses[-1])
        if call.state == "talking":
            call.bye()
        world.run()
    assert statuses == [200, 200, 200, 403, 403, 403]
    assert world.told("call.denied")[0]["rule"] == "limit.calls-per-minute"
    assert len(invites(carrier.log)) == 3


@pytest.mark.req("R1", "C5")
def test_a_new_process_gives_a_stolen_account_no_new_allowance(world: World) -> None:
    alice = world.phone("201")
    world.carrier()
    world.rights.scope(Scope.INTERNATIONAL)
    for _ in range(3):
        call = alice.call("9011442079460123")
        world.run(5)
        call.bye()
        world.run()
    before = held_by(world.rights.use)
    world.restart_core()
    after = held_by(world.rights.use)
    assert (
        [len(times) for times in after["calls"].values()]
        == [len(times) for times in before["calls"].values()]
        == [3]
    )
    assert {payer: [[b, round(a, 4)] for b, a in spent] for payer, spent in after["users"].items()} == {
        payer: [[b, round(a, 4)] for b, a in spent] for payer, spent in before["users"].items()
    }
    call = alice.call("9011442079460123")
    world.run()
    assert call.statuses == [403]
    assert world.told("call.denied")[-1]["rule"] == "limit.calls-per-minute"


@pytest.mark.req("C5")
def test_a_call_is_ended_when_its_longest_time_is_over(world: World) -> None:
    alice = world.phone("201")
    world.carrier()
    a = alice.call("914085550123")
    world.run()
    seconds = world.only_call().seizures[0].seconds
    assert seconds == 4 * 3600
    world.run(seconds + 5)
    assert a.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "the longest time that such a call may last is over"


def test_no_trunk_in_service_is_a_503_before_there_is_a_call(world: World) -> None:
    alice = world.phone("201")
    a = alice.call("914085550123")
    world.run()
    assert a.statuses == [503]
    [refused] = world.told("call.refused")
    assert refused["why"] == "no trunk that may carry this call is in service and free"


def test_a_number_without_the_access_code_is_no_number(world: World) -> None:
    alice = world.phone("201")
    world.carrier()
    a = alice.call("4085550123")
    world.run()
    assert a.statuses == [404]


def test_the_own_number_of_a_colleague_stays_inside(world: World) -> None:
    alice, _bob, carrier = world.phone("201"), world.phone("202"), world.carrier()
    world.rights.change(own_numbers={"+14085550202": "202"})
    a = alice.call("914085550202")
    world.run()
    assert a.state == "talking"
    assert not carrier.log
    assert world.only_call().dialled == "202"
    a.bye()


def test_the_called_side_outside_can_ring_early_refuse_and_hang_up(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    carrier.on_invite = "early"
    a = alice.call("914085550123")
    world.run()
    assert a.statuses == [183]
    carrier.last.answer()
    world.run()
    assert a.state == "talking"
    carrier.last.bye()
    world.run()
    assert a.state == "ended"
    carrier.on_invite = 486
    b = alice.call("914085550123")
    world.run()
    assert b.statuses == [486]
    assert [r["by"] for r in world.told("call.ended")] == ["callee", "callee"]


def test_a_caller_who_cancels_frees_the_trunk(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    carrier.on_invite = "ring"
    a = alice.call("914085550123")
    world.run()
    a.cancel()
    world.run()
    assert a.statuses == [180, 487]
    assert carrier.last.state == "cancelled"
    assert not world.trunks.live


def test_hold_and_session_refreshes_pass_over_the_trunk(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    a = alice.call("914085550123")
    world.run()
    a.change("sendonly")
    world.run()
    assert a.status("INVITE") == [200, 200]
    assert b"a=sendonly" in carrier.last.remote_sdp
    world.run(1000)
    assert [r.method for r in carrier.last.requests if r.method == "UPDATE"]
    a.bye()


@pytest.mark.req("R1")
def test_an_outside_call_outlives_the_process_and_still_counts(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    a = alice.call("914085550123")
    world.run()
    world.restart_core()
    assert world.trunks.live == {"t1": 1}
    assert len(held_by(world.rights.use)["live"]) == 1
    world.run(60)
    assert a.state == "talking"
    carrier.last.bye()
    world.run()
    assert a.state == "ended"
    [record] = world.told("call.ended")
    assert record["rule"] == "call.scope"
