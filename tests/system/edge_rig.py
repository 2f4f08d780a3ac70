"""A whole edge with the real engines, for tests, in a folder and on ports of its own; and phones and a core in bytes.

Nothing here uses the SIP package: what goes over the wire is written and read as text.
"""

import asyncio
import base64
import os
import re
import secrets
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ringwall.core.links.sip_link import LINK_HEADER, SipLink
from ringwall.core.links.tls import Dialler
from ringwall.edge import engines
from ringwall.infra import accounts, pki
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

SOURCE = Path(__file__).resolve().parents[2] / "src"
ADDRESS = "127.0.0.1"
OTHER_ADDRESS = "127.0.0.2"


def free_settings(**limits: int) -> Settings:
    """Return settings on free ports, with some limits of one's own."""
    settings = Settings.for_address(ADDRESS, domain="example.test").with_free_ports()
    if limits:
        values = settings.model_dump()
        values["limits"].update(limits)
        settings = Settings.checked(values, "test")
    return settings


@dataclass
class Rig:
    """A running edge."""

    layout: Layout
    settings: Settings
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        command = {
            "haproxy": engines.haproxy_command(self.layout),
            "kamailio": engines.kamailio_command(self.layout, self.settings),
            "rtpengine": engines.rtpengine_command(self.layout),
            "agent": [sys.executable, "-m", "ringwall.edge.agent", "--data", str(self.layout.data)],
        }[name]
        with (self.layout.log / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(SOURCE)},
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()

    def log(self, name: str) -> str:
        return (self.layout.log / f"{name}.log").read_text(errors="replace")

    def wait_ready(self) -> None:
        ports = self.settings.ports
        wait_until(lambda: accepts(ADDRESS, ports.sips), self, "haproxy")
        wait_until(lambda: accepts(ADDRESS, ports.kamailio_phones), self, "kamailio")
        wait_until(self.layout.agent_control_socket.exists, self, "agent")

    def world_context(self, **versions: ssl.TLSVersion) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.layout.ca_certificate))
        for name, version in versions.items():
            setattr(context, name, version)
        return context

    def children(self, name: str) -> list[int]:
        """Return the process ids of an engine and its children."""
        pid = self.processes[name].pid
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
        )
        return [pid, *(int(line) for line in listed.stdout.split())]


def accepts(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_until(
    condition: Callable[[], bool], rig: Rig | None = None, name: str = "", seconds: float = 10
) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{name} is not ready: {rig.log(name)[-3000:] if rig else ''}")
        time.sleep(0.02)


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for a state of this process; the limit only ends a test that has failed."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the state was not reached")
        await asyncio.sleep(0.01)


@contextmanager
def edge(
    settings: Settings | None = None, kamailio: Callable[[str], str] = str, authorities: bytes = b""
) -> Iterator[Rig]:
    """Run an edge; everything is gone afterwards.

    ``kamailio`` may change its configuration, to shorten times; ``authorities`` are those of carriers, as PEM.
    """
    folder = Path(tempfile.mkdtemp(prefix="rw-edge-", dir="/var/tmp"))
    folder.chmod(0o755)
    settings = settings or free_settings()
    layout = Layout.of(folder)
    rig = Rig(layout, settings)
    try:
        for directory in accounts.directories(layout):
            directory.path.mkdir(exist_ok=True)
        settings.save(layout)
        pki.ensure_pki(layout, settings, chown=False)
        if authorities:
            layout.carriers_ca.write_bytes(authorities)
        engines.configure(layout, settings, chown=False)
        layout.kamailio_config.write_text(kamailio(layout.kamailio_config.read_text()))
        for name in ("rtpengine", "kamailio", "agent", "haproxy"):
            rig.start(name)
        rig.wait_ready()
        yield rig
    finally:
        for name in list(rig.processes):
            rig.stop(name)
        shutil.rmtree(folder, ignore_errors=True)


class Stream:
    """Cuts SIP messages out of a byte stream."""

    def __init__(self) -> None:
        self.buffer = b""

    def feed(self, data: bytes) -> list["Message"]:
        self.buffer += data
        found = []
        while True:
            self.buffer = self.buffer.lstrip(b"\r\n")
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return found
            length = re.search(rb"^Content-Length:\s*(\d+)", head, re.IGNORECASE | re.MULTILINE)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return found
            found.append(Message(head.decode(), rest[:size]))
            self.buffer = rest[size:]


