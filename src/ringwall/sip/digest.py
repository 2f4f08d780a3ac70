"""Digest authentication with SHA-256 and MD5, qop=auth only (RFC 7616, RFC 8760), and nonces.

Rules that this module keeps:
- Secrets are compared in constant time.
- A nonce is valid because its HMAC says so, not because a table knows it; a table only remembers the counts
  of those in use, and forgetting one makes it stale, never usable again.
- Which user exists is not known here: `Credentials.verify` takes the same time for a right and a wrong
  secret, so a caller can run it against a secret made up for a user who does not exist.
"""

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ringwall.sip.errors import ParseError
from ringwall.sip.headers import AuthValue
from ringwall.sip.syntax import quote

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "Credentials",
    "NonceCheck",
    "NonceKeeper",
    "ha1",
    "parse_authorization",
    "response_digest",
]

ALGORITHMS: Final = ("SHA-256", "MD5")
"""What is understood, best first."""

_HEX_LENGTH: Final = {"SHA-256": 64, "MD5": 32}
_MAX_VALUE: Final = 256


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "surrogateescape")
    if algorithm == "SHA-256":
        return hashlib.sha256(data).hexdigest()
    if algorithm == "MD5":
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    raise ValueError(f"{algorithm} is no digest algorithm of this system")


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """The stored form of a password, H(username:realm:password), in hex."""
    return _hash(algorithm, f"{username}:{realm}:{password}")


def response_digest(
    algorithm: str, ha1: str, method: str, uri: str, nonce: str, nc: int | str, cnonce: str, qop: str = "auth"
) -> str:
    """The response of RFC 7616 3.4.1 in hex; `nc` as a number or as its eight hex digits."""
    count = nc if isinstance(nc, str) else f"{nc:08x}"
    return _hash(algorithm, f"{ha1}:{nonce}:{count}:{cnonce}:{qop}:{_hash(algorithm, f'{method}:{uri}')}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 or 407 asks for; one header a algorithm, best first (RFC 8760 2.3)."""

    realm: str
    nonce: str
    algorithm: str = "SHA-256"
    stale: bool = False
    opaque: str | None = None

    def __str__(self) -> str:
        parts = [
            f"Digest realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"algorithm={self.algorithm}",
            'qop="auth"',
        ]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return ", ".join(parts)

    @staticmethod
    def parse(text: str) -> "Challenge":
        """A challenge as a client reads it. ParseError (400) unless Digest, known and with qop=auth."""
        value = AuthValue.parse(text)
        params = value.params
        offered = [word.strip().lower() for word in params.get("qop", "").split(",")]
        algorithm = _algorithm(value)
        if "auth" not in offered or "realm" not in params or "nonce" not in params:
            raise ParseError(400, "A digest challenge needs realm, nonce and qop=auth")
        return Challenge(
            params["realm"],
            params["nonce"],
            algorithm,
            params.get("stale", "").lower() == "true",
            params.get("opaque"),
        )

    def answer(self, username: str, ha1: str, method: str, uri: str, nc: int, cnonce: str) -> "Credentials":
        """The credentials that meet this challenge."""
        response = response_digest(self.algorithm, ha1, method, uri, self.nonce, nc, cnonce)
        return Credentials(
            username, self.realm, self.nonce, uri, response, self.algorithm, nc, cnonce, self.opaque
        )


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization header says; qop is always auth."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: str
    nc: int
    cnonce: str = field(repr=False)
    opaque: str | None = None

    def verify(self, ha1: str, method: str) -> bool:
        """Whether the response was made with this secret for this method, in constant time.

        Whether `uri` is the Request-URI (RFC 7616 3.4.6) is for whoever has the request to say.
        """
        expected = response_digest(self.algorithm, ha1, method, self.uri, self.nonce, self.nc, self.cnonce)
        return hmac.compare_digest(expected.encode(), self.response.encode("utf-8", "surrogateescape"))

    def __str__(self) -> str:
        params = {
            "username": self.username,
            "realm": self.realm,
            "nonce": self.nonce,
            "uri": self.uri,
            "response": self.response,
            "algorithm": self.algorithm,
            "cnonce": self.cnonce,
            "qop": "auth",
            "nc": f"{self.nc:08x}",
        }
        if self.opaque is not None:
            params["opaque"] = self.opaque
        return str(AuthValue("Digest", params))


def parse_authorization(text: str) -> Credentials:
    """The credentials of an Authorization or Proxy-Authorization value.

    ParseError (400) unless they are Digest with a known algorithm (MD5 if none is said) and qop=auth, and
    complete; also for userhash, which is never offered here.
    """
    value = AuthValue.parse(text)
    params = value.params
    algorithm = _algorithm(value)
    try:
        username, realm, nonce, uri, response, count, cnonce = (
            params[name] for name in ("username", "realm", "nonce", "uri", "response", "nc", "cnonce")
        )
    except KeyError as missing:
        raise ParseError(400, f"Digest credentials need {missing.args[0]}") from None
    if params.get("qop", "").lower() != "auth":
        raise ParseError(400, "Digest credentials need qop=auth")
    if params.get("userhash", "false").lower() != "false":
        raise ParseError(400, "Digest credentials must name their user openly")
    if max(map(len, (username, realm, nonce, cnonce))) > _MAX_VALUE:
        raise ParseError(400, "A digest parameter is too long")
    if len(response) != _HEX_LENGTH[algorithm] or not _is_hex(response):
        raise ParseError(400, "Malformed digest response")
    if len(count) != 8 or not _is_hex(count) or not (nc := int(count, 16)):
        raise ParseError(400, "Malformed digest nonce count")
    return Credentials(
        username, realm, nonce, uri, response.lower(), algorithm, nc, cnonce, params.get("opaque")
    )


def _algorithm(value: AuthValue) -> str:
    if value.scheme.lower() != "digest":
        raise ParseError(400, "Only Digest authentication is understood")
    algorithm = value.params.get("algorithm", "MD5").upper()
    if algorithm not in ALGORITHMS:
        raise ParseError(400, "Unknown digest algorithm")
    return algorithm


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)


