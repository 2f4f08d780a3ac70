"""SRTP and SRTCP of one leg (RFC 3711, RFC 7714), by libsrtp; there is no other way (T1, T5)."""

from dataclasses import dataclass

from pylibsrtp import Error, Policy, Session


@dataclass(frozen=True, slots=True)
class Suite:
    """A crypto suite: its name (RFC 4568, 6.2; RFC 7714, 14.2), profile and bytes of master key and salt."""

    name: str
    profile: int
    key_bytes: int


SUITES = {
    suite.name: suite
    for suite in (
        Suite("AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
        Suite("AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
        Suite("AES_CM_128_HMAC_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    )
}

UNREADABLE = (Error, ValueError)
"""What opening a packet raises that is not authentic, came before, or is too long."""


def sender(suite: Suite, key: bytes) -> Session:
    """Return the session that protects what is sent."""
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=suite.profile))


def receiver(suite: Suite, key: bytes) -> Session:
    """Return the session that opens what comes, from any source that has the key."""
    return Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=suite.profile))
