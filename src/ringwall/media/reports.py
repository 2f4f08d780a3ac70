"""RTCP of one leg: what is said about what comes, and what the other side says about what we send."""

import secrets

from ringwall.media import rtcp
from ringwall.media.reception import Reception

INTERVAL = 5.0
"""Seconds between two reports (RFC 3550, 6.2: the least)."""


class Reports:
    """The reports of one leg, whose own source is ``ssrc``."""

    __slots__ = (
        *(
            "_cname",
            "_lost_before",
            "_received_before",
            "_sr_at",
            "_sr_middle",
            "_ssrc",
            "octets",
            "reception",
        ),
        *("remote_jitter_ms", "remote_lost", "rtt_ms"),
    )

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        # Random: it must not tell which host this is (RFC 7022).
        self._cname = secrets.token_urlsafe(12)
        self._sr_middle, self._sr_at = 0, 0.0
        self._received_before = self._lost_before = 0
        self.reception: Reception | None = None
        self.octets = 0
        """Octets of payload sent."""
        self.remote_lost: int | None = None
        self.remote_jitter_ms: float | None = None
        self.rtt_ms: float | None = None

    def follow(self, ssrc: int, sequence: int) -> None:
        """Count another source from now on; what was counted before stays in the sums."""
        if self.reception is not None:
            self._received_before += self.reception.received
            self._lost_before += max(0, self.reception.lost)
        self.reception = Reception(ssrc, sequence)
        self._sr_middle = 0

    @property
    def received(self) -> int:
        """Packets received in all."""
        return self._received_before + (self.reception.received if self.reception else 0)

    @property
    def lost(self) -> int:
        """Packets lost in all."""
        return self._lost_before + (max(0, self.reception.lost) if self.reception else 0)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in ms. Arrivals are read every 5 ms, so less than about 2 ms says nothing."""
        return round(self.reception.jitter / 8, 1) if self.reception else 0.0

    def make(self, now: float, sent: tuple[int, int] | None, *, goodbye: bool) -> bytes:
        """Return a compound packet; ``sent`` is timestamp and packets, None when nothing was sent."""
        block = None
        if self.reception is not None:
            delay = int((now - self._sr_at) * 65536) & 0xFFFFFFFF if self._sr_middle else 0
            block = self.reception.block(self._sr_middle, delay)
        sender = None if sent is None else (*sent, self.octets)
        return rtcp.compound(self._ssrc, self._cname, now=now, sent=sender, block=block, goodbye=goodbye)

    def take(self, plain: bytes, now: float) -> None:
        """Note what the other side says; a malformed packet says nothing."""
        report = rtcp.parse(plain)
        if report is None:
            return
        if report.ntp_middle is not None:
            self._sr_middle, self._sr_at = report.ntp_middle, now
        for block in report.blocks:
            if block.ssrc != self._ssrc:
                continue
            self.remote_lost = block.lost
            self.remote_jitter_ms = round(block.jitter / 8, 1)
            if block.last_sr:
                trip = (rtcp.ntp_middle(now) - block.last_sr - block.delay) & 0xFFFFFFFF
                # A clock that was set, or a peer that reckons wrongly: no such time is a round trip.
                if trip < 30 * 65536:
                    self.rtt_ms = round(trip / 65.536, 1)
