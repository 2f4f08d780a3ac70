"""All that has to do with desk phones, put together."""

from typing import Self

from ringwall.core.calls.switch import Switch
from ringwall.core.directory import DirectoryService
from ringwall.core.ledger import Ledger
from ringwall.core.operations import Operations
from ringwall.core.phones import operations as phone_operations
from ringwall.core.phones.administration import Administration
from ringwall.core.phones.calls import PhonesAndCalls
from ringwall.core.phones.logins import Logins
from ringwall.core.phones.seen import SeenPhones
from ringwall.core.phones.service import PhoneService
from ringwall.core.pins.service import PinService
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store


class PhoneHouse:
    """The parts. Made by `PhoneHouse.open`."""

    def __init__(
        self, phones: PhoneService, directory: DirectoryService, rights: RightsService, pins: PinService
    ) -> None:
        self.phones = phones
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
        """Let changes of phones reach their connections and calls."""
        self.calls = PhonesAndCalls(self.phones, switch)

    def offer(self, operations: Operations, address: str) -> None:
        """Add what administrators can ask; `address` is where phones ask for their configuration."""
        phone_operations.register(
            operations, self.phones, self.administration, self.logins, self.seen, address
        )
