"""How well a source is received, as RTCP reports it (RFC 3550, 6.4.1, A.3 and A.8). Pure."""

from ringwall.media.rtcp import Block

_WRAP = 1 << 16


class Reception:
    """Counts the packets of one source, from its first."""

    __slots__ = ("_base", "_before", "_highest", "_jitter", "_transit", "received", "ssrc")

    def __init__(self, ssrc: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self._base = sequence
        self._highest = sequence
        self._before = (0, 0)
        self._jitter = 0.0
        self._transit: int | None = None

    def packet(self, sequence: int, timestamp: int, arrival: int) -> None:
        """Count a packet that arrived at ``arrival``, in samples of a clock that goes on evenly."""
        self.received += 1
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < _WRAP // 2:
            self._highest += ahead
        transit = (arrival - timestamp) & 0xFFFFFFFF
        if self._transit is not None:
            change = (transit - self._transit + (1 << 31)) % (1 << 32) - (1 << 31)
            # A new timestamp base is no jitter.
            if abs(change) < 16_000:
                self._jitter += (abs(change) - self._jitter) / 16
        self._transit = transit

    @property
    def lost(self) -> int:
        """Packets that were expected and did not come; below zero when some came twice."""
        return self._highest - self._base + 1 - self.received

    @property
    def jitter(self) -> int:
        """Interarrival jitter in samples."""
        return int(self._jitter)

    def block(self, last_sr: int, delay: int) -> Block:
        """Return the report of what came, and since the last report."""
        expected = self._highest - self._base + 1
        since, came = expected - self._before[0], self.received - self._before[1]
        self._before = (expected, self.received)
        missing = since - came
        fraction = 0 if since <= 0 or missing <= 0 else min(255, (missing << 8) // since)
        highest = self._highest & 0xFFFFFFFF
        return Block(self.ssrc, fraction, self.lost, highest, self.jitter, last_sr, delay)
