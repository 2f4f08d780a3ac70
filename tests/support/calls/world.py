"""A whole small system on a virtual clock: directory, registrar, call control, edge, relay and phones."""

import asyncio
import json
import logging
import time
from unittest import mock

from ringwall.core.calls.dispatch import Dispatcher
from ringwall.core.calls.resume import recall_use, take_up
from ringwall.core.calls.switch.own_addresses import OwnAddressBook
from ringwall.core.calls.switch.relay_control import RelayControl
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory.model import DeviceEntry, UserEntry
from ringwall.core.directory.snapshot import Directory
from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import DEVICE_LIMITS, Lockout
from ringwall.core.lockout.known import DEVICES, KnownPlaces
from ringwall.core.media.control import Media
from ringwall.core.registrar.authenticator import Authenticator
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.offenders import Offenders
from ringwall.core.registrar.service import Registrar
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.store.call_keys import CallKeys
from ringwall.core.trunks.trunks import Trunks
from ringwall.events.catalogue import KINDS
from ringwall.events.reading import read
from ringwall.infra.host_addresses import HostAddresses
from ringwall.infra.settings import Settings
from ringwall.policy.usage import Use
from ringwall.sip.digest import ha1
from ringwall.sip.message import Request, Response
from ringwall.sip.reasons import reason_of
from ringwall.sip.transaction import Transactions
from support.calls.carrier import Carrier, line
from support.calls.clock import VirtualLoop
from support.calls.edge import Edge
from support.calls.media import BOTH, Witness
from support.calls.media_server import MediaServer
from support.calls.phone import Phone
from support.calls.rights import RigRights
from support.calls.rtpengine import Rtpengine
from support.events import told
from support.usage import held_by

WALL = 1_800_000_000.0
DOMAIN = "voice.example"


class MemoryStore:
    """The tables that call control writes, as dictionaries."""

    def __init__(self) -> None:
        self.failing: str | None = None
        self.hastened = 0
        self.live_calls: dict[str, dict] = {}
        self.bindings: dict[tuple[int, str], dict] = {}
        self.known_places: dict[tuple[str, str], dict] = {}
        self.writes = 0

    def hasten(self) -> None:
        self.hastened += 1

    def submit(self, statement, params) -> None:
        self.writes += 1
        table = statement.get_execution_options()["ringwall_lane"]
        delete = str(statement).startswith("DELETE")
        text = json.dumps({k: v for k, v in params.items() if not isinstance(v, bytes)})
        text.encode()  # what no database takes must not come here
        assert "inline:" not in text, "a key in the database"
        assert not any("\0" in str(v) or str(v).encode() is None for v in params.values())
        keys = {
            "bindings": ("device_id", "contact"),
            "known_places": ("account", "place"),
        }
        rows = getattr(self, table)
        key = tuple(params[name] for name in keys[table]) if table in keys else params["call_id"]
        if delete:
            rows.pop(key, None)
        else:
            rows[key] = params

    def call_rows(self) -> list[dict]:
        return [{**row, "body": json.loads(row["body"])} for row in self.live_calls.values()]

    def binding_rows(self) -> list[dict]:
        return [{**row, "path": json.loads(row["path"])} for row in self.bindings.values()]


class Holder:
    def __init__(self) -> None:
        self.snapshot = Directory()


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record) -> None:
        self.records.append(self.format(record))


TOLD = {"", '"Call completed elsewhere"', '"Call forwarded"'}


