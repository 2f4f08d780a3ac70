"""The socket that hears SIP plug and play: UDP, multicast alone (ADR 11).

Rules that this module keeps:
- The socket is bound to the group, so what is sent to this host itself never arrives here.
- Only sources in the house's own networks are answered.
- A network that is not there now, or a port that somebody else has taken, is tried again: the system runs
  without.
"""

import asyncio
import ipaddress
import logging
import socket
from contextlib import suppress
from typing import Final, cast

from ringwall.edge.pnp.answers import Rates, answers
from ringwall.infra.provisioning import address_for
from ringwall.infra.settings import Settings

log = logging.getLogger(__name__)

GROUP: Final = "224.0.1.75"  # sip.mcast.net
PORT: Final = 5060
AGAIN_SECONDS: Final = 30.0
_QUEUE_BYTES: Final = 256 * 1024


class _Listener(asyncio.DatagramProtocol):
    """Answers one question and no other."""

    transport: asyncio.DatagramTransport

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._here = (settings.address, PORT)
        self._networks = tuple(ipaddress.ip_network(text) for text in settings.phones.networks)
        self._rates = Rates()
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # In Python 3.11 asyncio's own transport is none by its class.
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        host, port = str(addr[0]), addr[1]
        if not self._is_ours(host):
            return
        made = answers(data, (host, port), self._here, lambda vendor: address_for(self._settings, vendor))
        if not made or not self._rates.may(host, asyncio.get_running_loop().time()):
            return
        log.info("A phone at %s asked where its configuration is", host)
        for datagram in made:
            self.transport.sendto(datagram, addr)

    def error_received(self, exc: Exception) -> None:
        log.debug("an answer did not arrive: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closed.set()

    def _is_ours(self, host: str) -> bool:
        address = ipaddress.ip_address(host)
        return any(address in network for network in self._networks)


def open_socket(address: str) -> socket.socket:
    """Return a socket that hears the group on the network of an address; raise OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE_BYTES)
        made.bind((GROUP, PORT))
        joined = socket.inet_aton(GROUP) + socket.inet_aton(address)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    except OSError:
        made.close()
        raise
    return made


async def serve(settings: Settings) -> None:
    """Listen until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            found = open_socket(settings.address)
        except OSError as error:
            log.warning("Plug and play is away, and tried again: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        transport, listener = await loop.create_datagram_endpoint(lambda: _Listener(settings), sock=found)
        try:
            await listener.closed.wait()
        finally:
            with suppress(OSError):
                transport.close()
