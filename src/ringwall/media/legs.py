"""A leg: one SRTP stream to and from one media relay.

Rules that this module keeps:

- Nothing is sent or heard without SRTP; the only way to make a leg speak is `connect`, which takes keys.
- The socket is connected: the kernel hands over only what comes from the relay's own address and port, and
  what had come before is thrown away.
- While a key stays the same its direction goes on without a break: a sequence number never meets a key twice
  (RFC 3711, 9.1).
- Another source (SSRC) is followed when the present one is silent, or once two of its packets followed each
  other (RFC 3550, A.1), so that a single stray packet moves nothing.
"""

import secrets
import socket
from dataclasses import dataclass, field
from typing import Protocol

from pylibsrtp import Error, Session

from ringwall.media import rtp, srtp
from ringwall.media.dtmf import Key, KeyReceiver, KeySender
from ringwall.media.g711 import PCMA, PCMU, to_codes
from ringwall.media.jitter import MOST_PACKET, JitterBuffer
from ringwall.media.playout import FRAME
from ringwall.media.reports import Reports
from ringwall.media.srtp import Suite

_SOURCE_SILENT = 3 * FRAME
MOST_DATAGRAM = 2048
_MOST_PRESSES = 32


class InRoom(Protocol):
    """What a leg knows of the room that it is in (`rooms.Room`)."""

    @property
    def name(self) -> str:
        """The name by which the core calls it."""

    def remove(self, leg: "Leg") -> None:
        """Let the leg go."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a leg leads and how: everything that `connect` needs."""

    host: str
    port: int
    suite: Suite
    send_key: bytes = field(repr=False)
    receive_key: bytes = field(repr=False)
    payload: int
    dtmf: int | None
    ptime: int


