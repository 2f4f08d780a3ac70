"""Key lines of SDES: `a=crypto` to the letter of RFC 4568, and its AEAD suites (RFC 7714).

No repr and no str shows a key; `to_text` does, for the wire.
"""

import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from typing import Final

from ringwall.sip.errors import ParseError
from ringwall.sip.syntax import is_token

KEY_LENGTHS: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""Bytes of master key and salt together, by suite (RFC 4568 6.2, RFC 7714 12)."""

_MAX_LENGTH: Final = 2048
_MAX_KEYS: Final = 16
_TAG = re.compile(r"0|[1-9][0-9]{0,8}")
_POWER = re.compile(r"2\^([1-9][0-9]?)")
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
_MKI = re.compile(r"([0-9]{1,39}):([1-9][0-9]{0,2})")
_VISIBLE = re.compile(r"[!-~]+")
_MAX_LIFETIME_POWER: Final = 48
_MAX_MKI_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class Key:
    """One inline key: master key with salt; lifetime in packets and MKI (value, bytes) where said."""

    material: bytes = field(repr=False)
    lifetime: int | None = None
    mki: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Crypto:
    """One key line. `key_params` is its secret text, `keys` what it says, `session_params` what follows."""

    tag: int
    suite: str
    key_params: str = field(repr=False)
    session_params: tuple[str, ...] = ()
    keys: tuple[Key, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", _keys(self.suite, self.key_params))

    @staticmethod
    def parse(text: str) -> "Crypto":
        """The value of an a=crypto line; ParseError (488) unless it keeps to the grammar.

        For a known suite the key must have the length of that suite; base64 without padding is taken too.
        """
        parts = text.split(" ")
        if len(text) > _MAX_LENGTH or len(parts) < 3:
            raise _malformed()
        tag, suite, key_params, *session_params = parts
        if not _TAG.fullmatch(tag) or not is_token(suite):
            raise _malformed()
        if session_params and not all(map(_VISIBLE.fullmatch, session_params)):
            raise _malformed()
        return Crypto(int(tag), suite, key_params, tuple(session_params))

    def to_text(self) -> str:
        """The value of the a=crypto line, key and all."""
        return " ".join((str(self.tag), self.suite, self.key_params, *self.session_params))

    def __str__(self) -> str:
        return repr(self)


def _malformed() -> ParseError:
    return ParseError(488, "Malformed crypto attribute")


def _keys(suite: str, text: str) -> tuple[Key, ...]:
    params = text.split(";")
    if len(params) > _MAX_KEYS:
        raise ParseError(488, "A crypto attribute has too many keys")
    known = KEY_LENGTHS.get(suite)
    if known is None:
        # Which key method and key an unknown suite takes is for those to say who know it.
        if not all(":" in param and _VISIBLE.fullmatch(param) for param in params):
            raise _malformed()
        return ()
    if len(params) == 1:
        return (_key(text, known),)
    keys = tuple([_key(param, known) for param in params])
    if (
        any(key.mki is None for key in keys)
        or len({key.mki for key in keys}) != len(keys)
        or len({key.mki[1] for key in keys if key.mki}) != 1
    ):
        # RFC 4568 6.1: several keys are told apart by MKIs of one length.
        raise ParseError(488, "Several keys in one crypto attribute need an MKI each")
    return keys


def _key(text: str, length: int) -> Key:
    method, colon, info = text.partition(":")
    if (method != "inline" and method.lower() != "inline") or not colon:
        raise ParseError(488, "Only inline keys are understood in a crypto attribute")
    encoded, *rest = info.split("|")
    material = _material(encoded)
    if len(material) != length:
        raise ParseError(488, "The key of a crypto attribute has the wrong length for its suite")
    if not rest:
        return Key(material)
    lifetime: int | None = None
    mki: tuple[int, int] | None = None
    if rest and ":" not in rest[0]:
        lifetime = _lifetime(rest.pop(0))
    if rest:
        mki = _mki(rest.pop(0))
    if rest:
        raise _malformed()
    return Key(material, lifetime, mki)


def _material(encoded: str) -> bytes:
    missing = -len(encoded) % 4
    if missing and "=" in encoded:
        raise _malformed()
    padded = encoded + "=" * missing
    try:
        material = a2b_base64(padded, strict_mode=True)
    except ValueError:  # also for what is not ASCII
        raise _malformed() from None
    # Bits that a sloppy decoder would drop make two texts of one key; only the exact text is taken.
    if str(b2a_base64(material, newline=False), "ascii") != padded:
        raise _malformed()
    return material


def _lifetime(text: str) -> int:
    power = _POWER.fullmatch(text)
    if power:
        exponent = int(power[1])
        if exponent > _MAX_LIFETIME_POWER:
            raise _malformed()
        return 1 << exponent
    if not _NUMBER.fullmatch(text) or (lifetime := int(text)) > 1 << _MAX_LIFETIME_POWER:
        raise _malformed()
    return lifetime


def _mki(text: str) -> tuple[int, int]:
    match = _MKI.fullmatch(text)
    if not match:
        raise _malformed()
    value, length = int(match[1]), int(match[2])
    if length > _MAX_MKI_LENGTH or value >> (8 * length):
        raise _malformed()
    return value, length
