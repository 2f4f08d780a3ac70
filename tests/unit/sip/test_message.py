"""Headers, requests, responses."""

import pytest

from ringwall.sip.errors import ParseError
from ringwall.sip.message import REASONS, Headers, Request, Response
from ringwall.sip.parser import parse_message


def invite() -> Request:
    return Request(
        "INVITE",
        "sip:1002@example.com",
        Headers(
            [
                ("Via", "SIP/2.0/TLS a;branch=z9hG4bK1"),
                ("Via", "SIP/2.0/TLS b;branch=z9hG4bK2"),
                ("Record-Route", "<sip:edge;lr>"),
                ("From", '"Alice" <sip:1001@example.com>;tag=1'),
                ("To", "<sip:1002@example.com>"),
                ("Call-ID", "c1"),
                ("CSeq", "1 INVITE"),
                ("Contact", "<sip:1001@10.0.0.1>"),
                ("Timestamp", "54"),
            ]
        ),
        b"body",
    )


def test_header_names_are_one_whatever_their_case_or_form() -> None:
    headers = Headers([("v", "SIP/2.0/TLS a"), ("VIA", "SIP/2.0/TLS b"), ("x-Own", "1")])
    assert headers.all("Via") == ["SIP/2.0/TLS a", "SIP/2.0/TLS b"]
    assert "V" in headers
    assert "X-OWN" in headers
    assert "l" not in headers
    assert headers.get("via") == "SIP/2.0/TLS a"
    assert headers.get("Route") is None
    assert list(headers.items()) == [("Via", "SIP/2.0/TLS a"), ("Via", "SIP/2.0/TLS b"), ("X-Own", "1")]


def test_lists_are_given_element_by_element_and_others_as_they_are() -> None:
    headers = Headers(
        [
            ("Supported", "timer, 100rel,,"),
            ("k", "path"),
            ("Subject", "a, b"),
            ("Route", "<sip:a,b>, <sip:c>"),
        ]
    )
    assert headers.all("Supported") == ["timer", "100rel", "path"]
    assert headers.all("Subject") == ["a, b"]
    assert headers.all("Route") == ["<sip:a,b>", "<sip:c>"]
    assert headers.get("Route") == "<sip:a,b>"


def test_headers_are_edited_in_place() -> None:
    headers = Headers([("To", "<sip:b@x>"), ("Route", "<sip:1>")])
    headers.prepend("Route", "<sip:0>")
    headers.prepend("Via", "SIP/2.0/TLS a")
    headers.add("Route", "<sip:2>, <sip:3>")
    assert headers.all("Route") == ["<sip:0>", "<sip:1>", "<sip:2>", "<sip:3>"]
    assert next(headers.items()) == ("Via", "SIP/2.0/TLS a")
    headers.set("Route", "<sip:9>")
    assert headers.all("Route") == ["<sip:9>"]
    headers.remove("Route")
    assert "Route" not in headers
    headers.remove("To")
    headers.remove("To")
    assert len(headers) == 1


def test_a_copy_is_independent() -> None:
    headers = Headers([("Route", "<sip:1>")])
    copy = headers.copy()
    copy.add("Route", "<sip:2>")
    assert headers.all("Route") == ["<sip:1>"]
    assert headers != copy


@pytest.mark.parametrize("value", ["a\r\nVia: x", "a\n", "\r"])
def test_a_line_break_in_a_value_is_refused(value: str) -> None:
    headers = Headers()
    for write in (headers.add, headers.set, headers.prepend):
        with pytest.raises(ValueError, match="line break"):
            write("Subject", value)


def test_a_line_break_in_a_start_line_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        Request("INVITE", "sip:x SIP/2.0\r\nVia: y", Headers()).to_bytes()
    with pytest.raises(ValueError, match="line break"):
        Response(200, "OK\r\nVia: y", Headers()).to_bytes()


def test_a_header_name_must_be_a_token() -> None:
    with pytest.raises(ParseError):
        Headers([("Bad Name", "x")])


