"""Keys and certificates as PEM files; what is wrong with one is said in words that help."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ringwall.infra import authority
from ringwall.infra.authority import Authority
from ringwall.infra.errors import PkiError
from ringwall.infra.files import read_limited, write_atomically


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a key that nobody else can read."""
    write_atomically(path, authority.key_pem(key), mode=0o600)


def write_certificate(path: Path, certificate: x509.Certificate) -> None:
    """Write a certificate that all may read."""
    write_atomically(path, authority.certificate_pem(certificate), mode=0o644)


def read_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file; raise PkiError."""
    try:
        return x509.load_pem_x509_certificate(read_limited(path))
    except FileNotFoundError:
        raise PkiError(f"{path} is missing: restore it, or run `./ringwall up` to make a new one.") from None
    except (OSError, ValueError):
        raise PkiError(f"{path} is no certificate that can be read: restore it from a backup.") from None


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of a PEM file that may hold certificates before it; raise PkiError."""
    try:
        content = read_limited(path)
        key = serialization.load_pem_private_key(content[content.rfind(b"-----BEGIN PRIVATE") :], None)
    except FileNotFoundError:
        raise PkiError(f"{path} is missing: put it back for the time of this command.") from None
    except (OSError, ValueError, TypeError):
        raise PkiError(f"{path} is no key that can be read: restore it from a backup.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{path} is not an elliptic-curve key: restore it from a backup.")
    return key


def read_authority(certificate: Path, key: Path) -> Authority:
    """Return an authority from its two files; raise PkiError."""
    return Authority(read_certificate(certificate), read_key(key))
