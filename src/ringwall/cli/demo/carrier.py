"""A carrier for demonstration and tests: a SIP stack that is not our own, with a certificate of its own."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from ringwall.cli.demo.phones import Talk, load
from ringwall.infra import authority

NAME = "sip.carrier.example"
_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Papers:
    """The carrier's certificate with its key in one file, and who vouches for it (PEM)."""

    file: Path
    authority: str


@contextmanager
def papers(name: str = NAME) -> Iterator[Papers]:
    """Make an authority and a certificate for a carrier; the file is gone afterwards."""
    now = datetime.now(UTC)
    signer = authority.make_root("Carrier", "Carrier of the demonstration", _LIFE, now)
    key = authority.new_key()
    leaf = authority.make_leaf(signer, key.public_key(), [name], usage=authority.SERVER, life=_LIFE, now=now)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    pem = serialization.Encoding.PEM
    descriptor, path = tempfile.mkstemp(prefix="ringwall-carrier-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secret + leaf.public_bytes(pem))
        yield Papers(Path(path), signer.certificate.public_bytes(pem).decode())
    finally:
        Path(path).unlink(missing_ok=True)


def free_port(address: str) -> int:
    """A TCP port that is free now, as is the next one: baresip takes a port and, for TLS, the one behind."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind((address, 0))
            port = int(first.getsockname()[1])
            try:
                second.bind((address, port + 1))
            except OSError:
                continue
            return port
    raise OSError("no two free ports in a row")


class Carrier:
    """A user agent that takes every call for every number, and plays its tone."""

    def __init__(self, agent: Any, hertz: float) -> None:
        self._hertz = hertz
        self.calls: asyncio.Queue[Talk] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        agent.on_incoming(self._rings)

    @classmethod
    async def make(cls, runtime: Any, address: str, port: int, hertz: float) -> "Carrier":
        """Put the carrier into a running baresip that listens with the carrier's certificate on that port."""
        account = load().Account(
            user="carrier",
            domain=f"{address}:{port}",
            password="",
            reg_interval=0,
            transport="tls",
            extra_params=("mediaenc=srtp-mand", "catchall=yes"),
        )
        return cls(await load().UserAgent.create(runtime, account), hertz)

    def _rings(self, call: Any) -> None:
        talk = Talk(call, lambda: self._hertz)

        async def take() -> None:
            await call.answer()
            self.calls.put_nowait(talk)

        for work in (talk.play(), take()):
            task = asyncio.get_running_loop().create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
