"""A vendor's desk phone as it comes out of its box: it asks for its configuration with its factory certificate."""

import asyncio
import json
import secrets
import ssl
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from support.vendors import Vendor, key_pem
from system.raw_phone import RawPhone
from system.running import Account, System

AGENT = "Yealink SIP-T46U 108.86.0.90"


class DeskPhone:
    """One phone with a MAC address; `certificate` is what it shows, if anything."""

    def __init__(
        self, system: System, mac: str, certificate: Path | None = None, source: str | None = None
    ) -> None:
        self.system, self.mac, self.certificate, self.source = system, mac, certificate, source
        self.settings: dict[str, str] = {}
        self.port = system.settings.ports.phones

    async def ask(
        self, path: str, *, body: Any = None, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Send one request to the door for phones; the status and the body of the answer."""
        context = ssl.create_default_context(cafile=str(self.system.layout.ca_certificate))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        settings = self.system.settings
        reader, writer = await asyncio.open_connection(
            settings.address,
            self.port,
            ssl=context,
            server_hostname=settings.organisation.domain,
            local_addr=(self.source, 0) if self.source else None,
        )
        content = b"" if body is None else json.dumps(body).encode()
        told = {
            "Host": settings.organisation.domain,
            "User-Agent": AGENT,
            "Content-Length": str(len(content)),
            "Connection": "close",
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        verb = method or ("GET" if body is None else "POST")
        writer.write(f"{verb} {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        try:
            async with asyncio.timeout(30):
                answer = await reader.read()
        finally:
            writer.close()
        head_, _, rest = answer.partition(b"\r\n\r\n")
        return int(head_.split()[1]), rest.decode()

    async def configure(self) -> int:
        """Fetch the configuration as a Yealink does, and read it."""
        status, text = await self.ask(f"/phone/{self.mac}.cfg")
        if status == 200:
            lines = (line.partition(" = ") for line in text.splitlines() if " = " in line)
            self.settings = {name: value for name, _, value in lines}
        return status

    @property
    def account(self) -> Account:
        """What the configuration says about signing in."""
        told = {name.removeprefix("account.1."): value for name, value in self.settings.items()}
        return Account(
            server=told["outbound_proxy.1.address"],
            port=int(told["outbound_proxy.1.port"]),
            domain=told["sip_server.1.address"],
            extension=told["user_name"],
            username=told["auth_name"],
            password=told["password"],
        )

    async def sign_in(self) -> RawPhone:
        """Connect by SIP over TLS and register with what the configuration says."""
        return await RawPhone.connect(self.system, self.account)


class Factory:
    """Makes phones of a vendor whose authorities the system knows."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system, self.folder = system, folder
        self.vendor = Vendor()

    def phone(self, name: str = "", mac: str = "", vendor: Vendor | None = None) -> DeskPhone:
        """A phone with a certificate; `name` is its common name, the MAC address unless told otherwise."""
        mac = mac or f"001565{secrets.token_hex(3)}"
        certificate, key = (vendor or self.vendor).phone(name or mac)
        issuer = (vendor or self.vendor).issuer
        path = self.folder / f"{secrets.token_hex(8)}.pem"
        chain = certificate.public_bytes(Encoding.PEM) + issuer.public_bytes(Encoding.PEM)
        path.write_bytes(key_pem(key) + chain)
        return DeskPhone(self.system, mac, path)


@contextmanager
def factory_of(system: System):
    """Let the system know the authorities of a vendor, for a while."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        made = Factory(system, Path(folder))
        file = Path(folder) / "authorities.pem"
        file.write_bytes(made.vendor.pem)
        done = system.command("phone", "authority", "add", "yealink", str(file))
        assert done.returncode == 0, done.stderr
        yield made
        done = system.command("phone", "authority", "remove", "yealink")
        assert done.returncode == 0, done.stderr
