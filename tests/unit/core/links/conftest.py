"""An edge in memory: certificates of an inside authority and a TLS listener that speaks any ALPN."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ringwall.core.links.tls import Credentials, Dialler
from ringwall.infra import authority

EDGE_HOST, CORE_HOST = "edge1.ringwall.internal", "core1.ringwall.internal"


class Certificates:
    """One inside authority, and leaves of it in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = datetime.now(UTC)
        self.authority = authority.Authority(*self._authority())
        (folder / "ca.crt").write_bytes(authority.certificate_pem(self.authority.certificate))
        self.write("edge", EDGE_HOST, authority.SERVER)
        self.write("core", CORE_HOST, authority.CLIENT)

    def _authority(self):
        key = authority.new_key()
        certificate = authority.make_issuer(
            None,
            key,
            authority.issuer_subject("inside", "Test"),
            usages=(authority.SERVER, authority.CLIENT),
            constraints=authority.inside_constraints(),
            life=timedelta(days=2),
            now=self.now,
        )
        return certificate, key

    def write(self, stem: str, name: str, usage) -> None:
        key = authority.new_key()
        leaf = authority.make_leaf(
            self.authority, key.public_key(), (name,), usage=usage, life=timedelta(days=1), now=self.now
        )
        pem = authority.certificate_pem(leaf, self.authority.certificate)
        (self.folder / f"{stem}.crt").write_bytes(pem)
        (self.folder / f"{stem}.key").write_bytes(authority.key_pem(key))

    def credentials(self, stem: str = "core") -> Credentials:
        return Credentials(self.folder / f"{stem}.crt", self.folder / f"{stem}.key", self.folder / "ca.crt")

    def server_context(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "edge.crt", self.folder / "edge.key")
        context.load_verify_locations(self.folder / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


class Peer(asyncio.Protocol):
    """The edge's end of one connection."""

    def __init__(self, edge: "FakeEdge") -> None:
        self.edge = edge
        self.received = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.edge.peers.append(self)
        self.edge.on_open(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.edge.on_data(self, data)

    def connection_lost(self, exc) -> None:
        self.edge.lost += 1


class FakeEdge:
    """Everything that connects, and one function that sees what comes."""

    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self.lost = 0
        self.on_data: Callable[[Peer, bytes], None] = lambda _peer, _data: None
        self.on_open: Callable[[Peer], None] = lambda _peer: None
        self.dialler: Dialler
        self.server: asyncio.AbstractServer


@asynccontextmanager
async def listening(certificates: Certificates, context: ssl.SSLContext) -> AsyncIterator[FakeEdge]:
    edge = FakeEdge()
    loop = asyncio.get_running_loop()
    edge.server = await loop.create_server(lambda: Peer(edge), "127.0.0.1", 0, ssl=context)
    port = edge.server.sockets[0].getsockname()[1]
    edge.dialler = Dialler("127.0.0.1", port, EDGE_HOST, certificates.credentials())
    try:
        yield edge
    finally:
        edge.server.close()
        for peer in edge.peers:
            peer.transport.abort()


async def until(condition: Callable[[], object]) -> None:
    """Wait for a state; pytest's time limit ends a test that waits for ever."""
    while not condition():  # noqa: ASYNC110 - a state, not an event
        await asyncio.sleep(0.002)


@asynccontextmanager
async def running(work) -> AsyncIterator[None]:
    """Run a link's ``run`` for a while."""
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def edge(certificates: Certificates) -> AsyncIterator[FakeEdge]:
    alpn = ("ringwall-sip", "ringwall-http", "ringwall-control")
    async with listening(certificates, certificates.server_context(*alpn)) as made:
        yield made
