"""The wiretap: captures every link that a call uses and looks for anything that a listener could read (T6).

Rules that this module keeps:
- It captures with tcpdump on all interfaces, so also what two programs of one host say to each other on the
  given ports.
- It looks for SIP and HTTP in every TCP stream as bytes, and for voice in every RTP packet by decoding it as
  G.711 and asking how much of its energy is one of the tones that the phones play.
- A detector that finds nothing proves something only if it finds what is there: `self_check` feeds it a clear
  call.
- Not captured, and said so: the hops inside the edge host between HAProxy and Kamailio and between agent and
  rtpengine. They are loopback within one zone and part of no link.
"""

import array
import asyncio
import contextlib
import os
import re
import shutil
import signal
import struct
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ringwall.cli.demo.tones import RATE, power_at, tone
from ringwall.infra.errors import RingwallError

Place = tuple[str, int]  # host and port

_READABLE = (b"SIP/2.0", b" sip:", b"INVITE ", b"REGISTER ", b"HTTP/1.", b"Authorization:", b"a=crypto:")
_RTP_VERSION = 2
_G711 = {0: "u", 8: "a"}
_SHARE = 0.3  # of a packet's energy at a played tone; random bytes have about 0.01
_MOST_PACKETS = 200_000


class WiretapError(RingwallError):
    """The capture could not be made; the text says why."""

    code = "wiretap"


@dataclass(slots=True)
class Findings:
    """What the wiretap found. `links` names each captured link with its number of packets."""

    links: dict[str, int] = field(default_factory=dict)
    readable_sip: int = 0
    readable: list[str] = field(default_factory=list)
    rtp_packets: int = 0
    decodable_rtp: int = 0
    missed: int | None = 0  # packets that the capture itself lost; None when tcpdump did not say
    sequences: dict[tuple[Place, Place, int], set[int]] = field(default_factory=dict)
    ciphers: dict[str, set[tuple[str, str]]] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Media packets that a stream has a number for and that did not come, over all streams.

        Each stream is one source on one way; a call is too short for its numbers to come round. A call that
        changes its relay has another way: what went there meanwhile is not lost here.
        """
        return sum(max(seen) - min(seen) + 1 - len(seen) for seen in self.sequences.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "lost": self.lost,
            "missed_by_the_capture": self.missed,
            "links_captured": self.links,
            "readable_sip": self.readable_sip,
            "readable": self.readable,
            "rtp_packets": self.rtp_packets,
            "decodable_rtp": self.decodable_rtp,
        }


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet: protocol "tcp" or "udp", addresses as (host, port)."""

    protocol: str
    source: tuple[str, int]
    target: tuple[str, int]
    payload: bytes


