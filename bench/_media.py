"""SRTP for load: packets encrypted beforehand, sent evenly, timed by the kernel when they come back.

Every leg has keys of its own. All packets are made before the first one is sent, so that the generator does
little more than send and receive while rtpengine is measured. Some of what comes back is decrypted
afterwards and compared: a relay that passes on something else than what was said would be quick, but no
relay.
"""

import select
import socket
import struct
import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from os import urandom
from typing import Any

from bench._phone import CM, GCM, KEY_BYTES, Stream
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.hmac import HMAC

PACKET_SECONDS = 0.02
PAYLOAD_BYTES = 160
"""G.711, 20 ms."""
_DIRECT = 10
_DRAIN_SECONDS = 0.5
_SAMPLE = 50
_FIRST_SEQ = 1000
_HEADER = struct.Struct("!BBHII")
_STAMP = struct.Struct("qq")
_SO_TIMESTAMPNS = 35
_ANCILLARY = socket.CMSG_SPACE(_STAMP.size)


class Srtp:
    """One direction's keys (RFC 3711, RFC 7714), for the first 2^16 packets; no RTCP."""

    def __init__(self, suite: bytes, key: bytes) -> None:
        self._gcm = suite == GCM
        size = 32 if self._gcm else 16
        master, salt = key[:size], key[size:].ljust(14, b"\0")
        self._key = _derive(master, salt, 0, size)
        self._auth = b"" if self._gcm else _derive(master, salt, 1, 20)
        self._salt = _derive(master, salt, 2, 12 if self._gcm else 14)
        self._aead = AESGCM(self._key) if self._gcm else None

    def protect(self, header: bytes, payload: bytes) -> bytes:
        """Return the SRTP packet."""
        if self._aead is not None:
            return header + self._aead.encrypt(self._nonce(header), payload, header)
        packet = header + self._counter(header, payload)
        return packet + self._tag(packet)

    def read(self, packet: bytes) -> bytes:
        """Return the payload; InvalidTag when the packet was not made with this key."""
        header = packet[:12]
        if self._aead is not None:
            return self._aead.decrypt(self._nonce(header), packet[12:], header)
        if self._tag(packet[:-10]) != packet[-10:]:
            raise InvalidTag
        return self._counter(header, packet[12:-10])

    def _nonce(self, header: bytes) -> bytes:
        """RFC 7714, 8.1, with a roll-over counter of 0."""
        return _xor(b"\0\0" + header[8:12] + b"\0\0\0\0" + header[2:4], self._salt)

    def _counter(self, header: bytes, data: bytes) -> bytes:
        """RFC 3711, 4.1.1, with a roll-over counter of 0."""
        block = _xor(self._salt + b"\0\0", b"\0\0\0\0" + header[8:12] + b"\0\0\0\0" + header[2:4] + b"\0\0")
        return Cipher(algorithms.AES(self._key), modes.CTR(block)).encryptor().update(data)

    def _tag(self, packet: bytes) -> bytes:
        mac = HMAC(self._auth, SHA1())
        mac.update(packet + b"\0\0\0\0")
        return mac.finalize()[:10]


def _derive(master: bytes, salt: bytes, label: int, size: int) -> bytes:
    """RFC 3711, 4.3, with a key derivation rate of 0."""
    block = _xor(salt, bytes([0] * 7 + [label] + [0] * 6)) + b"\0\0"
    return Cipher(algorithms.AES(master), modes.CTR(block)).encryptor().update(bytes(size))


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def key_for(suite: bytes) -> bytes:
    """Return a new master key and salt."""
    return urandom(KEY_BYTES[suite])


