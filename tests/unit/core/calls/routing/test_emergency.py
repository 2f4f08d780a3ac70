"""Emergency calls go through, whatever else is wrong; they say where, and somebody is told (P2)."""

import pytest

from ringwall.policy import Scope
from support.calls.rights import SITE
from support.calls.world import World, invites


@pytest.mark.req("P2", "C3")
@pytest.mark.parametrize("dialled", ["911", "9911"])
def test_an_emergency_number_works_with_and_without_access_code_for_who_may_call_nobody(
    world: World, dialled: str
) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    world.rights.scope(Scope.INTERNAL)
    world.rights.user("201", "Alice", group="least-privileged", locked=True)
    a = alice.call(dialled)
    world.run()
    assert a.state == "talking", a.statuses
    [invite] = invites(carrier.log)
    assert invite.uri.startswith("sip:911@")
    a.bye()
    world.run()
    assert world.told("call.ended")[0]["class"] == "emergency"


@pytest.mark.req("P2")
def test_it_says_where_the_phone_is_and_how_to_call_back(world: World) -> None:
    alice, carrier = (
        world.phone("201"),
        world.carrier(caller_id="withheld", prefix="77", asserted_identity=False),
    )
    a = alice.call("911")
    world.run()
    [invite] = invites(carrier.log)
    assert invite.uri.startswith("sip:911@")
    assert invite.headers.get("Geolocation") == "<cid:location@voice.example>"
    assert invite.headers.get("P-Asserted-Identity").startswith("<sip:+14085550201@")
    assert invite.from_.uri.user == "+14085550201"
    assert "Privacy" not in invite.headers
    assert carrier.last.remote_sdp.startswith(b"v=0")
    raw = next(m for m in world.edge.from_core_log if getattr(m, "method", "") == "INVITE").to_bytes()
    assert b"<ca:LOC>1 Main Street, floor 2</ca:LOC>" in raw
    a.bye()
    [told] = world.told("emergency.called")
    assert told["location"] == SITE.location
    assert (told["caller"], told["notify"], told["callback"]) == ("201", ["201"], "+14085550201")


@pytest.mark.req("P2")
def test_a_carrier_that_does_not_take_the_location_gets_the_call_without_it(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    carrier.refuses_location = True
    a = alice.call("911")
    world.run()
    assert a.state == "talking", a.statuses
    first, second = invites(carrier.log)
    assert "Geolocation" in first.headers
    assert "Geolocation" not in second.headers
    assert second.content_type == "application/sdp"
    assert second.headers.get("P-Asserted-Identity")
    a.bye()


@pytest.mark.req("P2")
def test_it_passes_full_disks_full_trunks_and_trunks_that_seem_to_be_away(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier(max_calls=1)
    ordinary = alice.call("914085550123")
    world.run()
    world.store.failing = "the disk is full"
    world.trunks.note("t1", 0.0, up=False, why="a test")
    a = alice.call("911", headers=[("Require", "unheard-of")])
    b = alice.call("914085550124")
    world.run()
    assert (a.state, b.statuses) == ("talking", [503])
    assert len(carrier.calls) == 2
    for call in (ordinary, a):
        call.bye()


@pytest.mark.req("P2")
def test_a_phone_at_which_nobody_has_logged_in_calls_emergency_numbers_and_nobody_else(world: World) -> None:
    lobby, carrier = world.phone("201"), world.carrier()
    world.phone("202")
    world.rights.unassigned(lobby.username)
    a, b, c = lobby.call("911"), lobby.call("202"), lobby.call("914085550123")
    world.run()
    assert (a.state, b.statuses, c.statuses) == ("talking", [403], [403])
    [invite] = invites(carrier.log)
    assert invite.headers.get("P-Asserted-Identity").startswith("<sip:+14085550199@")  # the site's
    assert {r["rule"] for r in world.told("call.denied")} == {"phone.unassigned"}
    a.bye()


@pytest.mark.req("P2")
def test_the_site_can_close_emergency_calls_for_such_phones(world: World) -> None:
    from dataclasses import replace

    lobby = world.phone("201")
    world.carrier()
    world.rights.change(sites=(replace(SITE, unassigned_emergency=False),))
    world.rights.unassigned(lobby.username)
    a = lobby.call("911")
    world.run()
    assert a.statuses == [403]
    assert world.told("call.denied")[0]["rule"] == "emergency.unassigned"


@pytest.mark.req("P2")
def test_an_emergency_call_tries_every_trunk(world: World) -> None:
    alice = world.phone("201")
    first, second = world.carrier("t1", priority=1), world.carrier("t2", priority=2)
    first.on_invite = 503
    a = alice.call("911")
    world.run()
    assert a.state == "talking"
    assert second.calls
    a.bye()
