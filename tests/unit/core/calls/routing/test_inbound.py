"""Calls from carriers: to users by their numbers, refused from anybody else, and out again by policy alone."""

import pytest

from ringwall.core.calls.media.descriptions import GCM_256
from ringwall.policy import CallCos, CallRules, Scope, TrunkGroup, UserGroup
from ringwall.sip.reasons import reason_of
from support.calls.media import describe
from support.calls.world import World, invites


@pytest.mark.req("T5")
@pytest.mark.parametrize("called", ["+14085550201", "14085550201", "4085550201"])
def test_a_number_of_the_trunks_ranges_rings_at_its_extension(world: World, called: str) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    c = carrier.bring(called)
    world.run()
    assert c.state == "talking", c.statuses
    [invite] = invites(alice.log)
    assert invite.from_.uri.user == "+442079460000"
    alice.last.change("sendonly")
    world.run()
    assert b"a=sendonly" in c.remote_sdp
    alice.last.bye()
    world.run()
    assert c.state == "ended"
    [record] = world.told("call.ended")
    assert (record["direction"], record["caller"], record["caller_trunk"]) == ("in", "+442079460000", "t1")
    assert record["callee"] == "201"


def test_the_own_number_of_a_user_goes_before_the_ranges(world: World) -> None:
    world.phone("201")
    bob, carrier = world.phone("202"), world.carrier()
    world.rights.change(own_numbers={"+14085550201": "202"})
    c = carrier.bring("+14085550201")
    world.run()
    assert c.state == "talking"
    assert bob.calls
    c.bye()


