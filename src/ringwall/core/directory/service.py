"""Changes of the directory: first on the disk and on record, then seen by call control; all or nothing."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from ringwall.core.directory.credentials import Credentials, new_credentials
from ringwall.core.directory.model import MOST_DEVICES, DeviceEntry, UserEntry, check_extension, check_text
from ringwall.core.directory.snapshot import Directory, load
from ringwall.core.errors import OperationError
from ringwall.core.ledger import Ledger
from ringwall.core.operations import Actor
from ringwall.core.store import Store, schema

log = logging.getLogger(__name__)

Listener = Callable[[Directory, Directory], None]

_ADD_USER = insert(schema.users)
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
        self._changing = asyncio.Lock()
        self._listeners: list[Listener] = []
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

    async def add_user(self, actor: Actor, extension: str, name: str) -> UserEntry:
        """Add a user; raise OperationError (invalid, conflict) or StoreError."""
        extension, name = check_extension(extension), check_text(name, "name")
        async with self._changing:
            if extension in self.snapshot.by_extension:
                raise OperationError("conflict", f"The extension {extension} is taken.", "extension")
            user = UserEntry(id=self._next_number, extension=extension, name=name)
            row = {"id": user.id, "extension": extension, "name": name, "created_at": time.time()}
            await self._store.commit(
                [
                    (_NEXT_NUMBER, {"number": user.id + 1}),
                    (_ADD_USER, row),
                    self._record("admin.user.added", actor, None, _user_facts(user)),
                ]
            )
            self._next_number = user.id + 1
            self._swap(self.snapshot.with_user(user))
            return user

    async def remove_user(self, actor: Actor, extension: str) -> UserEntry:
        """Remove a user with all its devices; raise OperationError (not_found) or StoreError."""
        async with self._changing:
            user = self.user(extension)
            await self._store.commit(
                [
                    (_REMOVE_USERS_BINDINGS, {"user_number": user.id}),
                    (_REMOVE_USER, {"user_number": user.id}),
                    self._record("admin.user.removed", actor, _user_facts(user), None),
                ]
            )
            self._swap(self.snapshot.without_user(extension))
            return user

    async def add_device(
        self, actor: Actor, extension: str, label: str = "phone", *, legacy: bool = False
    ) -> NewDevice:
        """Add a device with credentials of its own.

        Raise OperationError (not_found, invalid, refused) or StoreError.

        A `legacy` device may also sign in with MD5, because it knows nothing better.
        """
        label = check_text(label, "label")
        async with self._changing:
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
                    self._record("admin.device.added", actor, None, _device_facts(device)),
                ]
            )
            self._next_number = device.id + 1
            self._swap(self.snapshot.with_user(replace(user, devices=(*user.devices, device))))
            return NewDevice(device, credentials)

    async def remove_device(self, actor: Actor, username: str) -> DeviceEntry:
        """Remove a device by the name that it signs in with.

        Raise OperationError (not_found) or StoreError.
        """
        async with self._changing:
            device = self.snapshot.by_device.get(username)
            if device is None:
                raise OperationError("not_found", "There is no such device.", "device")
            user = self.user(device.extension)
            await self._store.commit(
                [
                    (_REMOVE_BINDINGS, {"device_number": device.id}),
                    (_REMOVE_DEVICE, {"device_number": device.id}),
                    self._record("admin.device.removed", actor, _device_facts(device), None),
                ]
            )
            left = tuple(other for other in user.devices if other.id != device.id)
            self._swap(self.snapshot.with_user(replace(user, devices=left)))
            return device

    def _record(
        self, kind: str, actor: Actor, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        return self._ledger.entry(kind, actor=actor.to_dict(), before=before, after=after)

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
    return {"id": user.id, "extension": user.extension, "name": user.name, "devices": devices}


def _device_facts(device: DeviceEntry) -> dict[str, Any]:
    return {
        "id": device.id,
        "device": device.username,
        "extension": device.extension,
        "label": device.label,
        "legacy": device.legacy,
    }
