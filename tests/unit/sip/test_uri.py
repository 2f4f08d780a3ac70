"""URIs: parsing, canonical form, comparison."""

import pytest

from ringwall.sip.errors import ParseError
from ringwall.sip.uri import Uri, parse_host_port


def test_every_part_of_a_sip_uri_is_read() -> None:
    uri = Uri.parse("sips:alice:secret@example.com:5061;transport=TLS;lr?Subject=hi&Priority=urgent")
    assert (uri.scheme, uri.user, uri.password) == ("sips", "alice", "secret")
    assert (uri.host, uri.port) == ("example.com", 5061)
    assert uri.params == {"transport": "TLS", "lr": None}
    assert uri.headers == "Subject=hi&Priority=urgent"


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:1001@example.com",
        "sip:1001:x@example.com:5060;lr;transport=tls?A=b",
        "sips:[2001:db8::1]:5061;ob",
        "sip:user;phone-context=x@example.com",
        "sip::@example.com".replace("::", ":a:"),
        "tel:+49-30-1234",
        "tel:7042;phone-context=example.com",
    ],
)
def test_a_uri_in_canonical_form_is_written_as_it_was_read(text: str) -> None:
    assert str(Uri.parse(text)) == text


def test_two_spellings_of_one_user_are_one_text() -> None:
    assert Uri.parse("sip:%31%30%30%31@example.com") == Uri.parse("sip:1001@example.com")
    assert Uri.parse("sip:a%2fb@example.com").user == "a%2Fb"


def test_no_field_can_smuggle_a_line_break() -> None:
    uri = Uri.parse("sip:a%0d%0aVia%3a%20x@example.com;p=%0A")
    assert "\n" not in str(uri)
    assert uri.user == "a%0D%0AVia%3A%20x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "sip:",
        "sip:@example.com",
        "sip:user@",
        "sip:user@host:",
        "sip:user@host:0",
        "sip:user@host:65536",
        "sip:user@host:5060x",
        "sip:user@ho st",
        "sip:user@host;",
        "sip:user@host;=x",
        "sip:user@host;a=",
        "sip:user@host;lr;LR",
        "sip:user@host?",
        "sip:us er@host",
        "sip:us%4@host",
        "sip:us%zz@host",
        "sip:a@b@c",
        "sip:2001:db8::1",
        "sip:[2001:db8:::1]",
        "sip:[2001:db8::1",
        "sip:[::1]x",
        "sip:usér@host",
        "sip:user@hóst",
        "sip:u@h\r\nVia: x",
        "sip:u@h\0",
        "tel:",
        "tel:+",
        "tel:--",
        "tel:12 34",
        " sip:user@host",
    ],
)
def test_a_malformed_uri_is_refused_with_400(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_another_scheme_is_refused_with_416_but_readable_in_headers() -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse("http://www.example.com/x?y=z")
    assert caught.value.status == 416
    uri = Uri.parse_any("http://www.example.com/x?y=z")
    assert str(uri) == "http://www.example.com/x?y=z"
    assert uri.host == ""


def test_an_endless_uri_is_refused_with_414() -> None:
    with pytest.raises(ParseError) as caught:
        Uri.parse("sip:" + "a" * 3000 + "@example.com")
    assert caught.value.status == 414


def test_the_address_of_record_has_no_port_no_parameters_and_a_host_in_lower_case() -> None:
    assert Uri.parse("sips:1001:x@EXAMPLE.com:5061;transport=tls").aor == "sip:1001@example.com"
    assert Uri.parse("sip:Example.com").aor == "sip:example.com"
    assert Uri.parse("tel:+4930").aor == "tel:+4930"


def test_a_uri_can_be_a_key_and_its_shared_parameters_cannot_be_changed() -> None:
    uri = Uri.parse("sip:1001@example.com;lr")
    assert {uri: 1}[Uri.parse("sip:1001@example.com;lr")] == 1
    with pytest.raises(TypeError):
        uri.params["x"] = None  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", ("host", None)),
        ("host:5061", ("host", 5061)),
        ("[::1]", ("[::1]", None)),
        ("[::1]:65535", ("[::1]", 65535)),
    ],
)
def test_host_and_port(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_host_port(text) == expected
