"""What keeps codes and carriers' passwords from whoever reads the database: one key file beside it.

Kept here:
- An authorization code (A1) is kept as a keyed digest (HMAC-SHA256). A slow digest would not do: a typed code
  is looked for among 50,000 in the time of a key press; nor would one without a key, because codes are short.
- A carrier's password has to be told to the carrier, so it is encrypted (AES-256-GCM) for its own trunk.
- The file is made once, with the system. Where it is lost, that is told, and no new one is made.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringwall.core.errors import CoreError
from ringwall.infra.errors import LayoutError
from ringwall.infra.files import read_limited, write_atomically

KEY_BYTES = 32
_NONCE_BYTES = 12


class Keys:
    """The keys that are derived from the file."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._codes = _derived(master, b"ringwall authorization codes 1")
        self._passwords = AESGCM(_derived(master, b"ringwall trunk passwords 1"))

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make a new file; raise FileExistsError where there is one."""
        if os.path.lexists(path):
            raise FileExistsError(f"{path} is there already")
        master = secrets.token_bytes(KEY_BYTES)
        write_atomically(path, master, mode=0o600)
        return cls(master)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the file; raise CoreError."""
        try:
            master = read_limited(path, KEY_BYTES)
        except FileNotFoundError:
            raise CoreError(f"The key {path} is missing: restore it from a backup.", code="keys") from None
        except LayoutError as error:
            raise CoreError(f"The key {path} is damaged: restore it from a backup.", code="keys") from error
        except OSError as error:
            raise CoreError(f"The key {path} cannot be read: {error.strerror}.", code="keys") from None
        if len(master) != KEY_BYTES:
            raise CoreError(f"The key {path} is damaged: restore it from a backup.", code="keys")
        return cls(master)

    def derived(self, purpose: bytes) -> bytes:
        """Return a key of 32 bytes for one purpose: another for each, and the same at each start."""
        return _derived(self._master, purpose)

    @property
    def fingerprint(self) -> str:
        """By what the file is known again; it says nothing of the keys."""
        return _derived(self._master, b"ringwall key fingerprint 1").hex()

    def code_digest(self, digits: str) -> bytes:
        """The digest by which a code is kept and found."""
        return hmac.digest(self._codes, digits.encode(), "sha256")

    def seal(self, trunk: str, password: str) -> bytes:
        """Encrypt the password of a trunk."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._passwords.encrypt(nonce, password.encode(), trunk.encode())

    def unseal(self, trunk: str, sealed: bytes) -> str:
        """Decrypt the password of a trunk; raise CoreError where it was encrypted with another key."""
        try:
            plain = self._passwords.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], trunk.encode())
        except (InvalidTag, ValueError):
            raise CoreError(
                f"The password of the trunk {trunk} cannot be read with this key: set it again.", code="keys"
            ) from None
        return plain.decode()


def _derived(master: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, None, purpose).derive(master)
