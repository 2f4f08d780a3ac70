"""Changes of the directory: first on the disk and on record, then seen by call control; all or nothing."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from ringwall.core.directory.credentials import Credentials, new_credentials
from ringwall.core.directory.model import (
    MOST_DEVICES,
    NEW_USERS_GROUP,
    NEW_USERS_SITE,
    DeviceEntry,
    UserEntry,
    check_extension,
    check_text,
)
from ringwall.core.directory.phones import PhoneChange, Phones
from ringwall.core.directory.snapshot import Directory, load
from ringwall.core.errors import OperationError
from ringwall.core.ledger import Ledger
from ringwall.core.numbers import outside_number
from ringwall.core.operations import Actor
from ringwall.core.store import Store, schema
from ringwall.events.admin import (
    AdminDeviceAdded,
    AdminDeviceRemoved,
    AdminUserAdded,
    AdminUserChanged,
    AdminUserRemoved,
    Changed,
)
from ringwall.policy import PolicyError

log = logging.getLogger(__name__)

Listener = Callable[[Directory, Directory], None]
Write = tuple[Any, dict[str, Any]]

# The columns of a user that an administrator changes, and the fields of UserEntry that they hold.
_COLUMNS = {
    "name": "name",
    "group_id": "group",
    "site_id": "site",
    "did": "did",
    "caller_id": "caller_id",
    "no_pickup": "no_pickup",
    "locked": "locked",
}

_ADD_USER = insert(schema.users)
_CHANGE_USER = (
    update(schema.users)
    .where(schema.users.c.id == bindparam("user_number"))
    .values({name: bindparam(f"new_{name}") for name in _COLUMNS})
)
_REMOVE_USER = delete(schema.users).where(schema.users.c.id == bindparam("user_number"))
_REMOVE_USERS_BINDINGS = delete(schema.bindings).where(schema.bindings.c.user_id == bindparam("user_number"))
_ADD_DEVICE = insert(schema.devices)
_REMOVE_DEVICE = delete(schema.devices).where(schema.devices.c.id == bindparam("device_number"))
_REMOVE_BINDINGS = delete(schema.bindings).where(schema.bindings.c.device_id == bindparam("device_number"))
_NEXT_NUMBER = update(schema.organisations).values(next_number=bindparam("number"))


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that was just added, and its password, which is nowhere else."""

    device: DeviceEntry
    credentials: Credentials


class UserRules(Protocol):
    """What is asked before a user is stored or removed; the class of service answers."""

    def check_users(self, users: Iterable[UserEntry], after: Directory) -> None:
        """Raise OperationError where one of these users, new or changed, cannot be as told.

        `after` is the directory with all of them in it.
        """
        ...

    def check_removal(self, user: UserEntry) -> None:
        """Raise OperationError where something still names this user."""
        ...


