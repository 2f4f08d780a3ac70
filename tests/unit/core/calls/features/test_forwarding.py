"""Forwarding: always, busy, no answer; inside and outside, with the rights of who forwards (C5)."""

import pytest

from ringwall.core.calls.model.settings import Forwarding
from ringwall.policy import CallRules, Scope
from support.calls.world import World, invites
from support.usage import held_by

NATIONAL = {"forwarding": CallRules.of(Scope.NATIONAL)}


def test_always_rings_elsewhere_and_not_here(world: World) -> None:
    alice, bob, carol = world.phone("201"), world.phone("202"), world.phone("203")
    world.rights.forwards["202"] = Forwarding(always="203")
    a = alice.call("202")
    world.run()
    assert a.state == "talking"
    assert not bob.calls
    assert carol.calls
    assert world.only_call().dialled == "202"
    [record] = world.told("call.forwarded")
    assert (record["by"], record["to"], record["case"]) == ("202", "203", "forward always")
    a.bye()


def test_no_answer_stops_the_phones_after_the_users_own_time(world: World) -> None:
    alice, bob, carol = world.phone("201"), world.phone("202"), world.phone("203")
    bob.on_invite = "ring"
    world.rights.forwards["202"] = Forwarding(no_answer="203", seconds=12)
    a = alice.call("202")
    world.run(11)
    assert not carol.calls
    world.run(2)
    assert a.state == "talking"
    assert bob.last.state == "cancelled"
    a.bye()


@pytest.mark.parametrize("why", ["refused", "not signed in"])
def test_busy_and_not_there(world: World, why: str) -> None:
    alice, bob = world.phone("201"), world.phone("202", register=why == "refused")
    world.phone("203")
    bob.on_invite = 486
    world.rights.forwards["202"] = Forwarding(busy="203") if why == "refused" else Forwarding(no_answer="203")
    a = alice.call("202")
    world.run()
    assert a.state == "talking", a.statuses
    a.bye()


@pytest.mark.req("C5")
def test_who_has_as_many_calls_as_allowed_forwards_as_busy(world: World) -> None:
    alice, bob, dora = world.phone("201"), world.phone("202"), world.phone("204")
    world.phone("203")
    world.rights.telephony(max_calls=1)
    world.rights.forwards["202"] = Forwarding(busy="203")
    a = alice.call("202")
    world.run()
    b = dora.call("202")
    world.run()
    assert (a.state, b.state, len(bob.calls)) == ("talking", "talking", 1)
    a.bye()
    b.bye()


@pytest.mark.req("C5", "C6")
def test_outside_with_the_rights_and_the_number_of_who_forwards(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    world.phone("202")
    world.rights.telephony(**NATIONAL)
    world.rights.user("201", "Alice", group="least-privileged")
    world.rights.forwards["202"] = Forwarding(always="912125550123")
    a = alice.call("202")
    world.run()
    assert a.state == "talking", a.statuses
    [invite] = invites(carrier.log)
    assert invite.from_.uri.user == "+14085550202"
    a.bye()
    world.run()
    [record] = world.told("call.ended")
    assert (record["path"], record["grants"][0]["subject"]["user"]) == ("forward always", "202")


@pytest.mark.req("C5")
def test_an_outside_caller_is_forwarded_outside_and_that_counts_for_who_forwards(world: World) -> None:
    world.phone("202").on_invite = "ring"
    carrier = world.carrier()
    world.rights.telephony(**NATIONAL)
    world.rights.forwards["202"] = Forwarding(no_answer="912125550123", seconds=10)
    c = carrier.bring("+14085550202")
    world.run(13)
    assert c.state == "talking"
    assert [i.uri.partition("@")[0] for i in invites(carrier.log)] == ["sip:+12125550123"]
    assert next(iter(held_by(world.rights.use)["live"].values())).charge.payer == "202"
    c.bye()


@pytest.mark.req("C5")
@pytest.mark.parametrize(
    ("setting", "number", "rule"),
    [
        ({"external_forwarding": False}, "914085550123", "forward.off"),
        ({}, "912125550123", "call.beyond-scope"),  # forwarding is local
        (NATIONAL, "911", "emergency.automatic"),
        (NATIONAL, "9442079460000x", "number.invalid"),
    ],
)
def test_a_forward_that_is_refused_leaves_the_call_where_it_is(world: World, setting, number, rule) -> None:
    alice, bob, carrier = world.phone("201"), world.phone("202"), world.carrier()
    world.rights.telephony(**setting)
    world.rights.forwards["202"] = Forwarding(always=number)
    a = alice.call("202")
    world.run()
    assert a.state == "talking"
    assert bob.calls
    assert not carrier.log
    [denied] = world.told("call.denied")
    assert (denied["rule"], denied["subject"]["user"]) == (rule, "202")
    a.bye()


@pytest.mark.req("C5")
def test_a_caller_is_not_forwarded_to_themselves(world: World) -> None:
    world.phone("202")
    carrier = world.carrier()
    carrier.number = "+12125550123"
    world.rights.telephony(**NATIONAL)
    world.rights.forwards["202"] = Forwarding(always="912125550123")
    c = carrier.bring("+14085550202")
    world.run()
    assert world.told("call.denied")[0]["rule"] == "forward.loop"
    c.bye()


def test_circles_and_long_chains_end(world: World) -> None:
    alice = world.phone("201")
    phones = [world.phone(str(n)) for n in range(202, 212)]
    world.rights.forwards["202"] = Forwarding(always="203")
    world.rights.forwards["203"] = Forwarding(always="202")
    a = alice.call("202")
    world.run()
    assert a.state == "talking"  # the second rings, since it would go in a circle
    assert world.told("call.forward_refused")[0]["why"] == "it goes in a circle"
    a.bye()
    for n in range(202, 211):
        world.rights.forwards[str(n)] = Forwarding(always=str(n + 1))
    b = alice.call("202")
    world.run()
    assert b.state == "talking"
    assert phones[5].calls
    assert world.told("call.forward_refused")[-1]["why"] == "it was forwarded too often"
    b.bye()


def test_a_forward_outside_that_finds_no_trunk_rings_here(world: World) -> None:
    alice = world.phone("201")
    bob = world.phone("202")
    world.rights.forwards["202"] = Forwarding(always="914085550123")
    a = alice.call("202")
    world.run()
    assert a.state == "talking"
    assert bob.calls
    a.bye()
