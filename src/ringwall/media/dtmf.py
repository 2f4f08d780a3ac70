"""Keys of telephone-event packets (RFC 4733, 2.3, 2.5.1): each press is told once. Pure.

All packets of a press carry the timestamp of its beginning, so a press is its timestamp and its key. It is
told when its end comes, when the next press begins, or when nothing more has come for a while; what comes of
it after that is not told again. A press of more than eight seconds comes in segments that follow each other.
"""

from dataclasses import dataclass

KEYS = "0123456789*#ABCD"
END_SECONDS = 0.12
"""Without a packet for so long a press is over; senders repeat theirs at least every 50 ms."""
_LONGEST = 0xFFFF
_END = 0x80
_ENDS = 3
_VOLUME = 10  # dBm0 below 0


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed, and for how many ms."""

    key: str
    ms: int


class KeyReceiver:
    """Takes the telephone-event packets of one source."""

    __slots__ = ("_began", "_duration", "_event", "_held", "_last", "_told")

    def __init__(self) -> None:
        self._event = -1
        self._began = 0
        self._duration = 0
        self._held = 0
        self._last = 0.0
        self._told = True

    def packet(self, timestamp: int, payload: bytes, now: float, *, marker: bool) -> list[Key]:
        """Return the presses that this packet ends, none, one or two; ``now`` in seconds.

        What is no event of a key is passed over.
        """
        if len(payload) < 4 or payload[0] >= len(KEYS):
            return []
        event, ended = payload[0], bool(payload[1] & _END)
        duration = int.from_bytes(payload[2:4])
        found: list[Key] = []
        if event != self._event or timestamp != self._began:
            follows = (
                event == self._event
                and not marker
                and not self._told
                and (timestamp - self._began) & 0xFFFFFFFF == self._duration == _LONGEST
            )
            if follows:
                self._held += self._duration
            else:
                if self._event >= 0 and 0 < (self._began - timestamp) & 0xFFFFFFFF < 1 << 31:
                    return []  # a late packet of a press before
                found += self._tell()
                self._held = 0
                self._told = False
            self._event, self._began, self._duration = event, timestamp, 0
        self._duration = max(self._duration, duration)
        self._last = now
        if ended:
            found += self._tell()
        return found

    def idle(self, now: float) -> list[Key]:
        """Return the press whose end has not come within END_SECONDS."""
        return self._tell() if not self._told and now - self._last >= END_SECONDS else []

    def _tell(self) -> list[Key]:
        if self._told:
            return []
        self._told = True
        return [Key(KEYS[self._event], (self._held + self._duration) // 8)]


class KeySender:
    """Says one press in packets that stand for as many samples as the sound that they replace."""

    __slots__ = ("_began", "_duration", "_ends", "_event", "_samples")

    def __init__(self, key: Key) -> None:
        self._event = KEYS.index(key.key)
        self._samples = min(max(key.ms, 40) * 8, _LONGEST)
        self._duration = 0
        self._ends = 0
        self._began = 0

    def packet(self, timestamp: int, samples: int) -> tuple[int, bytes, bool] | None:
        """Return the next packet: its timestamp, its payload and whether it is the first; None at the end.

        The end is said three times (RFC 4733, 2.5.1.4).
        """
        if self._ends == _ENDS:
            return None
        first = self._duration == 0
        if first:
            self._began = timestamp
        self._duration = min(self._duration + samples, self._samples)
        ended = self._duration >= self._samples
        self._ends += ended
        payload = bytes([self._event, (_END if ended else 0) | _VOLUME]) + self._duration.to_bytes(2, "big")
        return self._began, payload, first
