"""What phones say of their media, and a witness who sees to it that no key is ever shared."""

import os
import re

from ringwall.core.calls.media.descriptions import AES_CM, GCM_256
from ringwall.sip.sdes import KEY_LENGTHS
from ringwall.sip.sdp import SessionDescription
from support.key_lines import crypto_of

BOTH = (AES_CM, GCM_256)
_KEY = re.compile(rb"a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/]+)")
_PLAIN = re.compile(rb"^m=\S+ (?!0 )\d+ (?!RTP/SAVPF?|UDP/TLS/RTP/SAVPF?)\S*", re.MULTILINE)
# What may leave; the phones and carriers of the rig say more than that.
_STRANGE = re.compile(
    rb"^(v=0|o=- \d+ \d+ IN IP4 203\.0\.113\.1|s=-|c=IN IP4 203\.0\.113\.1|t=0 0|m=[^\r\n]*|"
    rb"a=(?:rtpmap|fmtp|ptime|crypto|fingerprint|setup|rtcp|mid|ice-\w+|candidate):[^\r\n]*|"
    rb"a=(?:sendrecv|sendonly|recvonly|inactive|rtcp-mux|end-of-candidates))\r\n",
    re.MULTILINE,
)
_FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["1F"] * 32)


def crypto_line(tag: int, suite: str) -> str:
    return "a=crypto:" + crypto_of(tag, suite, os.urandom(KEY_LENGTHS.get(suite, 30))).to_text()


def describe(
    suites=BOTH,
    *,
    version=1,
    direction="sendrecv",
    protocol="RTP/SAVP",
    tags=None,
    dtls=False,
    before="",
    after="",
) -> bytes:
    """A phone's description with fresh keys; `before` and `after` are further streams."""
    lines = [f"m=audio 40000 {protocol if not dtls else 'UDP/TLS/RTP/SAVPF'} 0 8 101"]
    lines += [
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        f"a={direction}",
    ]
    if dtls:
        lines += [_FINGERPRINT, "a=setup:actpass", "a=mid:0", "a=rtcp-mux"]
    else:
        lines += [crypto_line(tag, suite) for tag, suite in zip(tags or range(1, 9), suites, strict=False)]
    head = (
        f"v=0\r\no=phone 77 {version} IN IP4 198.51.100.9\r\ns=Desk of Anna\r\ni=3rd floor\r\nc=IN IP4 198.51.100.9\r\n"
        "b=AS:84\r\nt=0 0\r\na=tool:desk phone 1.2.3\r\n"
    )
    lines += ["a=ssrc:1 cname:anna@10.1.2.3", "a=x-house:upstairs"]
    return (head + before + "\r\n".join(lines) + "\r\n" + after).encode()


def answer_to(offer: bytes, suites=BOTH, *, version=1, direction="sendrecv", dtls=False) -> bytes | None:
    """What a phone that speaks these suites answers; None where it has no suite in common with the offer."""
    description = SessionDescription.parse(offer)
    streams = []
    for media in description.media:
        if media.kind != "audio" or media.rejected:
            streams.append(media.replace(port=0, attributes=()))
            continue
        if dtls:
            assert media.fingerprints, "a browser was offered SDES"
            return describe(dtls=True, version=version, direction=direction)
        if media.protocol == "RTP/AVP":  # a carrier in clear text was offered what it needs
            return describe((), protocol="RTP/AVP", version=version, direction=direction)
        chosen = next((c for c in media.cryptos if c.suite in suites), None)
        if chosen is None:
            return None
        mine = SessionDescription.parse(
            describe((chosen.suite,), version=version, direction=direction, tags=[chosen.tag])
        )
        streams.append(mine.media[0])
    return mine.replace(media=tuple(streams)).to_bytes()


def keys(body: bytes) -> dict[str, str]:
    return {suite.decode(): key.decode() for suite, key in _KEY.findall(body)}


class Witness:
    """Sees every description that passes between phones and edge. A key belongs to one leg and one direction."""

    def __init__(self) -> None:
        self.owner: dict[str, tuple[str, str]] = {}
        self.faults: list[str] = []
        self.said: dict[str, tuple[str, dict[int, bytes]]] = {}  # session and its versions, by Call-ID

    def saw(self, call_id: str, direction: str, body: bytes, *, clear: bool = False) -> None:
        if not body.startswith(b"v=0"):
            return
        if direction == "to phone" and (strange := _STRANGE.sub(b"", body)):
            self.faults.append(f"a party was sent what nobody here says: {strange!r}")
        if direction == "to phone":
            self._next(call_id, body)
        if clear and keys(body):
            self.faults.append("a carrier in clear text was sent a key")
        if direction == "to phone" and not clear and _PLAIN.search(body):
            self.faults.append(f"a phone was sent a plain description: {_PLAIN.search(body)[0]!r}")
        for suite, key in keys(body).items():
            if direction == "to phone" and suite not in KEY_LENGTHS:
                self.faults.append(f"a phone was offered {suite}")
            owner = self.owner.setdefault(key, (call_id, direction))
            if direction == "to phone" and owner != (call_id, direction):
                self.faults.append(f"a key of {owner} was seen at {(call_id, direction)}")

    def _next(self, call_id: str, body: bytes) -> None:
        """The origin stays; what is new has a higher version, and what has an old one is the same (RFC 3264 8)."""
        match = re.search(rb"o=- (\d+) (\d+)", body)
        assert match is not None
        session, version = match[1].decode(), int(match[2])
        was, said = self.said.setdefault(call_id, (session, {}))
        if session != was or (said.get(version, b"") != body and version <= max(said, default=0)):
            self.faults.append(
                f"the versions {list(said)} of session {was} are followed by {version} of {session}"
            )
        said[version] = body
