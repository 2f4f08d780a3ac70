"""Which ports a system needs, which of them are taken and by whom, and where free ones are."""

import secrets
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ringwall.infra.errors import PortTakenError

LOOPBACK = "127.0.0.1"
SMALLEST_RTP_RANGE = 100
FREE_RTP_RANGE = 2000

# Free ports are looked for below the range from which Linux takes ports for outgoing connections (32768 on).
# The media servers' ports are between the two (settings, [media]).
_SINGLE_FIRST, _SINGLE_LAST = 10240, 17999
_RTP_FIRST, _RTP_LAST = 20000, 32767
_ATTEMPTS = 200

TCP_NAMES = (
    *("sips", "https", "phones", "inner"),
    *("kamailio_phones", "kamailio_core", "kamailio_ws", "kamailio_trunks"),
)
"""The settings that are TCP ports."""

Protocol = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that the system listens on; ``name`` is its name in the settings."""

    name: str
    protocol: Protocol
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """A needed port that is taken; ``holder`` names the program where that can be seen."""

    listener: Listener
    holder: str | None

    def __str__(self) -> str:
        by = f"by {self.holder}" if self.holder else "by another program"
        return (
            f"{self.listener.protocol.upper()} port {self.listener.port} ({self.listener.name}) is taken {by}"
        )


def conflicts(needed: Iterable[Listener]) -> list[Conflict]:
    """Return those of ``needed`` that cannot be bound now because somebody else holds them."""
    taken = [
        listener for listener in needed if not is_free(listener.protocol, listener.address, listener.port)
    ]
    return [Conflict(listener, holder_of(listener.protocol, listener.port)) for listener in taken]


def require_local(address: str) -> None:
    """Raise PortTakenError when this host does not own ``address``, so that nothing could listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            raise PortTakenError(
                f"{address} is not an address of this host: give --address one that `ip -4 address` shows.",
                code="address",
            ) from None


def is_free(protocol: Protocol, address: str, port: int) -> bool:
    """Say whether the port can be bound on ``address`` now."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if protocol == "tcp":
            # Old connections in TIME_WAIT are no hindrance for the engines either: they set the same option.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def find_free(address: str) -> dict[str, int]:
    """Return values for all fields of ``settings.Ports`` that are free on ``address`` and on loopback now."""
    taken: set[int] = set()
    found = {name: _free_port("tcp", address, taken) for name in TCP_NAMES}
    found["ng"] = _free_port("udp", address, taken)
    found["rtp_first"] = _free_range(address, FREE_RTP_RANGE)
    found["rtp_last"] = found["rtp_first"] + FREE_RTP_RANGE - 1
    return found


def _free_port(protocol: Protocol, address: str, taken: set[int]) -> int:
    for _ in range(_ATTEMPTS):
        port = _SINGLE_FIRST + secrets.randbelow(_SINGLE_LAST - _SINGLE_FIRST + 1)
        if port not in taken and all(is_free(protocol, host, port) for host in {address, LOOPBACK}):
            taken.add(port)
            return port
    raise PortTakenError(
        f"No free {protocol.upper()} port was found between {_SINGLE_FIRST} and {_SINGLE_LAST}."
    )


def _free_range(address: str, count: int) -> int:
    choices = (_RTP_LAST - _RTP_FIRST + 1 - count) // 2
    for _ in range(_ATTEMPTS):
        first = _RTP_FIRST + 2 * secrets.randbelow(choices + 1)
        if all(is_free("udp", address, port) for port in range(first, first + count)):
            return first
    raise PortTakenError(
        f"No {count} free UDP ports in a row were found between {_RTP_FIRST} and {_RTP_LAST}."
    )


def holder_of(protocol: Protocol, port: int) -> str | None:
    """Return ``name (process N)`` of who holds a port, or None when the kernel does not show it to us."""
    inodes = _inodes_on(protocol, port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # the process ended, or belongs to somebody else
            if any(str(descriptor.readlink()) in wanted for descriptor in (entry / "fd").iterdir()):
                return f"{(entry / 'comm').read_text().strip()} (process {entry.name})"
    return None


def _inodes_on(protocol: Protocol, port: int) -> set[str]:
    listening = "0A" if protocol == "tcp" else "07"  # include/net/tcp_states.h; UDP sockets show TCP_CLOSE
    found = set()
    for table in (protocol, f"{protocol}6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def primary_address() -> str:
    """Return the address from which this host would reach the world (nothing is sent); else loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket only asks the routing table; the address is for documentation (RFC
            # 5737).
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])