def test_typed_values_follow_changes_of_the_headers() -> None:
    request = invite()
    assert request.branch == "z9hG4bK1"
    request.headers.prepend("Via", "SIP/2.0/TLS c;branch=z9hG4bK0")
    assert request.branch == "z9hG4bK0"
    assert request.to.tag is None
    request.headers.set("To", "<sip:1002@example.com>;tag=9")
    assert request.to.tag == "9"
    assert request.cseq.number == 1
    request.headers.set("CSeq", "2 INVITE")
    assert request.cseq.number == 2
    assert request.contact is not None
    request.headers.remove("Contact")
    assert request.contact is None


def test_contacts_and_the_star() -> None:
    request = invite()
    request.headers.set("Contact", '"A, B" <sip:a@x>;q=1, <sip:b@x>')
    assert [contact.uri.user for contact in request.contacts] == ["a", "b"]
    request.headers.set("Contact", "*")
    assert request.contacts == ()


def test_numbers_and_media_type() -> None:
    request = invite()
    assert (request.expires, request.max_forwards, request.content_type) == (None, None, None)
    for name, value in (("Expires", "600"), ("Max-Forwards", "70"), ("Content-Type", "Application/SDP;x=y")):
        request.headers.set(name, value)
    assert (request.expires, request.max_forwards, request.content_type) == (600, 70, "application/sdp")
    request.headers.set("Max-Forwards", "256")
    with pytest.raises(ParseError):
        _ = request.max_forwards


def test_a_missing_mandatory_header_is_a_parse_error() -> None:
    with pytest.raises(ParseError):
        _ = Request("INVITE", "sip:x").call_id


def test_the_length_of_the_body_is_written_whatever_the_headers_say() -> None:
    request = invite()
    request.headers.set("Content-Length", "999")
    data = request.to_bytes()
    assert data.count(b"Content-Length") == 1
    assert b"Content-Length: 4\r\n\r\nbody" in data
    assert parse_message(data).body == b"body"


def test_what_is_written_is_read_back() -> None:
    request = invite()
    assert parse_message(request.to_bytes()) == request


def test_a_ringing_response_copies_what_rfc_3261_8_2_6_says() -> None:
    request = invite()
    reply = request.response(180, to_tag="t", headers=[("Contact", "<sip:b@x>")])
    assert isinstance(reply, Response)
    assert (reply.status, reply.reason) == (180, "Ringing")
    for name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
        assert reply.headers.all(name) == request.headers.all(name)
    assert reply.to.tag == "t"
    assert reply.contact is not None
    assert "Timestamp" not in reply.headers
    reply.headers.add("Via", "SIP/2.0/TLS z")
    assert len(request.headers.all("Via")) == 2


def test_a_trying_response_has_the_timestamp_and_no_tag() -> None:
    reply = invite().response(100, to_tag="t")
    assert reply.to.tag is None
    assert reply.headers.get("Timestamp") == "54"
    assert "Record-Route" not in reply.headers


def test_a_refusal_forms_no_dialog_and_a_tag_that_is_there_stays() -> None:
    request = invite()
    assert "Record-Route" not in request.response(486, to_tag="t").headers
    request.headers.set("To", "<sip:1002@example.com>;tag=old")
    assert request.response(200, to_tag="new").to.tag == "old"


def test_a_response_carries_a_body_and_a_reason_of_its_own() -> None:
    reply = invite().response(200, "Fine", body=b"v=0", content_type="application/sdp")
    assert reply.to_bytes().startswith(b"SIP/2.0 200 Fine\r\n")
    assert reply.content_type == "application/sdp"
    assert parse_message(reply.to_bytes()) == reply


def test_every_status_has_a_reason() -> None:
    assert invite().response(499).reason == REASONS[400]
    assert invite().response(299).reason == "OK"


def test_a_malformed_to_is_still_answered() -> None:
    request = invite()
    request.headers.set("To", '"unbalanced <sip:b@x>')
    assert request.response(400, to_tag="t").headers.get("To") == '"unbalanced <sip:b@x>;tag=t'


def test_the_repr_shows_neither_values_nor_body() -> None:
    request = invite()
    request.headers.set("Authorization", "Digest response=secret")
    assert "secret" not in repr(request)
    assert "body" not in repr(request)
