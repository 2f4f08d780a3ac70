"""A vendor of phones: its authorities, and the certificates that it puts into its phones."""

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Vendor:
    """A root and an authority below it that signs for phones, as vendors have them."""

    def __init__(self, name="Acme Phones"):
        self.root_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root_name, self.name = _name(f"{name} Root"), _name(f"{name} Equipment")
        self.root = self._sign(
            self.root_name, self.root_key.public_key(), self.root_name, self.root_key, True
        )
        self.issuer = self._sign(self.name, self.key.public_key(), self.root_name, self.root_key, True)

    @property
    def pem(self) -> bytes:
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (self.root, self.issuer))

    def phone(self, common_name, *, days=(-1, 365), key=None):
        """Return the certificate of a phone and its key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        return self._sign(_name(common_name), key.public_key(), self.name, self.key, False, days), key

    def _sign(self, subject, public, issuer, key, ca, days=(-1, 3650)):
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )


def header(certificate) -> str:
    """A certificate as the edge tells it to the core."""
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def request_for(key) -> str:
    """A certificate request for a key, as PEM."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name("whatever"))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_key():
    return ec.generate_private_key(ec.SECP256R1())