class NonceCheck(Enum):
    """What a nonce is worth."""

    OK = "ok"
    STALE = "stale"
    """Ours, and too old or no longer remembered: ask again with stale=true."""
    REPLAYED = "replayed"
    """Ours, but this count or a higher one was used before."""
    FORGED = "forged"
    """Not ours, or of an earlier run of this process."""


class NonceKeeper:
    """Issues nonces and says what one is worth. `lifetime` in seconds; `now` from any one clock, in seconds.

    A nonce is base64 of 8 bytes time (microseconds), 12 bytes chance and 16 bytes HMAC-SHA256 over both.
    At most `capacity` nonces in use are remembered. When the oldest must go, every nonce issued up to its
    time that is not in the table is stale from then on, so that nothing forgotten can be replayed.

    Check the response first and the nonce then: a check counts as a use.
    """

    def __init__(
        self,
        secret: bytes,
        lifetime: float,
        *,
        capacity: int = 65536,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if len(secret) < 16:
            raise ValueError("The secret of nonces needs at least 16 bytes")
        self._secret = secret
        self._lifetime = int(lifetime * 1_000_000)
        self._capacity = capacity
        self._chance = chance
        self._used: OrderedDict[bytes, int] = OrderedDict()
        self._forgotten_until = -1

    def issue(self, now: float) -> str:
        """A fresh nonce."""
        content = int(now * 1_000_000).to_bytes(8, "big") + self._chance(12)
        return urlsafe_b64encode(content + self._seal(content)).decode()

    def check(self, nonce: str, nc: int, now: float) -> NonceCheck:
        """What this nonce is worth with this count; OK uses the count up."""
        content = self._open(nonce)
        if content is None:
            return NonceCheck.FORGED
        issued = int.from_bytes(content[:8], "big")
        instant = int(now * 1_000_000)
        self._forget_old(instant)
        if instant - issued > self._lifetime:
            return NonceCheck.STALE
        last = self._used.get(content)
        if last is None:
            if issued <= self._forgotten_until:
                return NonceCheck.STALE
            if len(self._used) >= self._capacity:
                self._forget_first()
        elif nc <= last:
            return NonceCheck.REPLAYED
        self._used[content] = nc
        return NonceCheck.OK

    def __len__(self) -> int:
        return len(self._used)

    def _open(self, nonce: str) -> bytes | None:
        if len(nonce) != 48 or not nonce.isascii():
            return None
        try:
            data = urlsafe_b64decode(nonce)
        except (Base64Error, ValueError):
            return None
        content, seal = data[:20], data[20:]
        return content if hmac.compare_digest(seal, self._seal(content)) else None

    def _seal(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, content, "sha256")[:16]

    def _forget_old(self, instant: int) -> None:
        while self._used:
            if instant - int.from_bytes(next(iter(self._used))[:8], "big") <= self._lifetime:
                return
            self._forget_first()

    def _forget_first(self) -> None:
        first, _ = self._used.popitem(last=False)
        self._forgotten_until = max(self._forgotten_until, int.from_bytes(first[:8], "big"))
