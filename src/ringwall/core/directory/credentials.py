"""What a device signs in with: made here, shown once, kept only as a digest."""

import hashlib
import secrets
from dataclasses import dataclass

from ringwall.core.identity.passwords import random_password

_USERNAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A new device's credentials; `password` is the only copy and stays out of logs and texts."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ...)"

    def ha1_sha256(self, realm: str) -> str:
        """Return H(A1) of RFC 7616 (3.4.2) with SHA-256, in hexadecimal digits."""
        return hashlib.sha256(self._a1(realm)).hexdigest()

    def ha1_md5(self, realm: str) -> str:
        """Return H(A1) with MD5, for a device that knows nothing better."""
        return hashlib.md5(self._a1(realm), usedforsecurity=False).hexdigest()

    def _a1(self, realm: str) -> bytes:
        return f"{self.username}:{realm}:{self.password}".encode()


def new_credentials() -> Credentials:
    """Return credentials that nobody has had before (50 random bits name the device, 139 protect it)."""
    name = "".join(secrets.choice(_USERNAME_ALPHABET) for _ in range(10))
    return Credentials(f"d{name}", random_password())
