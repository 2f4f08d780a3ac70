"""What administrators send and get: the arguments and results of the directory's operations."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ringwall.core.directory.model import DeviceEntry, UserEntry
from ringwall.core.operations import Arguments

# The service says in full sentences what is wrong with these; the limits here only keep out what is absurd.
Text = Annotated[str, Field(max_length=256)]


class UserAdd(Arguments):
    """A new user."""

    extension: Text
    name: Text


class UserNamed(Arguments):
    """Which user."""

    extension: Text


class DeviceAdd(Arguments):
    """A new device of a user. `legacy`: it may sign in with MD5, because it knows nothing better."""

    extension: Text
    label: Text = "phone"
    legacy: bool = False


class DeviceList(Arguments):
    """Whose devices; without an extension all."""

    extension: Text | None = None


class DeviceNamed(Arguments):
    """Which device, by the name that it signs in with."""

    device: Text


class Device(BaseModel):
    """A device as administrators see it."""

    device: str
    extension: str
    label: str
    legacy: bool

    @classmethod
    def of(cls, entry: DeviceEntry) -> "Device":
        """Return the public facts of an entry."""
        return cls(device=entry.username, extension=entry.extension, label=entry.label, legacy=entry.legacy)


class User(BaseModel):
    """A user as administrators see it."""

    extension: str
    name: str
    devices: list[Device]

    @classmethod
    def of(cls, entry: UserEntry) -> "User":
        """Return the public facts of an entry."""
        return cls(
            extension=entry.extension,
            name=entry.name,
            devices=[Device.of(device) for device in entry.devices],
        )


class DeviceAdded(Device):
    """A new device with all that the phone has to be told. The password is shown here and never again."""

    server: str
    port: int
    transport: Literal["tls"] = "tls"
    domain: str
    sip_user: str
    auth_user: str
    password: str
    ca_file: str
