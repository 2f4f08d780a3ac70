"""One trunk's connection: opened to the carrier through HAProxy, joined with Kamailio, kept.

Why not Kamailio itself: it opens no connection at all (``tcp_no_connect``), so that nobody who speaks to it
can make it reach anything. So the connection is there before a call needs it, and while it is not, a call is
refused at once instead of after a timer. Nothing of SIP is read here but the answer to the agent's hello.

The order is: HAProxy is told where to (PROXY protocol, version 2), its log says when TLS is up or why not,
Kamailio is told which trunk it is, and then the two byte streams are joined.
"""

import asyncio
import ipaddress
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ringwall.edge.agent.trunk_wire import HaproxyLog, Line, hello, proxy_v1, proxy_v2
from ringwall.edge.agent.trunks import State, Trunk, is_address
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited

log = logging.getLogger(__name__)

RESOLVE_SECONDS = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_STEADY_SECONDS = 10.0
_ANSWER_SECONDS = 8.0  # HAProxy gives up before
_MOST_ADDRESSES = 8
_LAST_SEQUENCE = 65535
_LOOPBACK = "127.0.0.1"


Resolve = Callable[[str], Awaitable[list[str]]]

Trust = Callable[[Trunk], None]
"""Makes HAProxy know the trunk's own authorities, blocking; RingwallError."""


class LineDownError(RingwallError):
    """A connection to a carrier was not made; the text says why."""

    code = "trunk-down"


@dataclass(frozen=True, slots=True)
class Ends:
    """What a line is made between, and whom it may not lead to."""

    tls_socket: Path
    clear_socket: Path
    kamailio_port: int
    token_file: Path
    own: frozenset[tuple[str, int]]
    """Addresses and ports of this edge itself."""
    loopback: bool = False
    """Whether carriers may be on this host's loopback: where the whole system is, for tests."""


