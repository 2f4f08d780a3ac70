"""The authority for phones, and the authorities of their vendors (P4).

Rules that this module keeps:
- The authority for phones is a root of its own, for client certificates below phones.ringwall.internal
  alone: who has its key can pretend to be a phone, and nothing else. So the core may hold it, which has to
  sign while it runs.
- Its key is made once and never replaced.
- Of a vendor only certificates are taken that may sign others; what a file held that cannot be read is told.
- What HAProxy checks against is made of both, so that both sides of the wall know the same.
"""

import secrets
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ringwall.infra import accounts, authority
from ringwall.infra.authority import Authority
from ringwall.infra.errors import PkiError, RingwallError
from ringwall.infra.files import KEEP, read_limited, write_atomically
from ringwall.infra.layout import Layout
from ringwall.infra.pem_files import read_key

DEVICES_DOMAIN = "phones.ringwall.internal"
AUTHORITY_LIFE = timedelta(days=1826)
DEVICE_LIFE = timedelta(days=730)
"""Phones that are switched off for a holiday must not be locked out; they renew in the last third."""
LARGEST_BUNDLE = 256 * 1024


def ensure_authority(layout: Layout, organisation: str, now: datetime, *, chown: bool) -> list[str]:
    """Make the authority for phones, or sign it again with its key when it is due; return what was made."""
    uid, gid = (accounts.user_id(accounts.CORE), accounts.group_id(accounts.CORE)) if chown else (KEEP, KEEP)
    if layout.devices_certificate.exists():
        before = read_authority(layout)
        if not authority.is_due(before.certificate, now):
            return []
        key, subject = before.key, before.certificate.subject
    else:
        subject = authority.issuer_subject(f"{organisation} phones {secrets.token_hex(3)}", organisation)
        if layout.devices_key.exists():  # of a start that was interrupted
            key = read_key(layout.devices_key)
        else:
            key = authority.new_key()
            write_atomically(layout.devices_key, authority.key_pem(key), mode=0o600, uid=uid, gid=gid)
    certificate = authority.make_issuer(
        None,
        key,
        subject,
        usages=(authority.CLIENT,),
        constraints=x509.NameConstraints(
            permitted_subtrees=[x509.DNSName(DEVICES_DOMAIN)], excluded_subtrees=None
        ),
        life=AUTHORITY_LIFE,
        now=now,
    )
    content = authority.certificate_pem(certificate)
    write_atomically(layout.devices_certificate, content, mode=0o600, uid=uid, gid=gid)
    return ["phones authority"]


def read_authority(layout: Layout) -> Authority:
    """Return the authority for phones; PkiError where it cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(read_limited(layout.devices_certificate))
        key = serialization.load_pem_private_key(read_limited(layout.devices_key), None)
    except (OSError, ValueError, TypeError, RingwallError):
        raise PkiError(
            f"{layout.devices_certificate} and {layout.devices_key.name} beside it cannot be read: "
            "restore them from a backup."
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise PkiError(f"{layout.devices_key} does not belong to the certificate beside it: restore it.")
    return Authority(certificate, key)


def issue(
    issuer: Authority, public_key: ec.EllipticCurvePublicKey, mac: str, now: datetime
) -> x509.Certificate:
    """Return a certificate for the phone with this MAC address (twelve small digits)."""
    name = f"{mac}.{DEVICES_DOMAIN}"
    return authority.make_leaf(issuer, public_key, (name,), usage=authority.CLIENT, life=DEVICE_LIFE, now=now)


def read_vendor(pem: bytes) -> list[x509.Certificate]:
    """Return the authorities in a vendor's file; PkiError for a file that holds none, or something else."""
    if len(pem) > LARGEST_BUNDLE:
        raise PkiError(f"A vendor's file has at most {LARGEST_BUNDLE // 1024} KiB.")
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise PkiError("The file holds no certificates in PEM that can be read.") from None
    for certificate in found:
        if not may_sign(certificate):
            name = certificate.subject.rfc4514_string()[:100]
            raise PkiError(f"The file must hold authorities only, and {name} is none.")
    return found


def may_sign(certificate: x509.Certificate) -> bool:
    """Whether a certificate says of itself that it may sign others."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False


def vendor_files(layout: Layout) -> dict[str, bytes]:
    """Return the files of vendors' authorities by vendor; PkiError where one cannot be read."""
    found = {}
    try:
        for path in sorted(layout.authorities.glob("*.pem")):
            content = read_limited(path, LARGEST_BUNDLE)
            read_vendor(content)
            found[path.stem] = content
    except (OSError, RingwallError) as error:
        raise PkiError(f"{layout.authorities} cannot be read: {error}") from None
    return found


def bundle(layout: Layout) -> bytes:
    """Return what HAProxy knows phones by: our authority and the vendors', as PEM without empty lines."""
    own = x509.load_pem_x509_certificate(read_limited(layout.devices_certificate))
    every = [own, *(one for pem in vendor_files(layout).values() for one in read_vendor(pem))]
    return authority.certificate_pem(*dict.fromkeys(every))
