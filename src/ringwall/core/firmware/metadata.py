"""Changes of metadata, before anybody has signed them (F1, F3).

Rules that this module keeps:
- A change makes the next version of a file, without signatures and with a new expiry; what is published
  stays as it is until somebody signs and publishes the change.
- A role that signs images has one pattern of names and ends the search: what it does not sign, nobody below
  or beside it can sign in its place.
- The signed words about an image (vendor, model, version) are those of its name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    Role,
    Root,
    TargetFile,
    Targets,
)
from tuf.api.serialization import DeserializationError

from ringwall.infra.firmware import LARGEST_IMAGE, LARGEST_METADATA, FirmwareError, ImageName, SigningRole

OFFLINE_LIFE = timedelta(days=365)
"""Of what people sign: root, targets and the roles below."""
SNAPSHOT_LIFE = timedelta(days=7)
TIMESTAMP_LIFE = timedelta(days=1)
LEAST_ROOT_KEYS = 2
"""Nobody alone can change who is trusted."""
LARGEST_DESCRIPTION = 200

_CHUNK = 1024 * 1024


def read(data: bytes, role: str) -> Metadata[Any]:
    """Return a file of metadata; raise FirmwareError where it is none, too large or of another kind."""
    if len(data) > LARGEST_METADATA:
        raise FirmwareError(f"The metadata of {role} has more than {LARGEST_METADATA} bytes.")
    try:
        found: Metadata[Any] = Metadata.from_bytes(data)
    except (DeserializationError, RecursionError):
        raise FirmwareError(f"The metadata of {role} cannot be read.") from None
    kind = role if role in {"root", "snapshot", "timestamp"} else "targets"
    if found.signed.type != kind:
        raise FirmwareError(f"The metadata of {role} is of another kind: {found.signed.type}.")
    return found


def new_root(
    keys: Mapping[str, Sequence[SSlibKey]], thresholds: Mapping[str, int], now: datetime
) -> Metadata[Root]:
    """Return the first root. `keys` and `thresholds` are by top-level role; raise FirmwareError."""
    roles = {}
    known: dict[str, Key] = {}
    for role, holders in keys.items():
        roles[role] = _role(role, holders, thresholds.get(role, 1))
        known.update({key.keyid: key for key in holders})
    root = Root(
        version=1, expires=_until(now, OFFLINE_LIFE), keys=known, roles=roles, consistent_snapshot=True
    )
    return Metadata(root)


def new_targets(now: datetime) -> Metadata[Targets]:
    """Return the first metadata of a role that signs images: it signs none."""
    return Metadata(Targets(version=1, expires=_until(now, OFFLINE_LIFE)))


def _role(name: str, holders: Sequence[SSlibKey], threshold: int) -> Role:
    least = LEAST_ROOT_KEYS if name == "root" else 1
    if len({key.keyid for key in holders}) != len(holders):
        raise FirmwareError(f"A key is given twice for {name}.")
    if not least <= threshold <= len(holders):
        raise FirmwareError(
            f"{name} needs at least {least} signatures and at most as many as it has keys: "
            f"{threshold} of {len(holders)} cannot be."
        )
    return Role([key.keyid for key in holders], threshold)


def next_version(published: Metadata[Any], now: datetime) -> Metadata[Any]:
    """Return the next version of a file, unsigned."""
    changed = deepcopy(published)
    changed.signatures.clear()
    changed.signed.version += 1
    changed.signed.expires = _until(now, OFFLINE_LIFE)
    return changed


def _until(now: datetime, life: timedelta) -> datetime:
    return (now + life).astimezone(UTC).replace(microsecond=0)


# Keys


def holders_of(parent: Metadata[Any], role: str) -> tuple[dict[str, Any], int]:
    """Return the keys of a role by their id, and how many of them must sign; raise FirmwareError."""
    try:
        found = parent.signed.get_delegated_role(role)
    except ValueError:
        raise FirmwareError(f"There is no role {role}.") from None
    return {keyid: parent.signed.get_key(keyid) for keyid in found.keyids}, found.threshold


def set_holders(parent: Metadata[Any], role: str, holders: Sequence[SSlibKey], threshold: int) -> None:
    """Have these keys, and no others, sign for a role; `parent` is root, or what delegates to the role."""
    checked = _role(role, holders, threshold)
    signed = parent.signed
    if role in getattr(signed, "roles", {}):
        for keyid in list(signed.roles[role].keyids):
            signed.revoke_key(keyid, role)
        for key in holders:
            signed.add_key(key, role)
        signed.roles[role].threshold = checked.threshold
        return
    if signed.type != Targets.type:
        raise FirmwareError(f"There is no role {role}.")
    wanted = SigningRole.parse(role)
    if signed.delegations is None:
        signed.delegations = Delegations(keys={}, roles={})
    roles = signed.delegations.roles
    if role in roles:
        for keyid in list(roles[role].keyids):
            signed.revoke_key(keyid, role)
    roles[role] = DelegatedRole(
        role, [], threshold=checked.threshold, terminating=True, paths=[wanted.pattern]
    )
    for key in holders:
        signed.add_key(key, role)


def remove_role(parent: Metadata[Any], role: str) -> None:
    """Take the right to sign away from a role for good; raise FirmwareError."""
    roles = parent.signed.delegations.roles if parent.signed.delegations is not None else {}
    if role not in roles:
        raise FirmwareError(f"There is no role {role}.")
    for keyid in list(roles[role].keyids):
        parent.signed.revoke_key(keyid, role)
    del roles[role]


# Images


def measure(file: IO[bytes]) -> tuple[int, str]:
    """Return length and SHA-256 of a file, read in pieces; raise FirmwareError where it is too large."""
    digest, length = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        length += len(chunk)
        if length > LARGEST_IMAGE:
            raise FirmwareError(f"An image has at most {LARGEST_IMAGE} bytes.")
        digest.update(chunk)
    if not length:
        raise FirmwareError("The image is empty.")
    return length, digest.hexdigest()


def add_image(
    role: Metadata[Targets], name: ImageName, length: int, sha256: str, description: str = ""
) -> None:
    """Name an image in the metadata of a role; raise FirmwareError where the name stands for another one."""
    there = role.signed.targets.get(str(name))
    if there is not None and there.hashes.get("sha256") != sha256:
        raise FirmwareError(f"{name} is another image already: give the new one a version of its own.")
    if len(description) > LARGEST_DESCRIPTION or not (description.isprintable() or not description):
        raise FirmwareError(f"A description has at most {LARGEST_DESCRIPTION} printable characters.")
    custom = {"vendor": name.vendor, "model": name.model, "version": name.version}
    if description:
        custom["description"] = description
    role.signed.targets[str(name)] = TargetFile(
        length, {"sha256": sha256}, str(name), unrecognized_fields={"custom": custom}
    )


def remove_image(role: Metadata[Targets], name: ImageName) -> None:
    """Revoke an image; raise FirmwareError where the role does not sign it."""
    if role.signed.targets.pop(str(name), None) is None:
        raise FirmwareError(f"{name} is not signed by this role.")


def images_of(role: Metadata[Targets]) -> dict[str, TargetFile]:
    """Return the images of a role by their path."""
    return dict(role.signed.targets)
