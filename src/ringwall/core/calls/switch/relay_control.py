"""Media relays: what rtpengine at the edge is asked to do for a call (its ng protocol).

Rules that this module keeps:
- Every leg has SRTP keys of its own. rtpengine hands the key of one side to the other when both speak the
  same suite, so one relay never gets the same suite on both sides (`descriptions` sees to that and checks
  it), and where two phones have no two suites between them, two relays stand in a chain with another suite
  between them.
- The description that goes to a side is made for that side: SDES for desk phones, DTLS-SRTP with ICE for
  browsers.
- Nothing here asks for plain RTP; there is no word for it in this module. Where a carrier has no SRTP and its
  trunk allows that expressly, the words come with the trunk's permission (`trunks.clear_text`).
"""

from collections.abc import Callable
from typing import Protocol

from ringwall.core.calls.model.relay import Profile, Relay, Side
from ringwall.core.calls.switch.bencode import BencodeError, decode
from ringwall.core.errors import EdgeRefused
from ringwall.core.trunks.clear_text import ClearText


class ControlLink(Protocol):
    """The core's control link to an edge."""

    async def ng(self, payload: bytes) -> bytes:
        """Send one bencoded command, return the bencoded reply."""

    def ng_nowait(self, payload: bytes) -> bool:
        """Send one bencoded command and forget it; False when it has to wait until the link is back."""


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"%d:%b" % (len(raw), raw)


def _words(*values: str) -> bytes:
    return b"l" + b"".join(_text(value) for value in values) + b"e"


# rtpengine offers every suite that it knows, NULL ones among them, unless each is named here (measured).
_UNWANTED = (
    "no-NULL_HMAC_SHA1_80", "no-NULL_HMAC_SHA1_32", "no-F8_128_HMAC_SHA1_80", "no-F8_128_HMAC_SHA1_32",
    "no-AES_192_CM_HMAC_SHA1_80", "no-AES_192_CM_HMAC_SHA1_32", "no-AES_256_CM_HMAC_SHA1_80",
    "no-AES_256_CM_HMAC_SHA1_32", "no-AES_CM_128_HMAC_SHA1_32",
)  # fmt: skip

# A recorded packet is authentic, and rtpengine keeps no list of what came before (RFC 3711 3.3.2). So it lets
# packets in from the place alone that it has learned the party is at (strict-source), and passes no RTCP on,
# which it would number anew, but makes its own (ADR 17). Not on the side of the media server, which only
# processes of ours reach: there strict-source kept a moved party's voice out of rooms and recordings.
_GUARDED = ("strict-source", "generate-RTCP")

# The constant part of an offer or answer, by the profile of the side that the description goes TO.
_FOR_PROFILE = {
    Profile.SDES: (
        b"18:transport-protocol8:RTP/SAVP3:ICE6:remove4:DTLS3:off8:rtcp-mux"
        + _words("demux")
        + b"7:replace" + _words("origin", "session-connection")
        + b"5:flags" + _words("original-sendrecv", *_GUARDED)
        # Some phones cannot read a key without base64 padding: "pad" (measured with libre).
        + b"4:SDES" + _words("pad", *_UNWANTED)
    ),
    Profile.DTLS: (
        b"18:transport-protocol17:UDP/TLS/RTP/SAVPF3:ICE5:force8:rtcp-mux"
        + _words("offer", "require")
        + b"7:replace" + _words("origin", "session-connection")
        + b"5:flags" + _words("generate-mid", "original-sendrecv", *_GUARDED)
        + b"4:SDES" + _words("off")
    ),
    Profile.MEDIA: (
        b"18:transport-protocol8:RTP/SAVP3:ICE6:remove4:DTLS3:off8:rtcp-mux"
        + _words("offer", "accept")
        + b"7:replace" + _words("origin", "session-connection")
        + b"5:flags" + _words("original-sendrecv", "generate-RTCP")
        + b"4:SDES" + _words("pad", *_UNWANTED)
    ),
}  # fmt: skip

