"""The one question of plug and play is answered; nothing else is, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.edge.pnp.answers import LARGEST, PER_SECOND, PER_SOURCE, SOURCE_SECONDS, Rates, answers
from ringwall.infra.provisioning import FILES, address_for, dhcp_options
from ringwall.infra.settings import Settings
from ringwall.sip.message import Request, Response
from ringwall.sip.parser import parse_message

pytestmark = pytest.mark.req("P1")
HERE, PHONE = ("192.0.2.10", 5060), ("10.0.0.7", 34567)
SETTINGS = Settings.for_address("192.0.2.10")
QUESTION = (
    b"SUBSCRIBE sip:MAC001565120010@224.0.1.75 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.7:34567;branch=z9hG4bKabc;rport\r\n"
    b"From: <sip:MAC001565120010@224.0.1.75>;tag=a1\r\n"
    b"To: <sip:MAC001565120010@224.0.1.75>\r\n"
    b"Call-ID: c1@10.0.0.7\r\nCSeq: 1 SUBSCRIBE\r\nMax-Forwards: 1\r\n"
    b"Contact: <sip:victim@203.0.113.66:9>\r\n"
    b'Event: ua-profile;profile-type="device";vendor="Yealink";model="T46U";version="108.86"\r\n'
    b"Expires: 0\r\nAccept: application/url\r\nContent-Length: 0\r\n\r\n"
)


def _answers(data, source=PHONE):
    return answers(data, source, HERE, lambda vendor: address_for(SETTINGS, vendor))


def test_the_question_gets_a_200_and_the_address_in_a_notify() -> None:
    accepted, notify = (parse_message(one) for one in _answers(QUESTION))
    assert isinstance(accepted, Response)
    assert (accepted.status, accepted.call_id) == (200, "c1@10.0.0.7")
    assert isinstance(notify, Request)
    assert notify.body == b"https://192.0.2.10:8443/phone/"
    assert notify.headers.get("event") == "ua-profile"
    assert notify.headers.get("content-type") == "application/url"
    assert (notify.call_id, notify.to.tag) == ("c1@10.0.0.7", "a1")
    assert notify.from_.tag == accepted.to.tag


@pytest.mark.req("P4")
def test_the_answer_goes_where_the_question_came_from_and_is_hardly_longer() -> None:
    made = _answers(QUESTION)
    assert all(b"203.0.113.66" not in one for one in made)
    assert parse_message(made[1]).uri == "sip:10.0.0.7:34567"
    assert sum(map(len, made)) < 3 * len(QUESTION)


@pytest.mark.parametrize(
    ("vendor", "ends"), [("snom", "/phone/snom-{mac}.xml"), ("Polycom", "/phone/"), ("whatever", "/phone/")]
)
def test_each_vendor_is_told_in_its_own_form(vendor, ends) -> None:
    data = QUESTION.replace(b'vendor="Yealink"', f'vendor="{vendor}"'.encode())
    assert parse_message(_answers(data)[1]).body.decode().endswith(ends)


@pytest.mark.req("P4")
@pytest.mark.parametrize(
    "data",
    [
        QUESTION.replace(b"SUBSCRIBE", b"OPTIONS"),
        QUESTION.replace(b"SUBSCRIBE", b"INVITE"),
        QUESTION.replace(b"SUBSCRIBE", b"REGISTER"),
        QUESTION.replace(b"Event: ua-profile", b"Event: presence"),
        QUESTION.replace(b"Event: ", b"X-Event: "),
        QUESTION.replace(b"To: <sip:MAC001565120010@224.0.1.75>", b"To: <sip:x@y>;tag=b"),
        b"SIP/2.0 200 OK\r\n" + QUESTION.partition(b"\r\n")[2],
        QUESTION[:-2],
        QUESTION + b"x" * LARGEST,
        b"",
        b"\r\n\r\n",
    ],
)
def test_nothing_else_is_answered(data) -> None:
    assert _answers(data) == ()


@pytest.mark.req("P4")
@given(st.binary(max_size=LARGEST + 10))
def test_no_bytes_raise_or_are_answered_by_chance(data) -> None:
    assert _answers(data) == ()


@pytest.mark.req("P4")
@given(st.integers(0, len(QUESTION) - 1), st.binary(max_size=20))
def test_whatever_is_put_into_the_question_the_answer_holds_no_more_than_the_address(at, junk) -> None:
    made = _answers(QUESTION[:at] + junk + QUESTION[at:])
    assert len(made) in {0, 2}
    if made:
        body = parse_message(made[1]).body.decode()
        assert body.removeprefix("https://192.0.2.10:8443/phone/") in set(FILES.values())


@pytest.mark.req("P4")
def test_answers_are_few_for_a_source_and_for_all() -> None:
    rates = Rates()
    assert [rates.may("10.0.0.7", 0.0) for _ in range(PER_SOURCE + 2)] == [True] * PER_SOURCE + [False] * 2
    assert rates.may("10.0.0.7", SOURCE_SECONDS + 1)
    rates = Rates()
    granted = [rates.may(f"10.0.{n // 250}.{n % 250}", 5.0) for n in range(PER_SECOND * 2)]
    assert sum(granted) == PER_SECOND
    assert rates.may("10.9.9.9", 6.1)


@pytest.mark.parametrize("vendor", sorted(FILES))
def test_dhcp_says_the_same_address(vendor) -> None:
    address = address_for(SETTINGS, vendor)
    options = {one.number: one for one in dhcp_options(SETTINGS, vendor)}
    assert options[66].content.decode() == address
    assert (160 in options) == (vendor == "poly")
    if 43 in options:
        content = options[43].content
        assert content[1] == len(address)
        assert content[2:].decode() == address
        assert options[43].hexadecimal == content.hex(":")
        assert len(content) < 256
