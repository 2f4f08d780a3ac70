"""What administrators can ask of the directory."""

from dataclasses import dataclass
from typing import Any

from ringwall.core.directory.schema import (
    Device,
    DeviceAdd,
    DeviceAdded,
    DeviceList,
    DeviceNamed,
    User,
    UserAdd,
    UserNamed,
    UserSet,
)
from ringwall.core.directory.service import DirectoryService
from ringwall.core.operations import Actor, NoArguments, Operations


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """What every phone has to be told: where the server is and whom it trusts."""

    server: str
    port: int
    domain: str
    ca_file: str


def register(operations: Operations, directory: DirectoryService, phones: PhoneSettings) -> None:
    """Add user.add, set, list, show, remove and device.add, list, remove."""

    async def user_add(actor: Actor, args: UserAdd) -> User:
        given = args.model_dump(exclude_unset=True, exclude={"extension", "name"})
        return User.of(await directory.add_user(actor, args.extension, args.name, given))

    async def user_set(actor: Actor, args: UserSet) -> User:
        given = args.model_dump(exclude_unset=True, exclude={"extension"})
        return User.of(await directory.change_user(actor, args.extension, given))

    async def user_list(_actor: Actor, _args: NoArguments) -> list[Any]:
        users = directory.snapshot.by_extension
        return [User.of(users[extension]) for extension in sorted(users)]

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

    async def device_list(_actor: Actor, args: DeviceList) -> list[Any]:
        users = directory.snapshot.by_extension
        chosen = [directory.user(args.extension)] if args.extension is not None else users.values()
        return [Device.of(device) for user in chosen for device in user.devices]

    async def device_remove(actor: Actor, args: DeviceNamed) -> Device:
        return Device.of(await directory.remove_device(actor, args.device))

    operations.add("user.add", UserAdd, user_add, changes=True)
    operations.add("user.set", UserSet, user_set, changes=True)
    operations.add("user.list", NoArguments, user_list)
    operations.add("user.show", UserNamed, user_show)
    operations.add("user.remove", UserNamed, user_remove, changes=True)
    operations.add("device.add", DeviceAdd, device_add, changes=True)
    operations.add("device.list", DeviceList, device_list)
    operations.add("device.remove", DeviceNamed, device_remove, changes=True)