_CHAIN = ("-1", "-2")  # the two rtpengine calls of a chain: side A's and side B's


def _words_for(profile: Profile | ClearText) -> bytes:
    return _FOR_PROFILE[profile] if isinstance(profile, Profile) else profile.words


def _command(
    name: bytes, call_id: str, source: str, target: str, sdp: bytes, profile: Profile | ClearText
) -> bytes:
    """One offer or answer. In both from-tag is the side that made the OFFER, to-tag the one that answers."""
    return b"d7:command%d:%b7:call-id%b8:from-tag%b6:to-tag%b3:sdp%d:%b%be" % (
        len(name), name, _text(call_id), _text(source), _text(target), len(sdp), sdp, _words_for(profile),
    )  # fmt: skip


def _first_offer(call_id: str, source: str, sdp: bytes, profile: Profile | ClearText) -> bytes:
    return b"d7:command5:offer7:call-id%b8:from-tag%b3:sdp%d:%b%be" % (
        _text(call_id), _text(source), len(sdp), sdp, _words_for(profile),
    )  # fmt: skip


def _read_sdp(reply: bytes) -> bytes:
    """Pick the SDP out of a reply. Raises EdgeRefused with rtpengine's own reason when there is none."""
    try:
        fields = decode(reply)
    except BencodeError as error:
        raise EdgeRefused(f"rtpengine: the reply cannot be read ({error})") from error
    sdp = fields.get(b"sdp")
    if fields.get(b"result") == b"ok" and isinstance(sdp, bytes):
        return sdp
    reason = fields.get(b"error-reason", b"no SDP in the reply")
    raise EdgeRefused(
        f"rtpengine: {reason.decode('utf-8', 'replace')[:200] if isinstance(reason, bytes) else reason}"
    )


class RelayControl:
    """Makes, changes and removes relays through the control link of an edge."""

    def __init__(self, link: ControlLink) -> None:
        self._link = link

    async def offer(
        self,
        relay: Relay,
        offerer: Side,
        sdp: bytes,
        profile: Profile | ClearText,
        between: Callable[[bytes, bytes], bytes],
        *,
        first: bool = False,
    ) -> tuple[bytes, bytes]:
        """Pass the offerer's SDP through; returns what rtpengine was given last, and what it made of that.

        `between(given, made)` prepares what leaves the first relay of a chain for the second.
        Raises EdgeError.
        """
        given = sdp
        for place, (call_id, source, target) in enumerate(self._path(relay, offerer)):
            if place:
                sdp = given = between(given, sdp)
            command = (
                _first_offer(call_id, source, sdp, profile)
                if first
                else _command(b"offer", call_id, source, target, sdp, profile)
            )
            sdp = _read_sdp(await self._link.ng(command))
        return given, sdp

    async def answer(self, relay: Relay, offerer: Side, sdp: bytes, profile: Profile | ClearText) -> bytes:
        """Pass the SDP that answers the offerer's offer through; returns the one for the offerer."""
        for call_id, source, target in reversed(self._path(relay, offerer)):
            sdp = _read_sdp(await self._link.ng(_command(b"answer", call_id, source, target, sdp, profile)))
        return sdp

    def delete(self, relay: Relay) -> None:
        """Remove the relay, or as soon as the control link is back."""
        ids = [relay.id + end for end in _CHAIN] if relay.chained else [relay.id]
        for call_id in ids:
            self._link.ng_nowait(b"d7:command6:delete7:call-id%be" % _text(call_id))

    @staticmethod
    def _path(relay: Relay, offerer: Side) -> list[tuple[str, str, str]]:
        """The rtpengine calls that an offer passes, in order, each with its two tags."""
        if not relay.chained:
            return [(relay.id, offerer.value, offerer.other.value)]
        first, second = (relay.id + end for end in _CHAIN)
        if offerer is Side.A:
            return [(first, "a", "m"), (second, "m", "b")]
        return [(second, "b", "m"), (first, "m", "a")]
