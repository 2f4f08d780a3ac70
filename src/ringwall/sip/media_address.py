"""Where a session description has media sent to, and of what kind such an address is. Pure.

Places are named by c= with the ports of m= (RFC 4566 5.7, 5.14), by a=rtcp (RFC 3605) and by ICE candidates
(RFC 8839 5.1). o= names none, and neither do raddr of a candidate and a=remote-candidates.

Rules that this module keeps:
- An IPv6 address that holds an IPv4 address is of the kind of that one: whoever sends there may unwrap it.
- What is not understood to the letter is a ParseError, never a place that was not seen.
"""

import ipaddress
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from ringwall.sip.errors import ParseError
from ringwall.sip.sdp import Attribute, SessionDescription

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Kind(StrEnum):
    """Of what kind an address is; the value names it in a sentence."""

    UNICAST = "unicast"
    NULL = "unspecified"  # 0.0.0.0 and :: themselves: nobody is to be sent anything (RFC 3264 8.4)
    THIS_NETWORK = "of no host"  # 0.0.0.0/8 (RFC 1122 3.2.1.3), and 0.0.0.0 in another dress
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    RESERVED = "reserved"  # 240.0.0.0/4 (RFC 1112 4)
    NAME = "a host name"


_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")
_CLASS_E: Final = ipaddress.ip_network("240.0.0.0/4")
_BROADCAST: Final = ipaddress.ip_address("255.255.255.255")
# Networks whose addresses end in an IPv4 address: RFC 4291 2.5.5, RFC 2765 2.1, RFC 6052 2.1.
_ENDING_IN_IPV4: Final = (
    ipaddress.ip_network("::/96"),
    ipaddress.ip_network("::ffff:0:0/96"),
    ipaddress.ip_network("::ffff:0:0:0/96"),
    ipaddress.ip_network("64:ff9b::/96"),
)

MAX_PLACES: Final = 256  # of one description; browsers name some dozens


def ip_of(address: str) -> IPAddress | None:
    """The address as a number; None for a host name."""
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def unwrapped(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one holds: mapped, compatible, translated or of a tunnel; else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    # :: and ::1 are addresses in their own right.
    if int(address) > 1 and any(address in network for network in _ENDING_IN_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def kind_of(address: str) -> Kind:
    """Of what kind the address of a description is."""
    written = ip_of(address)
    if written is None:
        return Kind.NAME
    if int(written) == 0:
        return Kind.NULL
    ip = unwrapped(written)
    if ip.is_loopback:
        return Kind.LOOPBACK
    if ip.is_multicast:
        return Kind.MULTICAST
    if ip.is_link_local:
        return Kind.LINK_LOCAL
    if ip == _BROADCAST:
        return Kind.BROADCAST
    if ip in _CLASS_E:
        return Kind.RESERVED
    if ip in _THIS_NETWORK:
        return Kind.THIS_NETWORK
    return Kind.UNICAST


class Place(NamedTuple):
    """An address with a range of ports, and the line that names it: "c=", "a=rtcp" or "a=candidate"."""

    line: str
    address: str
    first_port: int
    last_port: int


_PORT: Final = r"(\d{1,5})"
_RTCP: Final = re.compile(_PORT + r"(?: IN IP[46] ([0-9A-Za-z.:\-]{1,255}))?")
_CANDIDATE: Final = re.compile(
    r"[0-9A-Za-z+/]{1,32} \d{1,5} [A-Za-z]{1,16} \d{1,10} ([0-9A-Za-z.:%\-]{1,255}) " + _PORT + r" typ \S.*"
)


def candidate_place(value: str) -> Place:
    """Where an a=candidate line leads to. Raises ParseError (400) for what is none."""
    found = _CANDIDATE.fullmatch(value)
    if found is None:
        raise ParseError(400, "Malformed a=candidate line in the session description")
    port = _port(found[2])
    return Place("a=candidate", found[1], port, port)


def places(description: SessionDescription, index: int) -> tuple[Place, ...]:
    """Every place that the stream at `index` names, with what it inherits from the session.

    Raises ParseError: 400 where no c= line counts for it or a line is malformed, 513 for too many places.
    """
    media = description.media[index]
    if media.address is None:
        raise ParseError(400, "No c= line says where the media is to be sent to")
    address = media.address.address
    # RTCP is sent to the port behind each one of RTP, unless a=rtcp says otherwise (RFC 3550 11).
    found = [Place("c=", address, media.port, min(media.port + 2 * media.count - 1, 65535))]
    for named in _named((*description.attributes, *media.attributes), address):
        if len(found) == MAX_PLACES:
            raise ParseError(513, f"The session description names more than {MAX_PLACES} places for media")
        found.append(named)
    return tuple(found)


def _named(attributes: tuple[Attribute, ...], address: str) -> Iterator[Place]:
    for name, value in attributes:
        if name == "rtcp":
            found = _RTCP.fullmatch(value or "")
            if found is None:
                raise ParseError(400, "Malformed a=rtcp line in the session description")
            port = _port(found[1])
            yield Place("a=rtcp", found[2] or address, port, port)
        elif name == "candidate":
            yield candidate_place(value or "")


def _port(text: str) -> int:
    port = int(text)
    if port > 65535:
        raise ParseError(400, "A port above 65535 in the session description")
    return port
