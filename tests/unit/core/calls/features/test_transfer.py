"""Transfer, blind and attended, inside and outside, by the rights of who transfers (C5)."""

import pytest

from ringwall.core.calls.media.descriptions import AES_CM
from support.calls.media import keys
from support.calls.world import World, invites
from support.usage import held_by


def refer(call, target: str, headers=()):
    domain = call.phone.world.domain
    to = target if ":" in target else f"sip:{target}@{domain}"
    return call.request("REFER", headers=[("Refer-To", f"<{to}>"), *headers])


def replaces(second, target: str = "203") -> str:
    """A Refer-To that names the other call of this phone."""
    dialog = second.dialog
    text = f"{dialog.call_id}%3Bto-tag%3D{dialog.remote_tag}%3Bfrom-tag%3D{dialog.local_tag}"
    return f"sip:{target}@{second.phone.world.domain}?Replaces={text}"


def progress(call) -> list[str]:
    return [r.body.decode().split(" ", 1)[1].strip() for r in call.requests if r.method == "NOTIFY"]


def talk_to_each_other(world: World, one, other) -> None:
    """Both have media of one relay, with keys that nobody else has, and can change it."""
    [call] = world.switch.calls.values()
    assert {call.caller.tag, call.callee.tag} == {one.dialog.remote_tag, other.dialog.remote_tag}
    assert call.caller.local_sdp in (one.remote_sdp, other.remote_sdp)
    assert b"a=sendrecv" in one.remote_sdp
    assert b"a=sendrecv" in other.remote_sdp
    assert not set(keys(one.remote_sdp).values()) & set(keys(other.remote_sdp).values())
    other.change("sendonly")
    world.run()
    assert other.status("INVITE")[-1] == 200
    assert b"a=sendonly" in one.remote_sdp


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize("suites", [None, (AES_CM,)])
def test_a_blind_transfer_inside(world: World, by: str, suites) -> None:
    kind = {"suites": suites} if suites else {}
    alice, bob, carol = (world.phone(x, **kind) for x in ("201", "202", "203"))
    a, b = world.talk(alice, bob)
    giver, given = (a, b) if by == "caller" else (b, a)
    giver.change("sendonly")
    world.run()
    refer(giver, "203")
    world.run()
    assert giver.status("REFER") == [202]
    assert progress(giver) == ["100 Trying", "200 OK"]
    assert giver.state == "ended"
    assert given.state == "talking"
    assert carol.last.state == "talking"
    assert invites(carol.log)[0].from_.uri.user == given.phone.extension
    talk_to_each_other(world, given, carol.last)
    carol.last.bye()
    world.run()
    assert given.state == "ended"
    first, second = world.told("call.ended")
    assert (first["cause"], first["transferred_to"]) == ("transferred", second["call"])
    assert (second["transferred_by"], second["callee"]) == (giver.phone.extension, "203")
    assert second["caller"] == given.phone.extension


def test_who_transfers_may_hang_up_at_once(world: World) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    carol.on_invite = "ring"
    a, b = world.talk(alice, bob)
    refer(a, "203")
    world.run()
    a.bye()
    world.run()
    assert b.state == "talking"
    b.change("sendonly")  # nobody is there to change anything with
    world.run()
    assert b.status("INVITE")[-1] == 500
    carol.last.answer()
    world.run()
    assert carol.last.state == "talking"
    talk_to_each_other(world, b, carol.last)
    b.bye()


@pytest.mark.parametrize(("target", "says"), [("203", "486 Busy Here"), ("299", "404 Not Found")])
def test_when_the_target_does_not_take_it_the_call_returns(world: World, target: str, says: str) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    carol.on_invite = 486
    a, b = world.talk(alice, bob)
    refer(a, target)
    world.run()
    if target == "299":
        assert a.status("REFER") == [404]
    else:
        assert progress(a) == ["100 Trying", says]
    assert (a.state, b.state) == ("talking", "talking")
    a.change()
    world.run()
    assert a.status("INVITE")[-1] == 200
    a.bye()


def test_the_call_ends_when_the_target_fails_and_who_transferred_is_gone(world: World) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    carol.on_invite = "ring"
    a, b = world.talk(alice, bob)
    refer(a, "203")
    world.run()
    a.bye()
    world.run()
    carol.last.refuse(603)
    world.run()
    assert b.state == "ended"
    assert world.told("call.ended")[-1]["cause"] == "the transfer failed"


def test_the_transferred_party_hangs_up_while_the_target_rings(world: World) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    carol.on_invite = "ring"
    a, b = world.talk(alice, bob)
    refer(a, "203")
    world.run()
    b.bye()
    world.run()
    assert carol.last.state == "cancelled"
    assert a.state == "ended"


def test_an_attended_transfer_inside(world: World) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    a, b = world.talk(alice, bob)
    a.change("sendonly")
    world.run()
    second = alice.call("203")
    world.run()
    c = carol.last
    refer(a, replaces(second))
    world.run(3)
    assert a.status("REFER") == [202], a.responses[-1]
    assert progress(a) == ["100 Trying", "200 OK"]
    assert (a.state, second.state, b.state, c.state) == ("ended", "ended", "talking", "talking")
    talk_to_each_other(world, b, c)
    b.bye()
    world.run()
    assert c.state == "ended"
    assert [r["cause"] for r in world.told("call.ended")] == ["transferred", "transferred", "hung up"]


