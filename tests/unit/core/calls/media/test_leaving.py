"""What leaves in a description is ours: no word of the other party, and one origin for one dialog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.calls.media import leaving
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.relay import Profile, Side
from ringwall.sip.errors import ParseError
from ringwall.sip.sdp import SessionDescription
from ringwall.sip.sdp_address import Origin
from support.calls.media import describe

RELAYED = (
    b"v=0\r\no=anna 77 5 IN IP4 203.0.113.1\r\ns=Anna at 10.1.2.3\r\ni=desk\r\nu=http://anna.invalid/\r\ne=anna@house\r\n"
    b"p=+1 1\r\nc=IN IP4 203.0.113.1\r\nb=AS:84\r\nt=3034423619 3042462419\r\nr=7d 1h 0 25h\r\nz=0 0\r\nk=clear:x\r\n"
    b"a=tool:phone 1.2\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS anna\r\n"
    b"m=audio 30000 RTP/SAVP 0 101\r\ni=her voice\r\nb=TIAS:64000\r\na=rtpmap:0 PCMU/8000\r\na=fmtp:101 0-15\r\n"
    b"a=ssrc:7 cname:anna@10.1.2.3\r\na=msid:anna voice\r\na=label:1\r\na=\r\na=x-floor:3\r\na=recvonly\r\na=mid:0\r\n"
    b"a=crypto:1 AEAD_AES_256_GCM inline:KEY\r\na=rtcp:30001\r\n"
)
OURS = (
    b"v=0\r\no=anna 77 5 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    b"m=audio 30000 RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=fmtp:101 0-15\r\na=recvonly\r\na=mid:0\r\n"
    b"a=crypto:1 AEAD_AES_256_GCM inline:KEY\r\na=rtcp:30001\r\n"
)


@pytest.fixture
def leg() -> Leg:
    return Leg(Side.B, "00ff00ff00ff00ff", "c", 1, "201", "d", None, "<sip:x@y>", Profile.SDES)


def origin(body: bytes) -> tuple[str, str, int]:
    found = Origin.parse(body.split(b"\r\n")[1][2:].decode())
    return found.username, found.session_id, int(found.version)


@pytest.mark.req("T5")
def test_only_lines_and_attributes_leave_that_are_known_here() -> None:
    assert leaving.known_only(RELAYED) == OURS


@given(st.binary(max_size=300), st.sampled_from([b"a=", b"b=", b"m=", b"x=", b"\r\n", b"="]))
def test_any_bytes_lose_what_is_not_known_and_nothing_is_added(junk: bytes, start: bytes) -> None:
    once = leaving.known_only(RELAYED + start + junk)
    assert once == leaving.known_only(once)
    assert set(once.split(b"\r\n")) <= {*(RELAYED + start + junk).split(b"\r\n"), b"s=-", b"t=0 0"}
    for line in once.split(b"\r\n"):
        assert not line or line[:2] in {b"v=", b"o=", b"s=", b"t=", b"c=", b"m=", b"a="}


def test_the_origin_is_the_legs_own_and_says_nothing_of_the_other_party(leg: Leg) -> None:
    first = leaving.offer(leg, OURS)
    assert first == OURS.replace(b"anna 77 5", b"%s %s %d" % tuple(
        part.encode() if isinstance(part, str) else part for part in origin(first)))  # fmt: skip
    assert origin(first)[0::2] == ("-", 1)
    other = Leg(Side.B, "1", "c", 1, "201", "d", None, "<sip:x@y>", Profile.SDES)
    assert origin(leaving.offer(other, OURS))[1] != origin(first)[1]


def test_versions_go_up_with_what_is_new_and_a_refused_offer_has_had_its_own(leg: Leg) -> None:
    first = leaving.offer(leg, OURS)
    assert leaving.offer(leg, first) == first
    leg.local_sdp = first
    # The same from somebody else, who counts in their own way.
    assert leaving.offer(leg, OURS.replace(b"anna 77 5", b"ben 9 999999")) == first
    refused = leaving.offer(leg, OURS.replace(b"30000", b"30002"))
    assert origin(refused) == (*origin(first)[:2], 2)
    never_sent = leaving.answer(leg, OURS.replace(b"30000", b"30004"))
    sent = leaving.answer(leg, OURS.replace(b"30000", b"30006"))
    assert origin(never_sent) == origin(sent) == (*origin(first)[:2], 3)
    leg.local_sdp = sent
    assert origin(leaving.offer(leg, OURS))[2] == 4


def test_a_session_of_an_older_version_goes_on_under_its_name(leg: Leg) -> None:
    leg.local_sdp = OURS
    assert origin(leaving.offer(leg, OURS.replace(b"anna 77 5", b"ben 1 1").replace(b"30000", b"30002"))) == (
        "anna",
        "77",
        6,
    )


def test_what_is_no_description_is_left_alone(leg: Leg) -> None:
    assert leaving.offer(leg, b"nothing") == b"nothing"
    with pytest.raises(ParseError):
        SessionDescription.parse(leaving.known_only(b"nothing"))


def test_every_direction_and_suite_that_we_speak_is_known() -> None:
    for body in (describe(), describe(dtls=True), describe(direction="inactive")):
        kept = leaving.known_only(body)
        lost = {line for line in body.split(b"\r\n") if line not in kept.split(b"\r\n")}
        assert all(
            line[:2] in {b"s=", b"i=", b"b="} or line.startswith((b"a=tool", b"a=ssrc", b"a=x-"))
            for line in lost
        )