class World:
    def __init__(self, **sip) -> None:
        values = {"address": "203.0.113.1", "organisation": {"name": "House", "domain": DOMAIN}, "sip": sip}
        self.settings = Settings.checked(values, "a test")
        self.domain = DOMAIN
        self.loop = VirtualLoop()
        self.loop.set_exception_handler(lambda _loop, context: self.errors.records.append(str(context)))
        self.directory = Holder()
        self.rights = RigRights()
        self.rights.listeners.append(self._rights_changed)
        self.store = MemoryStore()
        self.call_keys = CallKeys()  # as a file in memory it outlives the core
        self.records: list[tuple[str, dict]] = []
        self.rtpengine = Rtpengine(self.loop)
        self.media_server = MediaServer(self.loop)
        self.edge = Edge(self.loop, self._to_core)
        self.witness = Witness()
        self.phones: list[Phone] = []
        self.missing_acks: list[str] = []
        self.out_of_order: list[tuple[str, str]] = []
        self.banned: list[tuple[str, float, str]] = []
        self.spared: dict[str, str] = {}
        self.errors = _Errors()
        logging.getLogger("ringwall.core").addHandler(self.errors)
        logging.getLogger("asyncio").addHandler(self.errors)
        self._wall = mock.patch.object(time, "time", self.wall)
        self._wall.start()
        self.start_core()

    async def _ban(self, source: str, seconds: float, reason: str) -> None:
        self.banned.append((source, seconds, reason))

    def wall(self) -> float:
        return WALL + self.loop.now

    def start_core(self) -> None:
        sip = self.settings.sip
        self.watch = SecurityWatch(self.record)
        places = [(row["account"], row["place"], row["last_at"]) for row in self.store.known_places.values()]
        self.lockout = Lockout(
            KnownPlaces(DEVICES, places), DEVICE_LIMITS, GuessingAlarm(self.record, "device password")
        )
        self.authenticator = Authenticator(
            self.directory, DOMAIN, sip.nonce_seconds, self.watch, self.lockout, self.store.submit
        )
        self.offenders = Offenders(self.record, self._ban, lambda source: self.spared.get(source, ""))
        self.bindings = Bindings()
        self.registrar = Registrar(sip, DOMAIN, self.authenticator, self.bindings, self.store, self.record)
        self.trunks = Trunks(self.rights)
        self.switch = Switch(
            self.settings,
            transactions=Transactions("203.0.113.1:5061"),
            write=lambda data: self.loop.call_soon(self.edge.from_core, data),
            relays=RelayControl(self.rtpengine),
            directory=self.directory,
            authenticator=self.authenticator,
            registrar=self.registrar,
            bindings=self.bindings,
            store=self.store,
            record=self.record,
            watch=self.watch,
            offenders=self.offenders,
            rights=self.rights,
            trunks=self.trunks,
            forwardings=self.rights,
            loop=self.loop,
            call_keys=self.call_keys,
            own_addresses=OwnAddressBook(self.settings, HostAddresses),
            media=Media([self.media_server]),
        )
        self.dispatcher = Dispatcher(self.switch, self.loop, lambda _response: False)
        self.dispatcher.arm()
        if self.edge.core_up:
            self.link_up()

    def media_up(self) -> None:
        """The link to the media server comes up."""
        self.media_server.connect()

    def _rights_changed(self) -> None:
        self.switch.trunks_changed()

    def restart_core(self) -> None:
        """A new process with what the old one had written down."""
        self.switch.tx.take_output()
        old = self.dispatcher
        if old._timer is not None:
            old._timer.cancel()
        old.arm = lambda: None
        up, self.edge.core_up = self.edge.core_up, False
        self.rights.use = Use()
        self.media_server.down = lambda: None  # nobody is there any more to be told
        self.media_server.lose()
        for task in self.switch._tasks:
            task.cancel()
        self.loop.pass_time(0)
        self.start_core()
        devices = self.directory.snapshot.by_device.values()
        self.registrar.restore(self.store.binding_rows(), devices)
        recall_use(self.switch, [body for body in self.told("call.ended") if body.get("grants")])
        take_up(self.switch, self.store.call_rows())
        self.dispatcher.arm()
        if up:
            self.link_up()

    def record(self, event) -> None:
        kind, fields = told(event)
        assert "inline:" not in json.dumps(fields), "a key in the ledger"
        assert read(KINDS[kind], fields).to_body().keys() == fields.keys()
        self.records.append((kind, fields))

    def told(self, kind: str) -> list[dict]:
        return [fields for each, fields in self.records if each == kind]

    def _to_core(self, data: bytes) -> None:
        if self.edge.core_up:
            self.dispatcher.data(data)

    def link_down(self) -> None:
        self.edge.core_up = False
        self.dispatcher.link_down()

    def restart_edge(self) -> None:
        """A new run of Kamailio: the link and all connections are lost, and nobody is told of the phones'."""
        self.link_down()
        self.edge.restart()
        self.link_up()

    def link_up(self) -> None:
        self.edge.core_up = True
        self.registrar.edge_is(self.edge.run)
        self.dispatcher.link_up()

    def from_phone(self, phone: Phone, data: bytes) -> None:
        for message in type(self.edge.parser)().feed(data):
            if getattr(message, "body", b""):
                self.witness.saw(message.call_id, "to core", message.body)

    def to_phone(self, phone: Phone, message) -> None:
        if message.body:
            clear = getattr(phone, "clear", False)
            self.witness.saw(message.call_id, "to phone", message.body, clear=clear)
        hidden = [n for n, _ in message.headers.items() if n.startswith("P-Ringwall")]
        assert not hidden, f"the phone sees {hidden}"
        # Why something is refused or ends is for the record: it may name what is inside.
        assert (message.headers.get("Reason") or "").partition("text=")[2] in TOLD, message
        if isinstance(message, Response) and isinstance(phone, Carrier):
            assert (message.reason, message.headers.get("Warning")) == (reason_of(message.status), None)

    def phone(
        self, extension: str, *, suites=BOTH, dtls=False, register=True, legacy=False, name=None
    ) -> Phone:
        """Add a phone to the user with that extension, who is made if need be."""
        number = len(self.phones) + 1
        username, password = f"d{number}", f"secret-{number}"
        old = self.directory.snapshot.by_extension.get(extension)
        user_id = old.id if old else number
        device = DeviceEntry(
            number, username, user_id, extension, "desk", ha1("SHA-256", username, DOMAIN, password),
            ha1("MD5", username, DOMAIN, password) if legacy else None, legacy,
        )  # fmt: skip
        user = UserEntry(
            user_id, extension, name or f"User {extension}", (*(old.devices if old else ()), device)
        )
        self.directory.snapshot = self.directory.snapshot.with_user(user)
        self.rights.user(extension, user.name)
        phone = Phone(self, extension, username, password, suites=suites, dtls=dtls)
        self.phones.append(phone)
        if register:
            assert phone.register().status == 200
        return phone

    def carrier(self, trunk: str = "t1", *, suites=BOTH, slot: bool = True, **changes) -> Carrier:
        """Add a trunk, and the carrier at its end."""
        made = line(trunk, **changes)
        self.rights.line(made)
        carrier = Carrier(self, made, suites=suites, slot=slot)
        self.phones.append(carrier)
        return carrier

    def run(self, seconds: float = 1.0) -> None:
        self.loop.pass_time(seconds)

    def talk(self, a: Phone, b: Phone):
        """Let a call b; both legs of a call that is up."""
        call = a.call(b.extension)
        self.run()
        assert call.state == "talking", call.statuses
        return call, b.last

    def only_call(self):
        [call] = self.switch.calls.values()
        return call

    def finish(self) -> None:
        """Whatever happened, nothing is left of it."""
        try:
            self.run(300)  # the longest that a transaction may stay behind
            switch = self.switch
            assert not self.errors.records, "\n".join(self.errors.records)
            assert not self.witness.faults, self.witness.faults
            left = {
                name: list(getattr(switch, name))
                for name in ("calls", "legs", "flows", "devices", "server_invites", "_tasks")
            }
            assert not any(left.values()), left
            assert len(switch.timers) == 0, list(switch.timers.items())
            assert len(switch.tx) == 0, "transactions are left"
            assert not self.rtpengine.calls, self.rtpengine.calls
            assert not switch.rooms, switch.rooms
            assert not switch.media._legs, switch.media._legs
            assert not len(switch.media.ends), switch.media.ends._told
            assert not self.media_server.legs, self.media_server.legs
            assert not self.store.live_calls
            assert not len(self.call_keys), "the key of a call is left"
            assert not self.trunks.live, self.trunks.live
            assert not switch.out_of_dialog
            assert not held_by(self.rights.use)["live"], "an outside call is still counted"
            ids = [fields["call"] for fields in self.told("call.ended")]
            assert len(ids) == len(set(ids)), "a call ended twice"
        finally:
            self.close()

    def close(self) -> None:
        self.call_keys.close()
        self._wall.stop()
        logging.getLogger("ringwall.core").removeHandler(self.errors)
        logging.getLogger("asyncio").removeHandler(self.errors)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


def invites(messages) -> list[Request]:
    return [m for m in messages if isinstance(m, Request) and m.method == "INVITE"]