class Leg:
    """One leg. ``row`` is its row in playout and mixer; times are samples of the playout's clock."""

    __slots__ = (
        *("_candidate", "_first", "_open", "_protect", "_source", "_source_heard", "buffer", "heard"),
        *("keys", "name", "opened", "outgoing", "packets_out", "peer", "pressing", "refused", "reports"),
        *("room", "row", "send_errors", "sequence", "socket", "ssrc", "steps", "told_silent", "timestamp"),
    )

    def __init__(self, name: str, row: int, used: socket.socket, buffer: JitterBuffer, now: int) -> None:
        self.name = name
        self.row = row
        self.socket = used
        self.buffer = buffer
        self.room: InRoom | None = None
        self.peer: Peer | None = None
        self.opened = now
        self.heard: int | None = None
        """When the last good packet came."""
        self.told_silent = 0
        self.refused = 0
        """Datagrams that were not authentic, or came twice."""
        self.ssrc = secrets.randbits(32)
        # The upper half stays free, so that a lost first packet cannot be taken for a wrap (RFC 3711, 3.3.1).
        self.sequence = secrets.randbits(15)
        self.timestamp = secrets.randbits(32)
        self.packets_out = 0
        self.send_errors = 0
        self.outgoing = bytearray()
        """Codes that wait for their packet, where packets are not of 20 ms."""
        self.steps = 0
        """Steps of 10 ms until the next packet, where packets are not of 20 ms."""
        self.keys = KeyReceiver()
        self.pressing: list[KeySender] = []
        self.reports = Reports(self.ssrc)
        self._first = rtp.MARKER
        self._source: int | None = None
        self._source_heard = 0
        self._candidate: tuple[int, int] | None = None
        self._protect: Session | None = None
        self._open: Session | None = None

    def connect(self, peer: Peer) -> None:
        """Lead to a relay from now on; OSError when it cannot be reached at all."""
        old = self.peer
        address = (peer.host, peer.port)
        if old is None or (old.host, old.port) != address:
            self.socket.connect(address)
            self._throw_away()
        if old is None or (old.suite, old.send_key) != (peer.suite, peer.send_key):
            self._protect = srtp.sender(peer.suite, peer.send_key)
        if old is None or (old.suite, old.receive_key) != (peer.suite, peer.receive_key):
            self._open = srtp.receiver(peer.suite, peer.receive_key)
            self._source = None
        if old is None or old.ptime != peer.ptime:
            self.outgoing.clear()
            self.steps = 0
        self.peer = peer

    def _throw_away(self) -> None:
        """Empty the socket of what came from elsewhere before it was connected."""
        for _ in range(1000):
            try:
                self.socket.recv(MOST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue

    def press(self, key: Key) -> bool:
        """Say a press behind those that are being said; False where the peer knows none, or too many wait."""
        if self.peer is None or self.peer.dtmf is None or len(self.pressing) >= _MOST_PRESSES:
            return False
        self.pressing.append(KeySender(key))
        return True

    def _event(self, samples: int) -> tuple[int, bytes, bool] | None:
        """The next packet of a press; None for one packet of sound between two of them."""
        if self.peer is None or self.peer.dtmf is None:
            self.pressing.clear()
            return None
        event = self.pressing[0].packet(self.timestamp, samples)
        if event is None:
            del self.pressing[0]
        return event

    def send(self, codes: bytes) -> None:
        """Send one packet with these codes."""
        peer, session = self.peer, self._protect
        assert peer is not None
        assert session is not None
        first, payload, stamp, body = self._first, peer.payload, self.timestamp, codes
        if self.pressing and (event := self._event(len(codes))) is not None:
            assert peer.dtmf is not None
            payload = peer.dtmf
            stamp, body, begins = event
            first = rtp.MARKER if begins else 0
        head = rtp.HEAD.pack(rtp.VERSION, first | payload, self.sequence, stamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + len(codes)) & 0xFFFFFFFF
        self._first = 0
        self.packets_out += 1
        self.reports.octets += len(codes)
        try:
            self.socket.send(session.protect(head + body))
        except (OSError, Error):
            # The relay's port is closed (ICMP), or the socket is full: the next packet is another try.
            self.send_errors += 1

    def receive(self, data: bytes, clock: int, now: int, seconds: float) -> list[Key]:
        """Take a datagram; returns the keys that it ends. ``now`` is in samples, ``seconds`` in Unix time."""
        session = self._open
        if session is None:
            return []
        if rtp.is_rtcp(data):
            self._take_report(session, data, seconds)
            return []
        try:
            packet = rtp.parse(session.unprotect(data))
        except srtp.UNREADABLE:
            packet = None
        if packet is None:
            self.refused += 1
            return []
        payload_type, marker, sequence, timestamp, ssrc, payload = packet
        found: list[Key] = []
        if ssrc != self._source:
            if not self._follow(ssrc, sequence, clock):
                return []
            found = self.keys.idle(float("inf"))
            self.keys = KeyReceiver()
        self.heard = self._source_heard = clock
        reception = self.reports.reception
        assert reception is not None
        reception.packet(sequence, timestamp, now)
        if payload_type in (PCMU, PCMA):
            if 0 < len(payload) <= MOST_PACKET:
                self.buffer.packet(timestamp, to_codes(payload, payload_type), clock, now)
        elif self.peer is not None and payload_type == self.peer.dtmf:
            found += self.keys.packet(timestamp, payload, seconds, marker=marker)
        return found

    def _follow(self, ssrc: int, sequence: int, clock: int) -> bool:
        """Say whether this other source is the one to hear from now on."""
        if (
            self._source is not None
            and clock - self._source_heard <= _SOURCE_SILENT
            and self._candidate != (ssrc, sequence)
        ):
            self._candidate = (ssrc, (sequence + 1) & 0xFFFF)
            return False
        self._source, self._candidate = ssrc, None
        self.buffer.restart()
        self.reports.follow(ssrc, sequence)
        return True

    def _take_report(self, session: Session, data: bytes, seconds: float) -> None:
        try:
            plain = session.unprotect_rtcp(data)
        except srtp.UNREADABLE:
            self.refused += 1
            return
        self.reports.take(plain, seconds)

    def report(self, seconds: float, *, goodbye: bool = False) -> None:
        """Send a compound RTCP packet."""
        if self._protect is None:
            return
        sent = (self.timestamp, self.packets_out) if self.packets_out else None
        plain = self.reports.make(seconds, sent, goodbye=goodbye)
        try:
            self.socket.send(self._protect.protect_rtcp(plain))
        except (OSError, Error):
            self.send_errors += 1

    def stats(self, now: int, concealed: int) -> dict[str, float | int | None]:
        """Return the counters that the core sees."""
        reports = self.reports
        return {
            "seconds": round((now - self.opened) / 8000, 2),
            "received": reports.received,
            "lost": reports.lost,
            "late": self.buffer.late,
            "concealed_ms": concealed // 8,
            "jitter_ms": reports.jitter_ms,
            "refused": self.refused,
            "sent": self.packets_out,
            "send_errors": self.send_errors,
            "remote_lost": reports.remote_lost,
            "remote_jitter_ms": reports.remote_jitter_ms,
            "rtt_ms": reports.rtt_ms,
        }
