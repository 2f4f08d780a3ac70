"""Trunks: which carriers this edge keeps a connection to, as the core says.

The whole list is set at once and kept in a file, so that a restart of the edge needs no core. A trunk that
stays as it was keeps its connection. What is refused is refused as a whole, with one sentence.
"""

import asyncio
import ipaddress
import json
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.settings import TRUNK_SLOTS

log = logging.getLogger(__name__)

TRANSPORTS = ("tls", "tcp")
_FILE_LIMIT = 1024 * 1024
_AUTHORITY_LIMIT = 8 * 1024  # what HAProxy takes in one command
_NAME_LIMIT = 64
_DNS_LIMIT = 253
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_FIELDS = frozenset({"slot", "name", "host", "port", "transport", "tls_name", "authority"})


class TrunkError(RingwallError):
    """A list of trunks cannot be set; the text says which trunk and why."""

    code = "trunk"


@dataclass(frozen=True, slots=True)
class Trunk:
    """Where one slot leads. ``tls_name`` is the name in the carrier's certificate; empty in clear text."""

    slot: int
    name: str
    host: str
    port: int
    transport: str
    tls_name: str
    authority: str = ""
    """The only authorities that may vouch for the carrier, as PEM; empty: those that this edge knows."""

    def same_way(self, other: "Trunk") -> bool:
        """Say whether a connection made for one will do for the other."""
        return replace(self, name="") == replace(other, name="")


@dataclass(slots=True)
class State:
    """How a trunk's connection is: "up", "connecting" or "down", where it leads, and what failed last."""

    state: str = "connecting"
    address: str = ""
    error: str = ""
    since: float = 0.0
    """Unix time of the last change of ``state``."""


Keep = Callable[[Trunk, State], Awaitable[None]]
"""Keeps one trunk connected, and its state true, until cancelled."""

Check = Callable[[Trunk], None]
"""Raises RingwallError when a trunk leads where no carrier can be."""


