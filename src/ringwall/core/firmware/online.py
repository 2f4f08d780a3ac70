"""The two keys that the core holds, and what it signs with them: snapshot and timestamp (F3).

Rules that this module keeps:
- They say how fresh and how complete the repository is, never what an image is or who may sign one.
- They live as long as the root names them. New ones are offered beside the old ones and take their place with
  the root that names them; which ones count is read from the root alone.
- A snapshot never forgets a role that it named, for clients refuse one that does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from ringwall.core.firmware.metadata import SNAPSHOT_LIFE, TIMESTAMP_LIFE
from ringwall.core.firmware.repository import File, Repository
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.firmware import FirmwareError

_ROLES = ("snapshot", "timestamp")
_GENERATIONS = ("", ".next")


class OnlineKeys:
    """The keys in a folder: those that count, and where there are any, those that are to come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def signers(self, generation: str = "") -> dict[str, CryptoSigner]:
        """Return the signers of snapshot and timestamp of one generation: "" or ".next"."""
        found = {}
        there = [role for role in _ROLES if self._path(role, generation).exists()]
        if not there:
            return {}
        for role in _ROLES:
            path = self._path(role, generation)
            if role not in there:
                raise FirmwareError(f"{path} is missing, and the key beside it is there: restore it.")
            try:
                private = serialization.load_pem_private_key(read_limited(path), None)
                found[role] = CryptoSigner(private)
            except (OSError, ValueError, TypeError):
                raise FirmwareError(f"{path} is no key that can be read: restore it.") from None
        return found

    def offered(self, *, begun: bool = False) -> dict[str, CryptoSigner]:
        """Return the keys that the next root is to name: the new ones where there are some.

        Where a repository has `begun`, keys that were lost are not replaced: new ones stand beside their
        place, for the next root to name.
        """
        return self.signers(".next") or self.signers() or self._make(".next" if begun else "")

    def rotate(self, repository: Repository) -> dict[str, CryptoSigner]:
        """Make new keys that the next root can name; the old ones sign until then."""
        return self._make(".next" if repository.begun else "")

    def of(self, repository: Repository) -> dict[str, CryptoSigner]:
        """Return the keys that the root names, and make them the ones that count; raise FirmwareError."""
        for generation in _GENERATIONS:
            found = self.signers(generation)
            if found and named_by(repository, {role: one.public_key.keyid for role, one in found.items()}):
                if generation:
                    for role in _ROLES:
                        self._path(role, generation).replace(self._path(role, ""))
                return found
        raise FirmwareError(
            "The root names other keys for snapshot and timestamp than this core has: restore "
            f"{self._folder}, or publish a root that names the keys of `ringwall firmware fetch`."
        )

    def _path(self, role: str, generation: str) -> Path:
        return self._folder / f"{role}{generation}.key"

    def _make(self, generation: str) -> dict[str, CryptoSigner]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for role in _ROLES:
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_atomically(self._path(role, generation), pem, mode=0o600)
        return self.signers(generation)


def named_by(repository: Repository, keyids: Mapping[str, str]) -> bool:
    """Whether the newest root names these keys for snapshot and timestamp."""
    roles = repository.newest["root"].signed.roles
    return all(list(roles[role].keyids) == [keyids[role]] for role in _ROLES)


def freshened(
    repository: Repository, signers: Mapping[str, CryptoSigner], now: datetime, *, snapshot: bool
) -> tuple[Repository, dict[File, bytes]]:
    """Return the repository with a new timestamp, and a new snapshot before it where that is wanted.

    The second value are the files that were made.
    """
    made: dict[File, bytes] = {}
    if snapshot or "snapshot" not in repository.versions:
        version = repository.versions.get("snapshot", 0) + 1
        told: Metadata[Any] = Metadata(
            Snapshot(version=version, expires=_until(now, SNAPSHOT_LIFE), meta=_meta(repository))
        )
        told.sign(signers["snapshot"])
        made["snapshot", version] = told.to_bytes()
    after = repository.with_files(made)
    stamp: Metadata[Any] = Metadata(
        Timestamp(
            version=repository.versions.get("timestamp", 0) + 1,
            expires=_until(now, TIMESTAMP_LIFE),
            snapshot_meta=MetaFile.from_data(
                after.versions["snapshot"], after.bytes_of("snapshot"), ["sha256"]
            ),
        )
    )
    stamp.sign(signers["timestamp"])
    made["timestamp", stamp.signed.version] = stamp.to_bytes()
    return after.with_files(made), made


def is_due(repository: Repository, role: str, now: datetime) -> bool:
    """Whether less than two thirds of the life of snapshot or timestamp are left."""
    life = SNAPSHOT_LIFE if role == "snapshot" else TIMESTAMP_LIFE
    expires: datetime = repository.newest[role].signed.expires
    return expires.astimezone(UTC) - now < life * 2 / 3


def _meta(repository: Repository) -> dict[str, MetaFile]:
    before: dict[str, MetaFile] = {}
    if "snapshot" in repository.versions:
        before = dict(repository.newest["snapshot"].signed.meta)
    now = {
        f"{role}.json": MetaFile.from_data(repository.versions[role], repository.bytes_of(role), ["sha256"])
        for role, _found, _parent in repository.signing_roles()
    }
    return {**before, **now}


def _until(now: datetime, life: Any) -> datetime:
    until: datetime = (now + life).astimezone(UTC).replace(microsecond=0)
    return until
