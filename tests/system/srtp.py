"""SRTP with AES_CM_128_HMAC_SHA1_80 (RFC 3711) in a few lines, and a phone's media port that plays and hears with it.

Written from the RFC for the tests alone, so that the suite which every phone speaks is checked by code that the
system does not use.
"""

import array
import asyncio
import hmac
import secrets
import socket
import struct
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ringwall.cli.demo.tones import RATE, heard, tone
from ringwall.cli.demo.wiretap import decode_g711, encode_u_law
from ringwall.sip.sdp import SessionDescription

SUITE = "AES_CM_128_HMAC_SHA1_80"
_TAG = 10
_FRAME = 160
_PERIOD = 200  # samples after which both 440 Hz and 1000 Hz begin anew at 8 kHz


def new_key(length: int = 30) -> str:
    """A random master key and salt, as in a crypto line."""
    return "inline:" + b64encode(secrets.token_bytes(length)).decode()


def _stream(key: bytes, counter: int, length: int) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CTR(counter.to_bytes(16))).encryptor()
    return encryptor.update(bytes(length))


class Context:
    """The keys of one direction (RFC 3711 4.3, key derivation rate 0)."""

    def __init__(self, inline: str) -> None:
        material = b64decode(inline.removeprefix("inline:").partition("|")[0] + "==")
        assert len(material) in {30, 31}, len(material)
        master, salt = material[:16], int.from_bytes(material[16:30])
        self._key = _stream(master, salt << 16, 16)
        self._auth = _stream(master, (salt ^ (1 << 48)) << 16, 20)
        self._salt = int.from_bytes(_stream(master, (salt ^ (2 << 48)) << 16, 14))

    def _crypt(self, header: bytes, payload: bytes, roc: int) -> bytes:
        sequence, _, ssrc = struct.unpack_from("!HII", header, 2)
        counter = (self._salt << 16) ^ (ssrc << 64) ^ ((roc << 16 | sequence) << 16)
        return bytes(a ^ b for a, b in zip(payload, _stream(self._key, counter, len(payload)), strict=True))

    def _mac(self, packet: bytes, roc: int) -> bytes:
        return hmac.digest(self._auth, packet + roc.to_bytes(4), "sha1")[:_TAG]

    def protect(self, header: bytes, payload: bytes) -> bytes:
        packet = header + self._crypt(header, payload, 0)
        return packet + self._mac(packet, 0)

    def open(self, packet: bytes) -> bytes | None:
        """The payload, or None for what was not protected with this key."""
        header, body, tag = packet[:12], packet[12:-_TAG], packet[-_TAG:]
        for roc in (0, 1):
            if len(packet) > 22 and hmac.compare_digest(self._mac(packet[:-_TAG], roc), tag):
                return self._crypt(header, body, roc)
        return None


class MediaPort(asyncio.DatagramProtocol):
    """A phone's RTP port: plays a tone to where the other description says, opens what comes."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()
        self.key = new_key()
        self.received = 0
        self.strange = 0
        self._heard = bytearray()
        self._theirs: Context | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._player: asyncio.Task[None] | None = None
        self._target = ("", 0)
        self._sequence = secrets.randbelow(20_000)
        self._ssrc = secrets.randbits(32)

    async def listen(self, remote: bytes) -> None:
        """Hear from now on, as the other side's description says; called again after each change."""
        audio = SessionDescription.parse(remote).audio
        assert audio is not None
        assert audio.address is not None
        self._target = (audio.address.address, audio.port)
        self._theirs = Context(next(line.key_params for line in audio.cryptos if line.suite == SUITE))
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)

    async def talk(self, remote: bytes, hertz: float) -> None:
        """Play and hear from now on, as the other side's description says; called again after each change."""
        await self.listen(remote)
        if self._player is not None:
            self._player.cancel()
        self._player = asyncio.create_task(self._play(hertz))

    async def _play(self, hertz: float) -> None:
        samples = array.array("h")
        samples.frombytes(tone(hertz, _PERIOD / RATE))
        sound = encode_u_law(samples) * 2
        mine, place, at = Context(self.key), 0, asyncio.get_running_loop().time()
        while True:
            self.send(mine.protect(self.header(), sound[place : place + _FRAME]))
            place = (place + _FRAME) % _PERIOD
            at += _FRAME / RATE
            await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))

    def header(self) -> bytes:
        """The RTP header of the next packet."""
        self._sequence += 1
        return struct.pack(
            "!BBHII", 0x80, 0, self._sequence, self._sequence * _FRAME & 0xFFFFFFFF, self._ssrc
        )

    def send(self, packet: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(packet, self._target)

    def silence(self) -> None:
        """Play nothing more."""
        if self._player is not None:
            self._player.cancel()
            self._player = None

    def datagram_received(self, data: bytes, _address: object) -> None:
        if len(data) > 1 and 64 <= data[1] & 0x7F <= 95:  # RTCP (RFC 5761 4)
            return
        payload = self._theirs.open(data) if self._theirs is not None else None
        if payload is None:
            self.strange += 1
            return
        self.received += 1
        self._heard += decode_g711(payload, "u").tobytes()
        del self._heard[: -RATE * 2]

    def error_received(self, _error: OSError) -> None:
        """The other side's port is gone: the call is over."""

    def forget(self) -> None:
        self._heard.clear()
        self.received = self.strange = 0

    @property
    def sound(self) -> bytes:
        """What was heard last, as 16-bit PCM."""
        return bytes(self._heard)

    @property
    def tone(self) -> int | None:
        """The tone that is heard, in Hz."""
        return heard(bytes(self._heard))

    def close(self) -> None:
        self.silence()
        if self._transport is not None:
            self._transport.close()
        self._socket.close()