class Trunks:
    """All trunks of this edge; ``keep`` does the work for one of them, ``check`` says whether it may."""

    def __init__(self, memory: Path, keep: Keep, check: Check) -> None:
        self._memory = memory
        self._keep = keep
        self._check = check
        self._lines: dict[int, _Line] = {}
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Set what was set last; a damaged file is put aside and said so."""
        try:
            trunks = parse(json.loads(await asyncio.to_thread(read_limited, self._memory, _FILE_LIMIT)))
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError, RingwallError) as error:
            log.error("The trunks in %s cannot be read, the core must set them: %s", self._memory, error)  # noqa: TRY400
            with suppress(OSError):
                self._memory.replace(self._memory.with_suffix(".damaged"))
            return
        await self._put(trunks)

    async def set(self, asked: object) -> list[dict[str, Any]]:
        """Make ``asked`` the list of trunks and return their states; TrunkError, with nothing changed."""
        trunks = parse(asked)
        for trunk in trunks:
            self._refuse(trunk)
        content = json.dumps([asdict(trunk) for trunk in trunks]).encode()
        async with self._changing:
            try:
                await asyncio.to_thread(write_atomically, self._memory, content, mode=0o600)
            except OSError as error:
                raise TrunkError(f"The trunks cannot be kept: {error.strerror}; nothing changed.") from None
            await self._put(trunks)
        return self.states()

    def _refuse(self, trunk: Trunk) -> None:
        try:
            self._check(trunk)
        except RingwallError as error:
            raise TrunkError(f"The trunk in slot {trunk.slot} cannot be set: {error}") from None

    def states(self) -> list[dict[str, Any]]:
        """Return slot, name, transport and state of every trunk that is set."""
        return [
            {
                "slot": slot,
                "name": line.trunk.name,
                "transport": line.trunk.transport,
                **asdict(line.state),
            }
            for slot, line in sorted(self._lines.items())
        ]

    async def stop(self) -> None:
        """Close every connection; the list on disk stays."""
        await self._put([])

    async def _put(self, trunks: list[Trunk]) -> None:
        wanted = {trunk.slot: trunk for trunk in trunks}
        ended = []
        for slot, line in list(self._lines.items()):
            trunk = wanted.get(slot)
            if trunk is not None and trunk.same_way(line.trunk):
                line.trunk = trunk  # a new name at most
                del wanted[slot]
            else:
                ended.append(self._lines.pop(slot).task)
                ended[-1].cancel()
        # The old connection is gone before the slot is given to another carrier.
        await asyncio.gather(*ended, return_exceptions=True)
        for slot, trunk in wanted.items():
            state = State()
            task = asyncio.get_running_loop().create_task(_run(self._keep, trunk, state))
            self._lines[slot] = _Line(trunk, state, task)


@dataclass(slots=True)
class _Line:
    trunk: Trunk
    state: State
    task: asyncio.Task[None]


async def _run(keep: Keep, trunk: Trunk, state: State) -> None:
    try:
        await keep(trunk, state)
    except Exception:
        log.exception("Trunk %d is not kept any more", trunk.slot)
        state.state, state.error = "down", "The edge agent failed: its log says why."


def parse(asked: object) -> list[Trunk]:
    """Return the trunks of a list as the core sends it; TrunkError naming the first thing that is wrong."""
    if not isinstance(asked, list):
        raise TrunkError("Trunks are a list.")
    trunks: dict[int, Trunk] = {}
    for item in asked:
        trunk = _trunk(item)
        if trunk.slot in trunks:
            raise TrunkError(f"Slot {trunk.slot} is given twice.")
        trunks[trunk.slot] = trunk
    return list(trunks.values())


def _trunk(item: object) -> Trunk:
    if not isinstance(item, dict):
        raise TrunkError("A trunk is an object with slot, name, host, port, transport and tls_name.")
    slot = item.get("slot")
    if type(slot) is not int or not 1 <= slot <= TRUNK_SLOTS:
        raise TrunkError(f"A slot is a number from 1 to {TRUNK_SLOTS}.")
    where = f"The trunk in slot {slot}"
    unknown = item.keys() - _FIELDS
    if unknown:
        raise TrunkError(f"{where} has an unknown field: {min(map(str, unknown))[:_NAME_LIMIT]}.")
    name, port, transport = item.get("name"), item.get("port"), item.get("transport", "tls")
    if not isinstance(name, str) or not 1 <= len(name) <= _NAME_LIMIT or not name.isprintable():
        raise TrunkError(f"{where} needs a name of 1 to {_NAME_LIMIT} printable characters.")
    if type(port) is not int or not 1 <= port <= 65535:
        raise TrunkError(f"{where} needs a port from 1 to 65535.")
    if transport not in TRANSPORTS:
        raise TrunkError(f"{where} has an unknown transport: tls and tcp are possible.")
    host = _host(item.get("host"), where)
    tls_name = _tls_name(item.get("tls_name"), host, transport, where)
    return Trunk(
        slot, name, host, port, transport, tls_name, _authority(item.get("authority"), tls_name, where)
    )


def _host(value: object, where: str) -> str:
    if isinstance(value, str):
        if is_address(value) or is_dns_name(value):
            return value.lower()
        if ":" in value:
            raise TrunkError(f"{where} has an IPv6 address or a port in its host: IPv4 is possible only.")
    raise TrunkError(f"{where} needs a host: an IPv4 address or a DNS name.")


def _tls_name(value: object, host: str, transport: str, where: str) -> str:
    if transport == "tcp":
        if value not in (None, ""):
            raise TrunkError(f"{where} has a tls_name but transport tcp: clear text proves no name.")
        return ""
    name = value or host
    if not isinstance(name, str) or is_address(name) or not is_dns_name(name):
        raise TrunkError(f"{where} needs a tls_name: the DNS name that its certificate is for.")
    return name.lower()


def _authority(value: object, tls_name: str, where: str) -> str:
    if value in (None, ""):
        return ""
    if not tls_name:
        raise TrunkError(f"{where} has an authority but transport tcp: clear text proves nothing.")
    found = []
    if isinstance(value, str) and len(value) <= _AUTHORITY_LIMIT:
        with suppress(ValueError):
            found = x509.load_pem_x509_certificates(value.encode("ascii"))
    if not found:
        raise TrunkError(
            f"{where} has an authority that is not certificates, as PEM, of {_AUTHORITY_LIMIT} bytes at most."
        )
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in found).decode("ascii")


def is_address(text: str) -> bool:
    """Say whether ``text`` is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_dns_name(text: str) -> bool:
    """Say whether ``text`` is a DNS name; a top-level label is never all digits (RFC 3696, 2)."""
    labels = text.rstrip(".").split(".")
    return len(text) <= _DNS_LIMIT and all(map(_LABEL.match, labels)) and not labels[-1].isdigit()
