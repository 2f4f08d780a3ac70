"""Where phones are told to ask for their configuration: one address, in the form that each vendor wants (P1).

There is no secret in it: who asks there has to prove which phone it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ringwall.infra.settings import Settings

# What stands behind the folder, where a vendor's phones do not add the name of their file by themselves.
FILES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ringwall": "",
        "mitel": "",
        "yealink": "",
        "poly": "",
        "grandstream": "",
        "snom": "snom-{mac}.xml",
    }
)


@dataclass(frozen=True, slots=True)
class DhcpOption:
    """One option as a DHCP server is told it: its number, in words, and as bytes."""

    number: int
    text: str
    content: bytes

    @property
    def hexadecimal(self) -> str:
        """The bytes as `64:0a:...`."""
        return self.content.hex(":")


def address_for(settings: Settings, vendor: str = "") -> str:
    """Return the address for a vendor's phones; for an unknown one the folder."""
    return f"https://{settings.address}:{settings.ports.phones}/phone/{FILES.get(vendor, '')}"


def dhcp_options(settings: Settings, vendor: str) -> list[DhcpOption]:
    """Return the options by which a vendor's phones find the system (RFC 2132, 8.4, 9.4 and 9.13).

    Each is enough by itself: 66 is what most read, 160 Poly's own, 43 what a vendor defined for itself.
    """
    address = address_for(settings, vendor)
    plain = address.encode("ascii")
    options = []
    if vendor == "poly":
        options.append(DhcpOption(160, address, plain))
    options.append(DhcpOption(66, address, plain))
    inner = {"mitel": 2, "yealink": 66, "poly": 160, "grandstream": 2, "snom": 66}.get(vendor)
    if inner is not None:
        # Encapsulated: code, length, value.
        options.append(DhcpOption(43, f"{inner}={address}", bytes((inner, len(plain))) + plain))
    return options
