"""A trunk: how a carrier is reached, what it is told, and which numbers come in on it."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ringwall.core.numbers import outside_number
from ringwall.policy import checks
from ringwall.policy.errors import PolicyError

TRANSPORTS: Final = ("tls", "tcp")
MEDIA: Final = ("srtp", "rtp")
NUMBER_FORMATS: Final = ("+e164", "e164", "national")
CALLER_IDS: Final = ("user", "trunk", "withheld")
LARGEST_RANGE: Final = 10_000
MOST_NUMBERS: Final = 50_000  # in all ranges of a trunk

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\Z"
)
_USERNAME: Final = re.compile(r"[\x21-\x7e]{0,128}\Z")


@dataclass(frozen=True, slots=True)
class DidRange:
    """Numbers from `first` to `last`, both in canonical form and of one length."""

    first: str
    last: str

    @staticmethod
    def parse(text: str) -> "DidRange":
        """Read `+14085550100-+14085550199` or one number alone; raise PolicyError."""
        first, sign, last = text.partition("-+")
        low = outside_number(first, "did_ranges")
        high = outside_number("+" + last, "did_ranges") if sign else low
        if len(low) != len(high) or not 0 <= int(high) - int(low) < LARGEST_RANGE:
            raise PolicyError(
                "did_ranges",
                f"the range {text[:64]!r} has to go up over at most {LARGEST_RANGE} numbers of one length,"
                " such as +14085550100-+14085550199.",
            )
        return DidRange(low, high)

    def __contains__(self, number: str) -> bool:
        return len(number) == len(self.first) and self.first <= number <= self.last

    def __len__(self) -> int:
        return int(self.last) - int(self.first) + 1

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class TrunkLine:
    """How call control reaches one carrier. The password of its digest login is asked for where it is used.

    `host` and `port` are where the edge connects to; `certificate_name` is the name that the carrier's
    certificate has to hold (empty: the host) and `authority` the PEM certificates that may sign it (empty:
    the public ones). `sources` are the addresses and networks that calls come in from (empty: those of the
    host). Numbers go out in `number_format` behind `prefix`. What comes in for a number in `did_ranges` rings
    at the extension that its last `did_digits` digits are; the own number of a user goes before. Lower
    `priority` is tried first.
    """

    id: str
    name: str
    trunk_group: str
    host: str
    enabled: bool = True
    port: int = 5061
    transport: str = "tls"
    media: str = "srtp"
    allow_clear_text: bool = False
    certificate_name: str = ""
    authority: str = ""
    sources: tuple[str, ...] = ()
    registers: bool = False
    register_seconds: int = 600
    username: str = ""
    domain: str = ""
    number_format: str = "+e164"
    prefix: str = ""
    caller_id: str = "user"
    caller_number: str = ""
    asserted_identity: bool = True
    did_ranges: tuple[DidRange, ...] = ()
    did_digits: int = 4
    options_seconds: int = 30
    priority: int = 10
    max_calls: int = 30

    def __post_init__(self) -> None:
        checks.identifier(self.id, "trunk")
        checks.name(self.name, "name")
        _host(self.host, "host")
        checks.integer(self.port, "port", 1, 65535)
        if self.enabled:
            self._check_way()
        if (self.transport != "tls" or self.media != "srtp") and not self.allow_clear_text:
            raise PolicyError(
                "allow_clear_text",
                "has to be on for a carrier without TLS or SRTP: others on the way can then hear calls.",
            )
        for value, field in ((self.certificate_name, "certificate_name"), (self.domain, "domain")):
            if value:
                _host(value, field)
        _authority(self.authority)
        for source in self.sources:
            _source(source)
        checks.integer(self.register_seconds, "register_seconds", 60, 86400)
        if not _USERNAME.match(self.username):
            raise PolicyError("username", "has to have at most 128 letters, digits or signs without spaces.")
        if self.registers and not self.username:
            raise PolicyError("username", "is needed where the trunk registers at the carrier.")
        if self.prefix and not re.fullmatch(r"[0-9*#]{1,10}", self.prefix):
            raise PolicyError("prefix", "has to be empty or 1 to 10 digits, * or #.")
        if self.caller_id == "trunk" and not self.caller_number:
            raise PolicyError("caller_number", "is needed where calls show the number of the trunk.")
        checks.integer(self.did_digits, "did_digits", 2, 8)
        if sum(len(one) for one in self.did_ranges) > MOST_NUMBERS:
            raise PolicyError("did_ranges", f"has to have at most {MOST_NUMBERS} numbers in all.")
        if self.options_seconds:
            checks.integer(self.options_seconds, "options_seconds", 10, 3600)
        checks.integer(self.priority, "priority", 1, 100)
        checks.integer(self.max_calls, "max_calls", 0, 10000)

    def _check_way(self) -> None:
        """Raise PolicyError where the edge has no way to the carrier. A trunk out of service may wait."""
        if self.transport not in TRANSPORTS:
            raise PolicyError(
                "transport", "has to be tls or tcp: the edge has no UDP to carriers. Ask the carrier for TLS."
            )
        if ":" in self.host:
            raise PolicyError(
                "host", "has to be a name or an IPv4 address: the edge has no IPv6 to carriers yet."
            )
        if self.transport == "tls" and _is_address(self.certificate_name or self.host):
            raise PolicyError(
                "certificate_name",
                "has to be the name in the carrier's certificate: an address proves nothing there.",
            )

    @property
    def clear_text(self) -> bool:
        """Whether somebody on the way can read or hear calls."""
        return self.transport != "tls" or self.media != "srtp"

    def extension_of(self, number: str) -> str | None:
        """The extension that a number in the ranges belongs to; None for a number that is in none."""
        if any(number in one for one in self.did_ranges):
            return number[-self.did_digits :]
        return None

    def numbers_of(self, extensions: Iterable[str]) -> dict[str, str]:
        """The numbers in the ranges whose extension is among these, with it."""
        there = {extension for extension in extensions if len(extension) == self.did_digits}
        found = {}
        for one in self.did_ranges:
            for value in range(int(one.first), int(one.last) + 1):
                number = f"+{value}"
                if number[-self.did_digits :] in there:
                    found[number] = number[-self.did_digits :]
        return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _host(text: str, field: str) -> None:
    if not _is_address(text) and not _HOST.match(text):
        raise PolicyError(field, "has to be a host name, such as sip.example.com, or an address.")


def _source(text: str) -> None:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(
            "sources", f"has to have addresses or networks, such as 192.0.2.0/28, not {text!r}."
        ) from None
    if network.prefixlen < (16 if network.version == 4 else 32):
        raise PolicyError(
            "sources", f"the network {text!r} is too wide: /16, or /32 with IPv6, is the widest."
        )


def _authority(pem: str) -> None:
    if not pem:
        return
    # Every command of the command line loads this module, and few need certificates.
    from cryptography import x509  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        found = []
    if not found:
        raise PolicyError(
            "authority", "has to have certificates in PEM form, from -----BEGIN CERTIFICATE-----."
        )
