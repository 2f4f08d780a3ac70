"""Puts the core's parts together and takes them apart again."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import select

from ringwall import __version__
from ringwall.core import wholeness
from ringwall.core.api.app import create_app
from ringwall.core.calls.dialog.messages import send_text
from ringwall.core.calls.dispatch import Dispatcher
from ringwall.core.calls.features import hunting
from ringwall.core.calls.operations import call_states, conferences, features, monitoring
from ringwall.core.calls.operations.calls import add_operations as add_call_operations
from ringwall.core.calls.resume import load_use, recall_use, take_up
from ringwall.core.calls.switch.own_addresses import OwnAddressBook
from ringwall.core.calls.switch.relay_control import RelayControl
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.control_socket import ControlSocket
from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.service import DirectoryService
from ringwall.core.directory.snapshot import Directory
from ringwall.core.errors import EdgeError, StoreError
from ringwall.core.feed import Bus, Feed
from ringwall.core.firmware import operations as firmware_operations
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.forwarding import operations as forwarding_operations
from ringwall.core.forwarding.service import ForwardingService
from ringwall.core.identity import operations as identity_operations
from ringwall.core.identity.identity import Identity
from ringwall.core.ledger import Ledger
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.ledger.chain import load_key
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.memory import Memory
from ringwall.core.ledger.witnesses import EdgeWitness
from ringwall.core.links.control import ControlLink
from ringwall.core.links.http_pool import HttpPool
from ringwall.core.links.sip_link import LINK_HEADER, SipLink
from ringwall.core.links.tls import Dialler
from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import DEVICE_LIMITS, Lockout
from ringwall.core.lockout.known import DEVICES, KnownPlaces
from ringwall.core.mail import MailService
from ringwall.core.mail import operations as mail_operations
from ringwall.core.media.control import Media
from ringwall.core.media.servers import links_of
from ringwall.core.notices.emergency import EmergencyNotices
from ringwall.core.operations import Actor, NoArguments, Operations
from ringwall.core.phones.house import PhoneHouse
from ringwall.core.pins import operations as pin_operations
from ringwall.core.pins.owners import Owners
from ringwall.core.pins.service import PinService
from ringwall.core.registrar.authenticator import Authenticator
from ringwall.core.registrar.bindings import Bindings
from ringwall.core.registrar.clear_text import ClearTextWatch
from ringwall.core.registrar.offenders import Offenders
from ringwall.core.registrar.service import Registrar
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.reports import operations as report_operations
from ringwall.core.rights import kinds
from ringwall.core.rights import operations as rights_operations
from ringwall.core.rights.service import RightsService
from ringwall.core.setup import check
from ringwall.core.status import STATUS
from ringwall.core.store import Store, schema
from ringwall.core.store.call_keys import open_call_keys
from ringwall.core.store.engine import sqlite_url
from ringwall.core.store.schema import load_bindings, load_live_calls
from ringwall.core.trunks.edge_slots import EdgeSlots
from ringwall.core.trunks.trunks import Trunks
from ringwall.core.voice_mail import VoiceMailHouse
from ringwall.events.security import LinkTaken
from ringwall.events.system import SystemLinkDown, SystemLinkUp, SystemStarted, SystemStopped
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from ringwall.policy import PolicySnapshot
from ringwall.sip.message import Response
from ringwall.sip.transaction import Transactions

log = logging.getLogger(__name__)

_LAST_MARK_SECONDS = 2.0


class Core:
    """Everything that runs inside the inner wall of one host. Made by `Core.start`, ended by `stop`.

    Nothing in it listens on TCP or UDP (W5): its three links to the edge are dialled from here.
    """

    def __init__(
        self, layout: Layout, settings: Settings, store: Store, ledger: Ledger, memory: Memory
    ) -> None:
        self.layout = layout
        self.settings = settings
        self.store = store
        self.ledger = ledger
        self._memory = memory
        self.marks: MarkKeeper
        self.operations = Operations(ledger)
        self.started_at = time.time()
        self._tasks: list[asyncio.Task[None]] = []
        self.feed: Feed
        self.identity: Identity
        self._control_task: asyncio.Task[None]
        self.directory: DirectoryService
        self.rights: RightsService
        self.forwarding: ForwardingService
        self.pins: PinService
        self.phones: PhoneHouse
        self.lockout: Lockout
        self.mail: MailService
        self.firmware: FirmwareService
        self.voice_mail: VoiceMailHouse
        self.trunks: Trunks
        self.slots: EdgeSlots
        self.media_links = links_of(layout, settings)
        self.call_keys = open_call_keys(layout)
        self.switch: Switch
        self.sip: SipLink
        self.control: ControlLink
        self.http: HttpPool
        self._dialler: Dialler
        self._socket: ControlSocket

    @classmethod
    async def start(cls, layout: Layout, settings: Settings) -> "Core":
        """Open the store, take up what the process before left, dial the edge. Raises RingwallError."""
        wholeness.require(layout)
        store = await Store.open(sqlite_url(layout.database), new=False)
        await check(store, layout)
        key = load_key(layout.ledger_key)
        memory = Memory(layout.ledger_mark, key)
        ledger = await Ledger.open(store, key, memory)
        core = cls(layout, settings, store, ledger, memory)
        core.feed = await Feed.open(ledger, Bus())
        core.identity = await Identity.open(store, ledger)
        core.directory = await DirectoryService.open(store, ledger, settings.organisation.domain)
        core.rights = await RightsService.open(store, ledger, core.directory, layout.secrets_key)
        core.forwarding = await ForwardingService.open(store, ledger, core.directory, core.rights)
        core.pins = await PinService.open(store, ledger, core.directory, core.rights)
        core.phones = await PhoneHouse.open(store, ledger, core.directory, core.rights, core.pins)
        known = await KnownPlaces.open(store, DEVICES, select(schema.devices.c.id))
        core.lockout = Lockout(known, DEVICE_LIMITS, GuessingAlarm(ledger.record, "device password"))
        core.mail = await MailService.open(settings, layout, store, ledger)
        core.firmware = await FirmwareService.open(store, ledger, layout.firmware)
        core.voice_mail = await VoiceMailHouse.open(
            settings, layout, store, ledger, core.directory, core.rights, core.pins, core.mail
        )
        core._build()
        await core._take_up()
        core._offer_operations()
        core._open_http()
        core._socket = ControlSocket(layout.core_socket, core.operations)
        await core._socket.start()
        core._control_task = core._run(core.control.run())
        core._run(core.marks.run())
        core._run(core.http.run())
        core._run(core.sip.run())
        core._run(core.slots.run())
        core._run(ClearTextWatch(core.control, core.switch.bindings, ledger.record, core.switch.now).run())
        for link in core.media_links:
            core._run(link.run())
        ledger.on_durable(core.feed.changed)
        core._run(core.feed.run())
        core._run(core.mail.run())
        core._run(core.firmware.run())
        for work in core.voice_mail.tasks():
            core._run(work)
        ledger.record(SystemStarted(version=__version__))
        return core

    def _build(self) -> None:
        """Join the parts of call control with the links."""
        settings, loop = self.settings, asyncio.get_running_loop()
        domain = settings.organisation.domain
        dialler = self._dialler = Dialler.of(self.layout, settings)
        watch = SecurityWatch(self.ledger.record)
        authenticator = Authenticator(
            self.directory, domain, settings.sip.nonce_seconds, watch, self.lockout, self.store.submit
        )
        bindings = Bindings()
        registrar = Registrar(settings.sip, domain, authenticator, bindings, self.store, self.ledger.record)
        self.control = ControlLink(dialler, retry_seconds=settings.links.retry_seconds)
        edge = EdgeWitness(self.control, settings.edge_host, self.ledger.public_key)
        self.marks = MarkKeeper(self.ledger, self._memory, [edge])
        self.sip = SipLink(
            dialler,
            self.layout.link_token.read_text(encoding="ascii").strip(),
            self._sip_data,
            self._sip_up,
            self._sip_down,
            self._sip_taken,
            host=settings.core_host,
            hello_seconds=settings.links.hello_seconds,
            retry_seconds=settings.links.retry_seconds,
        )
        self.trunks = Trunks(self.rights)
        self.switch = Switch(
            settings,
            transactions=Transactions(settings.core_host),
            write=self.sip.write,
            relays=RelayControl(self.control),
            directory=self.directory,
            authenticator=authenticator,
            registrar=registrar,
            bindings=bindings,
            store=self.store,
            record=self.ledger.record,
            watch=watch,
            offenders=Offenders(
                self.ledger.record, self._ban, self._spared_from_bans, frozenset({str(settings.address)})
            ),
            rights=self.rights,
            trunks=self.trunks,
            forwardings=self.forwarding,
            loop=loop,
            call_keys=self.call_keys,
            own_addresses=OwnAddressBook(settings),
            media=Media(self.media_links),
        )
        notices = EmergencyNotices(
            self.mail, partial(send_text, self.switch), self.ledger.record, self._name_of
        )
        self.switch.hooks.emergency.append(notices.told)
        self._dispatcher = Dispatcher(self.switch, loop, self._hello_answered)
        self.directory.on_change(self._directory_changed)
        self.phones.join(self.switch)
        self.voice_mail.join(self.switch, self.feed.pass_on)
        call_states.connect(self.switch, self.feed.pass_on)
        hunting.connect(self.switch, self._out_of_service)
        self.slots = EdgeSlots(self.trunks, self.control, self.ledger.record)
        self.rights.on_change(self._rights_changed)

    def _open_http(self) -> None:
        """Make the API of the operations that are offered by now."""
        settings = self.settings
        app = create_app(
            self.operations,
            self.store,
            self.identity,
            healthy=lambda: self.sip.up and self.control.up,
            firmware=self.firmware,
            mailboxes=(
                Owners(self.pins, self.directory, self.identity.sessions),
                self.voice_mail.voice_mail.house,
            ),
            phones=self.phones.door(settings, self.layout, self.ledger, self._ban, self.firmware),
            feed=self.feed,
        )
        self.http = HttpPool(
            app, self._dialler, size=settings.links.idle_http, retry_seconds=settings.links.retry_seconds
        )

    async def _take_up(self) -> None:
        rows = await self.store.read(load_bindings)
        snapshot = self.directory.snapshot
        kept = self.switch.registrar.restore(rows, snapshot.by_device.values())
        yesterday = time.time() - 86400
        recall_use(self.switch, await self.store.read(lambda found: load_use(found, yesterday)))
        calls = take_up(self.switch, await self.store.read(load_live_calls))
        if kept or calls:
            log.info("took up %d registrations and %d calls", kept, calls)
        self._dispatcher.arm()

    # The SIP link

    def _sip_data(self, data: bytes) -> None:
        if not self._dispatcher.data(data):
            self.sip.drop("the SIP stream cannot be read")

    def _sip_up(self) -> None:
        self.switch.registrar.edge_is(self.sip.edge_run)
        self._dispatcher.link_up()
        self.slots.changed()
        self.ledger.record(SystemLinkUp(link="sip"))

    def _sip_down(self) -> None:
        self._dispatcher.link_down()
        self.ledger.record(SystemLinkDown(link="sip"))

    def _sip_taken(self, other: str) -> None:
        self.ledger.record(LinkTaken(link="sip", by=other))

    def _hello_answered(self, response: Response) -> bool:
        if response.call_id != self.sip.hello_call_id:
            return False
        self.sip.hello_answered(response.status, response.headers.get(LINK_HEADER))
        return True

    # Rights and the directory

    def _rights_changed(self, _snapshot: PolicySnapshot) -> None:
        self.switch.trunks_changed()
        self.slots.changed()

    def _name_of(self, extension: str) -> str:
        user = self.directory.snapshot.by_extension.get(extension)
        return "" if user is None else user.name

    def _directory_changed(self, old: Directory, new: Directory) -> None:
        """Let devices that are no longer there lose what they had."""
        gone = {device.id for username, device in old.by_device.items() if username not in new.by_device}
        for number in gone:
            self.switch.registrar.device_removed(number)
        # A desk phone that got other credentials is still the one that it was.
        for number in gone - {device.id for device in new.by_device.values()} if gone else ():
            self.switch.authenticator.device_gone(number)

    async def _out_of_service(self, group: str, busy: bool, by: str, source: str) -> None:
        """A user takes a hunt group out of service by a feature number, or back into it."""
        await self.rights.change(Actor("phone", by, source), kinds.OBJECT, group, {"busy": busy})

    # Operations

    def _offer_operations(self) -> None:
        phones = directory_operations.PhoneSettings(
            server=self.settings.address,
            port=self.settings.ports.sips,
            domain=self.settings.organisation.domain,
            ca_file=str(self.layout.ca_certificate),
        )
        identity_operations.register(self.operations, self.identity)
        directory_operations.register(self.operations, self.directory, phones)
        rights_operations.register(self.operations, self.rights, self.directory)
        report_operations.register(self.operations, self.store, self.rights, self.directory)
        forwarding_operations.register(self.operations, self.forwarding, self.directory)
        pin_operations.register(self.operations, self.pins)
        self.phones.offer(
            self.operations, f"https://{self.settings.address}:{self.settings.ports.phones}/phone"
        )
        mail_operations.register(self.operations, self.mail)
        self.voice_mail.register(self.operations)
        firmware_operations.register(self.operations, self.firmware)
        ledger_operations.register(self.operations, self.store, self.ledger, self.marks)
        add_call_operations(self.operations, self.switch)
        conferences.add_operations(self.operations, self.switch)
        features.add_operations(self.operations, self.switch)
        monitoring.register(self.operations, self.switch, self.voice_mail.recordings)
        self.operations.offer(STATUS, self._status)

    async def _ban(self, source: str, seconds: float, reason: str) -> None:
        await self.control.call({"op": "ban", "source": source, "seconds": seconds, "reason": reason})

    def _spared_from_bans(self, source: str) -> str:
        """Why a source must not be turned away as a whole, or nothing."""
        if self.switch.authenticator.is_signed_in_at(source):
            return "somebody there has signed in"
        line = self.trunks.of_source(source)
        return "" if line is None else f"trunk {line.id} calls from there"

    async def _status(self, _actor: Actor, _args: NoArguments) -> dict[str, Any]:
        try:
            engines = (await self.control.call({"op": "engines"}, 3.0)).get("engines", {})
        except EdgeError as error:
            engines = {"edge": {"ok": False, "detail": str(error)}}
        media = {f"media-{number}": {"ok": link.up} for number, link in enumerate(self.media_links, 1)}
        links: dict[str, SipLink | ControlLink | HttpPool] = {
            "sip": self.sip,
            "control": self.control,
            "http": self.http,
        }
        return {
            "version": __version__,
            "seconds_up": round(time.time() - self.started_at, 1),
            "address": self.settings.address,
            "domain": self.settings.organisation.domain,
            "links": {name: {"up": link.up, "tls": link.tls} for name, link in links.items()},
            "engines": {**engines, **media},
            "users": len(self.directory.snapshot.by_extension),
            "devices": len(self.directory.snapshot.by_device),
            "registrations": len(self.switch.bindings),
            "calls": len(self.switch.calls),
            "calls_outlive_the_core": self.call_keys.outlive_the_process,
            "trunks": self.trunks.describe(),
            "media": self.switch.media.describe(),
            "mail": self.mail.describe(),
            "ledger_seq": self.ledger.seq,
            "ledger": self.marks.describe(),
            "store": {"ok": self.store.failing is None, "detail": self.store.failing or ""},
        }

    # Life

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A link that stops trying would leave the core deaf: end the process, a new one is started."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("a link's task failed, the core ends", exc_info=error)
            asyncio.get_running_loop().stop()

    async def stop(self) -> None:
        """Hang up on nobody: calls go on without us and are taken up by the next process."""
        await self._socket.close()
        self._control_task.remove_done_callback(self._ended)
        others = [task for task in self._tasks if task is not self._control_task]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.pins.close()
        self.identity.close()
        # The witnesses are told while there is a link to them, the file when all is on the disk.
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_LAST_MARK_SECONDS):
                await self.ledger.record_durably(SystemStopped())
                await self.marks.keep()
        self._control_task.cancel()
        await asyncio.gather(self._control_task, return_exceptions=True)
        lost = await self.store.close()
        await self.marks.close()
        if lost:
            log.error("%d writes could not be stored", lost)
