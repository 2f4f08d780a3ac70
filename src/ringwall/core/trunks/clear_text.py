"""Voice in clear text towards one carrier: the only place in Ringwall that has a word for plain RTP.

Rules that this module keeps:
- A `ClearText` is made from a trunk whose administrator allowed it expressly, and from nothing else: its
  constructor asks for a seal that nobody outside this module has.
- It stands where a media profile stands, so whoever wants a leg without SRTP has to have one in hand.
"""

from dataclasses import InitVar, dataclass
from typing import Final

from ringwall.core.rights.trunk import TrunkLine

_SEAL: Final = object()

PROTOCOL: Final = "RTP/AVP"

# What rtpengine is asked for towards such a carrier, in its own words (bencoded).
_WORDS: Final = (
    b"18:transport-protocol7:RTP/AVP3:ICE6:remove4:DTLS3:off8:rtcp-muxl5:demuxe"
    b"7:replacel6:origin18:session-connectione5:flagsl17:original-sendrecv13:strict-source13:generate-RTCPe4:SDESl3:offe"
)


@dataclass(frozen=True, slots=True)
class ClearText:
    """Permission for voice without SRTP on the legs of one trunk."""

    seal: InitVar[object]
    trunk: str
    carrier: str

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("clear text is made from a trunk that allows it: clear_text_of")

    @property
    def words(self) -> bytes:
        """The constant part of an ng command whose description goes to this carrier."""
        return _WORDS


def clear_text_of(line: TrunkLine) -> ClearText | None:
    """The permission, where an administrator has expressly given it to this trunk; None: SRTP is required."""
    if line.media == "rtp" and line.allow_clear_text:
        return ClearText(_SEAL, line.id, line.name)
    return None
