"""The media side of a browser in a few lines: answers ICE checks, makes DTLS-SRTP keys with openssl, sends and opens.

ICE as a lite agent (RFC 8445 2.5): it only answers. DTLS is spoken by `openssl s_client`, whose datagrams are
carried between a port of its own and the media port, as RFC 7983 tells them apart.
"""

import hmac
import re
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import zlib
from pathlib import Path
from typing import Self

from pylibsrtp import Policy, Session

_MAGIC = b"\x21\x12\xa4\x42"
_BINDING, _SUCCESS = 0x0001, 0x0101
_MATERIAL = re.compile(rb"Keying material: ([0-9A-F]{120})")


def _attribute(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2) + len(value).to_bytes(2) + value + bytes(-len(value) % 4)


def _check_answered(request: bytes, sender: tuple[str, int], password: bytes) -> bytes:
    """The success response to a binding request (RFC 8489 14.2, 14.5, 14.7)."""
    transaction = request[4:20]
    port = sender[1] ^ int.from_bytes(_MAGIC[:2])
    address = bytes(a ^ b for a, b in zip(socket.inet_aton(sender[0]), _MAGIC, strict=True))
    body = _attribute(0x0020, b"\0\x01" + port.to_bytes(2) + address)

    def head(more: int) -> bytes:
        return _SUCCESS.to_bytes(2) + (len(body) + more).to_bytes(2) + transaction

    body += _attribute(0x0008, hmac.digest(password, head(24) + body, "sha1"))
    body += _attribute(0x8028, (zlib.crc32(head(8) + body) ^ 0x5354554E).to_bytes(4))
    return head(0) + body


class DtlsPeer:
    """A browser's media port at `host`. `answer` is its description, `connect` ends when there are keys."""

    def __init__(self, host: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.host, self.port = self.socket.getsockname()
        self.received: list[bytes] = []
        self._inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inner.bind(("127.0.0.1", 0))
        self._password = secrets.token_hex(16).encode()
        self._folder = Path(tempfile.mkdtemp(prefix="ringwall-dtls-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._checked = threading.Event()
        self._target = ("", 0)
        self._thread = threading.Thread(target=self._carry)
        self._make_certificate()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.socket.close()
        self._inner.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_certificate(self) -> None:
        made = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        made += [
            "-keyout",
            str(self._folder / "key"),
            "-out",
            str(self._folder / "crt"),
            "-subj",
            "/CN=browser",
        ]
        subprocess.run(made, check=True, capture_output=True)
        shown = ["openssl", "x509", "-in", str(self._folder / "crt"), "-noout", "-fingerprint", "-sha256"]
        self.fingerprint = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
        self.fingerprint = self.fingerprint.strip().partition("=")[2]

    def answer(self) -> bytes:
        """What it says of itself."""
        return "\r\n".join(
            [
                "v=0",
                "o=- 5 2 IN IP4 127.0.0.1",
                "s=-",
                f"c=IN IP4 {self.host}",
                "t=0 0",
                "a=ice-lite",
                f"m=audio {self.port} UDP/TLS/RTP/SAVPF 0 101",
                "a=rtpmap:101 telephone-event/8000",
                "a=ice-ufrag:brow",
                f"a=ice-pwd:{self._password.decode()}",
                f"a=candidate:1 1 UDP 2130706431 {self.host} {self.port} typ host",
                f"a=fingerprint:sha-256 {self.fingerprint}",
                "a=setup:active",
                "a=mid:0",
                "a=rtcp-mux",
                "a=sendrecv",
                "",
            ]
        ).encode()

    def connect(self, host: str, port: int, seconds: float = 20) -> None:
        """Make keys with the relay at that place; the time limit only ends a test that has failed."""
        assert self._checked.wait(seconds), "no ICE check came"
        self._target = (host, port)
        self._process = subprocess.Popen(
            [
                *("openssl", "s_client", "-dtls1_2", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-mtu", "1200"),
                *("-connect", f"127.0.0.1:{self._inner.getsockname()[1]}"),
                *("-cert", str(self._folder / "crt"), "-key", str(self._folder / "key")),
                *("-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        said = b""
        while not (found := _MATERIAL.search(said)):
            line = self._process.stdout.readline()
            assert line, "openssl made no keys"
            said += line
        watchdog.cancel()
        material = bytes.fromhex(found[1].decode())
        client, server, client_salt, server_salt = (
            material[:16],
            material[16:32],
            material[32:46],
            material[46:60],
        )
        profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        self.protect = Session(
            Policy(key=client + client_salt, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        )
        self.open = Session(
            Policy(key=server + server_salt, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile)
        )

    def send(self, packet: bytes) -> None:
        """Send what is protected already."""
        self.socket.sendto(packet, self._target)

    def _carry(self) -> None:
        client = None
        while not self._stopping.is_set():
            ready, _, _ = select.select([self.socket, self._inner], [], [], 0.1)
            if self._inner in ready:
                data, client = self._inner.recvfrom(65536)
                self.socket.sendto(data, self._target)
            if self.socket not in ready:
                continue
            data, sender = self.socket.recvfrom(65536)
            if not data:
                continue
            if data[0] < 4:
                if int.from_bytes(data[:2]) == _BINDING:
                    self.socket.sendto(_check_answered(data, sender, self._password), sender)
                    self._checked.set()
            elif 20 <= data[0] < 64:
                if client is not None:
                    self._inner.sendto(data, client)
            else:
                self.received.append(data)
