"""Phones and links that vanish: session refreshes, closed connections, phones that come back, a lost edge link."""

import pytest

from support.calls.media import describe
from support.calls.world import World


def test_we_refresh_both_legs_by_update(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.run(2000)
    assert a.state == b.state == "talking"
    assert {r.method for r in a.requests + b.requests} == {"UPDATE"}
    assert len(b.requests) >= 2
    a.bye()


def test_a_phone_without_update_is_refreshed_by_reinvite(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.allow = alice.allow = "INVITE, ACK, BYE, CANCEL"
    a, b = world.talk(alice, bob)
    world.run(2000)
    assert a.state == b.state == "talking"
    assert {r.method for r in b.requests} == {"INVITE"}
    assert len(b.acks) == 1 + len(b.requests)
    assert b.requests[0].body == b.remote_sdp
    a.bye()


def test_a_phone_that_said_update_and_cannot_is_refreshed_by_reinvite(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    changed = type(bob)._changed

    def refusing(self, call, key, request):
        if request.method == "UPDATE":
            self.tx.respond(key, request.response(405), self.now())
        else:
            changed(self, call, key, request)

    type(bob)._changed, original = refusing, changed
    try:
        world.run(1000)
    finally:
        type(bob)._changed = original
    assert [r.method for r in b.requests] == ["UPDATE", "INVITE"]
    a.bye()


@pytest.mark.req("T5")
def test_a_plain_answer_to_a_refresh_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.allow = "INVITE, ACK, BYE, CANCEL"
    a, b = world.talk(alice, bob)
    b.local_sdp = describe((), protocol="RTP/AVP")
    world.run(1000)
    assert (a.state, b.state) == ("ended", "ended")
    assert world.told("media.refused")[0]["device"] == bob.username


def test_a_new_key_in_the_answer_to_a_refresh_reaches_the_relay(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.allow = "INVITE, ACK, BYE, CANCEL"
    a, b = world.talk(alice, bob)
    b.local_sdp = b._answer_body()
    world.run(1000)
    assert (a.state, b.state) == ("talking", "talking")
    [call] = world.rtpengine.calls.values()
    [offered] = call["b"].offered.values()
    assert offered.key_params in b.local_sdp.decode()
    a.bye()


def test_a_phone_that_no_longer_answers_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, _ = world.talk(alice, bob)
    world.edge.lose.append(lambda way, m: way == "to phone" and m.to.uri.user == "202")
    bob.on_change = "silence"
    world.run(1800)
    assert a.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "phone lost"


def test_a_phone_that_wants_to_refresh_and_does_not_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a = alice.call("202", headers=[("Session-Expires", "300;refresher=uac")])
    world.run(250)
    assert a.responses[-1].headers.get("Session-Expires") == "300;refresher=uac"
    assert a.state == "talking"
    world.run(60)
    assert a.state == "ended"
    assert bob.last.state == "ended"


def test_the_phones_own_refresh_keeps_the_call(world: World) -> None:
    alice = world.phone("201")
    world.phone("202")
    a = alice.call("202", headers=[("Session-Expires", "300;refresher=uac")])
    for _ in range(4):
        world.run(200)
        a.request("UPDATE", headers=[("Supported", "timer"), ("Session-Expires", "300;refresher=uac")])
    world.run()
    assert a.status("UPDATE") == [200] * 4
    assert a.state == "talking"
    a.bye()


def test_too_short_a_session_is_refused(world: World) -> None:
    alice = world.phone("201")
    world.phone("202")
    a = alice.call("202", headers=[("Session-Expires", "60")])
    world.run()
    assert a.statuses == [422]
    assert a.responses[-1].headers.get("Min-SE") == "90"


def test_a_phone_that_comes_back_on_another_connection_goes_on_talking(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    world.edge.close(bob.connection)
    world.run(20)
    assert not world.bindings.of_extension("202", world.wall())
    bob.register()
    world.run(100)
    assert a.state == "talking"
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    b.bye()
    world.run()
    assert a.state == "ended"


def test_a_phone_that_comes_back_before_its_old_connection_is_known_to_be_gone(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    old = bob.connection
    old.open = False  # nobody has noticed
    bob.connect()
    bob.register(headers=(), contact=f"<sip:{bob.username}@{old.peer};transport=tls>")
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    world.edge.close(old)
    world.run(100)
    assert a.state == "talking"
    b.bye()


def test_a_second_connection_of_a_phone_does_not_take_its_call_along(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    first = bob.connection
    bob.connect()
    bob.register(contact="<sip:second@192.0.2.1>")
    assert len(world.bindings.of_extension("202", world.wall())) == 2
    [leg] = [leg for _, leg in world.switch.legs.values() if leg.extension == "202"]
    assert leg.flow.peer == first.peer
    a.change("sendonly")
    world.run()
    assert a.status("INVITE")[-1] == 200
    b.bye()
    world.run()
    assert a.state == "ended"  # and it may speak over either of them


def test_a_phone_that_does_not_come_back_is_hung_up(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.edge.close(b.phone.connection)
    world.run(59)
    assert a.state == "talking"
    world.run(3)
    assert a.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "phone lost"
    b.state = "ended"


def test_a_dead_connection_that_nobody_told_of_is_found_by_a_change(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, _ = world.talk(alice, bob)
    world.edge.close(bob.connection, tell=False)
    a.change("sendonly")
    world.run(2)
    assert a.status("INVITE")[-1] == 488
    assert a.state == "talking"
    bob.register()
    a.change("sendonly")
    world.run(2)
    assert a.status("INVITE")[-1] == 200
    a.bye()


def test_a_caller_whose_connection_closes_stops_the_ringing(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    alice.call("202")
    world.run()
    world.edge.close(alice.connection)
    world.run()
    assert bob.last.state == "cancelled"


def test_a_called_phone_whose_connection_closes_does_not_ring_any_more(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    world.edge.close(bob.connection)
    world.run()
    assert a.statuses == [180, 480]


def test_a_lost_link_ends_no_call(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    world.run(880)
    world.link_down()
    world.run(60)
    world.link_up()
    world.run(100)
    assert a.state == b.state == "talking"
    assert b.requests  # it was asked whether it is still there
    a.bye()


def test_who_hung_up_while_the_link_was_down_is_found(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    world.link_down()
    b.bye()
    world.run(20)
    b.dialog = None
    world.link_up()
    world.run(50)
    assert a.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "phone lost"


def test_a_link_that_is_lost_for_a_moment_loses_no_answer(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    world.link_down()
    world.run(2)
    world.link_up()
    world.run()
    assert a.statuses[-1] >= 400  # the caller need not wait for its own time-out
    assert alice.tx.deadline() is None or world.run(1) is None
    bob.last.refuse(480)


def answering_updates(b, status: int, headers=()) -> None:
    """Let a phone refuse the first refresh."""
    phone, usual = b.phone, b.phone._changed

    def changed(call, key, request):
        phone._changed = usual
        phone.tx.respond(key, request.response(status, headers=headers), phone.now())

    phone._changed = changed


@pytest.mark.parametrize("status", [491, 500, 503])
def test_a_refused_refresh_is_tried_again(world: World, status: int) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    answering_updates(b, status)
    world.run(950)
    assert [r.method for r in b.requests] == ["UPDATE", "UPDATE"]
    a.bye()


def test_a_refresh_that_is_too_short_for_the_phone_is_made_longer(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    answering_updates(b, 422, [("Min-SE", "2400")])
    world.run(950)
    assert [r.headers.get("Session-Expires").partition(";")[0] for r in b.requests] == ["1800", "2400"]
    a.bye()


def test_a_refresh_that_says_the_dialog_is_gone_ends_the_call(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    answering_updates(b, 481)
    world.run(950)
    assert a.state == "ended"


def test_a_refresh_does_not_meet_a_change_that_is_open_and_is_not_needed_after_it(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    world.run(899)
    world.rtpengine.delay = 3
    a.change("sendonly")
    world.run(50)
    assert a.status("INVITE")[-1] == 200
    assert [r.method for r in b.requests] == ["INVITE"]
    world.run(900)
    assert [r.method for r in b.requests] == ["INVITE", "UPDATE"]
    a.bye()
