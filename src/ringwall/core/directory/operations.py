"""What administrators can ask of the directory."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from ringwall.core.directory.schema import (
    Device,
    DeviceAdd,
    DeviceAdded,
    DeviceList,
    DeviceNamed,
    User,
    UserAdd,
    UserList,
    UserNamed,
    UserSet,
)
from ringwall.core.directory.service import DirectoryService
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Listing, Operation, Operations, Topic


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """What every phone has to be told: where the server is and whom it trusts."""

    server: str
    port: int
    domain: str
    ca_file: str


USERS: Final = Topic("Users", "People with an extension, and what they have.")
DEVICES: Final = Topic("Devices", "The telephones of users, and which of them can be reached.")

USER_ADD: Final = Operation(
    "user.add",
    "Add a user, with the least rights unless a group is given.",
    topic=USERS,
    verb="POST",
    path="/api/users",
    permission=Permission.USERS_WRITE,
    arguments=UserAdd,
    result=User,
    status=HTTPStatus.CREATED,
    errors=("conflict",),
    changes=True,
    example={"extension": "201", "name": "Anna Berg", "group": "sales"},
)
USER_SET: Final = Operation(
    "user.set",
    "Change what a user is; what is left out stays.",
    topic=USERS,
    verb="PATCH",
    path="/api/users/{extension}",
    permission=Permission.USERS_WRITE,
    arguments=UserSet,
    result=User,
    errors=("not_found", "conflict"),
    changes=True,
    example={"extension": "201", "did": "+14085550123"},
)
USER_LIST: Final = Operation(
    "user.list",
    "List the users.",
    topic=USERS,
    verb="GET",
    path="/api/users",
    permission=Permission.USERS_READ,
    arguments=UserList,
    result=User,
    listing=Listing(order=("extension",), search=("extension", "name", "did", "caller_id"), show=User.of),
    example={"group": "sales"},
)
USER_SHOW: Final = Operation(
    "user.show",
    "Show a user with the user's devices.",
    topic=USERS,
    verb="GET",
    path="/api/users/{extension}",
    permission=Permission.USERS_READ,
    arguments=UserNamed,
    result=User,
    errors=("not_found",),
    example={"extension": "201"},
)
USER_REMOVE: Final = Operation(
    "user.remove",
    "Remove a user with all the user's devices.",
    topic=USERS,
    verb="DELETE",
    path="/api/users/{extension}",
    permission=Permission.USERS_WRITE,
    arguments=UserNamed,
    result=User,
    errors=("not_found", "conflict"),
    changes=True,
    example={"extension": "201"},
)
DEVICE_ADD: Final = Operation(
    "device.add",
    "Add a device of a user; its password is shown this one time.",
    topic=DEVICES,
    verb="POST",
    path="/api/devices",
    permission=Permission.DEVICES_WRITE,
    arguments=DeviceAdd,
    result=DeviceAdded,
    status=HTTPStatus.CREATED,
    errors=("not_found",),
    changes=True,
    example={"extension": "201", "label": "desk"},
)
DEVICE_LIST: Final = Operation(
    "device.list",
    "List the devices of a user, or all.",
    topic=DEVICES,
    verb="GET",
    path="/api/devices",
    permission=Permission.DEVICES_READ,
    arguments=DeviceList,
    result=Device,
    listing=Listing(order=("extension", "device"), search=("extension", "device", "label")),
    errors=("not_found",),
    example={"extension": "201"},
)
DEVICE_REMOVE: Final = Operation(
    "device.remove",
    "Remove a device; its calls end and its password is worthless.",
    topic=DEVICES,
    verb="DELETE",
    path="/api/devices/{device}",
    permission=Permission.DEVICES_WRITE,
    arguments=DeviceNamed,
    result=Device,
    errors=("not_found",),
    changes=True,
    example={"device": "d0f8c2a1"},
)
OPERATIONS: Final = (
    USER_ADD,
    USER_SET,
    USER_LIST,
    USER_SHOW,
    USER_REMOVE,
    DEVICE_ADD,
    DEVICE_LIST,
    DEVICE_REMOVE,
)


def register(operations: Operations, directory: DirectoryService, phones: PhoneSettings) -> None:
    """Do what is declared above."""

    async def user_add(actor: Actor, args: UserAdd) -> User:
        given = args.model_dump(exclude_unset=True, exclude={"extension", "name"})
        return User.of(await directory.add_user(actor, args.extension, args.name, given))

    async def user_set(actor: Actor, args: UserSet) -> User:
        given = args.model_dump(exclude_unset=True, exclude={"extension"})
        return User.of(await directory.change_user(actor, args.extension, given))

    async def user_list(_actor: Actor, _args: UserList) -> Iterable[Any]:
        return directory.snapshot.by_extension.values()

    async def user_show(_actor: Actor, args: UserNamed) -> User:
        return User.of(directory.user(args.extension))

    async def user_remove(actor: Actor, args: UserNamed) -> User:
        return User.of(await directory.remove_user(actor, args.extension))

    async def device_add(actor: Actor, args: DeviceAdd) -> DeviceAdded:
        new = await directory.add_device(actor, args.extension, args.label, legacy=args.legacy)
        return DeviceAdded(
            **Device.of(new.device).model_dump(),
            server=phones.server,
            port=phones.port,
            domain=phones.domain,
            sip_user=new.device.extension,
            auth_user=new.device.username,
            password=new.credentials.password,
            ca_file=phones.ca_file,
        )

    async def device_list(_actor: Actor, args: DeviceList) -> Iterable[Any]:
        users = directory.snapshot.by_extension
        chosen = [directory.user(args.extension)] if args.extension is not None else users.values()
        return [Device.of(device) for user in chosen for device in user.devices]

    async def device_remove(actor: Actor, args: DeviceNamed) -> Device:
        return Device.of(await directory.remove_device(actor, args.device))

    operations.offer(USER_ADD, user_add)
    operations.offer(USER_SET, user_set)
    operations.offer(USER_LIST, user_list)
    operations.offer(USER_SHOW, user_show)
    operations.offer(USER_REMOVE, user_remove)
    operations.offer(DEVICE_ADD, device_add)
    operations.offer(DEVICE_LIST, device_list)
    operations.offer(DEVICE_REMOVE, device_remove)
