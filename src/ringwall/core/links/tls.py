"""Dialling the edge: mutual TLS 1.3, the edge's name checked, ALPN agreed.

Certificates are looked at before every dial, so a renewed one is used without a restart.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ringwall.core.errors import EdgeUnavailable
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

P = TypeVar("P", bound=asyncio.BaseProtocol)

log = logging.getLogger(__name__)

DIAL_SECONDS = 5.0
"""For the TCP connection and the handshake together."""

_BACKOFF_LIMIT = 5.0
_BACKOFF_FACTOR = 1.6
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files by which core and edge know each other; PEM."""

    certificate: Path
    key: Path
    authority: Path


class Dialler:
    """Opens connections to one edge.

    ``host`` and ``port`` are its inner listener; ``server_name`` must be in the certificate that it shows.
    """

    def __init__(self, host: str, port: int, server_name: str, credentials: Credentials) -> None:
        self.host = host
        self.port = port
        self.server_name = server_name
        self._credentials = credentials
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._loaded: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of(cls, layout: Layout, settings: Settings) -> "Dialler":
        """Return the dialler for the edge on this host."""
        files = Credentials(layout.link_certificate, layout.link_key, layout.link_ca)
        return cls(_LOOPBACK, settings.ports.inner, settings.edge_host, files)

    async def dial(self, protocol: Callable[[], P], alpn: str) -> tuple[asyncio.Transport, P]:
        """Return a connection on which both sides are known; EdgeUnavailable with the reason otherwise."""
        loop = asyncio.get_running_loop()
        try:
            context = self._context(alpn)
        except (OSError, ssl.SSLError) as error:
            raise EdgeUnavailable(f"the core's own certificate cannot be used: {error}") from None
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                transport, made = await loop.create_connection(
                    protocol, self.host, self.port, ssl=context, server_hostname=self.server_name
                )
        except TimeoutError:
            raise EdgeUnavailable(f"{self.server_name} did not answer within {DIAL_SECONDS:.0f} s") from None
        except ssl.SSLCertVerificationError as error:
            raise EdgeUnavailable(
                f"the certificate of {self.server_name} is refused: {error.verify_message}"
            ) from None
        except (OSError, ssl.SSLError) as error:
            raise EdgeUnavailable(f"{self.server_name} cannot be reached: {error}") from None
        # A server that does not know the protocol may still finish the handshake.
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if agreed != alpn:
            transport.abort()
            raise EdgeUnavailable(f"{self.server_name} does not speak {alpn}")
        return transport, made

    def _context(self, alpn: str) -> ssl.SSLContext:
        files = self._credentials
        states = [path.stat() for path in (files.certificate, files.key, files.authority)]
        loaded = tuple((state.st_ino, state.st_mtime_ns, state.st_size) for state in states)
        if loaded != self._loaded:
            self._contexts.clear()
            self._loaded = loaded
        context = self._contexts.get(alpn)
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_verify_locations(cafile=files.authority)
            context.load_cert_chain(files.certificate, files.key)
            context.set_alpn_protocols([alpn])
            self._contexts[alpn] = context
        return context


def tls_of(transport: asyncio.BaseTransport | None) -> dict[str, str] | None:
    """Return protocol and cipher of a connection, as status shows them; None without one."""
    session = transport.get_extra_info("ssl_object") if transport is not None else None
    cipher = session.cipher() if session is not None else None
    return (
        {"protocol": session.version() or "", "cipher": cipher[0]} if session is not None and cipher else None
    )


class Backoff:
    """How long to wait before the next dial: growing, with jitter so that many cores do not dial in step."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._next = first

    def reset(self) -> None:
        """Begin again: the last connection was good."""
        self._next = self._first

    def take(self) -> float:
        """Return the seconds to wait now, 0.5 to 1.0 of the present step, and lengthen the step."""
        step = self._next
        self._next = min(step * _BACKOFF_FACTOR, max(_BACKOFF_LIMIT, self._first))
        return step * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing


class Complaints:
    """Logs a lost link once for each new reason, not at every attempt."""

    def __init__(self, link: str, to: str = "the edge") -> None:
        self._link = f"{link} link to {to}"
        self._last: str | None = ""

    def down(self, why: str) -> None:
        """Say why the link is down, unless that was said already."""
        if why != self._last:
            self._last = why
            log.warning("The %s is down: %s", self._link, why)

    def up(self) -> None:
        """Say that the link is up, unless that was said already."""
        if self._last is None:
            return
        self._last = None
        log.info("The %s is up", self._link)
