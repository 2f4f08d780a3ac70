"""Session descriptions as phones make them, good ones and others."""

from dataclasses import dataclass

from system.srtp import SUITE, MediaPort, new_key

KEY_BYTES = {"AEAD_AES_256_GCM": 44, "AEAD_AES_128_GCM": 28, "AES_256_CM_HMAC_SHA1_80": 46}


@dataclass(frozen=True)
class Line:
    """A crypto line."""

    suite: str = SUITE
    key: str = ""
    session: str = ""
    tag: int = 1

    def __str__(self) -> str:
        key = self.key or new_key(KEY_BYTES.get(self.suite, 30))
        return f"a=crypto:{self.tag} {self.suite} {key} {self.session}".rstrip()


def describe(
    *lines: Line | str,
    profile: str = "RTP/SAVP",
    host: str = "192.0.2.77",
    port: int = 40000,
    direction: str = "sendrecv",
    version: int = 1,
) -> bytes:
    """A description with one audio stream; `lines` are crypto lines and other attributes."""
    own = [
        "v=0",
        f"o=- 77 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m=audio {port} {profile} 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        *map(str, lines),
        f"a={direction}",
    ]
    return ("\r\n".join(own) + "\r\n").encode()


def good(**how: object) -> bytes:
    """A description that is acceptable."""
    return describe(Line(), **how)  # type: ignore[arg-type]


def of_port(media: MediaPort, *, tag: int = 1, **how: object) -> bytes:
    """The description of a media port, with its key."""
    return describe(Line(key=media.key, tag=tag), host=media.host, port=media.port, **how)  # type: ignore[arg-type]


def crypto_lines(sdp: bytes) -> list[tuple[int, str, str]]:
    """Tag, suite and key of each crypto line."""
    found = []
    for line in sdp.decode().split("\r\n"):
        if line.startswith("a=crypto:"):
            tag, suite, key, *_ = line[9:].split(" ")
            found.append((int(tag), suite, key.removeprefix("inline:").rstrip("=")))
    return found


def keys(sdp: bytes) -> set[str]:
    """The keys of all crypto lines, without padding."""
    return {key for _, _, key in crypto_lines(sdp)}


def answer_to(offer: bytes, media: MediaPort | None = None, *, suite: str = SUITE, **how: object) -> bytes:
    """The answer that takes a suite of an offer, for a media port or for none in particular."""
    tag = next(tag for tag, offered, _ in crypto_lines(offer) if offered == suite)
    if media is not None:
        return of_port(media, tag=tag, **how)
    return describe(Line(suite, tag=tag), **how)  # type: ignore[arg-type]


FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
WEAK_FINGERPRINT = "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)

REFUSED: dict[str, bytes] = {
    "plain RTP": describe(profile="RTP/AVP"),
    "plain RTP that has a key all the same": describe(Line(), profile="RTP/AVP"),
    "plain RTP with feedback": describe(profile="RTP/AVPF"),
    "no key": describe(),
    "a suite that does not encrypt": describe(Line("NULL_HMAC_SHA1_80")),
    "a suite that does not encrypt beside a good one": describe(Line(), Line("NULL_HMAC_SHA1_32", tag=2)),
    "UNENCRYPTED_SRTP": describe(Line(session="UNENCRYPTED_SRTP")),
    "UNAUTHENTICATED_SRTP": describe(Line(session="UNAUTHENTICATED_SRTP")),
    "UNENCRYPTED_SRTCP": describe(Line(session="UNENCRYPTED_SRTCP")),
    "only weak suites": describe(Line("AES_CM_128_HMAC_SHA1_32"), Line("F8_128_HMAC_SHA1_80", tag=2)),
    "DTLS without a fingerprint": describe("a=setup:actpass", profile="UDP/TLS/RTP/SAVPF"),
    "DTLS with a SHA-1 fingerprint": describe(
        "a=setup:actpass", WEAK_FINGERPRINT, profile="UDP/TLS/RTP/SAVPF"
    ),
    "a plain stream beside an encrypted one": good()
    + b"m=video 40002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n",
}
"""What no phone may offer (T5), by name."""
