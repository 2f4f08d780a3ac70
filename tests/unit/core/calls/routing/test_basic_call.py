"""A calls B: set-up, ringing, answer, hang-up, and all the ways in which it comes to nothing."""

import pytest

from ringwall.sip.message import Request
from support.calls.media import keys
from support.calls.phone import PhoneCall
from support.calls.world import World


@pytest.mark.req("T1", "T5")
def test_two_phones_talk_and_every_leg_and_direction_has_a_key_of_its_own(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a, b = world.talk(alice, bob)
    assert a.statuses == [180, 200]
    sent = [*keys(a.local_sdp).values(), *keys(b.local_sdp).values()]
    got = [*keys(a.remote_sdp).values(), *keys(b.remote_sdp).values()]
    assert not set(sent) & set(got)
    assert len(keys(a.remote_sdp)) == 1
    a.bye()
    world.run()
    assert b.state == "ended"
    [record] = world.told("call.ended")
    assert record["cause"] == "hung up"
    assert record["by"] == "caller"
    assert record["caller"] == "201"
    assert record["callee"] == "202"
    assert record["caller_source"].startswith("198.51.100.9:")
    assert len(set(record["suites"])) == 2


def test_the_called_side_can_hang_up_too(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    b.bye()
    world.run()
    assert a.state == "ended"
    assert world.told("call.ended")[0]["by"] == "callee"


def test_all_devices_ring_and_the_first_answer_wins(world: World) -> None:
    alice, desk, soft = world.phone("201"), world.phone("202"), world.phone("202")
    desk.on_invite = soft.on_invite = "ring"
    a = alice.call("202")
    world.run()
    assert a.statuses == [180]
    soft.last.answer()
    world.run()
    assert a.state == "talking"
    assert desk.last.state == "cancelled"
    [cancel] = [m for m in desk.log if getattr(m, "method", "") == "CANCEL"]
    assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert world.only_call().callee.device == soft.username
    a.bye()


def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(world: World) -> None:
    alice, desk, soft = world.phone("201"), world.phone("202"), world.phone("202")
    desk.on_invite = soft.on_invite = "ring"
    a = alice.call("202")
    world.run()
    desk.last.answer()
    soft.last.answer()
    world.run()
    assert a.state == "talking"
    states = sorted([desk.last.state, soft.last.state])
    assert states == ["ended", "talking"]
    loser = desk if desk.last.state == "ended" else soft
    assert len(loser.last.acks) == 1
    assert [r.method for r in loser.last.requests] == ["BYE"]
    a.bye()


@pytest.mark.parametrize(
    ("behaviour", "status", "cause"),
    [(486, 486, "busy"), (603, 603, "declined"), (600, 600, "busy"), (404, 404, "refused"), (500, 480, "no answer"),
     (302, 480, "no answer"), (401, 480, "no answer"), (408, 480, "no answer")],
)  # fmt: skip
def test_what_the_called_phone_says_is_told_to_the_caller(world: World, behaviour, status, cause) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = behaviour
    a = alice.call("202")
    world.run()
    assert a.statuses == [status]
    [record] = world.told("call.ended")
    assert (record["status"], record["cause"], record["by"]) == (status, cause, "callee")


def test_one_busy_phone_does_not_stop_the_other_from_ringing(world: World) -> None:
    alice, desk, soft = world.phone("201"), world.phone("202"), world.phone("202")
    desk.on_invite, soft.on_invite = 486, "ring"
    a = alice.call("202")
    world.run()
    assert a.statuses == [180]
    soft.last.refuse(480)
    world.run()
    assert a.statuses == [180, 486]  # busy says most about the person


def test_nobody_answers(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run(59)
    assert a.state == "calling"
    world.run(3)
    assert a.statuses == [180, 480]
    assert bob.last.state == "cancelled"
    assert world.told("call.ended")[0]["cause"] == "no answer"


def test_a_phone_that_says_nothing_at_all_is_given_up(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "silence"
    a = alice.call("202")
    world.run(100)
    assert a.statuses == [480]


def test_a_caller_whose_call_does_not_ring_yet_is_told_that_we_are_trying(world: World) -> None:
    """The edge gives a request up that gets no answer at all within five seconds."""
    alice, bob, carol = world.phone("201"), world.phone("202"), world.phone("203")
    bob.on_invite, carol.on_invite = "silence", "ring"
    slow, quick = alice.call("202"), alice.call("203")
    world.run(4)
    # The first 100 of each is the edge's own.
    assert [r.status for r in slow.responses] == [100, 100]
    assert [r.status for r in quick.responses] == [100, 180]
    slow.cancel()
    quick.cancel()


def test_the_caller_cancels(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    a.cancel()
    world.run()
    assert a.statuses == [180, 487]
    assert bob.last.state == "cancelled"
    [record] = world.told("call.ended")
    assert (record["cause"], record["by"], record["status"]) == ("cancelled", "caller", 487)


def cancel_of(call: PhoneCall) -> bytes:
    """What everybody can write who has seen the INVITE."""
    cancel = Request("CANCEL", call.invite.uri, call.invite.headers.copy())
    cancel.headers.set("CSeq", f"{call.invite.cseq.number} CANCEL")
    return cancel.to_bytes()


def test_a_cancel_right_behind_the_invite_ends_what_has_not_begun_to_ring(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    a = alice.call("202")
    alice.write(cancel_of(a))
    world.run()
    assert a.statuses == [487]
    assert "INVITE" not in [getattr(message, "method", "") for message in bob.log]
    assert not world.switch.calls


@pytest.mark.req("W2")
def test_nobody_else_cancels_who_knows_all_of_the_invite(world: World) -> None:
    alice, bob, mallory = world.phone("201"), world.phone("202"), world.phone("203")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    stranger = world.edge.connect(mallory, "198.51.100.9:9")
    for connection in (mallory.connection, stranger, world.edge.connect(mallory, alice.connection.peer)):
        connection.write(cancel_of(a))
        world.run()
        assert (world.edge.from_core_log[-1].status, world.edge.from_core_log[-1].cseq.method) == (
            481,
            "CANCEL",
        )
    assert bob.last.state == "ringing"
    assert world.told("security.foreign_dialog")[0]["method"] == "CANCEL"
    a.cancel()
    world.run()
    assert a.statuses[-1] == 487
    assert bob.last.state == "cancelled"


def test_a_device_that_has_come_back_on_another_connection_may_cancel(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    alice.connect()
    alice.connection.write(cancel_of(a))
    world.run()
    assert world.edge.from_core_log[-1].status == 481
    alice.register()
    alice.connection.write(cancel_of(a))
    world.run()
    assert bob.last.state == "cancelled"


def test_the_caller_cancels_while_the_relay_is_being_made(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.rtpengine.delay = 0.5
    a = alice.call("202")
    world.run(0.2)
    a.cancel()
    world.run(3)
    assert a.statuses == [487]
    assert not bob.calls


@pytest.mark.parametrize("after", [0.25, 0.75, 1.25])
def test_no_chain_is_left_when_the_caller_cancels_while_it_is_being_made(world: World, after: float) -> None:
    from ringwall.core.calls.media.descriptions import AES_CM

    alice = world.phone("201", suites=(AES_CM,))
    world.phone("202", suites=(AES_CM,)).on_invite = "ring"
    world.rtpengine.delay = 0.5
    a = alice.call("202")
    world.run(after)
    a.cancel()
    world.run(5)
    assert a.statuses[-1] == 487


def test_the_caller_cancels_at_the_moment_of_the_answer(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    world.rtpengine.delay = 0.5
    bob.last.answer()
    world.run(0.2)
    a.cancel()
    world.run(2)
    assert a.statuses == [180, 487]
    assert bob.last.state == "ended"
    assert len(bob.last.acks) == 1


def test_a_user_without_a_phone_is_not_reachable_and_one_who_is_not_there_unknown(world: World) -> None:
    alice = world.phone("201")
    world.phone("202", register=False)
    a, b = alice.call("202"), alice.call("299")
    world.run()
    assert (a.statuses, b.statuses) == ([480], [404])
    assert [r["status"] for r in world.told("call.refused")] == [480, 404]
    assert all("399 ringwall" in r.responses[-1].headers.get("Warning") for r in (a, b))


def test_a_number_in_another_house_is_not_one_of_ours(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.domain = "elsewhere.example"
    a = alice.call("202")
    world.domain = "VOICE.example"
    b = alice.call("202")
    world.run()
    assert a.statuses == [403]  # the From is not of this house either
    assert b.state == "talking"
    b.bye()
    alice.world.domain = "voice.example"
    request = alice.base("INVITE", "sip:202@elsewhere.example", 1, "far", body=bob.last.local_sdp)
    assert alice.ask(request).status == 404


def test_a_phone_whose_connection_is_dead_is_forgotten(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.edge.close(bob.connection, tell=False)
    a = alice.call("202")
    world.run()
    assert a.statuses == [480]
    assert not world.bindings.of_extension("202", world.wall())


def test_nothing_rings_at_the_device_that_calls_its_own_number(world: World) -> None:
    alice, other = world.phone("201"), world.phone("201")
    a = alice.call("201")
    world.run()
    assert a.state == "talking"
    assert other.last.state == "talking"
    assert len(alice.calls) == 1
    a.bye()


def test_a_call_before_the_answer_can_be_ended_by_bye(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    a.bye()
    world.run()
    assert a.statuses == [180, 487]
    assert a.status("BYE") == [200]
    assert bob.last.state == "cancelled"


def test_a_hang_up_that_overtakes_the_callers_ack_waits_for_it(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    alice.auto_ack = False
    a = alice.call("202")
    world.run()
    assert a.statuses[-1] == 200
    bob.last.bye()
    world.run(0.2)
    assert a.state == "talking"  # no BYE before the ACK (RFC 3261 15)
    alice.tx.send(a.dialog.ack(1))
    alice.flush()
    world.run()
    assert a.state == "ended"
    assert world.told("call.ended")[0]["by"] == "callee"


def test_a_caller_that_hangs_up_without_an_ack_is_heard(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    alice.auto_ack = False
    a = alice.call("202")
    world.run()
    bob.last.bye()
    world.run(0.2)
    a.bye()
    world.run()
    assert a.status("BYE") == [200]


def test_an_answer_that_is_never_acknowledged_ends_the_call(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    alice.auto_ack = False
    a = alice.call("202")
    world.run(40)
    assert len([s for s in a.statuses if s == 200]) > 3  # it was repeated
    assert a.state == "ended"
    assert bob.last.state == "ended"
    assert world.told("call.ended")[0]["cause"] == "the answer was never acknowledged"


def test_bye_from_both_sides_at_once(world: World) -> None:
    a, b = world.talk(world.phone("201"), world.phone("202"))
    a.bye()
    b.bye()
    world.run()
    assert a.status("BYE")[0] in (200, 481)
    assert b.status("BYE")[0] in (200, 481)


def test_a_2xx_that_is_repeated_is_acknowledged_again(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    world.edge.lose.append(lambda way, m: way == "to phone" and getattr(m, "method", "") == "ACK")
    a = alice.call("202")
    world.run(3)
    assert a.state == "talking"
    assert not bob.last.acks
    world.edge.lose.clear()
    world.run(5)
    assert len(bob.last.acks) == 1
    assert bob.last.state == "talking"
    a.bye()


def test_without_a_relay_there_is_no_call(world: World) -> None:
    alice = world.phone("201")
    world.phone("202")
    world.rtpengine.down = True
    a = alice.call("202")
    world.run()
    assert a.statuses == [503]
    assert world.told("system.relay_failed")
    assert len(world.told("call.ended")) == 1


def test_a_relay_that_refuses_ends_the_call_too(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    a = alice.call("202")
    world.run()
    world.rtpengine.refusing = "Ran out of\nports"
    bob.last.answer()
    world.run()
    assert a.statuses == [180, 503]
    assert bob.last.state == "ended"


def test_no_call_without_a_record(world: World) -> None:
    alice = world.phone("201")
    world.phone("202")
    world.store.failing = "the disk is full"
    a = alice.call("202")
    world.run()
    assert a.statuses == [503]
    assert world.told("call.refused")[0]["why"] == "calls are refused while no record of them can be kept"


def test_the_number_of_calls_is_limited() -> None:
    world = World(max_calls=1)
    a, _ = world.talk(world.phone("201"), world.phone("202"))
    second = world.phone("203").call("202")
    world.run()
    assert second.statuses == [503]
    a.bye()
    world.finish()


def test_an_extension_that_is_not_understood_is_refused(world: World) -> None:
    alice = world.phone("201")
    a = alice.call("202", headers=[("Require", "precondition, 100rel")])
    world.run()
    assert a.statuses == [420]
    assert a.responses[-1].headers.get("Unsupported") == "precondition"


def test_a_name_with_quotes_and_one_that_is_no_utf8_reach_the_other_phone(world: World) -> None:
    alice, bob = world.phone("201", name='Al "Ace" \\ O\'Neil'), world.phone("202")
    a, b = world.talk(alice, bob)
    assert b.invite.from_.display == 'Al "Ace" \\ O\'Neil'
    assert b.invite.from_.uri.user == "201"
    a.bye()


def test_a_phone_may_write_latin_1(world: World) -> None:
    alice, bob = world.phone("201"), world.phone("202")
    bob.on_invite = "ring"
    original = alice.base

    def base(*args, **kwargs):
        request = original(*args, **kwargs)
        request.headers.set("From", request.headers.get("From").replace("at home", "zu Haus \udcfc\udcff"))
        return request

    alice.base = base
    a = alice.call("202")
    world.run()
    bob.last.answer(bob.last._answer_body() + b"a=x-note:gr\xfc\xdfe\r\n")
    world.run()
    assert a.state == "talking"
    assert world.store.live_calls
    b = bob.last
    b.bye()
    world.run()
    assert a.state == "ended"


def test_an_administrator_hangs_up(world: World) -> None:
    from ringwall.core.calls.dialog import teardown

    a, b = world.talk(world.phone("201"), world.phone("202"))
    teardown.end(world.switch, world.only_call(), "ended by an administrator", by="administrator")
    world.switch.flush()
    world.run()
    assert (a.state, b.state) == ("ended", "ended")
    assert world.told("call.ended")[0]["by"] == "administrator"
