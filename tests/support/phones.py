"""A house with phones: users, rights, PINs that cost little, and all that administrators can ask."""

from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from ringwall.core.api.app import create_app
from ringwall.core.operations import Operations
from ringwall.core.phones import operations as phone_operations
from ringwall.core.phones.administration import Administration
from ringwall.core.phones.admission import Admission
from ringwall.core.phones.house import PhoneHouse
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.model import Identity
from ringwall.core.phones.seen import SeenPhones
from ringwall.core.phones.service import PhoneService
from ringwall.core.pins.service import PinService
from ringwall.core.rights import kinds
from ringwall.infra import device_pki
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings
from support.accounts import nobody
from support.core_data import ADMIN, open_rights
from support.events import Made
from support.vendors import Vendor, header

PIN = "407259"
DESK_A, DESK_B, LOBBY = "0015651200a1", "0015651200b2", "001565120010"


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


@dataclass
class House:
    core: object
    rights: object
    pins: PinService
    phones: PhoneService
    administration: Administration
    logins: Logins
    seen: SeenPhones
    clock: Clock
    operations: Operations

    async def run(self, name, **args):
        return await self.operations.run(f"phone.{name}", args, ADMIN)

    async def plug_in(self, mac, **more):
        return await self.phones.admit(Admission(mac, Identity.FACTORY, "10.0.0.7", vendor="yealink", **more))

    async def login(self, mac, extension, pin=PIN, **more):
        return await self.logins.login(self.phones.of_mac(mac), extension, pin, "10.0.0.7", **more)

    def user_at(self, mac):
        return self.phones.extension_of(self.phones.of_mac(mac))

    def device(self, mac):
        return self.core.directory.snapshot.by_device[self.phones.username_of(self.phones.of_mac(mac))]

    async def records(self, kind=None):
        await self.core.ledger.record_durably(Made("system.test"))
        return await self.core.ledger.tail(0, 5000, kind)


async def _no_pause(_seconds):
    pass


async def open_house(core):
    rights = await open_rights(core)
    await rights.add(ADMIN, kinds.TELEPHONY, "Movers", {"reassignment": True})
    await rights.add(ADMIN, kinds.GROUP, "movers", {"name": "Movers", "telephony": "Movers"})
    clock = Clock()
    pins = await PinService.open(
        core.store, core.ledger, core.directory, rights, clock=clock, sleep=_no_pause
    )
    for extension, name, group in (
        ("201", "Anna", "movers"),
        ("202", "Bert", "least-privileged"),
        ("203", "Cara", "movers"),
    ):
        await core.directory.add_user(ADMIN, extension, name, {"group": group})
        await pins.set_pin(ADMIN, extension, PIN, must_change=False)
    phones = await PhoneService.open(core.store, core.ledger, core.directory, rights, clock=clock)
    administration = Administration(phones, core.directory, rights)
    logins = Logins(phones, core.directory, rights, pins)
    seen, operations = SeenPhones(), Operations(core.ledger)
    phone_operations.register(
        operations, phones, administration, logins, seen, "https://192.0.2.10:8443/phone"
    )
    return House(core, rights, pins, phones, administration, logins, seen, clock, operations)


class Doorway:
    """The door for phones of a house, as HAProxy would speak with it."""

    def __init__(self, house, folder):
        self.house = house
        self.settings = Settings.for_address("192.0.2.10", domain="voice.example")
        self.layout = Layout(folder)
        for path in (self.layout.core, self.layout.authorities):
            path.mkdir(exist_ok=True)
        self.layout.ca_certificate.write_text(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        )
        device_pki.ensure_authority(self.layout, "Test", datetime.now(UTC), chown=False)
        self.vendor = Vendor()
        (self.layout.authorities / "yealink.pem").write_bytes(self.vendor.pem)
        self.banned = []
        parts = PhoneHouse(house.phones, house.core.directory, house.rights, house.pins)
        house.seen = parts.seen
        door = parts.door(self.settings, self.layout, house.core.ledger, self.ban, None)
        self.app = create_app(
            Operations(house.core.ledger), house.core.store, nobody(house.core), phones=door
        )

    async def ban(self, source, seconds, reason):
        self.banned.append((source, seconds, reason))

    async def ask(
        self, path, *, body=None, source="10.0.0.7", certificate=None, auth=None, agent="", headers=None
    ):
        """Send a request as the edge passes it on; a `body` makes it a POST."""
        told = {"X-Ringwall-Source": source, "X-Ringwall-Door": "phones", "User-Agent": agent}
        if certificate is not None:
            told["X-Ringwall-Certificate"] = header(certificate)
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
            method = "GET" if body is None else "POST"
            return await client.request(method, path, json=body, auth=auth, headers=told | (headers or {}))
