"""Dialogs: made, matched, routed, stored."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.sip.dialog import Dialog, DialogState, OutOfOrder
from ringwall.sip.errors import ParseError
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import parse_message
from support.sip_peers import request

ROUTES = ["<sip:one.invalid;lr>", "<sip:two.invalid;lr>", "<sip:three.invalid;lr>"]


def invite_with_routes() -> Request:
    return request(branch="z9hG4bKx", cseq=7, headers=[("Record-Route", route) for route in ROUTES])


def answer(invite: Request, status: int, tag: str | None = "bob", headers=None) -> Response:
    if headers is None:
        headers = [("Contact", "<sip:bob@192.0.2.2:5061;transport=tls>")]
    return invite.response(status, to_tag=tag, headers=headers)


def called() -> Dialog:
    return Dialog.from_invite_received(invite_with_routes(), "bob")


def calling() -> Dialog:
    invite = invite_with_routes()
    return Dialog.from_invite_sent(invite, answer(invite, 200))


def wire(message: Request) -> Request:
    """The request as it arrives on the other side, which shows that it is complete but for its Via."""
    message.headers.prepend("Via", "SIP/2.0/TLS here.invalid;branch=z9hG4bKy")
    parsed = parse_message(message.to_bytes())
    assert isinstance(parsed, Request)
    return parsed


def test_the_called_side_takes_the_route_set_in_order():
    dialog = called()
    assert dialog.routes == tuple(ROUTES)
    assert (dialog.state, dialog.initiator) == (DialogState.EARLY, False)
    assert (dialog.local_tag, dialog.remote_tag) == ("bob", "alice")
    assert (dialog.local, dialog.remote) == (
        "<sip:bob@ringwall.invalid>",
        '"Alice" <sip:alice@ringwall.invalid>',
    )
    assert (dialog.local_cseq, dialog.remote_cseq) == (0, 7)
    assert dialog.remote_target == "sip:alice@192.0.2.1:5061;transport=tls"


def test_the_calling_side_takes_the_route_set_backwards():
    dialog = calling()
    assert dialog.routes == tuple(reversed(ROUTES))
    assert (dialog.state, dialog.initiator) == (DialogState.CONFIRMED, True)
    assert (dialog.local_tag, dialog.remote_tag) == ("alice", "bob")
    assert (dialog.local_cseq, dialog.remote_cseq) == (7, None)
    assert dialog.remote_target == "sip:bob@192.0.2.2:5061;transport=tls"


def test_several_record_routes_in_one_line_are_several_routes():
    invite = request(branch="z9hG4bKx", headers=[("Record-Route", ", ".join(ROUTES))])
    assert Dialog.from_invite_received(invite, "bob").routes == tuple(ROUTES)


def test_an_invite_without_contact_makes_no_dialog():
    invite = request(branch="z9hG4bKx")
    invite.headers.remove("Contact")
    with pytest.raises(ParseError, match="400"):
        Dialog.from_invite_received(invite, "bob")


def test_a_request_in_the_dialog_is_complete():
    dialog = calling()
    message = wire(
        dialog.request(
            "INFO", "sip:alice@192.0.2.1", [("Info-Package", "dtmf")], b"Signal=1", "application/dtmf-relay"
        )
    )
    assert (message.method, message.uri) == ("INFO", "sip:bob@192.0.2.2:5061;transport=tls")
    assert message.headers.all("Route") == list(reversed(ROUTES))
    assert (message.max_forwards, message.call_id, str(message.cseq)) == (70, "call-1", "8 INFO")
    assert (message.from_.tag, message.to.tag) == ("alice", "bob")
    assert message.from_.display == "Alice"
    assert str(message.contact) == "<sip:alice@192.0.2.1>"
    assert message.headers.get("Info-Package") == "dtmf"
    assert (message.content_type, message.body) == ("application/dtmf-relay", b"Signal=1")


def test_a_contact_may_be_a_name_addr():
    message = calling().request("UPDATE", '"Alice" <sip:alice@192.0.2.1>;audio', body=b"v=0\r\n")
    assert message.headers.get("Contact") == '"Alice" <sip:alice@192.0.2.1>;audio'
    assert message.content_type == "application/sdp"


def test_numbers_grow_with_each_request_and_not_with_the_ack():
    dialog = calling()
    numbers = [
        dialog.request("INVITE").cseq.number,
        dialog.ack(8).cseq.number,
        dialog.request("BYE").cseq.number,
    ]
    assert numbers == [8, 8, 9]


def test_the_called_side_begins_to_count_on_its_own():
    assert called().request("BYE").cseq.number == 1


def test_the_ack_goes_the_way_of_the_dialog_and_may_carry_an_answer():
    ack = wire(calling().ack(7, b"v=0\r\n", [("X-Test", "1")]))
    assert (ack.method, str(ack.cseq), ack.to.tag) == ("ACK", "7 ACK", "bob")
    assert ack.headers.all("Route") == list(reversed(ROUTES))
    assert (ack.content_type, ack.body) == ("application/sdp", b"v=0\r\n")
    assert ack.headers.get("X-Test") == "1"
    assert ack.contact is None


def test_a_strict_router_becomes_the_request_uri():
    # RFC 3261 12.2.1.1; parameters that may not stand in a Request-URI are taken off.
    invite = request(
        branch="z9hG4bKx",
        headers=[
            ("Record-Route", "<sip:strict.invalid;method=INVITE;transport=tls?Subject=x>"),
            ("Record-Route", "<sip:loose.invalid;lr>"),
        ],
    )
    message = wire(Dialog.from_invite_received(invite, "bob").request("BYE"))
    assert message.uri == "sip:strict.invalid;transport=tls"
    assert message.headers.all("Route") == [
        "<sip:loose.invalid;lr>",
        "<sip:alice@192.0.2.1:5061;transport=tls>",
    ]


def test_without_routes_a_request_goes_straight_to_the_target():
    message = Dialog.from_invite_received(request(branch="z9hG4bKx"), "bob").request("BYE")
    assert message.uri == "sip:alice@192.0.2.1:5061;transport=tls"
    assert "Route" not in message.headers


def test_the_2xx_says_route_set_and_target_anew():
    invite = invite_with_routes()
    dialog = Dialog.from_invite_sent(invite, answer(invite, 180, headers=[]))
    assert (dialog.state, dialog.remote_target) == (DialogState.EARLY, "sip:bob@ringwall.invalid")
    accepted = answer(invite, 200)
    accepted.headers.set("Record-Route", "<sip:other.invalid;lr>")
    dialog.confirm(accepted)
    assert dialog.state is DialogState.CONFIRMED
    assert dialog.routes == ("<sip:other.invalid;lr>",)
    assert dialog.remote_target == "sip:bob@192.0.2.2:5061;transport=tls"


def test_a_confirmed_route_set_never_changes():
    dialog = calling()
    again = answer(invite_with_routes(), 200, headers=[("Contact", "<sip:elsewhere.invalid>")])
    again.headers.set("Record-Route", "<sip:other.invalid;lr>")
    dialog.confirm(again)
    assert dialog.routes == tuple(reversed(ROUTES))
    assert dialog.remote_target == "sip:bob@192.0.2.2:5061;transport=tls"


def test_a_terminated_dialog_stays_so():
    dialog = called()
    dialog.terminate()
    dialog.confirm()
    assert dialog.state is DialogState.TERMINATED


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_target_refresh_changes_the_target(method):
    dialog = called()
    refresh = request(method, cseq=8, to_tag="bob")
    refresh.headers.set("Contact", "<sip:alice@192.0.2.99>")
    dialog.receive(refresh)
    assert (dialog.remote_target, dialog.remote_cseq) == ("sip:alice@192.0.2.99", 8)


def test_other_requests_do_not_change_the_target():
    dialog = called()
    info = request("INFO", cseq=8, to_tag="bob", headers=[("Contact", "<sip:mallory@192.0.2.99>")])
    dialog.receive(info)
    assert dialog.remote_target == "sip:alice@192.0.2.1:5061;transport=tls"


def test_a_target_refresh_without_contact_keeps_the_target():
    dialog = called()
    refresh = request("UPDATE", cseq=8, to_tag="bob")
    refresh.headers.remove("Contact")
    dialog.receive(refresh)
    assert dialog.remote_target == "sip:alice@192.0.2.1:5061;transport=tls"


@pytest.mark.parametrize(("status", "method", "changes"), [(200, "INVITE", True), (200, "UPDATE", True), (183, "INVITE", False), (491, "INVITE", False), (200, "INFO", False)])  # fmt: skip
def test_only_a_2xx_to_a_target_refresh_of_ours_changes_the_target(status, method, changes):
    dialog = calling()
    response = wire(dialog.request(method)).response(status, headers=[("Contact", "<sip:bob@192.0.2.99>")])
    dialog.refresh_target(response)
    assert (dialog.remote_target == "sip:bob@192.0.2.99") is changes


@pytest.mark.parametrize("number", [6, 7])
def test_a_number_that_does_not_grow_is_out_of_order(number):
    dialog = called()
    with pytest.raises(OutOfOrder) as caught:
        dialog.receive(request("BYE", cseq=number, to_tag="bob"))
    assert caught.value.status == 500
    assert dialog.remote_cseq == 7


def test_numbers_may_leave_gaps():
    dialog = called()
    dialog.receive(request("INFO", cseq=70, to_tag="bob"))
    assert dialog.remote_cseq == 70


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_not_counted(method):
    dialog = called()
    dialog.receive(request(method, cseq=7, to_tag="bob"))
    assert dialog.remote_cseq == 7


def test_a_refused_refresh_changes_nothing():
    dialog = called()
    bad = request("UPDATE", cseq=8, to_tag="bob")
    bad.headers.set("Contact", "<sip:>")
    with pytest.raises(ParseError):
        dialog.receive(bad)
    assert (dialog.remote_cseq, dialog.remote_target) == (7, "sip:alice@192.0.2.1:5061;transport=tls")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<sip:a@x.invalid>;tag=1", "<sip:a@x.invalid>"),
        ("sip:a@x.invalid;tag=1", "<sip:a@x.invalid>"),
        ("<sip:a@x.invalid;tag=9>;tag=1;x=2", "<sip:a@x.invalid;tag=9>;x=2"),
        ("<sip:a@x.invalid>;TAG=1", "<sip:a@x.invalid>"),
        ('"A;tag=1" <sip:a@x.invalid> ; tag=1', '"A;tag=1" <sip:a@x.invalid>'),
        ('"A <b>;tag=1" <sip:a@x.invalid>;x=">;tag=1"', '"A <b>;tag=1" <sip:a@x.invalid>;x=">;tag=1"'),
        ("<sip:a@x.invalid>", "<sip:a@x.invalid>"),
    ],
)
def test_the_tag_is_taken_off_wherever_it_stands(text, rest):
    invite = request(branch="z9hG4bKx")
    invite.headers.set("From", text)
    assert Dialog.from_invite_received(invite, "bob").remote == rest


def test_a_peer_without_a_tag_can_still_be_spoken_to():
    # RFC 3261 12.1.2: peers of RFC 2543 may give no tag.
    invite = invite_with_routes()
    dialog = Dialog.from_invite_sent(invite, answer(invite, 200, tag=None))
    assert dialog.remote_tag == ""
    assert wire(dialog.request("BYE")).to.tag is None


texts = st.text(max_size=20)
dialogs = st.builds(
    Dialog,
    call_id=texts,
    local_tag=texts,
    remote_tag=texts,
    local=texts,
    remote=texts,
    local_cseq=st.integers(0, 2**31 - 1),
    remote_cseq=st.none() | st.integers(0, 2**31 - 1),
    remote_target=texts,
    routes=st.lists(texts, max_size=4).map(tuple),
    state=st.sampled_from(DialogState),
    initiator=st.booleans(),
)


@given(dialogs)
def test_a_dialog_survives_being_stored(dialog):
    again = Dialog.from_value(json.loads(json.dumps(dialog.to_value())))
    assert again == dialog
    assert type(again.routes) is tuple


@pytest.mark.parametrize("spoilt", [{"state": "lost"}, {"extra": 1}])
def test_a_spoilt_value_is_refused(spoilt):
    with pytest.raises((TypeError, ValueError)):
        Dialog.from_value({**called().to_value(), **spoilt})
