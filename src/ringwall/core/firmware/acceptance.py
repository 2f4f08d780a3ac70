"""Whether what people have signed may be published (F1, F3).

Rules that this module keeps, beside those of The Update Framework:
- Each file is the very next version, signed by as many keys as its role needs, and not expired. What is not
  proposed must still be signed well under the keys that are proposed: a key that is withdrawn leaves nothing
  behind.
- Root takes at least two signatures. Snapshot and timestamp have this core's own keys and no others, and
  these keys sign nothing else: whoever takes the core can sign no image and change no key.
- The name of an image means one content for ever.
- In the end python-tuf's own client, with the oldest root and with what it had before, must accept it all.
"""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import DownloadHTTPError, RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from ringwall.core.firmware import metadata
from ringwall.core.firmware.repository import Repository
from ringwall.infra.firmware import (
    LARGEST_IMAGE,
    LARGEST_METADATA,
    LARGEST_TIMESTAMP,
    MOST_ROOTS,
    FirmwareError,
    SigningRole,
)

ONLINE = ("snapshot", "timestamp")


def accept(
    current: Repository, proposed: Mapping[str, bytes], online: Mapping[str, str], now: datetime
) -> Repository:
    """Return the repository with what is proposed (role to file), still without a new snapshot.

    `online` are the ids of this core's keys for snapshot and timestamp. Raises FirmwareError.
    """
    if not proposed:
        raise FirmwareError("Nothing is proposed.")
    files = {}
    for role, body in proposed.items():
        if role not in {"root", "targets"} and SigningRole.parse(role).name != role:
            raise FirmwareError(f"{role} is not written as the name of a role is.")
        found = metadata.read(body, role)
        wanted = current.versions.get(role, 0) + 1
        if found.signed.version != wanted:
            raise FirmwareError(
                f"{role} has version {found.signed.version} and has to have {wanted}: fetch what is "
                "published and propose the change again."
            )
        files[role, wanted] = body
    after = Repository({**current.files, **files})
    if not after.begun:
        raise FirmwareError("There is no root yet: begin with `ringwall firmware init`.")
    _check_root(current, after, online)
    reached = _check_signing_roles(after, now)
    for role in proposed:
        if role != "root" and role not in reached:
            raise FirmwareError(f"Nobody has given {role} the right to sign.")
    _check_images(current, after)
    return after


def _check_root(current: Repository, after: Repository, online: Mapping[str, str]) -> None:
    root = after.newest["root"]
    if after.versions["root"] > MOST_ROOTS:
        raise FirmwareError(f"Phones follow {MOST_ROOTS} versions of root and no more.")
    if current.begun and after.versions["root"] > current.versions["root"]:
        _verify(current.newest["root"], "root", root, "by the keys that were trusted so far")
    _verify(root, "root", root, "by its own keys")
    signed = root.signed
    if signed.consistent_snapshot is not True:
        raise FirmwareError("Root must have consistent snapshots.")
    if signed.roles["root"].threshold < metadata.LEAST_ROOT_KEYS:
        raise FirmwareError(f"Root needs at least {metadata.LEAST_ROOT_KEYS} signatures.")
    for role in ONLINE:
        if list(signed.roles[role].keyids) != [online[role]] or signed.roles[role].threshold != 1:
            raise FirmwareError(
                f"Root must name this core's key for {role}, {online[role][:12]}, and no other: take it "
                "with `ringwall firmware fetch`."
            )
    for role in ("root", "targets"):
        if set(online.values()) & set(signed.roles[role].keyids):
            raise FirmwareError(f"A key that the core holds may not sign {role}.")


def _check_signing_roles(after: Repository, now: datetime) -> set[str]:
    online = {keyid for role in ONLINE for keyid in after.newest["root"].signed.roles[role].keyids}
    reached = set()
    if after.newest["root"].signed.is_expired(now):
        raise FirmwareError("root has expired: propose its next version too.")
    for role, found, parent in after.signing_roles():
        _verify(parent, role, found, f"by the keys that {parent.signed.type} names")
        if found.signed.is_expired(now):
            raise FirmwareError(f"{role} has expired: propose its next version too.")
        delegations = found.signed.delegations
        for child, told in (delegations.roles or {}).items() if delegations is not None else ():
            if online & set(told.keyids):
                raise FirmwareError(f"A key that the core holds may not sign {child}.")
        reached.add(role)
    return reached


def _verify(parent: Metadata[Any], role: str, found: Metadata[Any], how: str) -> None:
    try:
        parent.signed.verify_delegate(role, found.signed_bytes, found.signatures)
    except (UnsignedMetadataError, ValueError):
        keys, threshold = metadata.holders_of(parent, role)
        have = sum(1 for keyid in keys if _is_signed(parent, role, found, keyid))
        raise FirmwareError(
            f"{role} is signed by {have} of the {threshold} keys that it needs, {how}."
        ) from None


def _is_signed(parent: Metadata[Any], role: str, found: Metadata[Any], keyid: str) -> bool:
    result = parent.signed.get_verification_result(role, found.signed_bytes, found.signatures)
    return keyid in result.signed


def _check_images(current: Repository, after: Repository) -> None:
    before = current.images
    for path, image in after.images.items():
        if not 0 < image.length <= LARGEST_IMAGE:
            raise FirmwareError(f"{path} must have 1 to {LARGEST_IMAGE} bytes.")
        if path in before and before[path].sha256 != image.sha256:
            raise FirmwareError(f"{path} is another image already: give the new one a version of its own.")


def check_as_client(before: Repository, after: Repository) -> None:
    """Have python-tuf's client go from one repository to the other; raise FirmwareError where it refuses."""
    with tempfile.TemporaryDirectory(prefix="ringwall-firmware-") as folder:
        for role in before.versions:
            if role != "root":
                (Path(folder) / f"{role}.json").write_bytes(before.bytes_of(role))
        client = Updater(
            folder,
            "memory:/",
            fetcher=_FromMemory(after),
            config=client_config(),
            bootstrap=after.files["root", 1],
        )
        try:
            client.refresh()
            for path, image in after.images.items():
                found = client.get_targetinfo(path)
                if found is None or found.hashes != {"sha256": image.sha256}:
                    raise FirmwareError(f"A phone would not find {path}.")
        except RepositoryError as error:
            raise FirmwareError(f"A phone would refuse this: {error}.") from None


def client_config() -> UpdaterConfig:
    """How much a client takes: the same here and in the phone."""
    return UpdaterConfig(
        max_root_rotations=MOST_ROOTS,
        root_max_length=LARGEST_METADATA,
        timestamp_max_length=LARGEST_TIMESTAMP,
        snapshot_max_length=LARGEST_METADATA,
        targets_max_length=LARGEST_METADATA,
    )


class _FromMemory(FetcherInterface):
    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        found = self._repository.served(url.rpartition("/")[2])
        if found is None:
            raise DownloadHTTPError("not there", 404)
        return iter((found,))