class Sockets:
    """The UDP sockets of the legs, by port."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.by_port: dict[int, socket.socket] = {}

    def open(self) -> int:
        """Open another one and return its port."""
        new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        new.setblocking(False)
        new.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        new.bind((self._host, 0))
        port = int(new.getsockname()[1])
        self.by_port[port] = new
        return port


class _Leg:
    """One stream to send and the one that comes back on the same socket."""

    def __init__(self, sender: socket.socket, target: tuple[str, int], *, relayed: bool) -> None:
        self.socket = sender
        self.target = target
        self.relayed = relayed
        self.packets: list[bytes] = []
        self.sent_at: list[int] = []
        self.delays: dict[int, int] = {}  # of the stream that comes in: nanoseconds by sequence number
        self.samples: list[bytes] = []
        self.reader: Srtp | None = None


class Generator:
    """Sends on all legs at one time, each at a moment of its own within the 20 ms."""

    def __init__(self, host: str, sockets: Sockets, streams: Iterable[Stream]) -> None:
        self._legs: list[_Leg] = []
        self._by_ssrc: dict[bytes, _Leg] = {}
        self._payload = urandom(PAYLOAD_BYTES)
        self._writers: list[Srtp | None] = []
        for stream in streams:
            leg = _Leg(sockets.by_port[stream.port], (host, stream.peer_port), relayed=True)
            leg.reader = Srtp(stream.suite, b64decode(stream.peer_key + b"=="))
            self._legs.append(leg)
            self._writers.append(Srtp(stream.suite, b64decode(stream.key + b"==")))
        for _ in range(_DIRECT):  # from one socket straight to another: what the machine itself adds
            here, there = sockets.open(), sockets.open()
            self._legs.append(_Leg(sockets.by_port[here], (host, there), relayed=False))
            self._writers.append(None)
        self._sockets = sockets

    def run(
        self, warm_up: float, seconds: float, begin: Callable[[], None], end: Callable[[], None]
    ) -> dict[str, Any]:
        """Send for `warm_up` and `seconds`; calls `begin` and `end` around the window. Blocks."""
        warm, window = int(warm_up / PACKET_SECONDS), int(seconds / PACKET_SECONDS)
        self._make(warm + window)
        self._send(warm, window, begin, end)
        return self._result(warm, window)

    def _make(self, count: int) -> None:
        for number, (leg, writer) in enumerate(zip(self._legs, self._writers, strict=True)):
            ssrc = 0x10000000 + number
            self._by_ssrc[struct.pack("!I", ssrc)] = leg
            for at in range(count):
                header = _HEADER.pack(0x80, 8, _FIRST_SEQ + at, at * PAYLOAD_BYTES, ssrc)
                leg.packets.append(
                    writer.protect(header, self._payload) if writer else header + self._payload + bytes(10)
                )
            leg.sent_at = [0] * count

    def _send(self, warm: int, window: int, begin: Callable[[], None], end: Callable[[], None]) -> None:
        poll = select.epoll()
        sockets = {each.fileno(): each for each in self._sockets.by_port.values()}
        for number in sockets:
            poll.register(number, select.EPOLLIN)
        legs, now, clock = self._legs, time.perf_counter, time.time_ns
        step = PACKET_SECONDS / len(legs)
        start = now()
        total = (warm + window) * len(legs)
        at = 0
        while at < total:
            due = min(total, int((now() - start) / step) + 1)
            while at < due:
                number, place = divmod(at, len(legs))
                if place == 0 and number == warm:
                    begin()
                leg = legs[place]
                leg.sent_at[number] = clock()
                try:
                    leg.socket.sendto(leg.packets[number], leg.target)
                except (BlockingIOError, ConnectionRefusedError):
                    leg.sent_at[number] = 0
                at += 1
            for number, _ in poll.poll(max(0.0, start + at * step - now())):
                self._receive(sockets[number])
        end()
        until = now() + _DRAIN_SECONDS
        while now() < until:
            for number, _ in poll.poll(0.05):
                self._receive(sockets[number])
        poll.close()

    def _receive(self, source: socket.socket) -> None:
        try:
            data, ancillary, _, _ = source.recvmsg(2048, _ANCILLARY)
        except (BlockingIOError, ConnectionRefusedError):
            return
        sender = self._by_ssrc.get(data[8:12])
        if sender is None or not ancillary:
            return
        seconds, nanoseconds = _STAMP.unpack(ancillary[0][2])
        at = int.from_bytes(data[2:4], "big") - _FIRST_SEQ
        if 0 <= at < len(sender.sent_at):
            sender.delays[at] = seconds * 1_000_000_000 + nanoseconds - sender.sent_at[at]
            if at % _SAMPLE == 0:
                sender.samples.append(source.fileno().to_bytes(4, "big") + data)

    def _result(self, warm: int, window: int) -> dict[str, Any]:
        readers = {leg.socket.fileno(): leg.reader for leg in self._legs}
        sent = lost = checked = unreadable = 0
        delays: dict[bool, list[float]] = {True: [], False: []}
        for leg in self._legs:
            there = [leg.delays[n] / 1e9 for n in range(warm, warm + window) if n in leg.delays]
            delays[leg.relayed] += there
            if leg.relayed:
                count = sum(1 for n in range(warm, warm + window) if leg.sent_at[n])
                sent += count
                lost += count - len(there)
                for sample in leg.samples:
                    checked += 1
                    reader = readers[int.from_bytes(sample[:4], "big")]
                    unreadable += reader is None or not self._readable(reader, sample[4:])
        return {
            "sent": sent, "lost": lost, "checked": checked, "unreadable": unreadable,
            "relayed": delays[True], "direct": delays[False],
        }  # fmt: skip

    def _readable(self, reader: Srtp, packet: bytes) -> bool:
        try:
            return reader.read(packet) == self._payload
        except InvalidTag:
            return False


__all__ = ["CM", "GCM", "Generator", "Sockets", "Srtp", "key_for"]
