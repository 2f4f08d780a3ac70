"""The IPv4 addresses of this host and the broadcast addresses of its networks, as its kernel has them."""

import ipaddress
import re
from pathlib import Path
from typing import NamedTuple

_TABLE = Path("/proc/net/fib_trie")
_ENTRY = re.compile(r"\|-- (\d{1,3}(?:\.\d{1,3}){3})\n((?:[ |]+/\d{1,2} [a-z]+ [A-Z]+[^\n]*(?:\n|\Z))+)")


class HostAddresses(NamedTuple):
    """Those that are this host's own, and those that mean every host of a network that it is in."""

    own: frozenset[ipaddress.IPv4Address] = frozenset()
    broadcast: frozenset[ipaddress.IPv4Address] = frozenset()


def host_addresses(table: Path = _TABLE) -> HostAddresses:
    """Return them as they are now; none where the kernel does not show them."""
    try:
        text = table.read_text()
    except OSError:
        return HostAddresses()
    own, broadcast = set(), set()
    for address, routes in _ENTRY.findall(text):
        if "/32 host LOCAL" in routes:
            own.add(ipaddress.IPv4Address(address))
        if "/32 link BROADCAST" in routes:
            broadcast.add(ipaddress.IPv4Address(address))
    return HostAddresses(frozenset(own), frozenset(broadcast))