class Wiretap:
    """Captures from `start` to `stop`. `tcp` and `udp` name links by their port or range of ports."""

    def __init__(self, tcp: dict[str, int], udp: dict[str, tuple[int, int]]) -> None:
        self._tcp = tcp
        self._udp = udp
        self._folder = Path(tempfile.mkdtemp(prefix="ringwall-wiretap-"))
        self._file = self._folder / "capture.pcap"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin; WiretapError when tcpdump is missing or may not capture."""
        tcpdump = shutil.which("tcpdump", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if tcpdump is None:
            raise WiretapError("tcpdump is missing: `apt-get install tcpdump`.")
        terms = [f"tcp port {port}" for port in sorted(set(self._tcp.values()))]
        terms += [f"udp portrange {first}-{last}" for first, last in self._udp.values()]
        self._process = await asyncio.create_subprocess_exec(
            # Every packet at once and whole, with room for a thousand while tcpdump waits for the processor.
            tcpdump, "-i", "any", "--immediate-mode", "-U", "-n", "-s", "65535", "-B", "65536", "-Z", "root",
            "-w", str(self._file),
            " or ".join(terms),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stderr is not None
        try:
            async with asyncio.timeout(10):
                line = await self._process.stderr.readline()
                while line and b"listening on" not in line:
                    line = await self._process.stderr.readline()
        except TimeoutError:
            line = b""
        if b"listening on" not in line:
            raise WiretapError("tcpdump does not capture: the wiretap needs root.")

    async def stop(self) -> Findings:
        """End the capture and look at all of it."""
        process = self._process
        said = b""
        if process is not None and process.stderr is not None and process.returncode is None:
            await asyncio.sleep(0.3)  # what is still on its way to tcpdump would be lost with it
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(5):
                    said = await process.stderr.read()
                    await process.wait()
        try:
            found = await asyncio.to_thread(examine, read_packets(self._file), self._tcp, self._udp)
            dropped = re.search(rb"(\d+) packets? dropped by kernel", said)
            found.missed = int(dropped[1]) if dropped else None
            return found
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def examine(packets: Iterable[Packet], tcp: dict[str, int], udp: dict[str, tuple[int, int]]) -> Findings:
    """Look at packets; `tcp` and `udp` name the links by port and by range of ports."""
    found = Findings(links=dict.fromkeys([*tcp, *udp], 0))
    names = {port: name for name, port in tcp.items()}
    for packet in packets:
        if packet.protocol == "tcp":
            name = names.get(packet.target[1]) or names.get(packet.source[1])
            if name is not None and packet.payload:
                found.links[name] += 1
                _look_at_stream(found, name, packet.payload)
            continue
        for name, (first, last) in udp.items():
            if first <= packet.source[1] <= last or first <= packet.target[1] <= last:
                found.links[name] += 1
                _look_at_media(found, packet)
                break
    return found


def _look_at_stream(found: Findings, name: str, payload: bytes) -> None:
    for words in _READABLE:
        if words in payload:
            found.readable_sip += 1
            found.readable.append(f"{name}: {words.decode().strip()}")
            break
    hello = server_hello(payload)
    if hello is not None:
        found.ciphers.setdefault(name, set()).add(hello)


def _look_at_media(found: Findings, packet: Packet) -> None:
    payload = packet.payload
    for words in _READABLE:
        if words in payload:
            found.readable_sip += 1
            found.readable.append(f"media: {words.decode().strip()}")
    if len(payload) < 12 or payload[0] >> 6 != _RTP_VERSION:
        return
    kind = payload[1] & 0x7F
    if 72 <= kind <= 76:  # RTCP (RFC 5761 4)
        return
    found.rtp_packets += 1
    sequence, ssrc = struct.unpack_from("!H4xI", payload, 2)
    stream = found.sequences.setdefault((packet.source, packet.target, ssrc), {sequence})
    # A stream that comes round (or jumps) begins anew: numbers from before would count as lost.
    stream.add(sequence + 0x10000 if max(stream) - sequence > 0x8000 else sequence)
    law = _G711.get(kind)
    samples = decode_g711(payload[12:172], law) if law else None
    if samples and max(power_at(samples, hertz) for hertz in TONES) > _SHARE:
        found.decodable_rtp += 1


TONES = (440.0, 1000.0)
"""What the phones play, in Hz; chosen so that neither is a harmonic of the other."""


def decode_g711(payload: bytes, law: str) -> "array.array[int]":
    """Return G.711 bytes as 16-bit samples; `law` is "u" or "a" (ITU-T G.711)."""
    table = _U_LAW if law == "u" else _A_LAW
    return array.array("h", [table[byte] for byte in payload])


def encode_u_law(samples: "array.array[int]") -> bytes:
    """Return samples as G.711 u-law, each by the nearest value that the table has."""
    return bytes(min(range(256), key=lambda code: abs(_U_LAW[code] - sample)) for sample in samples)


def _u_law(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _a_law(code: int) -> int:
    code ^= 0x55
    segment, low = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = low + 8 if segment == 0 else (low + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


_U_LAW = [_u_law(code) for code in range(256)]
_A_LAW = [_a_law(code) for code in range(256)]


def server_hello(payload: bytes) -> tuple[str, str] | None:
    """Return protocol and cipher of a TLS ServerHello that begins a segment (RFC 8446 4.1.3), or None."""
    if len(payload) < 44 or payload[0] != 0x16 or payload[5] != 2:
        return None
    version = struct.unpack_from("!H", payload, 9)[0]
    at = 43 + 1 + payload[43]
    if len(payload) < at + 3:
        return None
    cipher = struct.unpack_from("!H", payload, at)[0]
    at += 3
    if len(payload) >= at + 2:
        end = min(len(payload), at + 2 + struct.unpack_from("!H", payload, at)[0])
        at += 2
        while at + 4 <= end:
            kind, size = struct.unpack_from("!HH", payload, at)
            if kind == 43 and size == 2 and at + 6 <= end:  # supported_versions: TLS 1.3 says itself here
                version = struct.unpack_from("!H", payload, at + 4)[0]
            at += 4 + size
    return _VERSIONS.get(version, f"0x{version:04x}"), _CIPHERS.get(cipher, f"0x{cipher:04x}")


_VERSIONS = {0x0301: "TLSv1.0", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
_CIPHERS = {
    0x1301: "TLS_AES_128_GCM_SHA256",
    0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "ECDHE-ECDSA-AES128-GCM-SHA256",
    0xC02C: "ECDHE-ECDSA-AES256-GCM-SHA384",
    0xC02F: "ECDHE-RSA-AES128-GCM-SHA256",
    0xC030: "ECDHE-RSA-AES256-GCM-SHA384",
    0xCCA8: "ECDHE-RSA-CHACHA20-POLY1305",
    0xCCA9: "ECDHE-ECDSA-CHACHA20-POLY1305",
}


def read_packets(file: Path) -> Iterator[Packet]:
    """Yield the TCP and UDP packets of a capture file, at most 200,000."""
    import dpkt  # noqa: PLC0415 - a test extra

    if not file.exists():
        return
    with file.open("rb") as opened:
        reader = dpkt.pcap.Reader(opened)
        link = reader.datalink()
        for number, (_, data) in enumerate(reader):
            if number >= _MOST_PACKETS:
                raise WiretapError("The capture is too large to be looked at.")
            packet = _packet(_network(data, link))
            if packet is not None:
                yield packet


def _network(data: bytes, link: int) -> bytes:
    """Cut the link header off: Ethernet (1), Linux cooked v1 (113) and v2 (276), raw IP (101)."""
    return data[{1: 14, 113: 16, 276: 20}.get(link, 0) :]


def _packet(data: bytes) -> Packet | None:
    if not data:
        return None
    if data[0] >> 4 == 4:
        size = (data[0] & 0x0F) * 4
        protocol, ends = data[9], (data[12:16], data[16:20])
        body = data[size : struct.unpack_from("!H", data, 2)[0]]
        source, target = (".".join(map(str, end)) for end in ends)
    elif data[0] >> 4 == 6:
        protocol, body = data[6], data[40:]
        source, target = data[8:24].hex(), data[24:40].hex()
    else:
        return None
    if len(body) < 8:
        return None
    from_port, to_port = struct.unpack_from("!HH", body)
    if protocol == 6 and len(body) >= 20:
        return Packet("tcp", (source, from_port), (target, to_port), body[(body[12] >> 4) * 4 :])
    if protocol == 17:
        return Packet("udp", (source, from_port), (target, to_port), body[8:])
    return None


def self_check() -> bool:
    """Whether the detectors find a clear call (SIP over TCP, a tone as G.711 in RTP) and nothing in noise."""
    tcp, udp = {"sip": 5061}, {"media": (30000, 30010)}
    samples = array.array("h")
    samples.frombytes(tone(TONES[0], 160 / RATE))
    header = struct.pack("!BBHII", 0x80, 0, 1, 160, 7)
    near, far = ("192.0.2.1", 40000), ("192.0.2.2", 5061)
    clear = [
        Packet("tcp", near, far, b"INVITE sip:201@example.com SIP/2.0\r\n"),
        Packet("udp", near, ("192.0.2.2", 30002), header + encode_u_law(samples)),
    ]
    noise = [
        Packet("tcp", near, far, b"\x17\x03\x03\x00\x40" + os.urandom(64).replace(b"S", b"s")),
        Packet("udp", near, ("192.0.2.2", 30002), header + os.urandom(170)),
    ]
    loud, quiet = examine(clear, tcp, udp), examine(noise, tcp, udp)
    return (
        loud.readable_sip == 1
        and loud.decodable_rtp == 1
        and not quiet.readable_sip
        and not quiet.decodable_rtp
    )
