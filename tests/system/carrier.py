"""A carrier in bytes for the edge's tests: a SIP listener with a certificate of its own authority."""

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ringwall.core.links.control import ControlLink
from ringwall.core.links.tls import Dialler
from system.edge_rig import Phone, Rig, until

NAME = "sip.carrier.example"


class Authority:
    """Signs certificates for carriers."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key.public_key(), 9)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=30))
            .not_valid_after(now + dt.timedelta(days=days))
        )

    def leaf(self, folder: Path, host: str = NAME, days: int = 5) -> Path:
        """Make a certificate and key; with negative ``days`` it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        builder = self._builder(subject, key.public_key(), days).add_extension(names, critical=False)
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        path = folder / f"{x509.random_serial_number()}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem,
        )
        return path


class Carrier:
    """Takes connections; `connection` waits for the next one."""

    def __init__(self, server_context: ssl.SSLContext | None) -> None:
        self._context = server_context
        self._new: asyncio.Queue[Phone] = asyncio.Queue()
        self.connections: list[Phone] = []
        self.port = 0

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(Phone(reader, writer))
        self._new.put_nowait(self.connections[-1])

    async def connection(self) -> Phone:
        """Return the next connection, as a SIP stream."""
        async with asyncio.timeout(10):
            return await self._new.get()

    async def listen(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.writer.transport.abort()

    def slot(self, slot: int = 1, **other: object) -> dict[str, object]:
        """Return the trunk to this carrier as the core sets it."""
        way: dict[str, object] = (
            {"transport": "tls", "tls_name": NAME} if self._context else {"transport": "tcp"}
        )
        return {"slot": slot, "name": f"carrier-{slot}", "host": "127.0.0.1", "port": self.port} | way | other


@asynccontextmanager
async def carrier(certificate: Path | None) -> AsyncIterator[Carrier]:
    """Run a carrier; in clear text without a certificate."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    made = Carrier(context)
    await made.listen()
    try:
        yield made
    finally:
        await made.close()


class Desk:
    """The core's control link, for setting trunks and looking at them."""

    def __init__(self, rig: Rig) -> None:
        self.link = ControlLink(Dialler.of(rig.layout, rig.settings))
        self._task = asyncio.get_running_loop().create_task(self.link.run())

    @classmethod
    async def attach(cls, rig: Rig) -> "Desk":
        desk = cls(rig)
        await until(lambda: desk.link.up)
        return desk

    async def set(self, *trunks: dict[str, object]) -> list[dict[str, object]]:
        return list((await self.link.call({"op": "trunks", "trunks": list(trunks)}))["trunks"])

    async def states(self) -> dict[int, dict[str, object]]:
        found = (await self.link.call({"op": "trunk-states"}))["trunks"]
        return {each["slot"]: each for each in found}

    async def becomes(self, slot: int, state: str) -> dict[str, object]:
        """Wait until a trunk is "up" or "down"; the limit only ends a test that has failed."""
        async with asyncio.timeout(15):
            while (found := (await self.states())[slot])["state"] != state:  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(0.02)
        return found

    async def up(self, *trunks: dict[str, object]) -> None:
        """Set trunks and wait until they are up."""
        await self.set(*trunks)
        for trunk in trunks:
            found = await self.becomes(int(str(trunk["slot"])), "up")
            assert not found["error"], json.dumps(found)

    async def stop(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