class DirectoryService:
    """The one place that changes users and devices. Made by `DirectoryService.open`.

    `snapshot` is replaced as a whole after each change; listeners are then called with the old and the new
    one.
    """

    def __init__(
        self, store: Store, ledger: Ledger, realm: str, snapshot: Directory, next_number: int
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._realm = realm
        self._next_number = next_number
        self._listeners: list[Listener] = []
        self.changing = asyncio.Lock()  # held by whoever changes this, or what users refer to
        self.rules: UserRules | None = None
        self.phones: Phones | None = None
        self.snapshot = snapshot

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, realm: str) -> Self:
        """Read the directory. `realm` is the digest realm, the organisation's SIP domain."""

        def read(connection: Connection) -> tuple[Directory, int]:
            number = connection.execute(select(schema.organisations.c.next_number)).scalar()
            return load(connection), int(number or 1)

        snapshot, next_number = await store.read(read)
        return cls(store, ledger, realm, snapshot, next_number)

    def on_change(self, listener: Listener) -> None:
        """Have `listener(old, new)` called after each change, in the event loop's thread."""
        self._listeners.append(listener)

    def user(self, extension: str) -> UserEntry:
        """Return the user with this extension; raise OperationError (not_found)."""
        user = self.snapshot.by_extension.get(extension)
        if user is None:
            raise OperationError("not_found", "There is no user with this extension.", "extension")
        return user

    @staticmethod
    def checked(user: UserEntry) -> UserEntry:
        """Return a user with a tidy name and tidy numbers; raise OperationError (invalid)."""
        try:
            did = outside_number(user.did, "did") if user.did.strip() else ""
            caller_id = outside_number(user.caller_id, "caller_id") if user.caller_id.strip() else ""
        except PolicyError as error:
            raise OperationError("invalid", f"{error.field}: {error.message}", error.field) from error
        return replace(user, name=check_text(user.name, "name"), did=did, caller_id=caller_id)

    async def add_user(
        self, actor: Actor, extension: str, name: str, given: Mapping[str, Any] | None = None
    ) -> UserEntry:
        """Add a user; raise OperationError (invalid, conflict) or StoreError.

        `given` has other fields of UserEntry. Without a group it gets the least privileged one.
        """
        fields = {"group": NEW_USERS_GROUP, "site": NEW_USERS_SITE, **(given or {})}
        async with self.changing:
            user = UserEntry(0, check_extension(extension), name, **fields)
            if extension in self.snapshot.by_extension:
                raise OperationError("conflict", f"The extension {extension} is taken.", "extension")
            await self.put_users(actor, [user])
            return self.user(extension)

    async def change_user(self, actor: Actor, extension: str, given: Mapping[str, Any]) -> UserEntry:
        """Change fields of a user; raise OperationError (not_found, invalid, conflict) or StoreError."""
        async with self.changing:
            user = replace(self.user(extension), **given)
            await self.put_users(actor, [user])
            return self.user(extension)

    async def put_users(self, actor: Actor, users: Iterable[UserEntry]) -> None:
        """Store users as they are told, all or none; one with the number 0 is new and gets a number.

        For who holds `changing`. Users who are as they were are left alone. Raises like `add_user`.
        """
        before = self.snapshot.by_extension
        told = [self.checked(user) for user in users]
        wanted = [user for user in told if before.get(user.extension) != user]
        if not wanted:
            return
        number = self._next_number
        for place, user in enumerate(wanted):
            if not user.id:
                wanted[place], number = replace(user, id=number), number + 1
        after = self.snapshot.with_users(wanted)
        if self.rules is not None:
            self.rules.check_users(wanted, after)
        added: list[Write] = []
        changed: list[Write] = []
        records: list[Write] = []
        for user in wanted:
            old = before.get(user.extension)
            columns = {column: getattr(user, field) for column, field in _COLUMNS.items()}
            if old is None:
                row = {"id": user.id, "extension": user.extension, "created_at": time.time(), **columns}
                added.append((_ADD_USER, row))
                records.append(self._record(AdminUserAdded, actor, None, _user_facts(user)))
            else:
                new = {f"new_{column}": value for column, value in columns.items()}
                changed.append((_CHANGE_USER, {"user_number": user.id, **new}))
                records.append(self._record(AdminUserChanged, actor, _user_facts(old), _user_facts(user)))
        await self._store.commit([(_NEXT_NUMBER, {"number": number}), *added, *changed, *records])
        self._next_number = number
        self._swap(after)

    async def remove_user(self, actor: Actor, extension: str) -> UserEntry:
        """Remove a user with all its devices; raise OperationError (not_found, conflict) or StoreError."""
        async with self.changing:
            user = self.user(extension)
            if self.rules is not None:
                self.rules.check_removal(user)
            phones = self.phones.user_leaves(user) if self.phones is not None else None
            await self._store.commit(
                [
                    *(phones.writes if phones is not None else ()),
                    (_REMOVE_USERS_BINDINGS, {"user_number": user.id}),
                    (_REMOVE_USER, {"user_number": user.id}),
                    self._record(AdminUserRemoved, actor, _user_facts(user), None),
                ]
            )
            before = self.snapshot
            if phones is not None:
                phones.stored()
                before = before.with_devices(phones.devices)
            self._swap(before.without_user(extension))
            return user

    async def add_device(
        self, actor: Actor, extension: str, label: str = "phone", *, legacy: bool = False
    ) -> NewDevice:
        """Add a device with credentials of its own.

        Raise OperationError (not_found, invalid, refused) or StoreError.

        A `legacy` device may also sign in with MD5, because it knows nothing better.
        """
        label = check_text(label, "label")
        async with self.changing:
            user = self.user(extension)
            if len(user.devices) >= MOST_DEVICES:
                raise OperationError("refused", f"A user has at most {MOST_DEVICES} devices.", "extension")
            credentials = new_credentials()
            device = DeviceEntry(
                id=self._next_number,
                username=credentials.username,
                user_id=user.id,
                extension=extension,
                label=label,
                ha1_sha256=credentials.ha1_sha256(self._realm),
                ha1_md5=credentials.ha1_md5(self._realm) if legacy else None,
                legacy=legacy,
            )
            row = {
                "id": device.id,
                "user_id": user.id,
                "username": device.username,
                "label": label,
                "ha1_sha256": device.ha1_sha256,
                "ha1_md5": device.ha1_md5,
                "legacy": legacy,
                "created_at": time.time(),
            }
            await self._store.commit(
                [
                    (_NEXT_NUMBER, {"number": device.id + 1}),
                    (_ADD_DEVICE, row),
                    self._record(AdminDeviceAdded, actor, None, _device_facts(device)),
                ]
            )
            self._next_number = device.id + 1
            self._swap(self.snapshot.with_user(replace(user, devices=(*user.devices, device))))
            return NewDevice(device, credentials)

    async def remove_device(self, actor: Actor, username: str) -> DeviceEntry:
        """Remove a device by the name that it signs in with.

        Raise OperationError (not_found) or StoreError.
        """
        async with self.changing:
            device = self.snapshot.by_device.get(username)
            if device is None:
                raise OperationError("not_found", "There is no such device.", "device")
            if device.place is not None:
                raise OperationError(
                    "refused", f"This is the phone {device.place.mac}: see ./ringwall phone.", "device"
                )
            user = self.user(device.extension)
            await self._store.commit(
                [
                    (_REMOVE_BINDINGS, {"device_number": device.id}),
                    (_REMOVE_DEVICE, {"device_number": device.id}),
                    self._record(AdminDeviceRemoved, actor, _device_facts(device), None),
                ]
            )
            left = tuple(other for other in user.devices if other.id != device.id)
            self._swap(self.snapshot.with_user(replace(user, devices=left)))
            return device

    async def put_phones(self, change: PhoneChange) -> None:
        """Store a change of desk phones and let it be seen; for who holds `changing`. Raises StoreError."""
        await self._store.commit(change.writes)
        change.stored()
        self._swap(self.snapshot.with_devices(change.devices))

    def take_number(self) -> int:
        """Return a number that nothing has had, for who holds `changing`; `number_write` stores it."""
        number, self._next_number = self._next_number, self._next_number + 1
        return number

    def number_write(self) -> Write:
        """Return the write that keeps numbers from coming back."""
        return _NEXT_NUMBER, {"number": self._next_number}

    @property
    def realm(self) -> str:
        """The digest realm, the organisation's SIP domain."""
        return self._realm

    def _record(
        self, kind: type[Changed], actor: Actor, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> Write:
        return self._ledger.entry(kind(actor=actor.to_dict(), before=before, after=after))

    def _swap(self, new: Directory) -> None:
        old, self.snapshot = self.snapshot, new
        for listener in self._listeners:
            try:
                listener(old, new)
            except Exception:
                # The change is made and on the disk; a listener that fails must not make it look refused.
                log.exception("A listener failed after a change of the directory")


def _user_facts(user: UserEntry) -> dict[str, Any]:
    devices = [device.username for device in user.devices]
    facts = {field: getattr(user, field) for field in _COLUMNS.values()}
    return {"id": user.id, "extension": user.extension, "devices": devices, **facts}


def _device_facts(device: DeviceEntry) -> dict[str, Any]:
    return {
        "id": device.id,
        "device": device.username,
        "extension": device.extension,
        "label": device.label,
        "legacy": device.legacy,
    }
