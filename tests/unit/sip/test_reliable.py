"""Provisional answers that arrive (RFC 3262), from both sides."""

import pytest

from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import parse_message
from ringwall.sip.reliable import (
    PrackMissing,
    RAck,
    ReliableReceiver,
    ReliableSender,
    parse_rack,
    requires_reliable,
    supports_reliable,
)
from support.sip_peers import request

INVITE = request(branch="z9hG4bKx", cseq=5, headers=[("Supported", "100rel, timer")])


def provisional(status=183, body=b"") -> Response:
    return INVITE.response(status, to_tag="bob", body=body, content_type="application/sdp" if body else None)


def prack(rack: object) -> Request:
    return request("PRACK", branch="z9hG4bKp", cseq=6, to_tag="bob", headers=[("RAck", str(rack))])


def sender(first=100) -> ReliableSender:
    return ReliableSender(5, first)


def test_a_provisional_answer_is_numbered_and_marked():
    response = sender().send(provisional(), 0.0)
    assert (response.headers.get("RSeq"), response.headers.all("Require")) == ("100", ["100rel"])
    assert requires_reliable(response)
    assert supports_reliable(INVITE)
    assert not supports_reliable(request(branch="z9hG4bKx"))


def test_require_is_not_written_twice():
    response = provisional()
    response.headers.add("Require", "timer, 100REL")
    assert sender().send(response, 0.0).headers.all("Require") == ["timer", "100REL"]


@pytest.mark.parametrize(("drawn", "first"), [(0, "1"), (2**31 - 2, str(2**31 - 1))])
def test_the_first_number_is_drawn_from_the_whole_range(drawn, first):
    asked = []
    start = ReliableSender.start(INVITE, lambda limit: asked.append(limit) or drawn)
    assert asked == [2**31 - 1]
    assert start.send(provisional(), 0.0).headers.get("RSeq") == first


@pytest.mark.parametrize("first", [0, 2**31])
def test_a_first_number_outside_the_range_is_refused(first):
    with pytest.raises(ValueError, match="RSeq"):
        sender(first)


@pytest.mark.parametrize("status", [100, 200, 486])
def test_only_101_to_199_can_be_reliable(status):
    with pytest.raises(ValueError, match=str(status)):
        sender().send(INVITE.response(status), 0.0)


def test_the_answer_is_repeated_with_doubling_pauses_until_its_prack():
    sending = sender()
    first = sending.send(provisional(), 10.0)
    times = []
    while len(times) < 4:
        due = sending.deadline()
        assert sending.expire(due - 0.001) is None
        assert sending.expire(due) is first
        times.append(due - 10)
    assert times == [0.5, 1.5, 3.5, 7.5]
    assert sending.receive_prack(prack(RAck(100, 5, "INVITE")), 18.0) == (200, None)
    assert sending.deadline() is None
    assert sending.expire(1000.0) is None


def test_without_a_prack_it_is_given_up_after_64_t1():
    sending = sender()
    sending.send(provisional(), 0.0)
    results = []
    while (due := sending.deadline()) is not None:
        results.append((due, sending.expire(due)))
    assert results[-1] == (32.0, PrackMissing(100))
    assert PrackMissing(100).status == 504
    assert all(isinstance(result, Response) for _, result in results[:-1])


@pytest.mark.parametrize(
    "rack", ["101 5 INVITE", "99 5 INVITE", "100 6 INVITE", "100 5 UPDATE", "100 5 invite"]
)
def test_a_prack_for_something_else_is_refused_with_481(rack):
    sending = sender()
    sending.send(provisional(), 0.0)
    assert sending.receive_prack(prack(rack), 0.1) == (481, None)
    assert sending.waiting


def test_a_second_prack_is_refused_with_481():
    sending = sender()
    assert sending.receive_prack(prack("100 5 INVITE"), 0.1) == (481, None)
    sending.send(provisional(), 0.0)
    assert sending.receive_prack(prack("100 5 INVITE"), 0.1)[0] == 200
    assert sending.receive_prack(prack("100 5 INVITE"), 0.1) == (481, None)


