"""Which addresses and ports are the system's own: nobody's media is sent to them."""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from ringwall.infra.host_addresses import HostAddresses, host_addresses
from ringwall.infra.listeners import listeners_of
from ringwall.infra.settings import Settings

_PNP_PORT: Final = 5060  # ADR 11
_LOOK_AGAIN_SECONDS: Final = 30.0  # a host's addresses change when somebody plugs or configures something


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """`hosts` are the addresses of edge, core and media servers, `broadcasts` those of their networks.

    `ports` are ranges, first and last: what the system listens on, relays by and has its media servers' legs
    on, at whichever of its addresses.
    """

    hosts: frozenset[ipaddress.IPv4Address]
    broadcasts: frozenset[ipaddress.IPv4Address]
    ports: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, settings: Settings, here: HostAddresses) -> Self:
        """Those of a system with these settings whose core is on the host that has the addresses `here`."""
        media = settings.media
        named = {settings.address, media.media_address, *media.relays}
        single = {listener.port for listener in listeners_of(settings)} | {_PNP_PORT}
        if media.control_port:
            single |= set(range(media.control_port, media.control_port + media.processes))
        ranges = [(settings.ports.rtp_first, settings.ports.rtp_last), (media.first_port, media.last_port)]
        return cls(
            hosts=here.own | {ipaddress.IPv4Address(address) for address in named},
            broadcasts=here.broadcast,
            ports=(*ranges, *((port, port) for port in sorted(single))),
        )

    def is_here(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        """Whether it is an address of the system's hosts, loopback included."""
        return ip.is_loopback or ip in self.hosts

    def has_port(self, first: int, last: int) -> bool:
        """Whether one of the ports from `first` to `last` is the system's own."""
        return any(low <= last and first <= high for low, high in self.ports)


class OwnAddressBook:
    """The system's own addresses of this moment; the host is asked for them again every half minute."""

    def __init__(
        self,
        settings: Settings,
        look: Callable[[], HostAddresses] = host_addresses,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` gives seconds."""
        self._settings = settings
        self._look = look
        self._clock = clock
        self._here: HostAddresses | None = None
        self._known = OwnAddresses(frozenset(), frozenset(), ())
        self._looked = 0.0

    def current(self) -> OwnAddresses:
        """Return them."""
        now = self._clock()
        if self._here is None or now - self._looked >= _LOOK_AGAIN_SECONDS:
            here, self._looked = self._look(), now
            if here != self._here:
                self._here, self._known = here, OwnAddresses.of(self._settings, here)
        return self._known
