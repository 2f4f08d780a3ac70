"""The checks of offers and answers as functions (T5)."""

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.calls.media import descriptions, leaving
from ringwall.core.calls.media.descriptions import AES_CM, GCM_128, GCM_256, SUITES, MediaRefused, keys_of
from ringwall.core.calls.media.media_places import MediaPlaces
from ringwall.core.calls.model.relay import Profile
from ringwall.core.calls.switch.own_addresses import OwnAddresses
from support.calls.media import answer_to, crypto_line, describe

SDP = "application/sdp"
ANYWHERE = MediaPlaces(OwnAddresses(frozenset(), frozenset(), ()), "198.51.100.9")
checked_offer = partial(descriptions.check_offer, places=ANYWHERE)
checked_answer = partial(descriptions.check_answer, places=ANYWHERE)
ALL = (*SUITES, "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_80")


@pytest.mark.req("T5")
@given(
    st.lists(st.sampled_from(ALL), min_size=1, max_size=6, unique=True),
    st.sampled_from(SUITES),
    st.booleans(),
)
def test_exactly_one_accepted_suite_is_shown_to_the_relay(suites, other, chained) -> None:
    offer = describe(suites)
    good = [s for s in suites if s in SUITES]
    if not good:
        with pytest.raises(MediaRefused):
            checked_offer(offer, SDP)
        return
    checked = checked_offer(offer, SDP, prefer=other if chained else "", avoid="" if chained else other)
    assert len(keys_of(checked.for_relay)) == 1
    assert keys_of(checked.for_relay) <= keys_of(offer)
    assert checked.suite in good
    assert set(checked.suites) == set(good)
    if chained:
        assert checked.suite == other or other not in good
    else:
        assert checked.suite != other or good == [other]


