"""What every part of call control stands on: tables of calls and legs, timers, and the way to the wire.

Rules that this module keeps:
- Nothing here decides anything about a call; that is for setup, answering, renegotiation, keepalive and teardown.
- Bytes leave once per batch: whoever calls in from outside (a read from the link, a timer, a finished task) flushes.
- A task that fails ends its call and says so in the log; it never stays half done.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from ringwall.core.calls.call import Call, Continuation, Leg, LegState
from ringwall.core.calls.relay import RelayControl
from ringwall.core.registrar.authenticator import Authenticator, DirectorySource
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.flows import Flow
from ringwall.core.registrar.service import Registrar
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.infra.settings import Settings
from ringwall.sip.message import Request, Response
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction import Transactions

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO"
PRODUCT = "Ringwall"

TimerKey = tuple[str, object]


class CallStore(Protocol):
    """What call control asks of the store."""

    @property
    def failing(self) -> str | None:
        """Why records cannot be kept right now, or None."""

    def submit(self, statement: Any, params: dict[str, Any]) -> None:
        """Put a statement into the next group commit."""


class Switch:
    """The ground that the transitions stand on; one for each edge link."""

    def __init__(
        self,
        settings: Settings,
        *,
        transactions: Transactions,
        write: Callable[[bytes], None],
        relays: RelayControl,
        directory: DirectorySource,
        authenticator: Authenticator,
        registrar: Registrar,
        bindings: Bindings,
        store: CallStore,
        record: Callable[..., None],
        watch: SecurityWatch,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.settings = settings
        self.domain = settings.organisation.domain
        self.tx = transactions
        self.relays = relays
        self.directory = directory
        self.authenticator = authenticator
        self.registrar = registrar
        self.bindings = bindings
        self.store = store
        self.record = record
        self.watch = watch
        self.timers: TimerQueue[TimerKey] = TimerQueue()
        self.calls: dict[str, Call] = {}
        self.legs: dict[tuple[str, str], tuple[Call, Leg]] = {}  # by SIP Call-ID and our tag
        self.server_invites: dict[str, tuple[Call, Leg]] = {}  # by transaction key, until the ACK
        self.flows: dict[str, set[Leg]] = {}  # legs by "address:port" of their connection
        self.on_call_end: list[Callable[[Call], None]] = []
        self._lost: dict[int, set[Leg]] = {}  # legs of closed connections, by device
        self._write = write
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._contact_host = _host_port(str(settings.address), settings.ports.sips)

    # The wire

    def now(self) -> float:
        """Monotonic seconds, the clock of all timers here."""
        return self._loop.time()

    def flush(self) -> None:
        """Write what the transactions have made since the last time."""
        data = self.tx.take_output()
        if data:
            self._write(data)

    def request(self, leg: Leg, request: Request, then: Continuation) -> str:
        """Send a request on a leg; `then` gets its responses, a time-out as 408 and a lost link as 503."""
        key = self.tx.request(request, self.now())
        leg.waiting[key] = then
        return key

    def respond(self, key: str, response: Response) -> None:
        """Answer a request."""
        self.tx.respond(key, response, self.now())

    def spawn(self, call: Call, work: Coroutine[Any, Any, None], failed: Callable[[Exception], None]) -> None:
        """Run a part of a call's life that has to wait for the relay; `failed` ends the call if it breaks."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                log.exception("call %s: an unforeseen error ended it", call.id)
                failed(error)
            finally:
                self.flush()

        task = self._loop.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Tables

    def contact_for(self, tag: str) -> str:
        """The Contact that we give a party: the edge's address, with our tag as the user."""
        return f"<sip:{tag}@{self._contact_host};transport=tls>"

    def new_tag(self) -> str:
        """A new random tag; 64 bits, so that nobody guesses one (RFC 3261 19.3 asks for 32)."""
        return secrets.token_hex(8)

    def add_leg(self, call: Call, leg: Leg) -> None:
        """Let the leg be found by its dialog and its flow."""
        self.legs[leg.sip_call_id, leg.tag] = (call, leg)
        if leg.flow is not None:
            self.flows.setdefault(leg.flow.peer, set()).add(leg)

    def lose(self, leg: Leg) -> None:
        """The party's connection is gone; it has a while to come back on another one."""
        self._lost.setdefault(leg.device_id, set()).add(leg)
        self.timers.set(("lost", leg), self.now() + self.settings.sip.lost_phone_seconds)

    def found_again(self, device_id: int) -> list[Leg]:
        """Return the legs of a device that were lost and whose time is not over; they are no longer lost."""
        legs = list(self._lost.pop(device_id, ()))
        for leg in legs:
            self.timers.cancel(("lost", leg))
        return legs

    def move_leg(self, leg: Leg, flow: Flow) -> None:
        """The party speaks over another connection now."""
        self._leave_flow(leg)
        leg.flow = flow
        self.flows.setdefault(flow.peer, set()).add(leg)

    def _leave_flow(self, leg: Leg) -> None:
        on_flow = self.flows.get(leg.flow.peer) if leg.flow is not None else None
        if on_flow is not None and leg.flow is not None:
            on_flow.discard(leg)
            if not on_flow:
                del self.flows[leg.flow.peer]

    def drop_leg(self, leg: Leg) -> None:
        """The leg is over: no table, no timer knows it any longer."""
        leg.state = LegState.ENDED
        self.legs.pop((leg.sip_call_id, leg.tag), None)
        self._leave_flow(leg)
        lost = self._lost.get(leg.device_id)
        if lost is not None:
            lost.discard(leg)
            if not lost:
                del self._lost[leg.device_id]
        for name in ("refresh", "session", "reliable", "lost"):
            self.timers.cancel((name, leg))
        leg.invite = None
        leg.waiting.clear()


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
