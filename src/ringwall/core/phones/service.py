"""The one place that changes phones (P2, P3, P4).

Rules that this module keeps:
- A change is on the disk and on record before anybody sees it; directory and policy follow at once.
- What nobody asked for cannot fill the disk: phones that only asked for a configuration are bounded, the
  oldest go.
- Calls that are up are left alone when credentials change (`calls` says what becomes of those of a blocked
  phone).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self

from ringwall.core.directory import DirectoryService, UserEntry
from ringwall.core.directory.model import NEW_USERS_SITE
from ringwall.core.errors import OperationError
from ringwall.core.ledger import Ledger
from ringwall.core.phones import moving, rows
from ringwall.core.phones.admission import Admission, admitted, furnished, not_possible
from ringwall.core.phones.changing import Change, Changes
from ringwall.core.phones.mac import check_mac
from ringwall.core.phones.model import Identity, PhoneEntry
from ringwall.core.phones.moving import Floor, Phones
from ringwall.core.phones.secrets import PhoneSecrets
from ringwall.core.phones.states import NotPossibleError, State
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store
from ringwall.events.phones import PhoneLoginRefused

log = logging.getLogger(__name__)

MOST_PHONES: Final = 50_000
MOST_DISCOVERED: Final = 1000


Listener = Callable[[Sequence[PhoneEntry]], None]


class PhoneService:
    """All phones. Made by `PhoneService.open`; `phones` is replaced as a whole after each change.

    `before_change` and `on_change` are called with the phones that are about to be others, and are.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        directory: DirectoryService,
        rights: RightsService,
        found: Iterable[PhoneEntry],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._rights = rights
        self.clock = clock
        self.changing = directory.changing
        self.secrets = PhoneSecrets(rights.keys.derived(b"ringwall phones 1"))
        self._changes = Changes(self.secrets, ledger, directory.realm)
        self.phones = Phones.of(found)
        self._devices = {
            one.id: one for one in directory.snapshot.by_device.values() if one.place is not None
        }
        self._by_address = {self.address_of(one): one.id for one in self.phones.by_id.values()}
        self._admissions: list[tuple[Admission, asyncio.Future[PhoneEntry]]] = []
        self.on_change: list[Callable[[Sequence[PhoneEntry]], None]] = []
        self.before_change: list[Listener] = []
        directory.phones = self
        rights.also_used.append(self._uses_of)

    @classmethod
    async def open(
        cls, store: Store, ledger: Ledger, directory: DirectoryService, rights: RightsService, **more: Any
    ) -> Self:
        """Read all phones; raise StoreError."""
        return cls(store, ledger, directory, rights, await store.read(rows.load), **more)

    # Finding

    def of_mac(self, mac: str) -> PhoneEntry | None:
        """The phone with this address, as twelve small digits."""
        return self.phones.by_mac.get(mac)

    def named(self, mac: str) -> PhoneEntry:
        """The phone that an administrator names; raise OperationError (invalid, not_found)."""
        phone = self.phones.by_mac.get(check_mac(mac))
        if phone is None:
            raise OperationError("not_found", "There is no such phone.", "mac")
        return phone

    def of_device(self, device_id: int) -> PhoneEntry | None:
        """The phone with this number, which is that of its device, too."""
        return self.phones.by_id.get(device_id)

    def of_address(self, token: str) -> PhoneEntry | None:
        """The phone whose secret address this is."""
        phone = self.phones.by_id.get(self._by_address.get(token, 0))
        if phone is None or phone.identity is not Identity.ADDRESS or phone.state is State.BLOCKED:
            return None
        return phone

    def address_of(self, phone: PhoneEntry) -> str:
        """The secret part of a phone's own address."""
        return self.secrets.address(phone.mac, phone.generation)

    def username_of(self, phone: PhoneEntry) -> str | None:
        """What a phone signs in with now; None while it may not."""
        device = self._devices.get(phone.id)
        return device.username if device is not None else None

    def extension_of(self, phone: PhoneEntry) -> str | None:
        """The extension of who is logged in at a phone."""
        device = self._devices.get(phone.id)
        return device.extension if device is not None and device.user_id else None

    def names(self) -> dict[int, str]:
        """Extensions by the number of their user."""
        return {user.id: extension for extension, user in self._directory.snapshot.by_extension.items()}

    # Phones come

    async def discovered(self, mac: str, vendor: str, model: str, source: str) -> PhoneEntry | None:
        """Note that somebody asked for a phone's configuration and proved nothing; None where it is known."""
        if mac in self.phones.by_mac:
            return None
        async with self.changing:
            if mac in self.phones.by_mac:
                return None
            strangers = [one for one in self.phones.by_id.values() if _is_stranger(one)]
            strangers.sort(key=lambda one: one.id)
            gone = strangers[: max(0, len(strangers) + 1 - MOST_DISCOVERED)]
            phone = self.new(mac, vendor=vendor, model=model)
            actor = {"kind": "phone", "name": mac, "source": source}
            await self.apply([phone], gone, actor=lambda _: actor, why="asked for a configuration")
            return phone

    async def admit(self, admission: Admission) -> PhoneEntry:
        """Enrol a phone that has proven who it is, new or known; raise OperationError or StoreError.

        Phones that come at the same time share a transaction: a thousand that boot together wait for a few.
        """
        future: asyncio.Future[PhoneEntry] = asyncio.get_running_loop().create_future()
        self._admissions.append((admission, future))
        async with self.changing:
            waiting, self._admissions = self._admissions, []
            if waiting:
                await self._admit_all(waiting)
        return await future

    async def _admit_all(self, waiting: Sequence[tuple[Admission, asyncio.Future[PhoneEntry]]]) -> None:
        accepted: dict[str, PhoneEntry] = {}
        refused: dict[str, OperationError] = {}
        for admission, _ in waiting:
            known = accepted.get(admission.mac) or self.phones.by_mac.get(admission.mac)
            try:
                phone = admitted(known, admission, self.new)
            except OperationError as error:
                refused[admission.mac] = error
                continue
            accepted[admission.mac] = phone
        sources = {admission.mac: admission.source for admission, _ in waiting}
        failed: Exception | None = None
        try:
            await self.apply(
                list(accepted.values()),
                actor=lambda phone: {"kind": "phone", "name": phone.mac, "source": sources[phone.mac]},
                why="proved who it is",
            )
        except Exception as error:  # noqa: BLE001 - each who waits is told
            failed = error
        for admission, future in waiting:
            why = refused.get(admission.mac) or failed
            if future.done():
                continue
            if why is not None:
                future.set_exception(why)
            else:
                future.set_result(self.phones.by_mac[admission.mac])

    async def furnish(self, phone: PhoneEntry, source: str) -> PhoneEntry:
        """Give an enrolled phone its first credentials; raise OperationError or StoreError."""
        async with self.changing:
            phone = self.now(phone)
            if not phone.signs_in:
                actor = {"kind": "phone", "name": phone.mac, "source": source}
                await self.apply([furnished(phone)], actor=lambda _: actor, why="fetched its configuration")
            return self.now(phone)

    # For who holds `changing`

    def new(self, mac: str, **given: Any) -> PhoneEntry:
        """Return a phone that is to be added; raise OperationError (refused)."""
        if len(self.phones.by_id) >= MOST_PHONES:
            raise OperationError("refused", f"There can be {MOST_PHONES} phones.", "mac")
        fields = {"site": NEW_USERS_SITE, "created_at": self.clock(), **given}
        return PhoneEntry(self._directory.take_number(), mac, State.DISCOVERED, **fields)

    def now(self, phone: PhoneEntry) -> PhoneEntry:
        """Return a phone as it is now; raise OperationError (not_found)."""
        found = self.phones.by_id.get(phone.id)
        if found is None:
            raise OperationError("not_found", "There is no such phone.", "mac")
        return found

    async def move(
        self, what: Callable[[Floor], None], *, actor: Mapping[str, str], why: str
    ) -> Sequence[PhoneEntry]:
        """Make a move and return the phones that changed; raise OperationError, StoreError or of `moving`."""
        floor = Floor(self.phones)
        try:
            what(floor)
        except NotPossibleError as error:
            raise not_possible(error) from None
        changed = floor.changed
        if changed:
            await self.apply(changed, actor=lambda _: dict(actor), why=why)
        return changed

    async def apply(
        self,
        changed: Sequence[PhoneEntry],
        gone: Sequence[PhoneEntry] = (),
        *,
        actor: Callable[[PhoneEntry], dict[str, str]],
        why: str,
        fresh: frozenset[int] = frozenset(),
    ) -> None:
        """Store phones as they are to be and let it be seen; raise StoreError."""
        if not changed and not gone:
            return
        change = self._change(changed, gone, actor=actor, why=why, fresh=fresh)
        self._tell(self.before_change, [*changed, *gone])
        await self._directory.put_phones(change)
        self._tell(self.on_change, [*changed, *gone])

    def _change(
        self,
        changed: Sequence[PhoneEntry],
        gone: Sequence[PhoneEntry],
        *,
        actor: Callable[[PhoneEntry], dict[str, str]],
        why: str,
        fresh: frozenset[int],
    ) -> Change:
        after = self.phones.with_phones(changed, gone)

        def stored() -> None:
            for phone in (*changed, *gone):
                old = self.phones.by_id.get(phone.id)
                if old is not None:
                    self._by_address.pop(self.address_of(old), None)
            for phone in changed:
                self._by_address[self.address_of(phone)] = phone.id
            for was, now in change.devices:
                if was is not None:
                    del self._devices[was.id]
                if now is not None:
                    self._devices[now.id] = now
            self.phones = after

        change = self._changes.make(
            self.phones,
            changed,
            gone,
            self._devices,
            self.names(),
            actor=actor,
            why=why,
            fresh=fresh,
            stored=stored,
        )
        if any(phone.id not in self.phones.by_id for phone in changed):
            change.writes = [self._directory.number_write(), *change.writes]
        return change

    def refused(self, phone: PhoneEntry, actor: Mapping[str, str], why: str) -> None:
        """Put a login that was refused on record."""
        self._ledger.record(PhoneLoginRefused(phone=phone.mac, actor=dict(actor), why=why))

    def _tell(self, listeners: Iterable[Listener], phones: Sequence[PhoneEntry]) -> None:
        for listener in listeners:
            try:
                listener(phones)
            except Exception:
                log.exception("A listener failed at a change of phones")

    # What the directory and the rights ask

    def user_leaves(self, user: UserEntry) -> Change:
        """Return what becomes of the phones of a user who is being removed."""
        floor = Floor(self.phones)
        moving.user_leaves(floor, user.id)
        actor = {"kind": "system", "name": "ringwall", "source": "local"}
        why = "its user was removed"
        return self._change(floor.changed, (), actor=lambda _: actor, why=why, fresh=frozenset())

    def _uses_of(self, word: str, key: str) -> list[str]:
        return [
            f"the phone {one.name}"
            for one in self.phones.by_id.values()
            if (word == "site" and one.site == key) or (word == "group" and one.group == key)
        ]


def _is_stranger(phone: PhoneEntry) -> bool:
    """Whether nobody but the phone itself has said anything of it."""
    return phone.state is State.DISCOVERED and not phone.expected and phone.home is None
