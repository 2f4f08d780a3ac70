"""Where a party may have media sent to: every description is held against this before a relay sees it.

Rules that this module keeps:
- The relay sends wherever it is told, so whoever may describe a session could have packets sent to a group,
  to everybody on a network, or to programs on the system's own hosts that trust loopback.
- The null address is a hold (RFC 3264 8.4): nothing is sent.
- Who signals from a host of the system may have media there, loopback included, but at no port of the
  system's own. Who signals from elsewhere may not.
- Media goes by IPv4: rtpengine, told an IPv6 address where it has no IPv6 of its own, sends to the IPv4
  address that its first four bytes are (measured: 7f00:1::1 is 127.0.0.1 then).
- A link-local ICE candidate is left out, since phones list it among others; the check is in `descriptions`.
"""

from dataclasses import dataclass
from typing import Final

from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.switch.own_addresses import OwnAddresses
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.registrar.flows import Flow
from ringwall.core.rights.trunk import TrunkLine
from ringwall.sip.media_address import Kind, Place, ip_of, kind_of, places, unwrapped
from ringwall.sip.sdp import SessionDescription

_NEVER: Final = frozenset(
    {Kind.THIS_NETWORK, Kind.MULTICAST, Kind.BROADCAST, Kind.RESERVED, Kind.NULL, Kind.NAME}
)


@dataclass(frozen=True, slots=True)
class MediaPlaces:
    """Where one party may have media: `source` is the address that it signals from, empty if not known."""

    own: OwnAddresses
    source: str

    def fault(self, description: SessionDescription, index: int) -> str:
        """Why the stream at `index` must not be relayed, as a sentence; empty if it may.

        Raises ParseError where the description does not say where.
        """
        named = places(description, index)
        held = kind_of(named[0].address) is Kind.NULL
        for place in named:
            nowhere = held and place.line != "a=candidate" and kind_of(place.address) is Kind.NULL
            why = "" if nowhere else self._fault(place)
            if why:
                return f"{place.line} names {place.address} port {place.first_port}: {why}"
        return ""

    def _fault(self, place: Place) -> str:
        kind, candidate = kind_of(place.address), place.line == "a=candidate"
        if candidate and kind in {Kind.NAME, Kind.LINK_LOCAL}:
            return ""  # the relay looks no name up, and is not told of the other
        if kind in _NEVER:
            return f"no address that media can go to, as it is {kind}"
        ip = ip_of(place.address)
        assert ip is not None
        if ip.version == 6 and not candidate:
            return "media goes by IPv4 here"
        ip = unwrapped(ip)
        if ip in self.own.broadcasts:
            return f"no address that media can go to, as it is {Kind.BROADCAST}"
        source = ip_of(self.source)
        if kind is Kind.LINK_LOCAL and not (source is not None and source.is_link_local):
            return "a link-local address, and this party is not beside us"
        if not self.own.is_here(ip):
            return ""
        if source is None or not self.own.is_here(unwrapped(source)):
            return "an address of this system's own host, and this party is elsewhere"
        if self.own.has_port(place.first_port, place.last_port):
            return "a port of this system"
        return ""


def of_sender(switch: Switch, sender: Flow | TrunkLine) -> MediaPlaces:
    """Where whoever sends this may have media; a carrier is at its trunk's host, if that is an address."""
    source = sender.source if isinstance(sender, Flow) else sender.host
    return MediaPlaces(switch.own_addresses.current(), source)


def of_leg(switch: Switch, leg: Leg) -> MediaPlaces:
    """Where the party of a leg may have media."""
    sender = leg.flow or switch.trunks.lines.get(leg.trunk)
    return MediaPlaces(switch.own_addresses.current(), "") if sender is None else of_sender(switch, sender)
