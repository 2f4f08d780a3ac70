"""Any description names places that are judged, or is one ParseError; what passes leads to no forbidden address.

`python tests/fuzz/fuzz_media_places.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import ipaddress

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.calls.media.media_places import MediaPlaces
    from ringwall.core.calls.switch.own_addresses import OwnAddresses
    from ringwall.sip.errors import ParseError
    from ringwall.sip.media_address import Kind, kind_of, places
    from ringwall.sip.sdp import SessionDescription

OWN = OwnAddresses(frozenset({ipaddress.IPv4Address("192.0.2.1")}), frozenset(), ((30000, 34999),))
OUTSIDE = MediaPlaces(OWN, "198.51.100.9")


def target(data: bytes) -> None:
    assert kind_of(harness.text_of(data[:80])) in Kind
    try:
        description = SessionDescription.parse(data)
    except ParseError:
        return
    for index, media in enumerate(description.media):
        try:
            fault = OUTSIDE.fault(description, index)
        except ParseError:
            continue
        for place in places(description, index):
            assert 0 <= place.first_port <= place.last_port <= 65535
        address = media.address
        assert address is not None
        if not fault and not address.is_null and kind_of(address.address) is not Kind.NULL:
            ip = ipaddress.IPv4Address(address.address)  # nothing else passes
            assert not ip.is_loopback
            assert not ip.is_multicast
            assert not ip.is_link_local
            assert ip not in OWN.hosts


if __name__ == "__main__":
    lines = (
        "a=rtcp:4001 IN IP4 198.51.100.1",
        "a=rtcp:4001",
        "a=candidate:1 1 UDP 2130706431 198.51.100.1 4000 typ host generation 0",
    )
    addresses = ("0.0.0.0", "127.0.0.1", "239.1.1.1", "198.51.100.7", "::ffff:127.0.0.1", "169.254.0.1")
    more = "\r\n".join(lines).encode() + b"\r\n"
    harness.run(target, [harness.SDP.replace(b"192.0.2.1", a.encode()) + more for a in addresses])