@pytest.mark.parametrize(
    "rack", ["", "1 2", "1 2 INVITE 3", "x 2 INVITE", "1 -2 INVITE", "4294967296 1 INVITE", "1 1 IN<VITE"]
)
def test_a_malformed_rack_is_refused_with_400(rack):
    with pytest.raises(ParseError) as caught:
        sender().receive_prack(prack(rack), 0.0)
    assert caught.value.status == 400


def test_a_missing_rack_is_refused_with_400():
    with pytest.raises(ParseError, match="RAck"):
        parse_rack(request("PRACK", branch="z9hG4bKp"))


def test_one_at_a_time_and_the_rest_in_order():
    sending = sender()
    one, two, three = provisional(183), provisional(180), provisional(182)
    assert sending.send(one, 0.0) is one
    assert sending.send(two, 0.1) is None
    assert sending.send(three, 0.2) is None
    assert sending.receive_prack(prack("100 5 INVITE"), 1.0) == (200, two)
    assert sending.deadline() == 1.5
    assert sending.receive_prack(prack("101 5 INVITE"), 2.0) == (200, three)
    assert [response.headers.get("RSeq") for response in (one, two, three)] == ["100", "101", "102"]
    assert sending.receive_prack(prack("102 5 INVITE"), 3.0) == (200, None)
    assert not sending.waiting


def test_the_line_is_bounded():
    sending = sender()
    for _ in range(9):
        sending.send(provisional(), 0.0)
    with pytest.raises(ValueError, match="wait"):
        sending.send(provisional(), 0.0)


def test_no_2xx_while_a_description_may_not_have_arrived():
    sending = sender()
    assert sending.may_accept
    sending.send(provisional(body=b"v=0\r\n"), 0.0)
    assert not sending.may_accept
    sending.receive_prack(prack("100 5 INVITE"), 0.1)
    assert sending.may_accept
    sending.send(provisional(180), 0.2)
    assert sending.may_accept
    sending.send(provisional(183, b"v=0\r\n"), 0.3)
    assert not sending.may_accept


def test_after_the_final_answer_nothing_is_repeated_but_a_prack_is_taken():
    sending = sender()
    sending.send(provisional(180), 0.0)
    sending.send(provisional(183), 0.0)
    sending.stop()
    assert sending.deadline() is None
    assert sending.expire(100.0) is None
    assert sending.receive_prack(prack("100 5 INVITE"), 0.1) == (200, None)
    assert sending.receive_prack(prack("101 5 INVITE"), 0.1) == (481, None)


def received(rseq: object, cseq=5) -> Response:
    response = request(branch="z9hG4bKx", cseq=cseq).response(183, to_tag="bob")
    response.headers.add("Require", "100rel")
    if rseq is not None:
        response.headers.add("RSeq", str(rseq))
    return response


def test_answers_are_taken_in_order_and_once():
    receiving = ReliableReceiver()
    results = [receiving.receive(received(rseq)) for rseq in (50, 50, 52, 51, 49, 52)]
    assert [result and str(result) for result in results] == ["50 5 INVITE", None, None, "51 5 INVITE", None, "52 5 INVITE"]  # fmt: skip


@pytest.mark.parametrize("rseq", [None, "", "x", "-1", "4294967296"])
def test_a_malformed_rseq_is_refused(rseq):
    receiving = ReliableReceiver()
    with pytest.raises(ParseError):
        receiving.receive(received(rseq))
    assert receiving.last is None


def test_what_one_side_sends_the_other_acknowledges():
    sending, receiving = ReliableSender.start(INVITE, lambda limit: limit // 2), ReliableReceiver()
    line = [sending.send(provisional(), 0.0)]
    sending.send(provisional(180), 0.0)
    count = 0
    while line:
        arrived = parse_message(line.pop().to_bytes())
        acknowledgement = prack(receiving.receive(arrived))
        status, following = sending.receive_prack(parse_message(acknowledgement.to_bytes()), 1.0)
        assert status == 200
        count += 1
        if following is not None:
            line.append(following)
    assert count == 2