def test_who_calls_is_what_the_carrier_asserts_and_nobody_where_it_is_private(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    asserted = ("P-Asserted-Identity", '"Bob Outside" <sip:+14155550999@carrier.example>')
    c = carrier.bring("+14085550201", headers=[asserted])
    d = carrier.bring("+14085550201", headers=[asserted, ("Privacy", "id")])
    world.run()
    first, second = invites(alice.log)
    assert (first.from_.display, first.from_.uri.user) == ("Bob Outside", "+14155550999")
    assert (second.from_.display, second.from_.uri.user) == ("Unknown", "anonymous")
    c.bye()
    d.bye()


def test_a_number_of_nobody_is_not_found_and_goes_nowhere(world: World) -> None:
    world.phone("201")
    carrier = world.carrier()
    for called in ("+14085550277", "+14155550123", "nobody", "*15"):
        c = carrier.bring(called)
        world.run()
        assert c.statuses[-1] in (403, 404), (called, c.statuses)
    assert not invites(carrier.log)
    assert world.told("call.denied")[0]["rule"] == "trunk.no-tandem"


@pytest.mark.req("C5")
def test_an_outside_caller_dials_out_again_with_the_rights_of_the_trunks_group_alone(world: World) -> None:
    world.phone("201")
    came, out = world.carrier("t1", trunk_group="in"), world.carrier("t2")
    group = TrunkGroup("in", "In", "main")
    world.rights.change(trunk_groups=(*world.rights.parts.trunk_groups, group))
    c = came.bring("+14155550123")
    world.run()
    assert c.statuses == [404]
    tandem = UserGroup("tandem", "Tandem", "staff tel", "tandem calls", None, ("tg",))
    world.rights.change(
        groups=(*world.rights.parts.groups, tandem),
        calls=(*world.rights.parts.calls, CallCos("tandem calls", CallRules.of(Scope.NATIONAL))),
        trunk_groups=(
            world.rights.parts.trunk_groups[0],
            TrunkGroup("in", "In", "main", tandem_group="tandem"),
        ),
    )
    c = came.bring("+14155550123")
    d = came.bring("+442079460123")
    world.run()
    assert (c.state, d.statuses) == ("talking", [403])
    assert len(invites(out.log)) == 1
    assert world.only_call().callee.trunk == "t2"
    c.bye()
    world.run()
    [record] = world.told("call.ended")
    assert (record["direction"], record["grants"][0]["subject"]) == (
        "tandem",
        {"kind": "trunk", "trunk": "t1"},
    )


@pytest.mark.req("C5")
def test_a_call_from_a_stranger_is_refused_and_on_record(world: World) -> None:
    alice, stranger = world.phone("201"), world.carrier("t1", slot=False)
    c = stranger.bring("+14085550201")
    world.run()
    assert c.statuses == [403]
    assert not alice.calls
    [event] = world.told("security.foreign_call")
    assert event["claimed"] == "+442079460000@carrier.example"
    assert event["source"].startswith("192.0.2.")


@pytest.mark.req("C5")
@pytest.mark.parametrize("slot", [True, False])
@pytest.mark.parametrize(
    ("called", "body", "status", "words"),
    [
        ("+14155550123", None, 404, "may not dial out again"),
        ("+14085550277", None, 404, "may not dial out again"),
        ("+14085550202", None, 480, "has no phone"),
        ("+14085550201", b"v=0", 488, ""),
        ("+14085550201", describe((), protocol="RTP/AVP"), 488, "not encrypted"),
    ],
)
def test_a_carrier_is_told_a_status_and_the_record_why(
    world: World, called: str, body: bytes | None, status: int, words: str, *, slot: bool
) -> None:
    world.phone("201").on_invite = 486
    world.phone("202", register=False)
    carrier = world.carrier("t1", slot=slot, sources=() if slot else ("192.0.2.0/24",))
    c = carrier.bring(called, body)
    world.run()
    answer = c.responses[-1]
    assert (answer.status, answer.reason, answer.headers.get("Warning")) == (status, reason_of(status), None)
    [record] = [body for kind, body in world.records if kind.endswith(("refused", "denied"))]
    assert words in record.get("why", "")


@pytest.mark.req("C5")
def test_what_a_phone_says_with_its_refusal_does_not_leave_the_house(world: World) -> None:
    anna, carrier = world.phone("201"), world.carrier()
    anna.on_invite = "ring"
    c = carrier.bring("+14085550201")
    world.run()
    busy = anna.last.invite.response(486, "At The Dentist", to_tag=anna.last.tag)
    anna.respond(anna.last.key, busy)
    world.run()
    assert (c.responses[-1].status, c.responses[-1].reason) == (486, "Busy Here")
    b = world.phone("203").call("201")
    world.run()
    anna.respond(anna.last.key, anna.last.invite.response(486, "At The Dentist", to_tag=anna.last.tag))
    world.run()
    assert b.responses[-1].reason == "At The Dentist"


@pytest.mark.req("C5")
def test_a_stranger_who_claims_to_be_of_this_house_has_to_prove_it(world: World) -> None:
    alice, stranger = world.phone("201"), world.carrier("t1", slot=False)
    request = stranger.base("INVITE", "sip:914085550123@voice.example", 1, "x", body=describe())
    request.headers.set("From", "<sip:201@voice.example>;tag=x")
    assert stranger.ask(request).status == 401
    assert not alice.calls


def test_a_phone_cannot_name_a_trunk(world: World) -> None:
    """The edge takes that header off; and a slot that is nobody's is refused."""
    carrier = world.carrier()
    world.phone("201")
    carrier.connection.slot = 9
    c = carrier.bring("+14085550201")
    world.run()
    assert c.statuses == [403]
    assert world.told("security.unknown_trunk")[0]["source"] == "slot 9"


def test_a_carrier_may_dial_our_door_from_an_address_that_its_trunk_names(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier("t1", slot=False, sources=("192.0.2.0/24",))
    c = carrier.bring("+14085550201")
    world.run()
    assert c.state == "talking"
    c.change("sendonly")
    world.run()
    assert c.status("INVITE") == [200, 200]
    alice.last.bye()
    world.run()
    assert c.state == "ended"
    assert [r.method for r in c.requests] == ["BYE"]


def test_what_another_carrier_says_in_a_call_is_refused(world: World) -> None:
    alice, carrier, other = world.phone("201"), world.carrier("t1"), world.carrier("t2")
    c = carrier.bring("+14085550201")
    world.run()
    forged = c.dialog.request("BYE")
    assert other.ask(forged).status == 403
    assert world.told("security.foreign_dialog")[0]["source"] == "trunk t2"
    assert c.state == "talking"
    alice.last.bye()


def test_a_full_trunk_takes_no_more_calls_in(world: World) -> None:
    world.phone("201")
    carrier = world.carrier(max_calls=1)
    c = carrier.bring("+14085550201")
    world.run()
    d = carrier.bring("+14085550201")
    world.run()
    assert (c.state, d.statuses) == ("talking", [503])
    c.bye()


@pytest.mark.req("T5")
def test_a_carrier_without_srtp_comes_in_only_where_its_trunk_allows_it(world: World) -> None:
    alice = world.phone("201")
    strict = world.carrier("t1")
    clear = world.carrier("t2", media="rtp", allow_clear_text=True)
    plain = describe((), protocol="RTP/AVP")
    a = strict.bring("+14085550201", plain)
    world.run()
    assert a.statuses == [488]
    b = clear.bring("+14085550201", plain)
    world.run()
    assert b.state == "talking", b.statuses
    assert b"RTP/SAVP" in alice.last.remote_sdp
    assert b"RTP/AVP" in b.remote_sdp
    assert world.told("call.clear_text")[0]["trunk"] == "t2"
    b.bye()
    c = clear.bring("+14085550201", describe((GCM_256,)))  # better than it has to be
    clear.clear = False
    world.run()
    assert c.state == "talking"
    c.change("sendonly")
    world.run()
    assert c.status("INVITE") == [200, 200]
    c.bye()
    world.run()
    assert "clear_text" not in world.told("call.ended")[-1]


@pytest.mark.req("C5")
def test_a_user_with_as_many_calls_as_allowed_is_busy(world: World) -> None:
    world.phone("201")
    carrier = world.carrier()
    world.rights.telephony(max_calls=1)
    c = carrier.bring("+14085550201")
    world.run()
    d = carrier.bring("+14085550201")
    world.run()
    assert (c.state, d.statuses) == ("talking", [486])
    c.bye()
