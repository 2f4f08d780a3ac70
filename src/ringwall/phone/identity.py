"""Who the phone is: the certificate that it shows, and how it gets one (P4).

Rules that this module keeps:
- The private key is made in the phone and never leaves it; what goes out is a request signed with it.
- A factory certificate is used where the vendor put one in; else the server gives one, once somebody has let
  the phone in (a code that is typed, or an administrator who approves it where it is).
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ringwall.infra.errors import RingwallError
from ringwall.infra.files import write_atomically


class IdentityError(RingwallError):
    """A certificate cannot be used; the text says why."""

    code = "identity"


class Identity:
    """The key and certificate of one phone, in the application's folder."""

    def __init__(self, folder: Path, mac: str, factory: Path | None) -> None:
        self._key_file = folder / "identity.key"
        self._own = folder / "identity.pem"
        self._factory = factory
        self._mac = mac

    @property
    def pem(self) -> Path | None:
        """The file with certificate and key to show: ours, or the factory's, or none yet."""
        if self._own.exists():
            return self._own
        return self._factory

    def request(self) -> str:
        """Return a certificate request (PKCS #10, PEM) for the phone's key, which is made the first time."""
        key = self._key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self._mac)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()

    def take(self, chain: str) -> None:
        """Keep the certificate that the server gave; raise IdentityError where it is not for our key."""
        try:
            certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        except (ValueError, IndexError):
            raise IdentityError("The server gave no certificate that can be read.") from None
        key = self._key()
        if certificate.public_key() != key.public_key():
            raise IdentityError("The server gave a certificate for another phone.")
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_atomically(self._own, chain.strip().encode() + b"\n" + private, mode=0o600)

    def is_due(self, now: float) -> bool:
        """Whether the certificate that the server gave is in the last third of its life."""
        if not self._own.exists():
            return False
        certificate = x509.load_pem_x509_certificate(self._own.read_bytes())
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return now > end.timestamp() - (end - begin).total_seconds() / 3

    def forget(self) -> None:
        """Forget the certificate: the server does not know it any more."""
        self._own.unlink(missing_ok=True)

    def _key(self) -> ec.EllipticCurvePrivateKey:
        if self._key_file.exists():
            found = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
            if not isinstance(found, ec.EllipticCurvePrivateKey):
                raise IdentityError("The phone's key is damaged: remove it, and have the phone let in anew.")
            return found
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_atomically(self._key_file, pem, mode=0o600)
        return key
