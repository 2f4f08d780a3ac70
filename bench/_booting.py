"""The load process of `bench provisioning`: phones that boot all at once, each from an address of its own.

It reads a job as a line of JSON, and for each further line lets all phones boot, telling what came of it.
"""

import asyncio
import json
import re
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop
from bench._load import tell
from bench._phone import GCM, Habits, Outgoing, Phone, tls_context

_PATIENCE = 180.0  # seconds after which a phone that has not come up is lost
_AGAIN = 2.0  # seconds after which a phone tries again, as boot loaders do
_SETTING = re.compile(r"^account\.1\.([a-z0-9_.]+) = (.*)$", re.MULTILINE)


class _Nobody:
    """Nobody calls in this benchmark."""

    def answered(self, call: Outgoing) -> None: ...

    def ended(self, call: Outgoing) -> None: ...


@dataclass
class Booting:
    """One phone, and how its boot went."""

    mac: str
    source: str
    context: ssl.SSLContext
    job: dict[str, Any]
    fetched: float = 0.0
    up: float = 0.0
    retries: dict[str, int] = field(default_factory=dict)
    phone: Phone | None = None

    async def boot(self) -> None:
        """Fetch the configuration and sign in with it, again and again until it is done."""
        began = time.perf_counter()
        self.fetched = self.up = 0.0
        self.retries = {}
        told: dict[str, str] = {}
        while time.perf_counter() - began < _PATIENCE:
            try:
                async with asyncio.timeout(30):
                    if not self.fetched:
                        told = await self._fetch()
                        self.fetched = time.perf_counter() - began
                    await self._sign_in(told)
                    self.up = time.perf_counter() - began
                    return
            except (OSError, TimeoutError, RuntimeError, asyncio.IncompleteReadError) as error:
                why = str(error)[:60] or type(error).__name__
                self.retries[why] = self.retries.get(why, 0) + 1
                await asyncio.sleep(_AGAIN)

    async def _fetch(self) -> dict[str, str]:
        reader, writer = await asyncio.open_connection(
            self.job["host"],
            self.job["fetch_port"],
            ssl=self.context,
            server_hostname=self.job["host"],
            local_addr=(self.source, 0),
        )
        try:
            writer.write(
                f"GET /phone/{self.mac}.cfg HTTP/1.1\r\nHost: {self.job['domain']}\r\n"
                "User-Agent: Yealink SIP-T46U 108.86.0.90\r\nConnection: close\r\n\r\n".encode()
            )
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        finally:
            writer.close()
        if not head.startswith("HTTP/1.1 200"):
            raise RuntimeError(f"configuration: {head.partition(chr(13))[0] or 'closed'}")
        return dict(_SETTING.findall(body))

    async def _sign_in(self, told: dict[str, str]) -> None:
        self.hang_up()
        line = {
            "extension": told["user_name"],
            "username": told["auth_name"],
            "password": told["password"],
            "number": str(int(self.mac[6:], 16)),
        }
        _, self.phone = await asyncio.get_running_loop().create_connection(
            lambda: Phone(line, self.job["domain"], Habits(suites=(GCM,)), _Nobody()),
            self.job["host"],
            self.job["port"],
            ssl=tls_context_of(self.job["ca_file"]),
            server_hostname=self.job["host"],
            local_addr=(self.source, 0),
        )
        await self.phone.register()

    def hang_up(self) -> None:
        """Lose the connection, as a phone without power does."""
        if self.phone is not None:
            self.phone.close()
            self.phone = None


_CONTEXTS: dict[str, ssl.SSLContext] = {}


def tls_context_of(ca_file: str) -> ssl.SSLContext:
    """Return the one context for signing in."""
    if ca_file not in _CONTEXTS:
        _CONTEXTS[ca_file] = tls_context(ca_file)
    return _CONTEXTS[ca_file]


def _with_certificate(ca_file: str, certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.load_cert_chain(certificate)
    return context


async def _run(job: dict[str, Any]) -> None:
    phones = [
        Booting(one["mac"], one["source"], _with_certificate(job["ca_file"], one["certificate"]), job)
        for one in job["phones"]
    ]
    tell("ready")
    while await asyncio.to_thread(sys.stdin.readline):
        for phone in phones:
            phone.hang_up()
        await asyncio.sleep(1.0)
        tell("window")
        began = time.perf_counter()
        await asyncio.gather(*(phone.boot() for phone in phones))
        took = time.perf_counter() - began
        reasons: dict[str, int] = {}
        for phone in phones:
            for why, count in phone.retries.items():
                reasons[why] = reasons.get(why, 0) + count
        tell(
            "booted",
            seconds=took,
            fetched=[phone.fetched for phone in phones if phone.fetched],
            up=[phone.up for phone in phones if phone.up],
            retried=sum(bool(phone.retries) for phone in phones),
            reasons=reasons,
        )


def main() -> int:
    job = json.loads(sys.stdin.readline())
    try:
        uvloop.run(_run(job))
    except (OSError, ssl.SSLError, KeyError) as error:
        tell("failed", why=repr(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
