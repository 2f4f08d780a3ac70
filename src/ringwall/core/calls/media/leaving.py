"""What a session description tells a party of us, and of nobody else (T5).

Rules that this module keeps:
- A party is in a session with us. Whose description ours was made from (its name for the session, user name,
  bandwidths, tools, labels, stream names) is not its business, and what nobody here knows is no business of
  ours to pass on: lines and attributes leave by a list of those that are known.
- Origin and version are the leg's own for as long as its dialog lasts, however often its media comes from
  somebody else: the version goes up by one with each description that says something new (RFC 3264 8).
"""

import re
from hashlib import sha256
from typing import Final

from ringwall.core.calls.model.leg import Leg

_LINES: Final = frozenset({b"v=", b"o=", b"c=", b"m="})
ATTRIBUTES: Final = frozenset(
    {
        *(b"rtpmap", b"fmtp", b"ptime", b"maxptime", b"silenceSupp"),
        *(b"sendrecv", b"sendonly", b"recvonly", b"inactive"),
        *(b"crypto", b"fingerprint", b"setup"),
        *(b"rtcp", b"rtcp-mux", b"rtcp-rsize", b"rtcp-fb", b"mid", b"group"),
        *(b"ice-lite", b"ice-ufrag", b"ice-pwd", b"ice-options", b"candidate", b"end-of-candidates"),
    }
)
"""What may stand in an `a=` line that leaves."""
_NAME: Final = re.compile(rb"a=([^:]*)")
_ORIGIN: Final = re.compile(rb"^o=(\S+ \S+) (\d{1,18}) ([^\r\n]*)", re.MULTILINE)


def known_only(made: bytes) -> bytes:
    """The description without what the relay has passed on of the other party, and without a subject."""
    kept = []
    for line in made.split(b"\r\n"):
        start = line[:2]
        if start == b"a=":
            name = _NAME.match(line)
            if name is not None and name[1] in ATTRIBUTES:
                kept.append(line)
        elif start in _LINES or not line:
            kept.append(line)
        elif start == b"s=":
            kept.append(b"s=-")
        elif start == b"t=":
            kept.append(b"t=0 0")
    return b"\r\n".join(kept)


def offer(leg: Leg, body: bytes) -> bytes:
    """The description as the next offer that the leg's party gets, or that offer itself once more."""
    made, version = _from_us(leg, body)
    leg.sdp_version = version  # a party that refuses it has seen it, too
    return made


def answer(leg: Leg, body: bytes) -> bytes:
    """The description as the answer that the leg's party gets, if it gets it."""
    return _from_us(leg, body)[0]


def _from_us(leg: Leg, body: bytes) -> tuple[bytes, int]:
    own = _ORIGIN.search(body)
    if own is None:
        return body, leg.sdp_version
    last = _ORIGIN.search(leg.local_sdp)
    # Our tag is as long as the dialog, and the party's to know.
    session = last[1] if last else b"- %d" % (int.from_bytes(sha256(leg.tag.encode()).digest()[:8]) >> 1)
    if own[1] == session and int(own[2]) == leg.sdp_version:
        return body, leg.sdp_version

    def said(version: int) -> bytes:
        return body[: own.start()] + b"o=%b %d %b" % (session, version, own[3]) + body[own.end() :]

    before = int(last[2]) if last else 0
    if last and said(before) == leg.local_sdp:
        return leg.local_sdp, max(leg.sdp_version, before)
    version = max(leg.sdp_version, before) + 1
    return said(version), version
