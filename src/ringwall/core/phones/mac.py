"""MAC addresses as people and phones write them. Pure."""

import re
from typing import Final

from ringwall.core.errors import OperationError

# Twelve hexadecimal digits, in one piece or in pairs or fours with one kind of separator.
_FORMS: Final = (
    re.compile(r"[0-9a-f]{12}\Z"),
    re.compile(r"[0-9a-f]{2}(?P<s>[:-])(?:[0-9a-f]{2}(?P=s)){4}[0-9a-f]{2}\Z"),
    re.compile(r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\Z"),
)
LONGEST: Final = 17
_GROUP_BIT: Final = 0x01


def parse_mac(text: str) -> str | None:
    """Return twelve small hexadecimal digits, or None where this is no address of one station.

    Addresses of groups (IEEE 802, the lowest bit of the first byte) are none, nor are all zeros.
    """
    if len(text) > LONGEST or not text.isascii():
        return None
    small = text.lower()
    if not any(form.match(small) for form in _FORMS):
        return None
    mac = small.replace(":", "").replace("-", "").replace(".", "")
    if int(mac[:2], 16) & _GROUP_BIT or not int(mac, 16):
        return None
    return mac


def check_mac(text: str) -> str:
    """Return the address; raise OperationError (invalid)."""
    mac = parse_mac(text)
    if mac is None:
        raise OperationError("invalid", "A MAC address has twelve digits, such as 00:15:65:12:ab:cd.", "mac")
    return mac


def shown(mac: str) -> str:
    """Return an address as people read it."""
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2))
