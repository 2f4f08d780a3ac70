"""What a phone's certificate proves (P4).

Rules that this module keeps:
- A certificate proves one MAC address, and only if an authority that we know vouches for it: our own for
  phones, or a vendor's whose file an administrator has put in place. Its key was proven in the TLS handshake.
- A vendor's certificate that names no MAC address is the generic one that is in every phone: it proves
  nothing.
- Of our own certificates the last one counts that the phone was given.
- Whatever the bytes are, nothing is raised; they have a limit, and only what is needed is looked at.
"""

import base64
import binascii
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ringwall.core.phones.mac import parse_mac
from ringwall.core.phones.secrets import fingerprint
from ringwall.infra import device_pki
from ringwall.infra.errors import PkiError
from ringwall.infra.layout import Layout

if TYPE_CHECKING:
    from pathlib import Path

    from ringwall.infra.authority import Authority

log = logging.getLogger(__name__)

LARGEST: Final = 6000
LARGEST_REQUEST: Final = 8192
_LONGEST_NAME: Final = 256
_MAC: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}(?![0-9A-Za-z])")
_OWN: Final = re.compile(rf"([0-9a-f]{{12}})\.{re.escape(device_pki.DEVICES_DOMAIN)}\Z")


@dataclass(frozen=True, slots=True)
class Vouched:
    """A certificate that somebody vouches for. `vendor` is empty for our own; without `mac` it is generic."""

    mac: str
    vendor: str
    fingerprint: str


class Vouchers:
    """Knows the authorities; reads the vendors' files anew when they change."""

    def __init__(self, layout: Layout, *, clock: Callable[[], datetime]) -> None:
        self._layout = layout
        self._clock = clock
        self._own: Authority = device_pki.read_authority(layout)
        self._seen: tuple[tuple[Path, int], ...] | None = None
        self._vendors: dict[str, list[x509.Certificate]] = {}

    def look(self, encoded: bytes) -> Vouched | None:
        """Return what a certificate proves, from base64 of its DER; None where nobody vouches for it."""
        der = _decoded(encoded, LARGEST)
        certificate = _certificate(der) if der is not None else None
        if der is None or certificate is None or not _is_valid(certificate, self._clock()):
            return None
        if _issued_by(certificate, self._own.certificate):
            return Vouched(_own_mac(certificate), "", fingerprint(der))
        for vendor, authorities in self._known().items():
            if any(_issued_by(certificate, one) for one in authorities):
                return Vouched(mac_in(certificate), vendor, fingerprint(der))
        return None

    def sign(self, request_pem: str, mac: str) -> tuple[str, str]:
        """Give a phone a certificate for the key of its request; return it as PEM, and its fingerprint.

        Raises PkiError, as a sentence for who made the phone, where the request is no good.
        """
        key = _requested_key(request_pem)
        certificate = device_pki.issue(self._own, key, mac, self._clock())
        pem = certificate.public_bytes(Encoding.PEM).decode()
        return pem, fingerprint(certificate.public_bytes(Encoding.DER))

    def _known(self) -> dict[str, list[x509.Certificate]]:
        try:
            now = tuple(
                (path, path.stat().st_mtime_ns) for path in sorted(self._layout.authorities.glob("*.pem"))
            )
            if now != self._seen:
                found = device_pki.vendor_files(self._layout)
                self._vendors = {vendor: device_pki.read_vendor(pem) for vendor, pem in found.items()}
                self._seen = now
        except (OSError, PkiError) as error:
            log.error("The authorities of vendors cannot be read, those before count: %s", error)  # noqa: TRY400
        return self._vendors


def mac_in(certificate: x509.Certificate) -> str:
    """Return the one MAC address that the subject of a certificate names; empty where it is not one."""
    found: set[str] = set()
    for text in _subject_texts(certificate, (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER)):
        found.update(mac for each in _MAC.findall(text) if (mac := parse_mac(each)) is not None)
    return found.pop() if len(found) == 1 else ""


def _own_mac(certificate: x509.Certificate) -> str:
    names = [
        found[1]
        for text in _subject_texts(certificate, (NameOID.COMMON_NAME,))
        if (found := _OWN.match(text))
    ]
    return (parse_mac(names[0]) or "") if len(names) == 1 else ""


def _subject_texts(certificate: x509.Certificate, kinds: Iterable[x509.ObjectIdentifier]) -> list[str]:
    try:
        values = [one.value for kind in kinds for one in certificate.subject.get_attributes_for_oid(kind)]
    except ValueError:
        return []
    return [text[:_LONGEST_NAME] for text in values if isinstance(text, str)]


def _decoded(encoded: bytes, most: int) -> bytes | None:
    if len(encoded) > most * 4 // 3 + 4:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _certificate(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm):
        return None


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    try:
        return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    except ValueError:
        return False


def _issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _requested_key(request_pem: str) -> ec.EllipticCurvePublicKey:
    if len(request_pem) > LARGEST_REQUEST:
        raise PkiError("The certificate request is too long.")
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
        good, key = request.is_signature_valid, request.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        raise PkiError("The certificate request cannot be read: PKCS #10 in PEM is wanted.") from None
    if not good or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PkiError("The certificate request has to be for a P-256 key and signed with it.")
    return key