class LineKeeper:
    """Makes and keeps the lines of all trunks; ``keep`` is the work for one."""

    def __init__(
        self,
        ends: Ends,
        outcomes: HaproxyLog,
        trust: Trust,
        *,
        resolve: Resolve | None = None,
        first_wait: float = _FIRST_WAIT,
        resolve_seconds: float = RESOLVE_SECONDS,
    ) -> None:
        self._ends = ends
        self._outcomes = outcomes
        self._trust = trust
        self._trusting = asyncio.Lock()
        self._kamailio = (_LOOPBACK, ends.kamailio_port)
        self._resolve = resolve or resolve_name
        self._first_wait = first_wait
        self._resolve_seconds = resolve_seconds
        # A number of its own for each connection: Kamailio must never take a new one for the old.
        self._sequence = secrets.randbelow(_LAST_SEQUENCE)

    async def keep(self, trunk: Trunk, state: State) -> None:
        """Keep ``trunk`` connected and ``state`` true, until cancelled."""
        wait = self._first_wait
        while True:
            began = time.monotonic()
            try:
                line = await self._connect(trunk, state)
                try:
                    _note(trunk, state, "up", "")
                    began = time.monotonic()
                    why = await self._until_lost(trunk, state, line)
                finally:
                    line.abort()
            except (RingwallError, OSError, ValueError) as error:
                why = str(error)
            _note(trunk, state, "down", why)
            if time.monotonic() - began > _STEADY_SECONDS:
                wait = self._first_wait
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def check(self, trunk: Trunk) -> None:
        """Raise LineDownError when a trunk could lead to this edge itself and never to a carrier."""
        if is_address(trunk.host):
            self._refuse_own(trunk.host, trunk.port)

    def _refuse_own(self, address: str, port: int) -> None:
        # A core that was taken over must not reach into the edge by calling it a carrier.
        parsed = ipaddress.IPv4Address(address)
        if (
            (address, port) in self._ends.own
            or parsed.is_unspecified
            or parsed.is_multicast
            or parsed.is_reserved
            or parsed.is_link_local
            or (parsed.is_loopback and not self._ends.loopback)
        ):
            raise LineDownError(f"{address}:{port} is on this host itself or on no host: it is no carrier.")

    async def _connect(self, trunk: Trunk, state: State) -> Line:
        why = "Its name has no IPv4 address."
        for address in (await self._addresses(trunk))[:_MOST_ADDRESSES]:
            state.address = f"{address}:{trunk.port}"
            try:
                return await self._dial(trunk, address)
            except LineDownError as error:
                why = str(error)
            except OSError as error:
                why = f"HAProxy or Kamailio is away: {error.strerror or error}."
        raise LineDownError(why)

    async def _until_lost(self, trunk: Trunk, state: State, line: Line) -> str:
        """Wait for the end of the line, or for its address to be none of the carrier's any more."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(line.closed), self._resolve_seconds)
                return "The connection was closed."
            try:
                addresses = await self._addresses(trunk)
            except LineDownError:
                continue  # a name server that is away is no reason to hang up
            if state.address.rpartition(":")[0] not in addresses:
                return "The carrier's name leads to another address now."

    async def _addresses(self, trunk: Trunk) -> list[str]:
        found = [trunk.host] if is_address(trunk.host) else await self._resolve(trunk.host)
        for address in found:
            self._refuse_own(address, trunk.port)
        return found

    async def _dial(self, trunk: Trunk, address: str) -> Line:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        source = (f"127.255.0.{trunk.slot}", self._sequence)
        towards_haproxy = (f"127.255.{1 if trunk.authority else 0}.{trunk.slot}", self._sequence)
        ends = self._ends
        try:
            token = (await asyncio.to_thread(read_limited, ends.token_file)).decode("ascii")
        except (OSError, ValueError, RingwallError):
            raise LineDownError(f"{ends.token_file} cannot be read: run `./ringwall doctor`.") from None
        path = ends.tls_socket if trunk.transport == "tls" else ends.clear_socket
        if trunk.authority:
            try:
                # HAProxy takes one exchange of authorities at a time.
                async with self._trusting:
                    await asyncio.to_thread(self._trust, trunk)
            except RingwallError as error:
                raise LineDownError(str(error)) from None
        outcome = self._outcomes.expect(towards_haproxy)
        line = Line()
        try:
            await self._open(
                line, path, proxy_v2(towards_haproxy, (address, trunk.port), trunk.tls_name), outcome
            )
            await self._greet(line, proxy_v1(source, self._kamailio) + hello(trunk, address, token))
        except BaseException:
            line.abort()
            raise
        finally:
            outcome.cancel()
        line.join()
        return line

    async def _open(self, line: Line, path: Path, header: bytes, outcome: asyncio.Future[str]) -> None:
        _, carrier = await asyncio.get_running_loop().create_unix_connection(line.open_carrier, str(path))
        carrier.transport.write(header)
        why = await _first_of(outcome, line.closed)
        if why:
            raise LineDownError(why)

    async def _greet(self, line: Line, words: bytes) -> None:
        _, kamailio = await asyncio.get_running_loop().create_connection(line.open_kamailio, *self._kamailio)
        kamailio.transport.write(words)
        if await _first_of(line.greeted, line.closed):
            raise LineDownError("Kamailio does not know this agent: run `./ringwall down` and `up`.")


async def _first_of(answer: asyncio.Future[str], closed: asyncio.Future[None]) -> str:
    """Return the answer; a sentence when the connection ended before it, or nothing came in time."""
    both: set[asyncio.Future[Any]] = {answer, closed}
    await asyncio.wait(both, timeout=_ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done() and closed.done():
        # HAProxy closes first and then writes its line.
        await asyncio.wait({answer}, timeout=1.0)
    return answer.result() if answer.done() else "HAProxy or Kamailio closed the connection."


def _note(trunk: Trunk, state: State, now: str, error: str) -> None:
    if (state.state, state.error) != (now, error or state.error):
        if now == "up":
            log.info("Trunk %d is connected to %s over %s", trunk.slot, state.address, trunk.transport)
        else:
            log.warning("Trunk %d to %s is down: %s", trunk.slot, state.address or trunk.host, error)
    if state.state != now:
        state.since = time.time()
    state.state = now
    state.error = error


async def resolve_name(host: str) -> list[str]:
    """Ask the system's resolver, which has a thread of its own; LineDownError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, None, family=socket.AF_INET, type=socket.SOCK_STREAM
        )
    except OSError as error:
        raise LineDownError(f"{host} cannot be resolved: {error.strerror or error}.") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