@pytest.mark.req("C5", "C6")
@pytest.mark.parametrize("attended", [False, True])
def test_an_inside_party_is_transferred_outside_with_the_right_to_call_there(
    world: World, attended: bool
) -> None:
    alice, bob, carrier = world.phone("201"), world.phone("202"), world.carrier()
    a, b = world.talk(alice, bob)
    if attended:
        second = alice.call("914085550123")
        world.run()
        refer(a, replaces(second, "x"))
    else:
        refer(a, "914085550123")
    world.run(3)
    assert a.state == "ended", a.responses[-1]
    talk_to_each_other(world, b, carrier.last)
    assert world.trunks.live == {"t1": 1}
    assert len(held_by(world.rights.use)["live"]) == 1
    b.bye()
    world.run()
    assert carrier.last.state == "ended"
    told = world.told("call.transfer")[0]
    assert told["path"] == ("attended transfer" if attended else "blind transfer")
    assert told["rule"] == "call.scope"
    if not attended:
        record = world.told("call.ended")[-1]
        assert (record["path"], record["grants"][0]["subject"]["user"]) == ("blind transfer", "201")


@pytest.mark.req("C5")
@pytest.mark.parametrize("attended", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_from_outside_to_outside_only_with_trunk_to_trunk_transfer(
    world: World, attended: bool, right: bool
) -> None:
    alice = world.phone("201")
    came, went = world.carrier("t1", trunk_group="in"), world.carrier("t2")
    world.rights.telephony(trunk_to_trunk=right)
    c = came.bring("+14085550201")
    world.run()
    a = alice.last
    if attended:
        second = alice.call("914085550123")
        world.run()
        refer(a, replaces(second, "x"))
    else:
        refer(a, "914085550123")
    world.run(3)
    if right:
        assert a.state == "ended"
        talk_to_each_other(world, c, went.last)
        c.bye()
        world.run()
        assert went.last.state == "ended"
        return
    assert a.status("REFER") == [403]
    assert a.state == c.state == "talking"
    assert world.told("call.denied")[0]["rule"] == "transfer.trunk-to-trunk"
    assert bool(invites(went.log)) == attended
    a.bye()
    if attended:
        assert second.state == "talking"
        second.bye()


@pytest.mark.req("C5")
def test_the_right_to_transfer_gives_no_right_to_call(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    world.rights.telephony(trunk_to_trunk=True)
    c = carrier.bring("+14085550201")
    world.run()
    a = alice.last
    refer(a, "9011442079460123")
    world.run()
    assert a.status("REFER") == [403]
    assert "reaches less far" in a.responses[-1].headers.get("Warning")
    assert c.state == a.state == "talking"
    a.bye()


@pytest.mark.req("C5")
def test_an_outside_caller_is_given_to_a_colleague(world: World) -> None:
    alice, bob, carrier = world.phone("201"), world.phone("202"), world.carrier()
    c = carrier.bring("+14085550201")
    world.run()
    refer(alice.last, "202")
    world.run(3)
    talk_to_each_other(world, c, bob.last)
    assert invites(bob.log)[0].from_.uri.user == "+442079460000"
    c.bye()


@pytest.mark.req("C5")
def test_who_is_outside_transfers_nobody(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    world.phone("202")
    a = alice.call("914085550123")
    world.run()
    refer(carrier.last, "202")
    world.run()
    assert carrier.last.status("REFER") == [403]
    assert a.state == "talking"
    a.bye()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("sip:203@elsewhere.example", 404),
        ("mailto:x@voice.example", 404),
        ("sip:203@voice.example;method=BYE", 501),
        ("sip:203@voice.example?Replaces=nobody%3Bto-tag%3Dx%3Bfrom-tag%3Dy", 481),
        ("sip:203@voice.example?Replaces=nobody", 400),
    ],
)
def test_what_cannot_be_transferred_to_is_refused_and_changes_nothing(world: World, target, status) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.phone("203")
    a, b = world.talk(alice, bob)
    refer(a, target)
    world.run()
    assert a.status("REFER") == [status]
    assert b.state == "talking"
    a.bye()


@pytest.mark.req("C5")
def test_the_call_of_somebody_else_cannot_be_replaced(world: World) -> None:
    alice, bob, carol, dora = (world.phone(x) for x in ("201", "202", "203", "204"))
    a, _b = world.talk(alice, bob)
    c, d = world.talk(carol, dora)
    refer(a, replaces(c))
    world.run()
    assert a.status("REFER") == [481]
    assert c.state == d.state == "talking"
    a.bye()
    c.bye()


def test_no_progress_is_told_to_who_does_not_want_it(world: World) -> None:
    alice, bob, carol = (world.phone(x) for x in ("201", "202", "203"))
    a, b = world.talk(alice, bob)
    refer(a, "203", [("Refer-Sub", "false")])
    world.run()
    assert progress(a) == []
    assert a.state == "ended"
    assert carol.last.state == "talking"
    b.bye()
