"""What the directory and those who know desk phones ask of each other, and the writes of their devices."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import bindparam, delete

from ringwall.core.directory.model import DeviceEntry, UserEntry
from ringwall.core.store import schema

Write = tuple[Any, dict[str, Any]]

_PUT = schema.upsert_of(schema.devices)
_REMOVE = delete(schema.devices).where(schema.devices.c.id == bindparam("device_number"))
_REMOVE_BINDINGS = delete(schema.bindings).where(schema.bindings.c.device_id == bindparam("device_number"))


class PhoneChange(Protocol):
    """A change of desk phones that is to be made: what is written, and what the directory has afterwards."""

    @property
    def writes(self) -> Sequence[Write]:
        """What makes the change durable."""

    @property
    def devices(self) -> Sequence[tuple[DeviceEntry | None, DeviceEntry | None]]:
        """The devices that were, and what they are now."""

    def stored(self) -> None:
        """Called when it is on the disk, before the directory is seen to have changed."""


class Phones(Protocol):
    """What the directory asks of those who know desk phones."""

    def user_leaves(self, user: UserEntry) -> PhoneChange:
        """Return what becomes of the phones of a user who is being removed."""
        ...


def device_write(device: DeviceEntry, created_at: float) -> Write:
    """Return the write that stores a device as it is, new or in place of what it was."""
    return _PUT, {
        "id": device.id,
        "user_id": device.user_id or None,
        "username": device.username,
        "label": device.label,
        "ha1_sha256": device.ha1_sha256,
        "ha1_md5": device.ha1_md5,
        "legacy": device.legacy,
        "created_at": created_at,
    }


def device_removal(device_id: int) -> tuple[Write, Write]:
    """Return the writes that remove a device and what it had registered."""
    return (_REMOVE_BINDINGS, {"device_number": device_id}), (_REMOVE, {"device_number": device_id})
