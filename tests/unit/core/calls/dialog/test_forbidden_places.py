"""Who describes a session can have packets sent to no place that is not a party's own (T5)."""

import pytest

from support.calls.media import answer_to, describe
from support.calls.world import World

PLACES = ["239.1.1.1", "255.255.255.255", "127.0.0.1", "169.254.1.1", "0.0.0.7", "203.0.113.1", "240.0.0.1"]
forbidden = pytest.mark.parametrize("address", PLACES)


def moved(body: bytes, address: str) -> bytes:
    """The description with media there."""
    return body.replace(b"c=IN IP4 198.51.100.9", f"c=IN IP4 {address}".encode())


def refused(world: World, method: str) -> dict:
    [record] = world.told("media.refused")
    assert record["method"] == method
    assert "c= names" in record["why"]
    return record


@forbidden
@pytest.mark.req("T5")
def test_a_call_with_such_an_offer_is_refused_and_no_relay_is_asked(world: World, address: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    call = alice.call("202", moved(describe(), address))
    world.run()
    assert call.statuses == [488]
    assert address in call.responses[-1].headers.get("Warning")
    assert refused(world, "INVITE")["caller"] == "201"
    assert not bob.calls
    assert not world.rtpengine.commands


@forbidden
@pytest.mark.req("T5")
@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("by", [0, 1])
def test_a_change_to_such_an_offer_is_refused_and_the_call_stays(
    world: World, address: str, method: str, by: int
) -> None:
    pair = world.talk(world.phone("201"), world.phone("202"))
    asked = len(world.rtpengine.commands)
    pair[by].request(method, moved(describe(version=2), address), content_type="application/sdp")
    world.run()
    assert pair[by].status(method)[-1] == 488
    assert refused(world, method)["device"] == pair[by].phone.username
    assert not pair[1 - by].requests
    assert len(world.rtpengine.commands) == asked
    pair[0].change("sendonly")
    world.run()
    assert pair[0].status("INVITE")[-1] == 200
    pair[0].bye()


@forbidden
@pytest.mark.req("T5")
def test_such_an_answer_ends_the_call_and_the_relay_never_hears_of_it(world: World, address: str) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    call = alice.call("202")
    world.run()
    bob.last.answer(moved(answer_to(bob.last.remote_sdp), address))
    world.run()
    assert call.statuses == [180, 488]
    assert bob.last.state == "ended"
    assert refused(world, "answer")["device"] == bob.username
    assert "answer" not in [name for name, _ in world.rtpengine.commands]
    [ended] = world.told("call.ended")
    assert address in ended["cause"]


@pytest.mark.req("T5")
def test_such_early_media_is_not_joined_and_its_answer_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "silence"
    call = alice.call("202")
    world.run()
    bob.last.local_sdp = moved(answer_to(bob.last.remote_sdp), "127.0.0.1")
    bob.last.early()
    world.run()
    assert call.statuses == [180]
    assert "answer" not in [name for name, _ in world.rtpengine.commands]
    bob.last.answer()
    world.run()
    assert call.statuses == [180, 488]
    refused(world, "answer")


@pytest.mark.req("T5")
def test_such_an_answer_to_a_change_ends_the_call(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    good = b.phone._new_answer
    b.phone._new_answer = lambda call, request: moved(good(call, request), "127.0.0.1")
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 488
    assert a.state == b.state == "ended"
    refused(world, "answer")


@pytest.mark.req("T5")
def test_such_an_answer_in_an_ack_ends_the_call(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    asked = len(world.rtpengine.commands)
    a.ack_body = moved(a.local_sdp, "127.0.0.1")
    a.request("INVITE")
    world.run()
    assert a.state == b.state == "ended"
    refused(world, "answer")
    assert [name for name, _ in world.rtpengine.commands[asked:]] == ["delete"]


@pytest.mark.req("T5")
def test_a_carrier_can_name_no_such_place_either_in_offer_or_answer(world: World) -> None:
    alice, carrier = world.phone("201"), world.carrier()
    call = carrier.bring("+14085550201", moved(describe(), "127.0.0.1"))
    world.run()
    assert call.statuses == [488]
    assert not alice.calls
    carrier.on_invite = "ring"
    out = alice.call("914085550123")
    world.run()
    carrier.last.answer(moved(answer_to(carrier.last.remote_sdp), "127.0.0.1"))
    world.run()
    assert out.statuses[-1] == 488
    assert [record["method"] for record in world.told("media.refused")] == ["INVITE", "answer"]


@pytest.mark.req("T5")
def test_a_phone_on_the_systems_own_host_may_have_its_media_there(world: World) -> None:
    alice, bob = world.phone("201", register=False), world.phone("202")
    alice.connect("127.0.0.1")
    assert alice.register().status == 200
    call = alice.call("202", moved(describe(), "127.0.0.1"))
    world.run()
    assert call.state == "talking"
    assert bob.last.state == "talking"
    call.bye()


@pytest.mark.req("T5")
def test_the_null_address_is_still_a_hold(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    a.request("INVITE", moved(describe(version=2), "0.0.0.0"))
    world.run()
    assert a.status("INVITE")[-1] == 200
    assert b.state == "talking"
    a.bye()
