"""The lines of a session description that hold addresses: c= and o= (RFC 4566 5.2, 5.7)."""

import re
from typing import NamedTuple

from ringwall.sip.errors import ParseError
from ringwall.sip.uri import is_ipv4, is_ipv6

_FQDN = re.compile(r"[A-Za-z0-9.\-]+")
_NULL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_DIGITS = re.compile(r"[0-9]{1,20}")


class Connection(NamedTuple):
    """A c= line: where media is sent to. `address` is an IP address (without brackets) or a host name."""

    address_type: str
    address: str
    network_type: str = "IN"

    @staticmethod
    def parse(text: str) -> "Connection":
        """`IN IP4 192.0.2.1`; ParseError (400) if it is no unicast address."""
        parts = text.split(" ")
        if len(parts) != 3:
            raise ParseError(400, "Malformed c= line in the session description")
        _check_address(*parts)
        return Connection(parts[1], parts[2], parts[0])

    def __str__(self) -> str:
        return f"{self.network_type} {self.address_type} {self.address}"

    @property
    def is_null(self) -> bool:
        """Whether it is the address 0.0.0.0 (or ::) of an old-style hold."""
        return self.address in _NULL_ADDRESSES


class Origin(NamedTuple):
    """The o= line. Session id and version stay texts of digits, as they may exceed what JSON numbers hold."""

    username: str
    session_id: str
    version: str
    network_type: str
    address_type: str
    address: str

    @staticmethod
    def parse(text: str) -> "Origin":
        """`- 1 1 IN IP4 192.0.2.1`; ParseError (400) if malformed."""
        parts = text.split(" ")
        if len(parts) != 6 or not parts[0]:
            raise ParseError(400, "Malformed o= line in the session description")
        if not _DIGITS.fullmatch(parts[1]) or not _DIGITS.fullmatch(parts[2]):
            raise ParseError(400, "Malformed o= line in the session description")
        _check_address(*parts[3:])
        return Origin(*parts)

    def __str__(self) -> str:
        return " ".join(self)


def _check_address(network_type: str, address_type: str, address: str) -> None:
    if network_type == "IN":
        if address_type == "IP4":
            if is_ipv4(address) or (_FQDN.fullmatch(address) and not address.replace(".", "").isdigit()):
                return
        elif address_type == "IP6" and (is_ipv6(address) or _FQDN.fullmatch(address)):
            return
    raise ParseError(400, "Malformed address in the session description")
