"""Whole calls between two user agents that stand back to back."""

import pytest

from ringwall.sip.dialog import Dialog, OutOfOrder
from ringwall.sip.transaction import (
    AckMissing,
    AckReceived,
    Cancelled,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransactionFailed,
)
from support.sip_peers import Wire, answer, request


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_call_is_made_and_ended_and_leaves_nothing_behind(wire):
    caller, callee = wire.call()
    assert [type(event) for event in wire.bob.events] == [RequestReceived, AckReceived]
    assert (caller.call_id, caller.local_tag, caller.remote_tag) == (
        callee.call_id,
        callee.remote_tag,
        callee.local_tag,
    )
    wire.bob.transactions.request(callee.request("BYE"), wire.now)
    wire.carry()
    bye = wire.alice.events[-1]
    assert bye.request.method == "BYE"
    assert (bye.request.to.tag, bye.request.from_.tag) == (caller.local_tag, caller.remote_tag)
    caller.receive(bye.request)
    answer(wire.alice, bye, 200, None, wire.now)
    wire.carry()
    assert wire.bob.statuses() == [200]
    assert wire.trace == [
        "alice: INVITE", "bob: 200 INVITE", "alice: ACK", "bob: BYE", "alice: 200 BYE",
    ]  # fmt: skip
    wire.wait(33)
    assert wire.empty()
    assert wire.alice.told(TimedOut) == wire.bob.told(AckMissing) == []


def test_cancel_waits_for_a_provisional_answer(wire):
    key = wire.alice.transactions.request(request(), wire.now)
    wire.alice.transactions.cancel(key, wire.now)
    wire.carry()
    assert wire.trace == ["alice: INVITE"]
    invite = wire.bob.events[-1]
    answer(wire.bob, invite, 180, "bob", wire.now)
    wire.carry()
    assert wire.trace[1:] == ["bob: 180 INVITE", "alice: CANCEL", "bob: 200 CANCEL"]
    assert wire.bob.events[-1] == Cancelled(invite.key, wire.bob.events[-1].request)
    answer(wire.bob, invite, 487, "bob", wire.now)
    wire.carry()
    assert wire.trace[4:] == ["bob: 487 INVITE", "alice: ACK"]
    assert wire.alice.statuses() == [180, 487]
    assert wire.empty()


