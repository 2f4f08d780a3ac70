"""The agent's listeners, unix sockets all of them, and the control link's protocol."""

import asyncio
import ipaddress
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ringwall.edge.agent import health
from ringwall.edge.agent.bans import Bans, acl_file
from ringwall.edge.agent.doors import Doors
from ringwall.edge.agent.http_join import Joiner
from ringwall.edge.agent.ledger_marks import LedgerMarks
from ringwall.edge.agent.ng import NgClient, NgRefused
from ringwall.edge.agent.trunk_line import Ends, LineKeeper
from ringwall.edge.agent.trunk_wire import HaproxyLog
from ringwall.edge.agent.trunks import Trunk, Trunks
from ringwall.edge.haproxy_admin import HaproxyAdmin
from ringwall.infra.errors import FrameError, RingwallError
from ringwall.infra.frames import FrameReader, Kind, encode
from ringwall.infra.layout import Layout
from ringwall.infra.listeners import listeners_of
from ringwall.infra.ports import LOOPBACK
from ringwall.infra.settings import Settings

log = logging.getLogger(__name__)

_MOST_CONTROLS = 8
_WRITE_LIMIT = 4 * 1024 * 1024
_MOST_BANS_SHOWN = 1000  # an answer is one frame

Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Control(asyncio.Protocol):
    """One control link. Answers of one turn of the event loop go out in one write."""

    _transport: asyncio.Transport

    def __init__(self, ng: NgClient, operations: dict[str, Operation], links: "set[Control]") -> None:
        self._ng = ng
        self._operations = operations
        self._links = links
        self._reader = FrameReader()
        self._out: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the link, unless there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        if len(self._links) >= _MOST_CONTROLS:
            self._transport.abort()
            return
        self._open = True
        self._links.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget what is under way: nobody is there to hear it. What rtpengine was told stays told."""
        self._open = False
        self._links.discard(self)

    def data_received(self, data: bytes) -> None:
        """Start what the frames ask for."""
        try:
            frames = self._reader.feed(data)
        except FrameError as error:
            log.warning("A control link is closed: %s", error)
            self._transport.abort()
            return
        for frame in frames:
            if frame.kind is Kind.NG or frame.kind is Kind.NG_QUIET:
                self._run_ng(frame.id, frame.payload, quiet=frame.kind is Kind.NG_QUIET)
            elif frame.kind is Kind.CALL:
                task = asyncio.get_running_loop().create_task(self._call(frame.id, frame.payload))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                log.warning("A control link is closed: it sent a frame of kind %s", frame.kind.name)
                self._transport.abort()
                return

    def _run_ng(self, frame_id: int, command: bytes, *, quiet: bool) -> None:
        def answered(reply: bytes | None, why: str) -> None:
            if reply is not None:
                if not quiet:
                    self._answer(Kind.NG_REPLY, frame_id, reply)
            else:
                self._answer(Kind.ERROR, frame_id, _json({"error": why, "code": "unavailable"}))

        try:
            self._ng.ask(command, answered)
        except NgRefused as error:
            self._answer(Kind.ERROR, frame_id, _json({"error": str(error), "code": "refused"}))

    async def _call(self, frame_id: int, payload: bytes) -> None:
        try:
            asked = json.loads(payload)
            operation = self._operations[asked["op"]]
        except (ValueError, KeyError, TypeError):
            self._answer(Kind.REPLY, frame_id, _json({"ok": False, "error": "There is no such operation."}))
            return
        try:
            answer = {"ok": True, **await operation(asked)}
        except RingwallError as error:
            answer = {"ok": False, "error": str(error)}
        except Exception:
            log.exception("The operation %s failed", asked["op"])
            answer = {"ok": False, "error": "The edge agent failed: its log says why."}
        self._answer(Kind.REPLY, frame_id, _json(answer))

    def _answer(self, kind: Kind, frame_id: int, payload: bytes) -> None:
        if not self._open:
            return
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(encode(kind, frame_id, payload))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._open:
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > _WRITE_LIMIT:
                log.warning("A control link is closed: the core does not read")
                self._transport.abort()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


class Agent:
    """Everything the agent does, for one system."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout = layout
        self._settings = settings
        self._haproxy = HaproxyAdmin(layout.haproxy_socket)
        self.joiner = Joiner()
        self.bans = Bans(
            layout.bans_file,
            acl_file(layout),
            self._haproxy,
            own=frozenset({settings.address}),
        )
        self.ledgers = LedgerMarks(layout.ledger_marks_file)
        self._outcomes = HaproxyLog()
        self._doors = Doors()
        keeper = LineKeeper(_ends(layout, settings), self._outcomes, self._trust)
        self.trunks = Trunks(layout.trunks_file, keeper.keep, keeper.check)
        self._links: set[Control] = set()
        self._ng: NgClient | None = None

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Serve until cancelled. OSError when a socket cannot be made."""
        loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.bans.load)
        await asyncio.to_thread(self.ledgers.load)
        async with AsyncExitStack() as stack:
            address = (LOOPBACK, self._settings.ports.ng)
            transport, ng = await loop.create_datagram_endpoint(NgClient, remote_addr=address)
            stack.callback(transport.close)
            self._ng = ng
            operations: dict[str, Operation] = {
                "ping": self._ping,
                "ban": self._ban,
                "unban": self._unban,
                "bans": self._bans,
                "engines": self._engines,
                "trunks": self._set_trunks,
                "trunk-states": self._trunk_states,
                "ledger-witness": self.ledgers.witness,
                "plain-text": self._doors.plain_text,
            }
            for path, factory in (
                (self._layout.agent_http_socket, self.joiner.outside),
                (self._layout.agent_core_http_socket, self.joiner.core),
                (self._layout.agent_control_socket, lambda: Control(ng, operations, self._links)),
            ):
                server = await _listen(path, factory)
                stack.callback(server.close)
            await _hear(stack, self._layout.trunk_log_socket, self._outcomes)
            await _hear(stack, self._layout.door_log_socket, self._doors)
            await self.trunks.load()
            stack.push_async_callback(self.trunks.stop)
            if ready is not None:
                ready.set()
            await self.bans.keep()

    def _trust(self, trunk: Trunk) -> None:
        self._haproxy.deploy_authority(str(self._layout.slot_ca(trunk.slot)), trunk.authority)

    async def _ping(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - an operation's signature
        return {"idle_http": len(self.joiner.idle)}

    async def _ban(self, asked: dict[str, Any]) -> dict[str, Any]:
        seconds = asked.get("seconds")
        number = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else 0.0
        cut = await self.bans.ban(asked.get("source", ""), number, str(asked.get("reason", "")))
        return {"cut": cut}

    async def _unban(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"removed": await self.bans.unban(asked.get("source", ""))}

    async def _bans(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - an operation's signature
        return {"bans": [asdict(ban) for ban in self.bans.all()[:_MOST_BANS_SHOWN]]}

    async def _set_trunks(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"trunks": await self.trunks.set(asked.get("trunks"))}

    async def _trunk_states(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - an operation's signature
        return {"trunks": self.trunks.states()}

    async def _engines(self, asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - an operation's signature
        assert self._ng is not None
        ports = self._settings.ports
        return {
            "engines": {
                "haproxy": await health.haproxy(self._haproxy),
                "kamailio": await health.kamailio(LOOPBACK, ports.kamailio_phones),
                "rtpengine": await health.rtpengine(self._ng),
            }
        }


def _ends(layout: Layout, settings: Settings) -> Ends:
    return Ends(
        tls_socket=layout.trunk_tls_socket,
        clear_socket=layout.trunk_clear_socket,
        kamailio_port=settings.ports.kamailio_trunks,
        token_file=layout.trunk_token,
        own=frozenset((listener.address, listener.port) for listener in listeners_of(settings)),
        loopback=ipaddress.IPv4Address(settings.address).is_loopback,
    )


async def _hear(stack: AsyncExitStack, path: Path, protocol: asyncio.DatagramProtocol) -> None:
    """Take the lines that HAProxy logs to ``path``, until the stack is closed."""
    hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stack.callback(hearing.close)
    _bind(hearing, path)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, sock=hearing)
    stack.callback(transport.close)


async def _listen(path: Path, factory: Callable[[], asyncio.Protocol]) -> asyncio.AbstractServer:
    """Listen at ``path``, in the place of what an earlier process left there."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listener, path)
    except OSError:
        listener.close()
        raise
    return await asyncio.get_running_loop().create_unix_server(factory, sock=listener, backlog=512)


def _bind(listener: socket.socket, path: Path) -> None:
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    # The folder's group are HAProxy and this agent; the folder itself is closed to everybody else.
    path.chmod(0o660)
