"""Both ends of a relay in the hands of a test: rtpengine's control port, and peers whose packets can be kept and said again."""

import asyncio
import contextlib
import secrets
import socket
from base64 import b64decode
from typing import Protocol

from pylibsrtp import Error, Policy, Session

from ringwall.sip.sdp import Media
from support.media.phone import PROFILES
from support.media.server import key
from system.dtls_peer import DtlsPeer


class Ng:
    """rtpengine's control port, asked as the edge agent does."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._socket.settimeout(3)

    async def ng(self, payload: bytes) -> bytes:
        cookie = secrets.token_hex(8).encode()
        for _ in range(20):
            self._socket.send(cookie + b" " + payload)
            try:
                return self._socket.recv(65536).partition(b" ")[2]
            except (ConnectionRefusedError, TimeoutError):
                await asyncio.sleep(0.2)
        raise AssertionError("rtpengine does not answer")

    def ng_nowait(self, payload: bytes) -> bool:
        asyncio.get_running_loop().create_task(self.ng(payload))
        return True


def sdp(host: str, port: int, suite: str, secret: str, tag: int = 1) -> bytes:
    """The description of a peer with SDES."""
    lines = [
        "v=0", f"o=- 1 1 IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m=audio {port} RTP/SAVP 0 101",
        "a=rtpmap:101 telephone-event/8000", f"a=crypto:{tag} {suite} inline:{secret}", "a=rtcp-mux", "a=sendrecv", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def is_rtcp(packet: bytes) -> bool:
    """As RFC 5761 4 tells them apart."""
    return 192 <= packet[1] <= 223


class Sends(Protocol):
    """What a `Stream` needs of its peer."""

    protect: Session

    def send(self, packet: bytes, /) -> None:
        """Send what is protected."""


class Stream:
    """What a peer says: `say` sends its next packet and returns it as it went."""

    def __init__(self, peer: Sends) -> None:
        self._peer = peer
        self.ssrc = secrets.token_bytes(4)
        self._sequence = secrets.randbelow(20_000)

    def say(self) -> bytes:
        self._sequence += 1
        head = b"\x80\x00" + self._sequence.to_bytes(2) + (self._sequence * 160).to_bytes(4) + self.ssrc
        packet = self._peer.protect.protect(head + b"\xd5" * 160)
        self._peer.send(packet)
        return packet

    def report(self, name: bytes) -> bytes:
        """The next sender report, of who goes by that name of four bytes."""
        plain = b"\x80\xc8\x00\x06" + self.ssrc + bytes(20)
        plain += b"\x81\xca\x00\x03" + self.ssrc + b"\x01\x04" + name + bytes(2)
        packet = self._peer.protect.protect_rtcp(plain)
        self._peer.send(packet)
        return packet


class SdesPeer:
    """A phone's media port with SDES, RTCP on the same one."""

    def __init__(self, host: str, suite: str) -> None:
        self.suite = suite
        self.key = key(PROFILES[suite][1])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.host, self.port = self.socket.getsockname()
        self.target = ("", 0)
        self.protect = self._session(self.key, Policy.SSRC_ANY_OUTBOUND)
        self.open = self.protect

    def _session(self, material: str, which: int) -> Session:
        profile = PROFILES[self.suite][0]
        return Session(Policy(key=b64decode(material), ssrc_type=which, srtp_profile=profile))

    def describe(self, offered: Media | None = None) -> bytes:
        """What it says of itself, as the answer to `offered` if there is such."""
        lines = offered.cryptos if offered is not None else ()
        tag = next((line.tag for line in lines if line.suite == self.suite), 1)
        return sdp(self.host, self.port, self.suite, self.key, tag)

    def listen(self, audio: Media) -> None:
        """Speak with whoever is described so."""
        assert audio.address is not None
        self.target = (audio.address.address, audio.port)
        line = next(line for line in audio.cryptos if line.suite == self.suite)
        material = line.key_params.removeprefix("inline:").partition("|")[0]
        self.open = self._session(material + "=" * (-len(material) % 4), Policy.SSRC_ANY_INBOUND)

    def send(self, packet: bytes) -> None:
        self.socket.sendto(packet, self.target)


async def drain(peer: SdesPeer | DtlsPeer) -> list[bytes]:
    """Everything that has come to a peer, RTCP too, once nothing more has come for a moment."""
    found: list[bytes] = []
    while True:
        await asyncio.sleep(0.05)
        if isinstance(peer, DtlsPeer):
            more, peer.received = peer.received, []
        else:
            more = []
            peer.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    more.append(peer.socket.recv(2048))
        if not more:
            return found
        found += more


def opens(session: Session, packet: bytes) -> bool:
    """Whether a receiver that keeps to RFC 3711 takes the packet."""
    try:
        session.unprotect(packet)
    except Error:
        return False
    return True