@dataclass
class Message:
    head: str
    body: bytes = b""

    @property
    def start(self) -> str:
        return self.head.partition("\r\n")[0]

    @property
    def method(self) -> str:
        return self.start.split()[0]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    def all(self, name: str) -> list[str]:
        found = []
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                found.append(value.strip())
        return found

    def get(self, name: str) -> str:
        return self.all(name)[0]

    def reply(self, status: int, reason: str = "X", extra: str = "", tag: str = "core") -> bytes:
        lines = [f"SIP/2.0 {status} {reason}"]
        lines += [f"Via: {via}" for via in self.all("Via")]
        lines += [f"Record-Route: {route}" for route in self.all("Record-Route")]
        to = self.get("To")
        lines += [f"From: {self.get('From')}", f"To: {to if 'tag=' in to else to + ';tag=' + tag}"]
        lines += [f"Call-ID: {self.get('Call-ID')}", f"CSeq: {self.get('CSeq')}"]
        return ("\r\n".join(lines) + f"\r\n{extra}Content-Length: 0\r\n\r\n").encode()


def request(
    method: str,
    uri: str,
    *,
    host: str = "phone.invalid",
    transport: str = "TLS",
    to: str = "sip:100@example.test",
    to_tag: str = "",
    call_id: str = "",
    cseq: int = 1,
    branch: str = "",
    extra: str = "",
    body: bytes = b"",
) -> bytes:
    """Return a request with what every request needs."""
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {host};branch={branch or 'z9hG4bK' + secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:100@example.test>;tag=from1\r\nTo: <{to}>{tag}\r\n"
        f"Call-ID: {call_id or secrets.token_hex(8)}\r\nCSeq: {cseq} {method}\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


REGISTER_CONTACT = "Contact: <sip:100@192.0.2.99:5061;transport=tls>\r\nSupported: path, outbound\r\n"


def vanish(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset: its port is free again at once."""
    plain = writer.get_extra_info("socket")
    if plain is not None:  # else it is closed already
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Phone:
    """A TLS client that speaks SIP as text."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._stream = Stream()
        self._messages: list[Message] = []

    @classmethod
    async def connect(
        cls, rig: Rig, source: str = ADDRESS, context: ssl.SSLContext | None = None, port: int = 0
    ) -> "Phone":
        reader, writer = await asyncio.open_connection(
            ADDRESS,
            rig.settings.ports.sips,
            ssl=context or rig.world_context(),
            server_hostname="example.test",
            local_addr=(source, port),
        )
        return cls(reader, writer)

    @property
    def local(self) -> str:
        host, port = self.writer.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def vanish(self) -> None:
        """End the connection with a reset: its port is free again at once."""
        vanish(self.writer)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def next(self, seconds: float = 5) -> Message:
        """Return the next message; EOFError when the connection was closed."""
        async with asyncio.timeout(seconds):
            while not self._messages:
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self._messages += self._stream.feed(data)
        return self._messages.pop(0)

    async def final(self, seconds: float = 5) -> Message:
        while True:
            message = await self.next(seconds)
            if message.status >= 200 or not message.status:
                return message

    async def closed(self, seconds: float = 20) -> None:
        """Wait until the other side has closed."""
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError, ssl.SSLError):
                while await self.reader.read(65536):
                    pass

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()

    async def register(self, core: "Core", word: str = "") -> Message:
        """Register with a core that says yes with this header, and return what the core saw."""
        self.send(request("REGISTER", "sip:example.test", extra=REGISTER_CONTACT))
        seen = await core.next("REGISTER")
        core.send(seen.reply(200, "OK", word))
        answer = await self.final()
        assert answer.status == 200
        assert not answer.all("P-Ringwall-Device")
        return seen


class Browser:
    """A WebSocket client that writes its frames by itself (RFC 6455, 5.2)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(
        cls, rig: Rig, source: str = ADDRESS, context: ssl.SSLContext | None = None
    ) -> "Browser":
        reader, writer = await asyncio.open_connection(
            ADDRESS,
            rig.settings.ports.https,
            ssl=context or rig.world_context(),
            server_hostname="example.test",
            local_addr=(source, 0),
        )
        return await cls.shake_hands(reader, writer)

    @classmethod
    async def shake_hands(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> "Browser":
        """Ask for a WebSocket on a connection."""
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {ADDRESS}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n"
            f"Origin: https://{ADDRESS}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101"), answer
        return cls(reader, writer)

    @property
    def local(self) -> str:
        host, port = self.writer.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    def send(self, data: bytes, opcode: int = 1, *, last: bool = True) -> None:
        """Send one frame, masked with zeros: the mask is there, and what is sent can be read."""
        size = len(data)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.writer.write(bytes([(0x80 if last else 0) | opcode]) + length + bytes(4) + data)

    async def next(self, seconds: float = 5) -> Message:
        """Return the next SIP message; EOFError when the connection was closed."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    opcode, data = await self._frame()
                except (asyncio.IncompleteReadError, ConnectionError):
                    raise EOFError from None
                if opcode in (1, 2) and data.strip():
                    return Stream().feed(data)[0]

    async def _frame(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        return first & 15, await self.reader.readexactly(size)

    async def closed(self, seconds: float = 20) -> None:
        """Wait until the other side has closed."""
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError, ssl.SSLError):
                while await self.reader.read(65536):
                    pass

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Core:
    """The core's end of the SIP link, answering hellos only."""

    def __init__(self, rig: Rig, token: str | None = None) -> None:
        self.messages: list[Message] = []
        self.offences: list[str] = []
        self.arrived = asyncio.Event()
        self._stream = Stream()
        self.downs = 0
        self.taken: list[str] = []
        self.link = SipLink(
            Dialler.of(rig.layout, rig.settings),
            token if token is not None else pki.read_link_token(rig.layout),
            self._data,
            lambda: None,
            self._down,
            self.taken.append,
        )
        self._task = asyncio.get_running_loop().create_task(self.link.run())

    @classmethod
    async def attach(cls, rig: Rig) -> "Core":
        core = cls(rig)
        await until(lambda: core.link.up)
        return core

    def _down(self) -> None:
        self.downs += 1

    async def restarted(self, rig: Rig) -> None:
        """Restart Kamailio, and wait until the link leads to the new one."""
        before = self.link.edge_run
        rig.stop("kamailio")
        rig.start("kamailio")
        rig.wait_ready()
        await until(lambda: self.link.up and self.link.edge_run != before)

    def _data(self, data: bytes) -> None:
        for message in self._stream.feed(data):
            if message.status and message.get("Call-ID") == self.link.hello_call_id:
                self.link.hello_answered(message.status, ",".join(message.all(LINK_HEADER)))
                continue
            if message.method == "INFO" and "offence;" in ",".join(message.all("P-Ringwall-Event")):
                # Tests make many; who wants to know looks here.
                self.offences.append(message.get("P-Ringwall-Event").removeprefix("offence;"))
                self.send(message.reply(200, "OK"))
                continue
            self.messages.append(message)
            self.arrived.set()

    def send(self, data: bytes) -> None:
        assert self.link.up
        self.link.write(data)

    async def next(self, method: str = "", seconds: float = 5) -> Message:
        """Return the next message, or the next of one method ("SIP/2.0" for answers)."""
        async with asyncio.timeout(seconds):
            while True:
                for message in self.messages:
                    if not method or message.method == method:
                        self.messages.remove(message)
                        return message
                self.arrived.clear()
                await self.arrived.wait()

    async def reports_until(self, flow: str) -> list[str]:
        """Answer the edge's reports of closed flows until that from address and port ``flow``, and return all of them."""
        seen: list[str] = []
        while flow not in seen:
            info = await self.next("INFO")
            assert info.start == "INFO sip:edge@ringwall.internal SIP/2.0"
            kind, _, closed = info.get("P-Ringwall-Event").partition(";flow=")
            assert kind == "flow-closed"
            assert re.fullmatch(r"[0-9.:]+;proto=(tls|wss);id=\d+;run=" + self.link.edge_run, closed), closed
            seen.append(closed.partition(";")[0])
            self.send(info.reply(200, "OK"))
        return seen

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
