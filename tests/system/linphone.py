"""A phone of another maker: Linphone (Debian's linphone-cli), each in a network namespace of its own, and its wire."""

import asyncio
import datetime as dt
import ipaddress
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import dpkt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from system.running import Account, until

# One codec, so that what is sent can be told from a tone in clear text.
CODECS = (("PCMU", 8000, 1), ("PCMA", 8000, 0), ("opus", 48000, 0), ("speex", 16000, 0), ("speex", 8000, 0), ("speex", 32000, 0))  # fmt: skip


class PlainAuthority:
    """An authority as simple as there is: mbedTLS, which Linphone has, cannot read the name constraints of ours.

    Its certificates have their name as the CN alone, since mbedTLS 2.28 looks for addresses nowhere else.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A plain authority for a test")])
        self.pem = self._signed(self._name, self._key, authority=True).public_bytes(Encoding.PEM)

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder(self._name, name, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(authority, None), critical=True)
        return made.sign(self._key, hashes.SHA256())

    def server(self, name: str) -> bytes:
        """Certificate and key of a server, PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, authority=False
        )
        return certificate.public_bytes(Encoding.PEM) + key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )


class Place:
    """A network namespace that is joined to the host by a pair of Ethernet devices, and nothing else."""

    def __init__(self) -> None:
        self.name = f"rwlin{secrets.token_hex(3)}"
        self._device = f"l{self.name[5:]}"
        first = ipaddress.ip_address("10.78.0.0") + 4 * secrets.randbelow(1 << 14)
        self.address = str(first + 2)
        _do("ip", "netns", "add", self.name)
        _do("ip", "link", "add", self._device, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _do("ip", "address", "add", f"{first + 1}/30", "dev", self._device)
        _do("ip", "link", "set", self._device, "up")
        for command in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{self.address}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", str(first + 1)),
        ):
            _do("ip", "-n", self.name, *command)

    def close(self) -> None:
        """Take the namespace away, and with it both devices."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)

    async def run(self, *command: str, home: Path, said: Path) -> asyncio.subprocess.Process:
        """Start a program there; what it says goes to a file."""
        with said.open("wb") as out:
            return await asyncio.create_subprocess_exec(
                *("ip", "netns", "exec", self.name, *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ["PATH"], "HOME": str(home)},
            )


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


async def ended(process: asyncio.subprocess.Process, number: int) -> None:
    """Tell a program to end, and see that it does."""
    with suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()


@dataclass
class Wire:
    """All that was on the one link of a place: TCP streams by their ends and direction, and UDP payloads."""

    everything: bytes
    streams: dict[tuple[bytes, int, bytes, int], bytes] = field(default_factory=dict)
    datagrams: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path) -> Self:
        """Read a capture of tcpdump."""
        wire = cls(file.read_bytes())
        segments: dict[tuple[bytes, int, bytes, int], dict[int, bytes]] = {}
        with file.open("rb") as opened:
            for _, data in dpkt.pcap.Reader(opened):
                packet = dpkt.ethernet.Ethernet(data).data
                inner = getattr(packet, "data", None)
                if isinstance(inner, dpkt.udp.UDP):
                    wire.datagrams.append(bytes(inner.data))
                elif isinstance(inner, dpkt.tcp.TCP) and inner.data:
                    ends = packet.src, inner.sport, packet.dst, inner.dport
                    segments.setdefault(ends, {})[inner.seq] = bytes(inner.data)
        for ends, parts in segments.items():
            stream, start = b"", min(parts)
            for at, part in sorted(parts.items()):  # what was sent again is there once
                stream += part[len(stream) - (at - start) :] if at - start <= len(stream) else b"lost" + part
            wire.streams[ends] = stream
        return wire


class Sniffer:
    """Captures the link of a place from `start` to `stop`."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place, self._file, self._said = (
            place,
            folder / f"{place.name}.pcap",
            folder / f"{place.name}.tcpdump",
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Begin."""
        command = ("tcpdump", "-i", "eth0", "--immediate-mode", "-U", "-n", "-s", "65535", "-Z", "root", "-w", str(self._file))  # fmt: skip
        self._process = await self._place.run(*command, home=self._file.parent, said=self._said)
        await until(lambda: "listening on" in self._said.read_text(), "tcpdump captures")

    async def stop(self) -> Wire:
        """End, and read what there was."""
        assert self._process is not None
        await ended(self._process, signal.SIGINT)
        return Wire.of(self._file)


class Linphone:
    """linphone-daemon, which takes commands by its standard input and tells its events by its output."""

    def __init__(self, account: Account, said: Path) -> None:
        self.account = account
        self._said = said
        self._process: asyncio.subprocess.Process

    @classmethod
    async def start(
        cls, place: Place, account: Account, authority: Path, folder: Path, *options: str
    ) -> Self:
        """Start one that signs in over TLS, checks the server's certificate and wants SRTP."""
        program = shutil.which("linphone-daemon")
        assert program, "linphone-cli is not installed: ./ringwall test installs it"
        home = folder / account.username
        (home / ".local/share/linphone").mkdir(parents=True)
        settings = home / "rc"
        settings.touch(0o600)
        settings.write_text(_settings(account, authority))
        phone = cls(account, home / "said")
        phone._process = await place.run(
            *(
                program,
                "--config",
                str(settings),
                "--log",
                str(home / "log"),
                "--disable-stats-events",
                *options,
            ),
            home=home,
            said=phone._said,
        )
        return phone

    def do(self, command: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())

    async def is_(self, state: str, times: int = 1) -> None:
        """Wait until its call has been in a state so many times."""
        event = f"Event: LinphoneCall{state}\n"
        try:
            await until(
                lambda: self._said.read_text(errors="replace").count(event) >= times, f"the call is {state}"
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self._said.read_text(errors='replace')[-1500:]}") from None

    async def stop(self) -> None:
        """End it; it may have ended by itself."""
        with suppress(ConnectionError):
            self.do("quit")
            assert self._process.stdin is not None
            await self._process.stdin.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 3)
        await ended(self._process, signal.SIGTERM)


def _settings(account: Account, authority: Path) -> str:
    server = f"sip:{account.server}:{account.port};transport=tls"
    codecs = "".join(
        f"[audio_codec_{number}]\nmime={mime}\nrate={rate}\nchannels={2 if mime == 'opus' else 1}\nenabled={enabled}\n"
        for number, (mime, rate, enabled) in enumerate(CODECS)
    )
    return (
        f"[sip]\nsip_port=-1\nsip_tcp_port=-1\nsip_tls_port=-1\nroot_ca={authority}\nverify_server_certs=1\n"
        "verify_server_cn=1\nmedia_encryption=srtp\nmedia_encryption_mandatory=1\nuse_ipv6=0\ndefault_proxy=0\n"
        "register_only_when_network_is_up=0\n[net]\nfirewall_policy=0\n[rtp]\naudio_rtp_port=7078\n"
        f"[proxy_0]\nreg_proxy=<{server}>\nreg_route=<{server};lr>\n"
        f'reg_identity="Linphone" <sip:{account.extension}@{account.domain}>\nreg_expires=600\n'
        "reg_sendregister=1\npublish=0\n"
        f"[auth_info_0]\nusername={account.extension}\nuserid={account.username}\npasswd={account.password}\n"
        f"realm={account.domain}\ndomain={account.domain}\nalgorithm=SHA-256\n{codecs}"
    )
