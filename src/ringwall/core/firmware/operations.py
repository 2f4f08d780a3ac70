"""What administrators can ask about firmware; everything but looking is on record (F1, I2)."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Final, TypeVar

from ringwall.core.errors import OperationError
from ringwall.core.firmware import schema
from ringwall.core.firmware.metadata import holders_of
from ringwall.core.firmware.repository import Repository, SignedImage
from ringwall.core.firmware.rollout import Phone
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, NoArguments, Operation, Operations, RawBody, Topic
from ringwall.infra.firmware import FirmwareError

A = TypeVar("A")
R = TypeVar("R")
_UNSIGNED_BY_PEOPLE = ("snapshot", "timestamp")


FIRMWARE: Final = Topic("Firmware", "What phones may run: signed elsewhere, published here, told in stages.")

UPLOAD: Final = Operation(
    "firmware.upload",
    "Bring a piece of an image, as the body; go on at `have`.",
    topic=FIRMWARE,
    verb="PUT",
    path="/api/firmware/images/{sha256}",
    permission=Permission.FIRMWARE_WRITE,
    arguments=schema.Piece,
    result=schema.Had,
    body=RawBody("data"),
    errors=("conflict",),
    changes=True,
    example={"sha256": "0123456789abcdef" * 4, "length": 3, "data": "AAEC"},
)
PUBLISH: Final = Operation(
    "firmware.publish",
    "Publish signed metadata, all of it or nothing.",
    topic=FIRMWARE,
    verb="POST",
    path="/api/firmware/publications",
    permission=Permission.FIRMWARE_WRITE,
    arguments=schema.Proposed,
    result=schema.Overview,
    status=HTTPStatus.CREATED,
    changes=True,
    example={"files": {"targets": "{}"}},
)
ROTATE: Final = Operation(
    "firmware.rotate",
    "Make new keys for what is signed here, for the next root to name.",
    topic=FIRMWARE,
    verb="POST",
    path="/api/firmware/online-keys",
    permission=Permission.FIRMWARE_WRITE,
    result=schema.Fetched,
    status=HTTPStatus.CREATED,
    changes=True,
    command="firmware key rotate-online",
)
ROLLOUT: Final = Operation(
    "firmware.rollout",
    "Say which phones of a model are told of which image.",
    topic=FIRMWARE,
    verb="PATCH",
    path="/api/firmware/rollouts/{vendor}/{model}",
    permission=Permission.FIRMWARE_WRITE,
    arguments=schema.RolloutSet,
    result=schema.RolloutShown,
    changes=True,
    example={"vendor": "ringwall", "model": "reference", "percent": 10},
)
LIST: Final = Operation(
    "firmware.list",
    "Show roles, images and roll-outs.",
    topic=FIRMWARE,
    verb="GET",
    path="/api/firmware",
    permission=Permission.FIRMWARE_READ,
    result=schema.Overview,
)
FETCH: Final = Operation(
    "firmware.fetch",
    "Get what a signing room needs: published metadata and the keys used here.",
    topic=FIRMWARE,
    verb="GET",
    path="/api/firmware/metadata",
    permission=Permission.FIRMWARE_READ,
    result=schema.Fetched,
)
VERIFY: Final = Operation(
    "firmware.verify",
    "Verify all signatures and images that are published.",
    topic=FIRMWARE,
    verb="POST",
    path="/api/firmware/verification",
    permission=Permission.FIRMWARE_READ,
    result=schema.Checked,
)
OFFER: Final = Operation(
    "firmware.offer",
    "Tell what a phone would be offered, and why.",
    topic=FIRMWARE,
    verb="GET",
    path="/api/firmware/offers/{vendor}/{model}",
    permission=Permission.FIRMWARE_READ,
    arguments=schema.Asked,
    result=schema.Offer,
    example={"vendor": "ringwall", "model": "reference", "device": "001565012abc"},
)
OPERATIONS: Final = (UPLOAD, PUBLISH, ROTATE, ROLLOUT, LIST, FETCH, VERIFY, OFFER)


def register(operations: Operations, firmware: FirmwareService) -> None:
    """Do what is declared above."""

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

    async def offer(_actor: Actor, args: schema.Asked) -> schema.Offer:
        phone = Phone(args.device, args.group, args.version)
        return told(*firmware.offer(args.vendor, args.model, phone))

    operations.offer(UPLOAD, _refused(upload))
    operations.offer(PUBLISH, _refused(publish))
    operations.offer(ROTATE, _refused(rotate))
    operations.offer(ROLLOUT, _refused(set_rollout))
    operations.offer(LIST, _refused(list_all))
    operations.offer(FETCH, _refused(fetch))
    operations.offer(VERIFY, _refused(verify))
    operations.offer(OFFER, _refused(offer))


def _refused(work: Callable[[Actor, A], Awaitable[R]]) -> Callable[[Actor, A], Awaitable[R]]:
    """What a rule of firmware refuses is an operation that was refused."""

    @wraps(work)
    async def run(actor: Actor, args: A) -> R:
        try:
            return await work(actor, args)
        except FirmwareError as error:
            raise OperationError("refused", str(error)) from error

    return run


def told(image: SignedImage | None, why: str) -> schema.Offer:
    """Return what a phone is told, as it is shown."""
    return schema.Offer(
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
