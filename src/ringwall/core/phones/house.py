"""All that has to do with desk phones, put together."""

from datetime import UTC, datetime
from typing import Self

from starlette.applications import Starlette

from ringwall.core.calls.routing import ivr
from ringwall.core.calls.switch.switch import Switch
from ringwall.core.directory import DirectoryService
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.ledger import Ledger
from ringwall.core.operations import Operations
from ringwall.core.phones import operations as phone_operations
from ringwall.core.phones.administration import Administration
from ringwall.core.phones.calls import PhonesAndCalls
from ringwall.core.phones.certificates import Vouchers
from ringwall.core.phones.login_menu import LOG_IN, LOG_OUT, LoginMenu
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.provisioning.apps import LoginPages
from ringwall.core.phones.provisioning.device_api import DeviceApi
from ringwall.core.phones.provisioning.door import Door
from ringwall.core.phones.provisioning.facts import FactFinder
from ringwall.core.phones.provisioning.guard import Ban, Guard
from ringwall.core.phones.provisioning.proof import Prover
from ringwall.core.phones.seen import SeenPhones
from ringwall.core.phones.service import PhoneService
from ringwall.core.pins.service import PinService
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


class PhoneHouse:
    """The parts. Made by `PhoneHouse.open`."""

    def __init__(
        self, phones: PhoneService, directory: DirectoryService, rights: RightsService, pins: PinService
    ) -> None:
        self.phones = phones
        self._directory = directory
        self._pins = pins
        self.administration = Administration(phones, directory, rights)
        self.logins = Logins(phones, directory, rights, pins)
        self.seen = SeenPhones()
        self.calls: PhonesAndCalls

    @classmethod
    async def open(
        cls,
        store: Store,
        ledger: Ledger,
        directory: DirectoryService,
        rights: RightsService,
        pins: PinService,
    ) -> Self:
        """Read what is known of phones; raise StoreError."""
        return cls(await PhoneService.open(store, ledger, directory, rights), directory, rights, pins)

    def join(self, switch: Switch) -> None:
        """Let changes of phones reach their connections and calls, and users log in by keys."""
        self.calls = PhonesAndCalls(self.phones, switch)
        menu = LoginMenu(self.phones, self.logins, self._directory)
        ivr.serve(switch, LOG_IN, menu.log_in)
        ivr.serve(switch, LOG_OUT, menu.log_out)

    def offer(self, operations: Operations, address: str) -> None:
        """Add what administrators can ask; `address` is where phones ask for their configuration."""
        phone_operations.register(
            operations, self.phones, self.administration, self.logins, self.seen, address
        )

    def door(
        self, settings: Settings, layout: Layout, ledger: Ledger, ban: Ban, firmware: FirmwareService | None
    ) -> Starlette:
        """Return what answers phones; `ban` asks the edge to turn a source away. Raises PkiError."""
        phones, pins = self.phones, self._pins
        vouchers = Vouchers(layout, clock=lambda: datetime.now(UTC))
        guard = Guard(ledger.record, ban, settings.phones.networks)
        prover = Prover(phones, self.logins, pins, vouchers, guard)
        facts = FactFinder(settings, layout.ca_certificate, phones, self._directory, firmware)
        api = DeviceApi(phones, self.logins, pins, vouchers, prover, facts.root, firmware)
        pages = LoginPages(self.logins)
        return Door(phones, prover, guard, self.seen, facts, pages, api).app()
