"""What core and edge say to prove to one another that they have the link's token, which is never sent.

A hello of the core carries a nonce of its own, the name of the connection as the edge told it (`UNNAMED`
before it has), and a proof over both. The answer carries the nonce again, the connection's name, the name of
the one that had what is for the core before this hello (`NONE`), and a proof over all of it. So a hello
that is heard and sent again over another connection attaches nothing, and an answer that is sent again is
none.

The proofs are HMAC-SHA-256 in all but the form of its two keys, which are texts of one block each: the script
language of the edge's SIP proxy has a hash of text and nothing else (RFC 2104; NMAC of Bellare, Canetti and
Krawczyk, 1996).
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

UNNAMED: Final = "0"
NONE: Final = "none"

_PURPOSES: Final = (b"ringwall link, inner", b"ringwall link, outer")
_ANSWER: Final = re.compile(
    r"nonce=(?P<nonce>[0-9a-f]{32});link=(?P<link>(?P<run>[0-9a-f]{32})\.[0-9]{1,10});"
    r"before=(?P<before>none|[0-9a-f]{32}\.[0-9]{1,10});proof=(?P<proof>[0-9a-f]{64})",
    re.ASCII,
)


class LinkProofError(ValueError):
    """What came as an answer to a hello is none; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the edge said: to which nonce, on which connection of which run of it, and whose the link was."""

    nonce: str
    link: str
    run: str
    before: str


class LinkProof:
    """Makes and checks proofs with one token."""

    def __init__(self, token: str) -> None:
        self._inner, self._outer = keys(token)

    def hello(self, link: str, nonce: str = "") -> tuple[str, str]:
        """Return the value of a hello's header for a connection of that name, and its nonce, a fresh one."""
        nonce = nonce or secrets.token_hex(16)
        return f"nonce={nonce};link={link};proof={self.over('core', nonce, link)}", nonce

    def answer(self, text: str | None) -> Answer:
        """Read an answer's header. LinkProofError when it is not whole, or made without the token."""
        found = _ANSWER.fullmatch(text or "")
        if found is None:
            raise LinkProofError("the edge's answer is not what an edge of this version says")
        nonce, link, before = found["nonce"], found["link"], found["before"]
        if not hmac.compare_digest(found["proof"], self.over("edge", nonce, link, before)):
            raise LinkProofError("the answer was not made with the link's token")
        return Answer(nonce, link, found["run"], before)

    def over(self, *words: str) -> str:
        """Return the proof over these words, 64 hexadecimal digits. None of them has a colon."""
        inner = hashlib.sha256((self._inner + ":".join(words)).encode()).hexdigest()
        return hashlib.sha256((self._outer + inner).encode()).hexdigest()


def keys(token: str) -> tuple[str, str]:
    """Return the keys of the inner and the outer hash, 64 hexadecimal digits each."""
    inner, outer = (hmac.new(token.encode(), purpose, hashlib.sha256).hexdigest() for purpose in _PURPOSES)
    return inner, outer
