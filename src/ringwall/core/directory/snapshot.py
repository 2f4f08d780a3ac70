"""The directory as call control sees it: a value that never changes and is replaced as a whole.

A phone at which nobody is logged in is among the devices, and no user's: it can sign in and cannot be called.
A change copies two dictionaries and touches one user: a fifth of a millisecond with 10,000 users.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ringwall.core.directory.model import DeviceEntry, Place, UserEntry
from ringwall.core.store import schema


class Directory:
    """All users by extension and all devices by the name that they sign in with."""

    __slots__ = ("_devices", "_users", "by_device", "by_extension")

    def __init__(self, users: Iterable[UserEntry] = (), phones: Iterable[DeviceEntry] = ()) -> None:
        by_extension = {user.extension: user for user in users}
        devices = {device.username: device for user in by_extension.values() for device in user.devices}
        self._keep(by_extension, devices | {device.username: device for device in phones})

    def _keep(self, users: dict[str, UserEntry], devices: dict[str, DeviceEntry]) -> None:
        # The views keep others from changing a snapshot; copying through a view takes fifty times as long.
        self._users, self._devices = users, devices
        self.by_extension: Mapping[str, UserEntry] = MappingProxyType(users)
        self.by_device: Mapping[str, DeviceEntry] = MappingProxyType(devices)

    def with_user(self, user: UserEntry) -> "Directory":
        """Return a directory in which this user replaces the one with the same extension, if any."""
        return self._changed(user.extension, user)

    def with_users(self, users: Iterable[UserEntry]) -> "Directory":
        """Return a directory with these users, new ones or others with the devices that they had."""
        by_extension = self._users.copy()
        by_extension.update((user.extension, user) for user in users)
        changed = Directory()
        changed._keep(by_extension, self._devices)
        return changed

    def with_devices(self, changes: Iterable[tuple[DeviceEntry | None, DeviceEntry | None]]) -> "Directory":
        """Return a directory in which devices came, went or changed: pairs of what was and what is."""
        by_extension, by_device = self._users.copy(), self._devices.copy()
        for old, new in changes:
            if old is not None:
                del by_device[old.username]
                user = by_extension.get(old.extension)
                if user is not None:
                    left = tuple(other for other in user.devices if other.id != old.id)
                    by_extension[user.extension] = replace(user, devices=left)
            if new is not None:
                by_device[new.username] = new
                user = by_extension.get(new.extension)
                if user is not None:
                    by_extension[user.extension] = replace(user, devices=(*user.devices, new))
        changed = Directory()
        changed._keep(by_extension, by_device)
        return changed

    def without_user(self, extension: str) -> "Directory":
        """Return a directory without this user and its devices."""
        return self._changed(extension, None)

    def _changed(self, extension: str, user: UserEntry | None) -> "Directory":
        by_extension, by_device = self._users.copy(), self._devices.copy()
        old = by_extension.get(extension)
        for device in old.devices if old is not None else ():
            del by_device[device.username]
        if user is None:
            by_extension.pop(extension, None)
        else:
            by_extension[extension] = user
            by_device.update((device.username, device) for device in user.devices)
        changed = Directory()
        changed._keep(by_extension, by_device)
        return changed


def load(connection: Connection) -> Directory:
    """Return the directory that the database holds."""
    users, devices, phones = schema.users, schema.devices, schema.phones
    by_user: dict[int, list[DeviceEntry]] = {}
    unassigned: list[DeviceEntry] = []
    rows = connection.execute(select(users).order_by(users.c.extension)).all()
    extensions = {row.id: row.extension for row in rows}
    places = {
        row.id: Place(row.mac, row.site_id, row.group_id, row.location, row.callback_number)
        for row in connection.execute(select(phones))
    }
    for row in connection.execute(select(devices).order_by(devices.c.id)):
        device = DeviceEntry(
            id=row.id,
            username=row.username,
            user_id=row.user_id or 0,
            extension=extensions[row.user_id] if row.user_id else row.username,
            label=row.label,
            ha1_sha256=row.ha1_sha256,
            ha1_md5=row.ha1_md5,
            legacy=row.legacy,
            place=places.get(row.id),
        )
        (by_user.setdefault(row.user_id, []) if row.user_id else unassigned).append(device)
    return Directory(
        (
            UserEntry(
                id=row.id,
                extension=row.extension,
                name=row.name,
                devices=tuple(by_user.get(row.id, ())),
                group=row.group_id,
                site=row.site_id,
                did=row.did,
                caller_id=row.caller_id,
                no_pickup=row.no_pickup,
                locked=row.locked,
            )
            for row in rows
        ),
        unassigned,
    )
