"""What administrators can ask about firmware; everything but looking is on record (F1, I2)."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from ringwall.core.errors import OperationError
from ringwall.core.firmware import schema
from ringwall.core.firmware.metadata import holders_of
from ringwall.core.firmware.repository import Repository, SignedImage
from ringwall.core.firmware.rollout import Phone
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.operations import Actor, NoArguments, Operations
from ringwall.infra.firmware import FirmwareError

A = TypeVar("A")
R = TypeVar("R")
_UNSIGNED_BY_PEOPLE = ("snapshot", "timestamp")


def register(operations: Operations, firmware: FirmwareService) -> None:
    """Add firmware.upload, publish, rotate, rollout, list, fetch, verify and offer."""

    async def upload(_actor: Actor, args: schema.Piece) -> schema.Had:
        try:
            piece = base64.b64decode(args.data, validate=True)
        except binascii.Error:
            raise OperationError("invalid", "data: has to be base64.", "data") from None
        have = await firmware.take_piece(args.sha256, args.length, args.offset, piece)
        return schema.Had(have=have, complete=have == args.length)

    async def publish(actor: Actor, args: schema.Proposed) -> schema.Overview:
        await firmware.publish(actor, {role: text.encode() for role, text in args.files.items()})
        return overview(firmware)

    async def rotate(actor: Actor, _args: NoArguments) -> schema.Fetched:
        await firmware.rotate(actor)
        return fetched(firmware)

    async def set_rollout(actor: Actor, args: schema.RolloutSet) -> schema.RolloutShown:
        given = args.model_dump(exclude_unset=True, exclude={"vendor", "model"})
        after = await firmware.set_rollout(actor, args.vendor, args.model, given)
        return schema.RolloutShown(**after.to_dict())

    async def list_all(_actor: Actor, _args: NoArguments) -> schema.Overview:
        return overview(firmware)

    async def fetch(_actor: Actor, _args: NoArguments) -> schema.Fetched:
        return fetched(firmware)

    async def verify(_actor: Actor, _args: NoArguments) -> schema.Checked:
        problems = await firmware.verify()
        return schema.Checked(ok=not problems, problems=problems)

    async def offer(_actor: Actor, args: schema.Asked) -> schema.Told:
        phone = Phone(args.device, args.group, args.version)
        return told(*firmware.offer(args.vendor, args.model, phone))

    operations.add("firmware.upload", schema.Piece, _refused(upload), changes=True)
    operations.add("firmware.publish", schema.Proposed, _refused(publish), changes=True)
    operations.add("firmware.rotate", NoArguments, _refused(rotate), changes=True)
    operations.add("firmware.rollout", schema.RolloutSet, _refused(set_rollout), changes=True)
    operations.add("firmware.list", NoArguments, _refused(list_all))
    operations.add("firmware.fetch", NoArguments, _refused(fetch))
    operations.add("firmware.verify", NoArguments, _refused(verify))
    operations.add("firmware.offer", schema.Asked, _refused(offer))


def _refused(work: Callable[[Actor, A], Awaitable[R]]) -> Callable[[Actor, A], Awaitable[R]]:
    """What a rule of firmware refuses is an operation that was refused."""

    @wraps(work)
    async def run(actor: Actor, args: A) -> R:
        try:
            return await work(actor, args)
        except FirmwareError as error:
            raise OperationError("refused", str(error)) from error

    return run


def told(image: SignedImage | None, why: str) -> schema.Told:
    """Return what a phone is told, as it is shown."""
    return schema.Told(
        image=str(image.name) if image else None,
        version=image.name.version if image else None,
        sha256=image.sha256 if image else None,
        target_path=image.target_path if image else None,
        image_path=image.image_path if image else None,
        why=why,
    )


def overview(firmware: FirmwareService) -> schema.Overview:
    """Return roles, images and roll-outs."""
    repository = firmware.repository
    return schema.Overview(
        roles=_roles(repository),
        images=[_image(one) for _path, one in sorted(repository.images.items())],
        rollouts=[schema.RolloutShown(**one.to_dict()) for _key, one in sorted(firmware.rollouts.items())],
        expiring=firmware.expiring(datetime.now(UTC)),
        trouble=firmware.trouble,
    )


def _roles(repository: Repository) -> list[schema.RoleShown]:
    if not repository.begun:
        return []
    root = repository.newest["root"]
    parents = [("root", root), *((role, root) for role in _UNSIGNED_BY_PEOPLE)]
    parents += [(role, parent) for role, _found, parent in repository.signing_roles()]
    shown = []
    for role, parent in parents:
        keys, threshold = holders_of(parent, role)
        found = repository.newest[role]
        shown.append(
            schema.RoleShown(
                role=role,
                version=found.signed.version,
                expires=found.signed.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
                threshold=threshold,
                keys=sorted(keys),
                signed_by=sorted(found.signatures),
            )
        )
    return shown


def _image(image: SignedImage) -> schema.Image:
    return schema.Image(
        image=str(image.name),
        vendor=image.name.vendor,
        model=image.name.model,
        version=image.name.version,
        length=image.length,
        sha256=image.sha256,
        signed_by=image.role,
        description=image.description,
        image_path=image.image_path,
    )


def fetched(firmware: FirmwareService) -> schema.Fetched:
    """Return what a signing room needs; a file's name is VERSION.ROLE.json."""
    repository = firmware.repository
    files: dict[str, Any] = {}
    for (role, version), body in repository.files.items():
        wanted = role == "root" or version == repository.versions[role]
        if wanted and role not in _UNSIGNED_BY_PEOPLE:
            files[f"{version}.{role}.json"] = body.decode()
    return schema.Fetched(files=files, online=firmware.offered_keys())
