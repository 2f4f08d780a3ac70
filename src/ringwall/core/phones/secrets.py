"""The secrets of phones: made from one key and what names them, and kept nowhere.

Rules that this module keeps:
- A phone's configuration has to hold its SIP password, so it must be known again each time a phone asks. It
  is made from the key file and the random name of the credentials; the database has only its digests.
- New credentials have a new name, so the password of the old ones is worth nothing and says nothing of the
  new.
- The secret address holds 160 bits and changes with the phone's generation.
- The one-time code is for typing at a phone: ten characters of 32, 50 bits, good for minutes and once.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode
from typing import Final

from ringwall.core.directory.credentials import Credentials, new_credentials

# Without 0 and O, 1, I and l, as in passwords of devices. 32 signs, so that a byte gives each as often as
# another.
_SIGNS: Final = "23456789abcdefghijkmnpqrstuvwxyz"
_TYPED: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
PASSWORD_LENGTH: Final = 28
CODE_LENGTH: Final = 10
TOKEN_LENGTH: Final = 32


class PhoneSecrets:
    """Makes the secrets of phones from `key`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def fresh(self) -> Credentials:
        """Return SIP credentials that nothing has had before."""
        return self.of(new_credentials().username)

    def of(self, username: str) -> Credentials:
        """Return the credentials with this name."""
        return Credentials(username, self._text("sip", username))

    def admin_password(self, mac: str) -> str:
        """Return the password of the phone's administrator: each phone has another, for its life."""
        return self._text("admin", mac, length=20)

    def address(self, mac: str, generation: int) -> str:
        """Return the secret part of the phone's own address."""
        digest = self._digest("address", f"{mac}/{generation}")[:20]
        return b32encode(digest).decode().lower()

    def code_digest(self, code: str) -> str:
        """Return the digest by which an enrolment code is kept; blanks, hyphens and case do not count."""
        tidy = "".join(code.split()).replace("-", "").upper()
        return self._digest("enrolment", tidy[:64]).hex()

    def _text(self, purpose: str, name: str, length: int = PASSWORD_LENGTH) -> str:
        return "".join(_SIGNS[byte % len(_SIGNS)] for byte in self._digest(purpose, name)[:length])

    def _digest(self, purpose: str, name: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}:{name}".encode("utf-8", "replace"), "sha256")


def new_code() -> str:
    """Return a code for one enrolment, to be typed at a phone."""
    return "".join(secrets.choice(_TYPED) for _ in range(CODE_LENGTH))


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate in small hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()