@pytest.mark.req("T5")
@given(st.data())
def test_no_bytes_make_the_check_fail_in_another_way(data) -> None:
    body = bytearray(describe(SUITES, after="m=video 5 RTP/SAVP 9\r\n"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        checked = checked_offer(bytes(body), SDP)
    except MediaRefused:
        return
    assert b"RTP/AVP" not in checked.for_relay
    assert checked.profile is Profile.DTLS or checked.suite in SUITES


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "parameter", ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP", "unencrypted_srtp"]
)
def test_a_parameter_that_turns_protection_off_refuses_the_whole_offer(parameter: str) -> None:
    offer = (
        describe((AES_CM,)).replace(b"\r\n", b"\r\n")
        + (crypto_line(2, GCM_256) + f" {parameter}\r\n").encode()
    )
    with pytest.raises(MediaRefused, match=parameter):
        checked_offer(offer, SDP)


@pytest.mark.req("T5")
@pytest.mark.parametrize("count", [2, 40000])
def test_audio_over_several_pairs_of_ports_is_refused(count: int) -> None:
    offer = re.sub(rb"m=audio (\d+) ", rb"m=audio \1/%d " % count, describe((AES_CM,)))
    with pytest.raises(MediaRefused, match="more than one pair of ports"):
        checked_offer(offer, SDP)


def test_other_session_parameters_only_cost_their_line() -> None:
    offer = describe((AES_CM,)) + (crypto_line(2, GCM_256) + " KDR=1\r\n").encode()
    assert checked_offer(offer, SDP).suites == (AES_CM,)


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/mixed"])
def test_another_content_type_is_refused(content_type) -> None:
    with pytest.raises(MediaRefused):
        checked_offer(describe(), content_type)
    assert checked_offer(describe(), "Application/SDP; charset=utf-8").suite == GCM_256


def test_sdes_beside_dtls_is_taken_apart() -> None:
    mixed = describe((AES_CM,)).replace(
        b"a=rtpmap:0",
        b"a=fingerprint:sha-256 " + b":".join([b"AA"] * 32) + b"\r\na=setup:active\r\na=rtpmap:0",
        1,
    )
    assert b"fingerprint" not in checked_offer(mixed, SDP).for_relay
    session = describe((AES_CM,)).replace(
        b"t=0 0\r\n", b"t=0 0\r\na=fingerprint:sha-256 " + b":".join([b"AA"] * 32) + b"\r\na=setup:active\r\n"
    )
    checked = checked_offer(session, SDP)
    assert checked.profile is Profile.SDES
    assert b"fingerprint" not in checked.for_relay
    browser = describe(dtls=True) + crypto_line(1, AES_CM).encode() + b"\r\n"
    checked = checked_offer(browser, SDP)
    assert checked.profile is Profile.DTLS
    assert not keys_of(checked.for_relay)


def test_a_bundle_of_streams_that_are_not_carried_is_not_shown_to_the_relay() -> None:
    offer = describe(dtls=True, after="m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:1\r\n")
    offer = offer.replace(b"t=0 0\r\n", b"t=0 0\r\na=group:BUNDLE 0 1\r\n")
    checked = checked_offer(offer, SDP)
    assert b"BUNDLE" not in checked.for_relay
    assert checked.rejected_streams == ("", "m=video 0 UDP/TLS/RTP/SAVPF 97")


def test_what_the_relay_sees_is_what_the_phone_said_of_that_stream() -> None:
    offer = describe(
        (AES_CM,), before="m=video 5 RTP/SAVP 97\r\na=sendonly\r\n", after="m=video 7 RTP/SAVP 98\r\n"
    )
    alone = checked_offer(offer, SDP).for_relay
    audio = offer[offer.index(b"m=audio") : offer.index(b"m=video 7")]
    assert alone == offer[: offer.index(b"m=video")] + audio
    assert checked_offer(offer.replace(b"\r\n", b"\n").rstrip(), SDP).for_relay == alone


def test_an_answer_to_several_streams_keeps_their_places() -> None:
    offered = describe((AES_CM,), before="m=video 0 RTP/SAVP 97\r\n")
    good = answer_to(offered, (AES_CM,))
    assert checked_answer(good, SDP, offered).suite == AES_CM
    swapped = describe((AES_CM,), after="m=video 0 RTP/SAVP 97\r\n")
    with pytest.raises(MediaRefused):
        checked_answer(swapped, SDP, offered)
    with pytest.raises(MediaRefused):
        checked_answer(describe((AES_CM,)), SDP, offered)
    with pytest.raises(MediaRefused):
        checked_answer(good.replace(b"m=video 0", b"m=video 5"), SDP, offered)


def made(*cryptos: tuple[int, str, str]) -> bytes:
    body = leaving.known_only(describe(()))
    return body + b"".join(f"a=crypto:{tag} {suite} inline:{key}\r\n".encode() for tag, suite, key in cryptos)


@pytest.mark.req("T5")
def test_what_goes_out_holds_no_key_that_was_copied_and_no_suite_that_is_weak() -> None:
    given_ = made((1, AES_CM, "COPIED"))
    relayed = made(
        (1, AES_CM, "COPIED"), (2, GCM_256, "NEW=="), (3, "NULL_HMAC_SHA1_80", "X"), (4, GCM_128, "TOLD")
    )
    out = descriptions.outgoing_offer(relayed, Profile.SDES, given_, made((1, GCM_128, "TOLD")))
    assert out == made((2, GCM_256, "NEW=="))
    both = made((2, GCM_256, "NEW=="), (4, GCM_128, "KEPT"))
    assert descriptions.outgoing_offer(both, Profile.SDES, used=GCM_128) == made((4, GCM_128, "KEPT"))
    assert descriptions.outgoing_offer(both, Profile.SDES, used=AES_CM) == both
    with pytest.raises(MediaRefused):
        descriptions.outgoing_offer(given_, Profile.SDES, given_)
    with pytest.raises(MediaRefused):
        descriptions.outgoing_offer(relayed.replace(b"RTP/SAVP", b"RTP/AVP"), Profile.SDES, given_)
    unencrypted = made((2, GCM_256, "NEW")).replace(b"NEW\r\n", b"NEW UNENCRYPTED_SRTP\r\n")
    with pytest.raises(MediaRefused):
        descriptions.outgoing_offer(unencrypted, Profile.SDES, given_)


@pytest.mark.req("T5")
def test_an_answer_that_goes_out_has_one_good_key_of_its_own() -> None:
    good = made((1, AES_CM, "OWN"))
    assert descriptions.outgoing_answer(good, Profile.SDES, ("",), made((1, AES_CM, "X"))) == good
    for bad in (
        made(),
        made((1, AES_CM, "OWN"), (2, GCM_256, "OWN2")),
        made((1, "NULL_HMAC_SHA1_80", "OWN")),
    ):
        with pytest.raises(MediaRefused):
            descriptions.outgoing_answer(bad, Profile.SDES, ("",))
    with pytest.raises(MediaRefused):
        descriptions.outgoing_answer(good, Profile.SDES, ("",), good)
    with pytest.raises(MediaRefused):
        descriptions.outgoing_answer(
            describe(dtls=True).replace(b"a=fingerprint", b"a=f"), Profile.DTLS, ("",)
        )


def test_the_middle_of_a_chain_keeps_away_from_the_far_suite() -> None:
    relayed = made((1, AES_CM, "COPIED"), (2, GCM_256, "ONE"), (3, GCM_128, "TWO"))
    given_ = made((1, AES_CM, "COPIED"))
    assert descriptions.between_relays(given_, relayed) == made((2, GCM_256, "ONE"))
    assert descriptions.between_relays(given_, relayed, GCM_256) == made((3, GCM_128, "TWO"))
    with pytest.raises(MediaRefused):
        descriptions.between_relays(given_, given_)


@pytest.mark.parametrize(
    ("caller", "profile", "known", "chain"),
    [(AES_CM, Profile.SDES, (), True), (AES_CM, Profile.SDES, (AES_CM,), True), (GCM_256, Profile.SDES, (), False),
     (AES_CM, Profile.SDES, (AES_CM, GCM_256), False), (AES_CM, Profile.DTLS, (), False), ("", Profile.SDES, (), False),
     (GCM_256, Profile.SDES, (GCM_256,), True)],
)  # fmt: skip
def test_a_chain_is_made_only_where_it_is_needed(caller, profile, known, chain) -> None:
    assert descriptions.needs_chain(caller, profile, known) is chain
