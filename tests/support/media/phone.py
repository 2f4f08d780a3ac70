"""A phone for the media server's tests: a socket, SRTP, a tone that it says, and all that it hears."""

import secrets
import socket
import struct
import threading
import time
from base64 import b64decode

import numpy as np
from pylibsrtp import Error, Policy, Session

from support.media.server import Client, key

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
RATE = 8000


def tone(hertz: float, samples: int, start: int = 0, peak: int = 8000) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * hertz * (start + np.arange(samples)) / RATE)).astype(np.int16)


def level(sound: np.ndarray, hertz: float) -> float:
    """The peak of a tone within sound, 0 when there is nothing."""
    if not len(sound):
        return 0.0
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / RATE)
    return float(2 * abs(np.dot(sound.astype(float), wave)) / len(sound))


class Phone:
    """Speaks and hears, in a thread of its own."""

    def __init__(
        self,
        client: Client,
        name: str,
        hertz: float | None = None,
        *,
        suite: str = "AES_CM_128_HMAC_SHA1_80",
        payload: int = 0,
        ptime: int = 20,
        their_ptime: int | None = None,
        peak: int = 8000,
    ) -> None:
        from ringwall.media.g711 import DECODE, ENCODE

        self.name, self.hertz, self.payload, self.ptime, self.peak = name, hertz, payload, ptime, peak
        self._client, self._suite, self._their_ptime = client, suite, their_ptime or ptime
        self._decode = DECODE[256 * (payload == 8) :]
        self._encode = ENCODE[int(payload == 8)]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:
            self.socket.bind(("127.0.0.1", 0))
            if self.socket.getsockname()[1] >= 20000:
                break
        self.socket.settimeout(0.2)
        self.opened = client.ask("leg.open", leg=name)
        self.server = (self.opened["address"], self.opened["port"])
        self.ssrc, self.sequence, self.timestamp = (
            secrets.randbits(32),
            secrets.randbits(16),
            secrets.randbits(32),
        )
        self.lose: set[int] = set()
        self.heard: list[np.ndarray] = []
        self.sizes: list[int] = []
        self.reports = 0
        self.unreadable = 0
        self._lock = threading.Lock()
        self._running = True
        self.rekey()
        threading.Thread(target=self._listen, daemon=True).start()
        self.talking = threading.Event()
        self.talking.set()
        threading.Thread(target=self._talk, daemon=True).start()

    def rekey(self) -> None:
        """Connect the leg with new keys."""
        profile, length = PROFILES[self._suite]
        mine, theirs = key(length), key(length)
        with self._lock:
            self._protect = Session(
                Policy(key=b64decode(mine), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
            )
            self._open = Session(
                Policy(key=b64decode(theirs), ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
            )
            self.keys = (theirs, mine)
            self.connect()

    def connect(self, **changes: object) -> None:
        values = {
            "leg": self.name,
            "host": "127.0.0.1",
            "port": self.socket.getsockname()[1],
            "suite": self._suite,
            "send_key": self.keys[0],
            "receive_key": self.keys[1],
            "payload": self.payload,
            "dtmf": 101,
            "ptime": self._their_ptime,
        }
        self._client.ask("leg.connect", **values | changes)

    def _listen(self) -> None:
        while self._running:
            try:
                data = self.socket.recv(2048)
            except TimeoutError:
                continue
            except OSError:
                return
            with self._lock:
                try:
                    if 192 <= data[1] <= 223:
                        self._open.unprotect_rtcp(data)
                        self.reports += 1
                        continue
                    plain = self._open.unprotect(data)
                except Error:
                    self.unreadable += 1
                    continue
                assert plain[1] & 0x7F == self.payload
                self.sizes.append(len(plain) - 12)
                self.heard.append(self._decode[np.frombuffer(plain[12:], np.uint8)])

    def packet(
        self, payload: bytes, payload_type: int, *, marker: bool = False, timestamp: int | None = None
    ) -> None:
        at = self.timestamp if timestamp is None else timestamp
        head = struct.pack(
            "!BBHII", 0x80, payload_type | 0x80 * marker, self.sequence & 0xFFFF, at & 0xFFFFFFFF, self.ssrc
        )
        self.sequence += 1
        if self.sequence in self.lose:
            return
        with self._lock:
            try:
                self.socket.sendto(self._protect.protect(head + payload), self.server)
            except OSError:
                return

    def _talk(self) -> None:
        at, place, count = time.monotonic(), 0, self.ptime * 8
        while self._running:
            if self.talking.is_set():
                if self.hertz is None:
                    sound = np.zeros(count, np.int16)
                else:
                    sound = tone(self.hertz, count, place, self.peak)
                self.packet(self._encode[sound.view(np.uint16)].tobytes(), self.payload)
            self.timestamp += count
            place += count
            at += self.ptime / 1000
            time.sleep(max(0.0, at - time.monotonic()))

    def press(self, number: int, *, drop: str = "") -> None:
        """A key as RFC 4733 sends it: begin, updates, three ends; `drop` loses "ends" or "starts"."""
        self.talking.clear()
        time.sleep(0.05)
        began = self.timestamp
        for place in range(1, 6):
            if drop != "starts":
                self.packet(
                    struct.pack("!BBH", number, 10, place * 160), 101, marker=place == 1, timestamp=began
                )
            time.sleep(0.02)
        for _ in range(3):
            if drop != "ends":
                self.packet(struct.pack("!BBH", number, 0x80 | 10, 960), 101, timestamp=began)
            time.sleep(0.02)
        self.talking.set()

    def forget(self) -> None:
        self.heard.clear()
        self.sizes.clear()

    def listen(self, seconds: float = 0.6) -> np.ndarray:
        """What is heard from now on, for so many seconds of sound."""
        self.forget()
        until = time.monotonic() + seconds * 3 + 2
        while sum(map(len, tuple(self.heard))) < seconds * RATE and time.monotonic() < until:
            time.sleep(0.02)
        return np.concatenate(tuple(self.heard) or (np.zeros(0, np.int16),))

    def hears(self, *hertz: float, seconds: float = 0.6) -> list[bool]:
        """Whether each of these tones is heard now."""
        sound = self.listen(seconds)
        return [level(sound, one) > 500 for one in hertz]

    def close(self) -> None:
        self._running = False
        self.socket.close()
