"""What single settings may be: addresses, names, ports."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_MAX_NAME = 253


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> str:
    if not _is_address(text):
        raise ValueError("must be an IPv4 address such as 192.0.2.10")
    address = ipaddress.IPv4Address(text)
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        raise ValueError("must be the address of this host, not 0.0.0.0, a multicast or a reserved address")
    return str(address)


def checked_dns_name(text: str) -> str:
    """Return a DNS name in small letters; ValueError when it is none, or one of the links inside."""
    name = text.lower().rstrip(".")
    # A top-level label is never all digits (RFC 3696, 2): "10.1.2" or "1.2.3.400" is a mistyped address.
    labels = name.split(".")
    if len(name) > _MAX_NAME or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ValueError("must be a DNS name such as phones.example.com")
    if name == "ringwall.internal" or name.endswith(".ringwall.internal"):
        raise ValueError("must not lie in ringwall.internal, which is kept for the links inside")
    return name


def checked_domain(text: str) -> str:
    """Return a DNS name or an IPv4 address; ValueError."""
    if _is_address(text):
        return _address(text)
    try:
        return checked_dns_name(text)
    except ValueError as error:
        raise ValueError(f"{error}, or an IPv4 address") from None


def _label(text: str) -> str:
    if not _LABEL.match(text):
        raise ValueError("must be 1 to 63 small letters, digits or hyphens, such as edge1")
    return text


Address = Annotated[str, AfterValidator(_address)]
DnsName = Annotated[str, AfterValidator(checked_dns_name)]
Domain = Annotated[str, AfterValidator(checked_domain)]
Label = Annotated[str, AfterValidator(_label)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A part of the settings: nothing unknown in it, and nothing changes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)
