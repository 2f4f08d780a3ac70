"""A house with phones: users, rights, PINs that cost little, and all that administrators can ask."""

from dataclasses import dataclass

from ringwall.core.operations import Operations
from ringwall.core.phones import operations as phone_operations
from ringwall.core.phones.administration import Administration
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.model import Identity
from ringwall.core.phones.seen import SeenPhones
from ringwall.core.phones.service import Admission, PhoneService
from ringwall.core.pins.service import PinService
from ringwall.core.rights import kinds
from support.core_data import ADMIN, open_rights

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
        await self.core.ledger.record_durably("system.test")
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
