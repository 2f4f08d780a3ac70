"""Key lines of session descriptions (RFC 4568), made from a key."""

from base64 import b64encode

from ringwall.sip.sdes import Crypto


def crypto_of(tag: int, suite: str, material: bytes) -> Crypto:
    """The line `tag` with `material`, master key and salt, as its key; ParseError for a wrong length."""
    return Crypto(tag, suite, f"inline:{b64encode(material).decode()}", ())
