"""Making and reading certificates (T4). Pure: no files, no clock, no settings.

Source: RFC 5280 4.2 (extensions), 6.1 (what a verifier checks), RFC 8446 4.4.2 (what TLS asks of a leaf).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringwall.infra.errors import PkiError

BACKDATED = timedelta(hours=1)
"""A phone whose clock is a little behind must not refuse a certificate that was just made."""
INSIDE_DOMAIN = "ringwall.internal"
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

_MAX_COMMON_NAME = 64  # ub-common-name of RFC 5280, appendix A.1
_ANY_ADDRESS = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that may sign, and the key that belongs to it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key: small, quick, and known to every phone that can do TLS 1.2."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(
    name: str,
    organisation: str,
    life: timedelta,
    now: datetime,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Authority:
    """Return a self-signed root that may sign issuing authorities and nothing below; of a new key or this."""
    key = key or new_key()
    subject = _subject(name, organisation)
    builder = _builder(subject, subject, key.public_key(), now, now + life)
    builder = _as_authority(builder, key.public_key(), path_length=1)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def world_constraints() -> x509.NameConstraints:
    """Return what the world's authority may not do: speak for the links inside."""
    return x509.NameConstraints(permitted_subtrees=None, excluded_subtrees=[x509.DNSName(INSIDE_DOMAIN)])


def inside_constraints() -> x509.NameConstraints:
    """Return the only thing that the inside authority may do: speak for the links inside."""
    return x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(INSIDE_DOMAIN)],
        excluded_subtrees=[x509.IPAddress(network) for network in _ANY_ADDRESS],
    )


def make_issuer(
    signer: Authority | None,
    key: ec.EllipticCurvePrivateKey,
    subject: x509.Name,
    *,
    usages: Sequence[x509.ObjectIdentifier],
    constraints: x509.NameConstraints,
    life: timedelta,
    now: datetime,
) -> x509.Certificate:
    """Return the certificate of an issuing authority that can sign leaves for ``usages`` only.

    Without a ``signer`` it signs itself and is a root of its own.
    """
    until, issued_by, signing_key = now + life, subject, key
    if signer is not None:
        until = min(until, signer.certificate.not_valid_after_utc)
        issued_by, signing_key = signer.certificate.subject, signer.key
    builder = _builder(subject, issued_by, key.public_key(), now, until)
    builder = _as_authority(builder, key.public_key(), path_length=0)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    builder = builder.add_extension(constraints, critical=True)
    if signer is not None:
        builder = builder.add_extension(_signed_by(signer), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def make_leaf(
    issuer: Authority,
    public_key: ec.EllipticCurvePublicKey,
    names: Sequence[str],
    *,
    usage: x509.ObjectIdentifier,
    life: timedelta,
    now: datetime,
) -> x509.Certificate:
    """Return a leaf for DNS names and IP addresses (the first is the common name) and one usage."""
    until = min(now + life, issuer.certificate.not_valid_after_utc)
    if until <= now:
        raise PkiError("The issuing authority has expired: run `ringwall pki renew` with root.key in place.")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_MAX_COMMON_NAME])])
    usage_bits = _key_usage(digital_signature=True)
    return (
        _builder(subject, issuer.certificate.subject, public_key, now, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage_bits, critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_signed_by(issuer), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )


def issuer_subject(name: str, organisation: str) -> x509.Name:
    """Return the subject of an authority."""
    return _subject(name, organisation)


def _subject(name: str, organisation: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:_MAX_COMMON_NAME]),
            x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAX_COMMON_NAME]),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
    )


def _as_authority(
    builder: x509.CertificateBuilder, public_key: ec.EllipticCurvePublicKey, *, path_length: int
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed_by(authority: Authority) -> x509.AuthorityKeyIdentifier:
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the subject alternative names as text, in their order; none for an authority."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Say whether less than a third of the certificate's life is left."""
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    return certificate.not_valid_after_utc - now < life / 3


def why_unfit(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    names: Sequence[str],
    now: datetime,
) -> str | None:
    """Return why a leaf cannot do its work, as the end of a sentence, or None when it can."""
    if certificate.not_valid_after_utc <= now:
        return "has expired"
    if certificate.not_valid_before_utc > now:
        return "is not valid yet: look at this host's clock"
    if set(names_of(certificate)) != set(names):
        return f"is for {', '.join(names_of(certificate))} and not for {', '.join(names)}"
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return "was not issued by the authority of this system"
    return None


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, leaf first."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key as PEM (PKCS #8), not encrypted: the file's mode protects it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
