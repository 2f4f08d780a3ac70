"""What administrators send and get: the arguments and results of the directory's operations."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ringwall.core.directory.model import DeviceEntry, UserEntry
from ringwall.core.operations import Arguments, ListArguments

# The service says in full sentences what is wrong with these; the limits here only keep out what is absurd.
Text = Annotated[str, Field(max_length=256)]


class UserRights(Arguments):
    """What a user is besides a name; what is not given is left as it is, for a new user at the least."""

    group: Annotated[Text | None, Field(description="the user group, which says what the user may do")] = (
        "least-privileged"
    )
    site: Annotated[Text | None, Field(description="the site, whose numbering and emergency rules count")] = (
        "main"
    )
    did: Annotated[
        Text, Field(description="the user's own outside number, such as +14085550123; empty: none")
    ] = ""
    caller_id: Annotated[
        Text, Field(description="the number that calls outside show; empty: that of the trunk")
    ] = ""
    no_pickup: Annotated[bool, Field(description="others may not pick up this user's calls")] = False
    locked: Annotated[bool, Field(description="inside and emergency calls only, whatever the group")] = False


class UserAdd(UserRights):
    """A new user."""

    extension: Text
    name: Text


class UserSet(UserRights):
    """What is to change at a user; what is not given stays."""

    extension: Text
    name: Text = ""


class UserList(ListArguments):
    """Which users."""

    group: Annotated[Text | None, Field(description="only members of this group")] = None
    site: Annotated[Text | None, Field(description="only users at this site")] = None
    locked: Annotated[bool | None, Field(description="only those that are locked, or only others")] = None


class UserNamed(Arguments):
    """Which user."""

    extension: Text


class DeviceAdd(Arguments):
    """A new device of a user. `legacy`: it may sign in with MD5, because it knows nothing better."""

    extension: Text
    label: Text = "phone"
    legacy: bool = False


class DeviceList(ListArguments):
    """Whose devices; without an extension all."""

    extension: Text | None = None
    legacy: Annotated[bool | None, Field(description="only those that may use MD5, or only others")] = None


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
    group: str | None
    site: str | None
    did: str
    caller_id: str
    no_pickup: bool
    locked: bool
    devices: list[Device]

    @classmethod
    def of(cls, entry: UserEntry) -> "User":
        """Return the public facts of an entry."""
        return cls(
            extension=entry.extension,
            name=entry.name,
            group=entry.group,
            site=entry.site,
            did=entry.did,
            caller_id=entry.caller_id,
            no_pickup=entry.no_pickup,
            locked=entry.locked,
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
