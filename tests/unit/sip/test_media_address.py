"""Where a description has media sent to, and of what kind those addresses are."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.sip.errors import ParseError
from ringwall.sip.media_address import MAX_PLACES, Kind, Place, kind_of, places
from ringwall.sip.sdp import SessionDescription

KINDS = {
    "192.0.2.1": Kind.UNICAST,
    "10.1.2.3": Kind.UNICAST,
    "2001:db8::1": Kind.UNICAST,
    "fd00::1": Kind.UNICAST,
    "0.0.0.0": Kind.NULL,
    "::": Kind.NULL,
    "0:0:0:0:0:0:0:0": Kind.NULL,
    "0.0.0.1": Kind.THIS_NETWORK,
    "0.255.0.1": Kind.THIS_NETWORK,
    "::ffff:0.0.0.0": Kind.THIS_NETWORK,
    "127.0.0.1": Kind.LOOPBACK,
    "127.255.255.255": Kind.LOOPBACK,
    "::1": Kind.LOOPBACK,
    "::ffff:127.0.0.1": Kind.LOOPBACK,
    "::ffff:7f00:1": Kind.LOOPBACK,
    "::127.0.0.1": Kind.LOOPBACK,
    "::ffff:0:127.0.0.1": Kind.LOOPBACK,
    "64:ff9b::7f00:1": Kind.LOOPBACK,
    "2002:7f00:1::1": Kind.LOOPBACK,
    "2001:0:c000:201::80ff:fffe": Kind.LOOPBACK,
    "169.254.1.1": Kind.LINK_LOCAL,
    "fe80::1": Kind.LINK_LOCAL,
    "febf::1": Kind.LINK_LOCAL,
    "::ffff:169.254.1.1": Kind.LINK_LOCAL,
    "224.0.0.1": Kind.MULTICAST,
    "239.255.255.255": Kind.MULTICAST,
    "ff02::1": Kind.MULTICAST,
    "::ffff:224.0.1.75": Kind.MULTICAST,
    "240.0.0.1": Kind.RESERVED,
    "255.255.255.254": Kind.RESERVED,
    "255.255.255.255": Kind.BROADCAST,
    "::ffff:255.255.255.255": Kind.BROADCAST,
    "localhost": Kind.NAME,
    "127.1": Kind.NAME,
    "0177.0.0.1": Kind.NAME,
    "2130706433": Kind.NAME,
    "": Kind.NAME,
}


@pytest.mark.req("T5")
@pytest.mark.parametrize(("address", "kind"), KINDS.items(), ids=KINDS)
def test_each_address_is_of_its_kind(address: str, kind: Kind) -> None:
    assert kind_of(address) is kind


@pytest.mark.req("T5")
@given(
    st.ip_addresses(v=4),
    st.sampled_from(("::ffff:{}", "::{}", "::ffff:0:{}", "64:ff9b::{}", "2002:{:02x}{:02x}:{:02x}{:02x}::9")),
)
def test_an_ipv4_address_stays_of_its_kind_in_every_dress_of_ipv6(
    ip: ipaddress.IPv4Address, dress: str
) -> None:
    dressed = dress.format(*ip.packed) if "x" in dress else dress.format(ip)
    plain = kind_of(str(ip))
    if plain is Kind.NULL:
        # :: is the null address itself; in any other dress it means nothing.
        assert kind_of(dressed) in {Kind.NULL, Kind.THIS_NETWORK}
    elif dressed == "::0.0.0.1":
        assert kind_of(dressed) is Kind.LOOPBACK  # ::1
    else:
        assert kind_of(dressed) is plain


@given(st.one_of(st.text(max_size=60), st.ip_addresses().map(str)))
def test_any_text_is_of_some_kind(text: str) -> None:
    assert kind_of(text) in Kind


def description(
    *lines: str, connection: str = "IN IP4 192.0.2.1", port: str = "4000", session: str = ""
) -> SessionDescription:
    text = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n{session}"
    text += f"m=video 9 RTP/SAVP 96\r\nc=IN IP4 224.0.0.9\r\nm=audio {port} RTP/SAVP 0\r\n"
    text += (f"c={connection}\r\n" if connection else "") + "".join(f"a={line}\r\n" for line in lines)
    return SessionDescription.parse(text.encode())


@pytest.mark.req("T5")
def test_every_line_that_says_where_media_goes_is_read_and_no_other() -> None:
    found = places(
        description(
            "rtcp:4801 IN IP4 192.0.2.2",
            "rtcp:4901",
            "candidate:1 1 UDP 2130706431 192.0.2.3 4002 typ host generation 0",
            "candidate:2 2 tcp 1694498815 2001:db8::3 9 typ srflx raddr 10.0.0.1 rport 8998 tcptype active",
            "candidate:3 1 udp 2113937151 5d9b0d3c-62b4-4d3d.local 50000 typ host",
            "remote-candidates:1 192.0.2.77 5000",
            port="4000/2",
            session="a=candidate:9 1 UDP 1 192.0.2.9 4009 typ host\r\n",
        ),
        1,
    )
    assert set(found) == {
        Place("c=", "192.0.2.1", 4000, 4003),
        Place("a=rtcp", "192.0.2.2", 4801, 4801),
        Place("a=rtcp", "192.0.2.1", 4901, 4901),
        Place("a=candidate", "192.0.2.3", 4002, 4002),
        Place("a=candidate", "2001:db8::3", 9, 9),
        Place("a=candidate", "5d9b0d3c-62b4-4d3d.local", 50000, 50000),
        Place("a=candidate", "192.0.2.9", 4009, 4009),
    }
    assert places(description(connection=""), 1)[0].address == "198.51.100.1"
    assert places(description(port="65535"), 1)[0].last_port == 65535


@pytest.mark.req("T5")
@pytest.mark.parametrize(
    "line",
    [
        "rtcp",
        "rtcp:junk",
        "rtcp:70000",
        "rtcp:5 IN IP4",
        "rtcp:5 IN IP4 192.0.2.1 more",
        "rtcp:5  IN IP4 127.0.0.1",
        "candidate:1 1 UDP junk",
        "candidate:1 1 UDP 1 192.0.2.1 70000 typ host",
        "candidate",
    ],
)
def test_what_is_malformed_there_is_an_error_and_no_place_that_was_not_seen(line: str) -> None:
    with pytest.raises(ParseError):
        places(description(line), 1)


def test_a_description_names_no_more_places_than_can_be_looked_at() -> None:
    many = [f"candidate:{n} 1 UDP 1 192.0.2.3 4002 typ host" for n in range(MAX_PLACES)]
    assert len(places(description(*many[1:]), 1)) == MAX_PLACES
    with pytest.raises(ParseError):
        places(description(*many), 1)


def test_a_stream_without_an_address_names_no_place() -> None:
    text = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n"
    with pytest.raises(ParseError, match="c="):
        places(SessionDescription.parse(text), 0)