def test_cancel_goes_the_way_of_its_invite_and_carries_the_reason(wire):
    invite = request(headers=[("Route", "<sip:edge.invalid;lr>"), ("Route", "<sip:other.invalid;lr>")])
    key = wire.alice.transactions.request(invite, wire.now)
    wire.carry()
    answer(wire.bob, wire.bob.events[-1], 180, "bob", wire.now)
    wire.carry()
    wire.alice.transactions.cancel(
        key, wire.now, [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')]
    )
    wire.alice.transactions.cancel(key, wire.now)
    wire.carry()
    sent, cancels = wire.bob.heard[0], [message for message in wire.bob.heard if message.method == "CANCEL"]
    assert len(cancels) == 1
    cancel = cancels[0]
    assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.headers.all("Via") == [sent.headers.get("Via")]
    assert cancel.headers.all("Route") == sent.headers.all("Route")
    assert (cancel.uri, cancel.call_id, cancel.from_, cancel.to) == (
        sent.uri,
        sent.call_id,
        sent.from_,
        sent.to,
    )
    assert cancel.cseq.number == sent.cseq.number
    # The answer to the CANCEL has the tag of the answers to the INVITE (RFC 3261 9.2).
    assert wire.alice.heard[-1].to.tag == "bob"


def test_a_2xx_that_crosses_the_cancel_is_told_so_that_the_call_can_be_ended(wire):
    key = wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    invite = wire.bob.events[-1]
    answer(wire.bob, invite, 180, "bob", wire.now)
    wire.carry()
    wire.alice.transactions.cancel(key, wire.now)
    answer(wire.bob, invite, 200, "bob", wire.now)
    wire.carry()
    assert wire.alice.statuses() == [180, 200]
    assert wire.bob.told(Cancelled) == []  # the INVITE was answered before the CANCEL came
    assert "bob: 200 CANCEL" in wire.trace
    accepted = wire.alice.events[-1]
    dialog = Dialog.from_invite_sent(accepted.request, accepted.response)
    wire.alice.transactions.send(dialog.ack(1))
    wire.alice.transactions.request(dialog.request("BYE"), wire.now)
    wire.carry()
    assert len(wire.bob.told(AckReceived)) == 1
    assert wire.bob.events[-1].request.method == "BYE"


def test_the_called_side_may_accept_although_a_cancel_came_first(wire):
    key = wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    invite = wire.bob.events[-1]
    answer(wire.bob, invite, 180, "bob", wire.now)
    wire.carry()
    wire.alice.transactions.cancel(key, wire.now)
    wire.carry()
    answer(wire.bob, invite, 200, "bob", wire.now)
    wire.carry()
    assert wire.alice.statuses() == [180, 200]


def test_a_cancel_that_is_never_obeyed_ends_after_64_t1(wire):
    key = wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    answer(wire.bob, wire.bob.events[-1], 180, "bob", wire.now)
    wire.carry()
    wire.alice.transactions.cancel(key, wire.now)
    wire.carry()
    wire.wait(31.9)
    assert wire.alice.told(TimedOut) == []
    wire.wait(0.2)
    assert [event.key for event in wire.alice.told(TimedOut)] == [key]


def test_a_cancel_without_an_invite_is_refused():
    wire = Wire()
    events = wire.bob.transactions.receive(request("CANCEL", branch="z9hG4bKx"), 0.0)
    wire.carry()
    assert events == []
    assert wire.trace == ["bob: 481 CANCEL"]


def test_each_branch_of_a_fork_makes_a_dialog_of_its_own(wire):
    wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    invite = wire.bob.events[-1]
    # A proxy beside Bob has forked: the answers of two phones come back on one transaction.
    for status, tag in ((180, "desk"), (180, "soft"), (200, "desk"), (200, "soft")):
        message = invite.request.response(
            status,
            to_tag=tag,
            headers=[("Contact", f"<sip:{tag}@192.0.2.9>"), ("Record-Route", f"<sip:{tag}.invalid;lr>")],
        )
        wire.bob.transactions.outbox.append(message.to_bytes())
    wire.carry()
    answers = wire.alice.told(ResponseReceived)
    assert [(event.response.status, event.response.to.tag) for event in answers] == [
        (180, "desk"), (180, "soft"), (200, "desk"), (200, "soft"),
    ]  # fmt: skip
    dialogs = [Dialog.from_invite_sent(event.request, event.response) for event in answers[2:]]
    assert [dialog.remote_tag for dialog in dialogs] == ["desk", "soft"]
    assert [dialog.remote_target for dialog in dialogs] == ["sip:desk@192.0.2.9", "sip:soft@192.0.2.9"]
    assert [dialog.routes for dialog in dialogs] == [("<sip:desk.invalid;lr>",), ("<sip:soft.invalid;lr>",)]


def test_a_2xx_is_repeated_until_its_ack_arrives(wire):
    wire.lose = ("alice: ACK",)
    caller, _ = wire.call()
    assert wire.bob.told(AckReceived) == []
    wire.wait(4)  # 0.5, 1.5, 3.5 s after the first
    assert wire.trace.count("bob: 200 INVITE") == 4
    assert wire.alice.statuses() == [200] * 4
    wire.lose = ()
    wire.alice.transactions.send(caller.ack(1))
    wire.alice.transactions.send(caller.ack(1))
    wire.carry()
    assert len(wire.bob.told(AckReceived)) == 1
    wire.wait(60)
    assert wire.trace.count("bob: 200 INVITE") == 4
    assert wire.bob.told(AckMissing) == []
    assert wire.empty()


def test_a_2xx_that_is_never_acknowledged_is_given_up_after_64_t1(wire):
    wire.lose = ("alice: ACK",)
    wire.call()
    key = wire.bob.told(RequestReceived)[0].key
    wire.wait(31.9)
    assert wire.bob.told(AckMissing) == []
    wire.wait(0.2)
    assert wire.bob.told(AckMissing) == [AckMissing(key)]
    # 0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5
    assert wire.trace.count("bob: 200 INVITE") == 11
    wire.wait(33)
    assert wire.empty()


def test_a_second_invite_in_the_dialog_is_acknowledged_by_its_own_number(wire):
    caller, callee = wire.call()
    wire.alice.transactions.request(caller.request("INVITE", "sip:alice@192.0.2.77"), wire.now)
    wire.carry()
    again = wire.bob.events[-1]
    assert (again.request.to.tag, again.request.from_.tag) == (callee.local_tag, callee.remote_tag)
    callee.receive(again.request)
    assert callee.remote_target == "sip:alice@192.0.2.77"
    answer(wire.bob, again, 200, None, wire.now)
    wire.carry()
    caller.refresh_target(wire.alice.events[-1].response)
    assert caller.remote_target == "sip:bob@192.0.2.2:5061"
    wire.alice.transactions.send(caller.ack(2, b"v=0\r\n"))
    wire.carry()
    last = wire.bob.events[-1]
    assert isinstance(last, AckReceived)
    assert (last.key, last.request.body) == (again.key, b"v=0\r\n")


def test_two_invites_that_meet_do_not_disturb_each_other(wire):
    caller, callee = wire.call()
    one = wire.alice.transactions.request(caller.request("INVITE", "sip:alice@192.0.2.1"), wire.now)
    two = wire.bob.transactions.request(callee.request("INVITE", "sip:bob@192.0.2.2"), wire.now)
    wire.carry()
    answer(wire.bob, wire.bob.events[-1], 491, None, wire.now)
    answer(wire.alice, wire.alice.events[-1], 491, None, wire.now)
    wire.carry()
    for peer, key in ((wire.alice, one), (wire.bob, two)):
        last = peer.told(ResponseReceived)[-1]
        assert (last.key, last.response.status) == (key, 491)
    assert sorted(wire.trace[-2:]) == ["alice: ACK", "bob: ACK"]


def test_a_request_that_is_out_of_order_is_told_apart(wire):
    caller, callee = wire.call()
    first, second = caller.request("INFO"), caller.request("INFO")
    callee.receive(second)
    with pytest.raises(OutOfOrder):
        callee.receive(first)
    with pytest.raises(OutOfOrder):
        callee.receive(second)


def test_a_refused_invite_is_acknowledged_by_the_layer_with_the_route_of_the_invite():
    wire = Wire()
    invite = request(headers=[("Route", "<sip:edge.invalid;lr>")])
    wire.alice.transactions.request(invite, wire.now)
    wire.carry()
    answer(wire.bob, wire.bob.events[-1], 486, "bob", wire.now)
    wire.carry()
    ack = wire.bob.heard[-1]
    assert (ack.method, ack.cseq.number, ack.to.tag) == ("ACK", 1, "bob")
    assert ack.headers.all("Route") == ["<sip:edge.invalid;lr>"]
    assert ack.headers.all("Via") == [wire.bob.heard[0].headers.get("Via")]
    assert wire.bob.told(AckReceived) == []
    assert wire.empty()


def test_an_invite_that_nobody_answers_times_out(wire):
    wire.lose = ("alice: INVITE",)
    key = wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    wire.wait(31.9)
    assert wire.alice.events == []
    wire.wait(0.2)
    assert [(type(event), event.key) for event in wire.alice.events] == [(TimedOut, key)]
    assert wire.empty()


def test_an_invite_that_rings_for_more_than_three_minutes_is_cancelled(wire):
    key = wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    invite = wire.bob.events[-1]
    answer(wire.bob, invite, 180, "bob", wire.now)
    wire.carry()
    wire.wait(180)
    answer(wire.bob, invite, 180, "bob", wire.now)  # still at work: the time starts anew
    wire.carry()
    wire.wait(180)
    assert "alice: CANCEL" not in wire.trace
    wire.wait(10)
    assert wire.trace.count("alice: CANCEL") == 1
    answer(wire.bob, invite, 487, "bob", wire.now)
    wire.carry()
    assert wire.alice.told(ResponseReceived)[-1].key == key
    assert wire.empty()


def test_a_lost_link_fails_what_waits_and_keeps_what_was_asked_of_us(wire):
    wire.lose = ("bob: OPTIONS",)
    sent = wire.bob.transactions.request(request("OPTIONS", call_id="call-9"), wire.now)
    wire.alice.transactions.request(request(), wire.now)
    wire.carry()
    events = wire.bob.transactions.fail_all(wire.now)
    assert [(type(event), event.key) for event in events] == [(TransactionFailed, sent)]
    answer(wire.bob, wire.bob.events[-1], 486, "bob", wire.now)
    wire.carry()
    assert wire.alice.statuses() == [486]


def test_the_request_told_after_the_first_2xx_has_no_body():
    wire = Wire()
    wire.alice.transactions.request(request(body=b"v=0\r\n" * 100), wire.now)
    wire.lose = ("alice: ACK",)
    wire.carry()
    answer(wire.bob, wire.bob.events[-1], 200, "bob", wire.now)
    wire.carry()
    wire.wait(0.6)
    first, second = wire.alice.told(ResponseReceived)
    assert len(first.request.body) == 500
    assert second.request.body == b""
    assert second.request.headers is first.request.headers
