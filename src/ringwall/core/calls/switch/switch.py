"""What every part of call control stands on: tables of calls and legs, timers, and the way to the wire.

Rules that this module keeps:
- Nothing here decides anything about a call; that is for the transitions, which stand above it in layers
  (pyproject.toml holds the list). Where something below has to be heard above, there is a hook.
- A task that fails ends its call and says so in the log; it never stays half done.
- A leg that is over leaves nothing open: what its party asked is answered, what it was asked is not awaited.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import orjson

from ringwall.core.calls.model.call import Call
from ringwall.core.calls.model.leg import Leg
from ringwall.core.calls.model.seizure import SpentGrants
from ringwall.core.calls.model.settings import Forwardings
from ringwall.core.calls.model.states import CallState, Change, LegEvent
from ringwall.core.calls.switch.asking import Asking
from ringwall.core.calls.switch.latest import Latest
from ringwall.core.calls.switch.own_addresses import OwnAddressBook
from ringwall.core.calls.switch.relay_control import RelayControl
from ringwall.core.calls.switch.wire import LegGone, Wire
from ringwall.core.media.control import Media
from ringwall.core.registrar.authenticator import Authenticator, DirectorySource
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.flows import Flow
from ringwall.core.registrar.offenders import Offenders
from ringwall.core.registrar.service import Registrar
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.store.call_keys import CallKeys
from ringwall.core.store.schema import live_call_upsert
from ringwall.core.trunks.rights import Rights
from ringwall.core.trunks.supervision import Supervision
from ringwall.core.trunks.trunks import Trunks
from ringwall.events import Record
from ringwall.infra.settings import Settings
from ringwall.sip.session_timer import Refresher, TimerPolicy
from ringwall.sip.timers import TimerQueue
from ringwall.sip.transaction import Transactions

log = logging.getLogger(__name__)

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, SUBSCRIBE"
PRODUCT = "Ringwall"

TimerKey = tuple[str, object]

K = TypeVar("K")


class CallStore(Protocol):
    """What call control asks of the store."""

    @property
    def failing(self) -> str | None:
        """Why records cannot be kept right now, or None."""

    def submit(self, statement: Any, params: dict[str, Any]) -> None:
        """Put a statement into the next group commit."""

    def hasten(self) -> None:
        """Make the next group commit now."""


class Switch(Wire, Asking):
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
        record: Record,
        watch: SecurityWatch,
        offenders: Offenders,
        rights: Rights,
        trunks: Trunks,
        forwardings: Forwardings,
        loop: asyncio.AbstractEventLoop,
        call_keys: CallKeys,
        own_addresses: OwnAddressBook,
        media: Media | None = None,
    ) -> None:
        Wire.__init__(self, transactions, write, rights, trunks, loop)
        Asking.__init__(self, rights, record)
        self.settings = settings
        self.domain = settings.organisation.domain
        # We refresh where we may choose: then we notice the lost phone.
        self.session_policy = TimerPolicy(settings.sip.session_expires, settings.sip.min_se, Refresher.LOCAL)
        self.relays = relays
        self.directory = directory
        self.authenticator = authenticator
        self.registrar = registrar
        self.bindings = bindings
        self.store = store
        self.call_keys = call_keys
        self.watch = watch
        self.offenders = offenders
        self.forwardings = forwardings
        self.own_addresses = own_addresses
        self.media = media or Media()
        self.usage = rights.use  # of outside calls, for the limits of the policy
        self.spent_grants = SpentGrants()
        self.timers: TimerQueue[TimerKey] = TimerQueue()
        self.calls: dict[str, Call] = {}
        self.legs: dict[tuple[str, str], tuple[Call, Leg]] = {}  # by SIP Call-ID and our tag
        self.server_invites: dict[str, tuple[Call, Leg]] = {}  # by transaction key, until the ACK
        self.flows: dict[Flow, set[Leg]] = {}  # legs by their connection
        self.devices: dict[int, set[Leg]] = {}  # legs by device
        self.room_updates = Latest()
        self.rooms: dict[str, dict[str, Leg]] = {}  # legs by their tags, in the rooms of the media server
        self._tasks: set[asyncio.Task[None]] = set()
        self._contact_host = _host_port(str(settings.address), settings.ports.sips)
        self.supervision = Supervision(
            trunks,
            rights.trunk_password,
            self.out_of_dialog_request,
            record,
            contact=self._contact_host,
            product=PRODUCT,
            now=self.now,
        )
        self.supervision.refresh()

    def spawn(
        self, call: Call, work: Coroutine[Any, Any, None], failed: Callable[[], None] | None = None
    ) -> None:
        """Run a part of a call's life that has to wait. If it breaks, the call ends or `failed` is called."""

        async def guarded() -> None:
            try:
                await work
            except LegGone:
                pass
            except Exception:
                log.exception("call %s: an unforeseen error", call.id)
                if failed is None:
                    self.hooks.broken(call)
                else:
                    failed()
            finally:
                self.flush()

        task = self._loop.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def spawn_beside(self, call: Call, work: Coroutine[Any, Any, None]) -> None:
        """Run what has to wait and may fail: the call goes on without it."""
        self.spawn(call, work, lambda: None)

    def trunks_changed(self) -> None:
        """The administrator changed trunks or groups."""
        self.trunks.refresh()
        self.supervision.refresh()
        self.flush()

    # Tables

    def persist(self, call: Call) -> None:
        """Write the call down as it is, so that another process can take it up."""
        if call.state is CallState.TALKING:
            body, secret = call.to_value(), orjson.dumps(call.secrets())
            sealed = self.call_keys.seal(call.id, secret)
            self.store.submit(
                *live_call_upsert(call_id=call.id, started=call.started_at, body=body, sealed=sealed)
            )

    def contact_for(self, tag: str) -> str:
        """The Contact that we give a party: the edge's address, with our tag as the user."""
        return f"<sip:{tag}@{self._contact_host};transport=tls>"

    def new_tag(self) -> str:
        """A new random tag; 64 bits, so that nobody guesses one (RFC 3261 19.3 asks for 32)."""
        return secrets.token_hex(8)

    def add_call(self, call: Call) -> None:
        """Put a call into the tables, and tell of it from now on."""
        self.calls[call.id] = call
        call.on_change = self._call_changed
        self._call_changed(call)

    def _call_changed(self, call: Call, _change: Change | None = None) -> None:
        for listener in self.hooks.call_changed:
            listener(call)

    def add_leg(self, call: Call, leg: Leg) -> None:
        """Let the leg be found by its dialog, its device and its flow."""
        if leg.trunk and (leg.sip_call_id, leg.tag) not in self.legs:
            self.trunks.hold(leg.trunk)
        self.legs[leg.sip_call_id, leg.tag] = (call, leg)
        if not leg.trunk:
            self.devices.setdefault(leg.device_id, set()).add(leg)
        if leg.flow is not None:
            self.flows.setdefault(leg.flow, set()).add(leg)

    def mark_lost(self, leg: Leg) -> None:
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
        self.flows.setdefault(flow, set()).add(leg)
        self.timers.cancel(("lost", leg))

    def _leave_flow(self, leg: Leg) -> None:
        if leg.flow is not None:
            _discard(self.flows, leg.flow, leg)

    def drop_leg(self, leg: Leg) -> None:
        """The leg is over: no table, no timer, no task knows it any longer."""
        leg.apply(LegEvent.OVER)
        listeners, leg.on_end = leg.on_end, []
        for told in listeners:
            told()
        if self.legs.pop((leg.sip_call_id, leg.tag), None) is not None:
            if leg.trunk:
                self.trunks.let_go(leg.trunk)
            for listener in self.hooks.leg_ended:
                listener(leg)
        self._leave_flow(leg)
        _discard(self.devices, leg.device_id, leg)
        for name in ("refresh", "session", "reliable", "lost", "trying", "longest"):
            self.timers.cancel((name, leg))
        for key in leg.unacknowledged:
            self.server_invites.pop(key, None)
        leg.unacknowledged.clear()
        for key, request in leg.pending_requests.items():
            # RFC 3261 15.1.2: what is still open when the dialog ends is answered.
            self.respond(key, request.response(487 if request.method == "INVITE" else 481))
        leg.pending_requests.clear()
        leg.client_transactions.clear()
        for future in leg.awaiting:
            if not future.done():
                future.set_exception(LegGone())


def _discard(table: dict[K, set[Leg]], key: K, leg: Leg) -> None:
    """Take the leg out of the set, and the set out of the table when it is empty."""
    legs = table.get(key)
    if legs is not None:
        legs.discard(leg)
        if not legs:
            del table[key]


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
