"""What every part of call control stands on: tables of calls and legs, timers, and the way to the wire.

Rules that this module keeps:
- Nothing here decides anything about a call; that is for setup, answering, renegotiation, keepalive and
  teardown.
- Bytes leave once per batch: whoever calls in from outside (a read from the link, a timer, a finished task)
  flushes.
- A task that fails ends its call and says so in the log; it never stays half done.
- A leg that is over leaves nothing open: what its party asked is answered, what it was asked is not awaited.
- What is to be sent while the link is down waits for it, for a short while.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ringwall.core.calls.call import Call, CallState, Continuation, Leg, LegState
from ringwall.core.calls.relay import RelayControl
from ringwall.core.calls.seizure import SpentGrants
from ringwall.core.calls.settings import Forwardings
from ringwall.core.registrar.authenticator import Authenticator, DirectorySource
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.flows import Flow
from ringwall.core.registrar.service import Registrar
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.store.schema import live_call_upsert
from ringwall.core.trunks import login
from ringwall.core.trunks.rights import Rights
from ringwall.core.trunks.supervision import Supervision
from ringwall.core.trunks.trunks import Trunks
from ringwall.infra.settings import Settings
from ringwall.sip.message import Request, Response
from ringwall.sip.session_timer import Refresher, TimerPolicy
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction import Transactions

if TYPE_CHECKING:
    from ringwall.core.calls.features.transfer import Transfer

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER"
PRODUCT = "Ringwall"

HELD_SECONDS = 10.0  # what is older when the link is back would only confuse whoever gets it
HELD_MESSAGES = 5000

TimerKey = tuple[str, object]

K = TypeVar("K")


class CallStore(Protocol):
    """What call control asks of the store."""

    @property
    def failing(self) -> str | None:
        """Why records cannot be kept right now, or None."""

    def submit(self, statement: Any, params: dict[str, Any]) -> None:
        """Put a statement into the next group commit."""


class LegGone(Exception):  # noqa: N818 - a state of the call, told to the task that works on it
    """The leg ended while a task waited for its party's answer: there is nothing left to do."""


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
        rights: Rights,
        trunks: Trunks,
        forwardings: Forwardings,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.settings = settings
        self.domain = settings.organisation.domain
        # We refresh where we may choose: then we notice the lost phone.
        self.session_policy = TimerPolicy(settings.sip.session_expires, settings.sip.min_se, Refresher.LOCAL)
        self.tx = transactions
        self.relays = relays
        self.directory = directory
        self.authenticator = authenticator
        self.registrar = registrar
        self.bindings = bindings
        self.store = store
        self.record = record
        self.watch = watch
        self.rights = rights
        self.trunks = trunks
        self.forwardings = forwardings
        self.use = rights.use  # of outside calls, for the limits of the policy
        self.spent = SpentGrants()
        self.timers: TimerQueue[TimerKey] = TimerQueue()
        self.calls: dict[str, Call] = {}
        self.legs: dict[tuple[str, str], tuple[Call, Leg]] = {}  # by SIP Call-ID and our tag
        self.server_invites: dict[str, tuple[Call, Leg]] = {}  # by transaction key, until the ACK
        self.flows: dict[str, set[Leg]] = {}  # legs by "address:port" of their connection
        self.devices: dict[int, set[Leg]] = {}  # legs by device
        self.errands: dict[str, Continuation] = {}  # our requests that belong to no leg, by transaction key
        self.on_call_end: list[Callable[[Call], None]] = []
        self.on_leg_end: list[Callable[[Leg], None]] = []
        self.on_emergency: list[Callable[[dict[str, Any]], None]] = []
        self.divert: Callable[[Call, int], bool] = _not_diverted  # forwarding's: another try for a call
        self.transfers: dict[str, Transfer] = {}  # those under way, by the calls that they are about
        self.left: Callable[[Call, Leg], bool] = _not_left  # transfer's: whether the call goes on
        self.ended: Callable[[Call, int], None] = _not_heard  # transfer's: a call of it has ended
        self.wake: Callable[[], None] = _nothing  # the dispatcher's: looks at the timers anew
        self._held_since: float | None = loop.time()  # since when the link is down; it is not up yet
        self._write = write
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._contact_host = _host_port(str(settings.address), settings.ports.sips)
        self.supervision = Supervision(
            trunks,
            rights.trunk_password,
            self.errand,
            record,
            contact=self._contact_host,
            product=PRODUCT,
            now=self.now,
        )
        self.supervision.refresh()

    # The wire

    def now(self) -> float:
        """Monotonic seconds, the clock of all timers here."""
        return self._loop.time()

    def flush(self) -> None:
        """Write what the transactions have made since the last time."""
        if self._held_since is None:
            data = self.tx.take_output()
            if data:
                self._write(data)
        elif len(self.tx.outbox) > HELD_MESSAGES:
            del self.tx.outbox[:-HELD_MESSAGES]
        self.wake()

    @property
    def link_is_up(self) -> bool:
        """Whether what is sent now leaves now."""
        return self._held_since is None

    def hold(self) -> None:
        """The link is down: keep what is to be sent."""
        if self._held_since is None:
            self._held_since = self.now()

    def release(self) -> None:
        """The link is up: send what was kept, unless it is old."""
        if self._held_since is not None and self.now() - self._held_since > HELD_SECONDS:
            self.tx.take_output()
        self._held_since = None
        self.flush()

    def request(self, leg: Leg, request: Request, then: Continuation) -> str:
        """Send a request on a leg; `then` gets its responses, a time-out as 408 and a lost link as 503."""
        self._address(leg, request)
        key = self.tx.request(request, self.now())
        leg.waiting[key] = self._logging_in(leg, then) if leg.trunk else then
        return key

    def say(self, leg: Leg, request: Request) -> None:
        """Send a request on a leg that is over; what comes back changes nothing."""
        self._address(leg, request)
        key = self.tx.request(request, self.now())
        if leg.trunk:
            self.errands[key] = lambda q, r: self._say_again(leg, q, r)

    def acknowledge(self, leg: Leg, cseq: int) -> None:
        """Send the ACK for a 2xx to our INVITE with that CSeq number."""
        assert leg.dialog is not None
        ack = leg.dialog.ack(cseq)
        self._address(leg, ack)
        self.tx.send(ack)

    def errand(self, request: Request, then: Continuation) -> str:
        """Send a request that belongs to no leg; `then` gets its final response."""
        key = self.tx.request(request, self.now())
        self.errands[key] = then
        return key

    def _address(self, leg: Leg, request: Request) -> None:
        """A party that has no connection of its own is reached by its trunk's slot at the edge."""
        if leg.trunk and leg.flow is None:
            self.trunks.address(leg.trunk, request)

    def login(self, leg: Leg, request: Request, response: Response) -> Request | None:
        """The same request with our login, after a carrier asked for it; None where that says no more."""
        line = self.trunks.line(leg.trunk)
        if line is None or response.status not in {401, 407}:
            return None
        header = login.credentials(
            request, response, line.username, self.rights.trunk_password(line.id) or ""
        )
        if header is None:
            return None
        again = Request(request.method, request.uri, request.headers.copy(), request.body)
        again.headers.remove("Via")
        again.headers.set(*header)
        number = request.cseq.number + 1
        if leg.dialog is not None:
            number = leg.dialog.local_cseq = leg.dialog.local_cseq + 1
        again.headers.set("CSeq", f"{number} {request.method}")
        return again

    def _logging_in(self, leg: Leg, then: Continuation) -> Continuation:
        def answered(request: Request, response: Response) -> None:
            again = self.login(leg, request, response)
            if again is None:
                then(request, response)
            else:
                key = self.request(leg, again, then)
                if leg.key and request.method == "INVITE" and request.to.tag is None:
                    leg.key = key  # so that it can be cancelled

        return answered

    def _say_again(self, leg: Leg, request: Request, response: Response) -> None:
        again = self.login(leg, request, response)
        if again is not None:
            self.errand(again, lambda _request, _response: None)

    async def ask(self, leg: Leg, request: Request) -> Response:
        """Send a request on a leg and wait for its final answer. Raises LegGone when the leg ends first."""
        future: asyncio.Future[Response] = self._loop.create_future()

        def answered(_request: Request, response: Response) -> None:
            if response.status >= 200 and not future.done():
                future.set_result(response)

        leg.questions.add(future)
        self.request(leg, request, answered)
        self.flush()
        try:
            return await future
        finally:
            leg.questions.discard(future)

    def respond(self, key: str, response: Response) -> None:
        """Answer a request."""
        self.tx.respond(key, response, self.now())

    def answer(self, leg: Leg, key: str, response: Response) -> bool:
        """Answer a request of `leg.asked`; False when it was answered already, because the leg is over."""
        if leg.asked.pop(key, None) is None:
            return False
        self.respond(key, response)
        return True

    def spawn(self, call: Call, work: Coroutine[Any, Any, None], failed: Callable[[Exception], None]) -> None:
        """Run a part of a call's life that has to wait; `failed` ends the call if it breaks."""

        async def guarded() -> None:
            try:
                await work
            except LegGone:
                pass
            except Exception as error:
                log.exception("call %s: an unforeseen error ended it", call.id)
                failed(error)
            finally:
                self.flush()

        task = self._loop.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def trunks_changed(self) -> None:
        """The administrator changed trunks or groups."""
        self.trunks.refresh()
        self.supervision.refresh()
        self.flush()

    # Tables

    def keep(self, call: Call) -> None:
        """Write the call down as it is, so that another process can take it up."""
        if call.state is CallState.TALKING:
            body = call.to_value()
            self.store.submit(*live_call_upsert(call_id=call.id, started=call.started_at, body=body))

    def contact_for(self, tag: str) -> str:
        """The Contact that we give a party: the edge's address, with our tag as the user."""
        return f"<sip:{tag}@{self._contact_host};transport=tls>"

    def new_tag(self) -> str:
        """A new random tag; 64 bits, so that nobody guesses one (RFC 3261 19.3 asks for 32)."""
        return secrets.token_hex(8)

    def add_leg(self, call: Call, leg: Leg) -> None:
        """Let the leg be found by its dialog, its device and its flow."""
        if leg.trunk and (leg.sip_call_id, leg.tag) not in self.legs:
            self.trunks.hold(leg.trunk)
        self.legs[leg.sip_call_id, leg.tag] = (call, leg)
        if not leg.trunk:
            self.devices.setdefault(leg.device_id, set()).add(leg)
        if leg.flow is not None:
            self.flows.setdefault(leg.flow.peer, set()).add(leg)

    def lose(self, leg: Leg) -> None:
        """The party's connection is gone; it has a while to come back on another one."""
        if ("lost", leg) not in self.timers:
            self.timers.set(("lost", leg), self.now() + self.settings.sip.lost_phone_seconds)

    def is_lost(self, leg: Leg) -> bool:
        """Whether the party's connection is gone."""
        return ("lost", leg) in self.timers

    def move_leg(self, leg: Leg, flow: Flow) -> None:
        """The party speaks over another connection now."""
        self._leave_flow(leg)
        leg.flow = flow
        self.flows.setdefault(flow.peer, set()).add(leg)
        self.timers.cancel(("lost", leg))

    def _leave_flow(self, leg: Leg) -> None:
        if leg.flow is not None:
            _discard(self.flows, leg.flow.peer, leg)

    def drop_leg(self, leg: Leg) -> None:
        """The leg is over: no table, no timer, no task knows it any longer."""
        leg.state = LegState.ENDED
        if self.legs.pop((leg.sip_call_id, leg.tag), None) is not None:
            if leg.trunk:
                self.trunks.let_go(leg.trunk)
            for listener in self.on_leg_end:
                listener(leg)
        self._leave_flow(leg)
        _discard(self.devices, leg.device_id, leg)
        for name in ("refresh", "session", "reliable", "lost", "trying", "longest"):
            self.timers.cancel((name, leg))
        for key in leg.unacknowledged:
            self.server_invites.pop(key, None)
        leg.unacknowledged.clear()
        for key, request in leg.asked.items():
            # RFC 3261 15.1.2: what is still open when the dialog ends is answered.
            self.respond(key, request.response(487 if request.method == "INVITE" else 481))
        leg.asked.clear()
        leg.invite = None
        leg.waiting.clear()
        for future in leg.questions:
            if not future.done():
                future.set_exception(LegGone())


def _nothing() -> None:
    """Stands in until there is a dispatcher."""


def _not_left(_call: Call, _leg: Leg) -> bool:
    """Stands in where nobody transfers."""
    return False


def _not_heard(_call: Call, _status: int) -> None:
    """Stands in where nobody listens."""


def _not_diverted(_call: Call, _status: int) -> bool:
    """Stands in where nothing is forwarded."""
    return False


def _discard(table: dict[K, set[Leg]], key: K, leg: Leg) -> None:
    """Take the leg out of the set, and the set out of the table when it is empty."""
    legs = table.get(key)
    if legs is not None:
        legs.discard(leg)
        if not legs:
            del table[key]


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
