"""Where a party may have media sent to, by where it signals from (T5)."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.calls.media import descriptions
from ringwall.core.calls.media.descriptions import AES_CM, MediaRefused
from ringwall.core.calls.media.media_places import MediaPlaces
from ringwall.core.calls.switch.own_addresses import OwnAddresses
from ringwall.infra.host_addresses import HostAddresses
from ringwall.infra.settings import Settings
from ringwall.sip.errors import ParseError
from ringwall.sip.media_address import Kind, kind_of
from ringwall.sip.sdp import SessionDescription
from support.calls.media import describe

EDGE, CORE, BROADCAST = "203.0.113.1", "10.9.8.7", "10.9.8.255"
SETTINGS = Settings.for_address(EDGE, domain="voice.example")
OWN = OwnAddresses.of(
    SETTINGS,
    HostAddresses(
        frozenset({ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv4Address(CORE)}),
        frozenset({ipaddress.IPv4Address(BROADCAST)}),
    ),
)
OUTSIDE = MediaPlaces(OWN, "198.51.100.9")
HERE = [MediaPlaces(OWN, source) for source in ("127.0.0.1", "127.8.8.8", EDGE, CORE, "::ffff:127.0.0.1")]
NOBODY = MediaPlaces(OWN, "")


def fault(
    places: MediaPlaces, address: str = "198.51.100.9", *lines: str, port: int = 40000, family: str = ""
) -> str:
    """Why such a description is refused; empty if it is not. Malformed is refused as well."""
    family = family or ("IP6" if ":" in address else "IP4")
    text = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
    text += f"m=audio {port} RTP/SAVP 0\r\n" + "".join(f"a={line}\r\n" for line in lines)
    try:
        return places.fault(SessionDescription.parse(text.encode()), 0)
    except ParseError as error:
        return error.reason


def candidate(address: str, port: int = 40000) -> str:
    return f"candidate:1 1 UDP 2130706431 {address} {port} typ host"


NEVER = [
    "224.0.0.1", "239.1.1.1", "ff02::1", "::ffff:239.1.1.1", "255.255.255.255", BROADCAST, "240.0.0.1", "0.0.0.1",
    "0.1.2.3", "::ffff:0.0.0.0", "64:ff9b::ef01:101", "2002:ef01:101::1",
]  # fmt: skip


@pytest.mark.req("T5")
@pytest.mark.parametrize("places", [OUTSIDE, NOBODY, *HERE], ids=lambda places: places.source or "unknown")
@pytest.mark.parametrize("address", NEVER)
def test_nobody_has_media_sent_to_a_group_or_to_no_host(places: MediaPlaces, address: str) -> None:
    assert fault(places, address)
    assert fault(places, "198.51.100.9", f"rtcp:40001 IN {'IP6' if ':' in address else 'IP4'} {address}")
    assert fault(places, "198.51.100.9", candidate(address))
    assert fault(places, "0.0.0.0", candidate(address))


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.9.9.9", "127.255.255.255", "::1", "::ffff:127.0.0.1", EDGE, CORE]
)
def test_the_systems_own_hosts_are_no_place_for_who_signals_from_elsewhere(address: str) -> None:
    for places in (OUTSIDE, NOBODY):
        assert fault(places, address)
        assert fault(places, "198.51.100.9", f"rtcp:40001 IN {'IP6' if ':' in address else 'IP4'} {address}")
        assert fault(places, "198.51.100.9", candidate(address))


@pytest.mark.req("T5")
@pytest.mark.parametrize("places", HERE, ids=lambda places: places.source)
def test_who_signals_from_a_host_of_the_system_has_media_there_but_at_no_port_of_its_own(
    places: MediaPlaces,
) -> None:
    ports, media = SETTINGS.ports, SETTINGS.media
    single = [ports.ng, ports.sips, ports.https, ports.phones, ports.inner, ports.kamailio_phones, 5060]
    single += [ports.kamailio_core, ports.kamailio_ws, ports.kamailio_trunks]
    for address in ("127.0.0.1", "127.9.9.9", EDGE, CORE):
        assert not fault(places, address)
        assert not fault(places, address, candidate(address))
        for port in (*single, ports.rtp_first, ports.rtp_last, media.first_port, media.last_port):
            assert fault(places, address, port=port), port
            assert fault(places, address, port=port - 1), "RTCP goes to the port behind"
            assert fault(places, address, f"rtcp:{port}"), port
            assert fault(places, address, candidate(address, port)), port


@pytest.mark.req("T5")
def test_addresses_of_other_hosts_are_taken_whatever_their_port() -> None:
    for places in (OUTSIDE, NOBODY, *HERE):
        for address in ("198.51.100.9", "10.0.0.5", "192.168.1.20", "100.64.0.1"):
            assert not fault(places, address, f"rtcp:{SETTINGS.ports.ng} IN IP4 {address}")
            assert not fault(places, address, port=SETTINGS.ports.rtp_first)


@pytest.mark.req("T5")
def test_the_null_address_is_a_hold_and_nothing_else() -> None:
    assert not fault(OUTSIDE, "0.0.0.0")
    assert not fault(OUTSIDE, "::")
    assert not fault(OUTSIDE, "0.0.0.0", "rtcp:9 IN IP4 0.0.0.0", candidate("198.51.100.9"))
    assert fault(OUTSIDE, "0.0.0.0", "rtcp:9 IN IP4 127.0.0.1")
    assert fault(OUTSIDE, "198.51.100.9", "rtcp:9 IN IP4 0.0.0.0")
    assert fault(OUTSIDE, "198.51.100.9", candidate("0.0.0.0"))
    assert fault(OUTSIDE, "198.51.100.9", candidate("::"))


@pytest.mark.req("T5")
def test_media_goes_by_ipv4_and_to_no_name() -> None:
    for address in ("2001:db8::1", "7f00:1::1", "::ffff:198.51.100.9"):
        assert fault(OUTSIDE, address)
        assert fault(OUTSIDE, "198.51.100.9", f"rtcp:40001 IN IP6 {address}")
    assert fault(OUTSIDE, "phone.example")
    assert fault(OUTSIDE, "localhost")
    assert fault(OUTSIDE, "127.0.0.1", family="IP6")
    assert fault(OUTSIDE, "198.51.100.9", "rtcp:40001 IN IP4 localhost")
    # Browsers name such candidates; the relay looks no name up and has no IPv6.
    assert not fault(OUTSIDE, "198.51.100.9", candidate("5d9b0d3c.local"), candidate("2001:db8::1"))


@pytest.mark.req("T5")
def test_link_local_is_for_who_is_on_the_link() -> None:
    assert fault(OUTSIDE, "169.254.7.7")
    assert not fault(MediaPlaces(OWN, "169.254.7.7"), "169.254.7.7")
    offer = describe(
        (AES_CM,), after="".join(f"a={candidate(a)}\r\n" for a in ("169.254.7.7", "fe80::1", "198.51.100.9"))
    )
    shown = descriptions.check_offer(offer, "application/sdp", places=OUTSIDE).for_relay
    assert b"169.254" not in shown
    assert b"fe80" not in shown
    assert candidate("198.51.100.9").encode() in shown


@pytest.mark.req("T5")
def test_the_address_in_the_origin_line_is_no_place_for_media() -> None:
    """Browsers write 127.0.0.1 there."""
    offer = describe((AES_CM,)).replace(b"o=phone 77 1 IN IP4 198.51.100.9", b"o=- 1 1 IN IP4 127.0.0.1")
    assert descriptions.check_offer(offer, "application/sdp", places=OUTSIDE)


@pytest.mark.req("T5")
@given(st.data())
def test_whatever_is_written_no_forbidden_address_reaches_the_relay(data: st.DataObject) -> None:
    """Read again from the bytes by another reader than the one that judged them."""
    address = st.one_of(
        st.ip_addresses(v=4).map(str), st.sampled_from([*NEVER, "127.0.0.1", EDGE, CORE, "0.0.0.0"])
    )
    draw = data.draw
    lines = [f"rtcp:{draw(st.integers(0, 65535))} IN IP4 {draw(address)}"] if draw(st.booleans()) else []
    lines += [candidate(each) for each in draw(st.lists(address, max_size=3))]
    body = describe((AES_CM,), after="".join(f"a={line}\r\n" for line in lines))
    body = body.replace(b"c=IN IP4 198.51.100.9", f"c=IN IP4 {draw(address)}".encode())
    try:
        shown = descriptions.check_offer(body, "application/sdp", places=OUTSIDE).for_relay.decode()
    except MediaRefused:
        return
    held = "c=IN IP4 0.0.0.0" in shown
    for line in shown.split("\r\n"):
        words = line.split()
        named = words[2] if line.startswith("c=") else words[-1] if line.startswith("a=rtcp:") else ""
        named = words[4] if line.startswith("a=candidate:") else named
        if named and not (held and named == "0.0.0.0" and not line.startswith("a=candidate:")):
            assert kind_of(named) is Kind.UNICAST
            assert named not in {EDGE, CORE, BROADCAST}
