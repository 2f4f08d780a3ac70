"""Whether what lies in a slot is signed, from the built-in root on, before it is started (F2, F3).

Rules that this module keeps:
- It is asked before every start. A slot holds the image and the chain of signatures as they were when it was
  installed; nothing else on the phone is believed.
- What has expired since is no reason not to start: expiry says how fresh an answer of the server is, and a
  phone that lay in a drawer for two years still has to start. Updates ask for freshness (update.py).
- What was verified is what runs: the image is copied into memory that nobody can change, verified there, and
  started from there.
"""

import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.exceptions import StorageError
from tuf.api.exceptions import RepositoryError, UnsignedMetadataError
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.api.serialization import DeserializationError

from ringwall.infra.errors import LayoutError
from ringwall.infra.files import read_limited
from ringwall.infra.firmware import LARGEST_METADATA, MOST_ROOTS, FirmwareError, ImageName, version_of
from ringwall.phone.boot.errors import RefusedError
from ringwall.phone.boot.image import LARGEST, Manifest, read_manifest

IMAGE = "image"
NAME = "name"
_CHUNK = 1024 * 1024
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True, slots=True)
class Verified:
    """An image that is signed, in sealed memory behind `descriptor`; whoever gets it closes it."""

    name: ImageName
    sha256: str
    manifest: Manifest
    descriptor: int


def open_verified(slot: Path, built_in: bytes, vendor: str, model: str, floor: str) -> Verified:
    """Verify what lies in a slot and return it; raise RefusedError."""
    try:
        name = ImageName.parse(read_limited(slot / NAME, 1024).decode())
        roots = {
            int(path.name.partition(".")[0]): read_limited(path, LARGEST_METADATA)
            for path in sorted((slot / "roots").iterdir())[: MOST_ROOTS + 1]
        }
        roles = [read_limited(path, LARGEST_METADATA) for path in sorted((slot / "roles").iterdir())[:3]]
    except (OSError, ValueError, LayoutError, FirmwareError):
        raise RefusedError("metadata", "the slot is empty or damaged") from None
    if (name.vendor, name.model) != (vendor, model):
        raise RefusedError("model")
    if version_of(name.version) < version_of(floor):
        raise RefusedError("older", f"{name.version} after {floor}")
    target = _signed_target(built_in, roots, roles, name)
    return _sealed(slot / IMAGE, name, target)


def _signed_target(
    built_in: bytes, roots: dict[int, bytes], roles: list[bytes], name: ImageName
) -> TargetFile:
    """Follow the chain from the built-in root to the image's name."""
    try:
        root: Root = Metadata[Root].from_bytes(built_in).signed
        while (body := roots.get(root.version + 1)) is not None:
            new = Metadata[Root].from_bytes(body)
            if not isinstance(new.signed, Root) or new.signed.version != root.version + 1:
                raise RefusedError("mixed", "root")
            root.verify_delegate("root", new.signed_bytes, new.signatures)
            new.signed.verify_delegate("root", new.signed_bytes, new.signatures)
            root = new.signed
        parent: Root | Targets = root
        for role, body in zip(("targets", name.vendor, f"{name.vendor}.{name.model}"), roles, strict=False):
            found = Metadata[Targets].from_bytes(body)
            if not isinstance(found.signed, Targets):
                raise RefusedError("metadata", role)
            parent.verify_delegate(role, found.signed_bytes, found.signatures)
            if isinstance(parent, Targets):
                delegated = parent.get_delegated_role(role)
                if not getattr(delegated, "is_delegated_path", lambda _path: False)(str(name)):
                    raise RefusedError("unsigned", f"{role} may not sign it")
            target = found.signed.targets.get(str(name))
            if target is not None:
                return target
            parent = found.signed
    except UnsignedMetadataError as error:
        raise RefusedError("signature", str(error)) from None
    except (DeserializationError, RepositoryError, StorageError, ValueError, RecursionError) as error:
        raise RefusedError("metadata", type(error).__name__) from None
    raise RefusedError("unsigned")


def check_words(name: ImageName, target: TargetFile) -> None:
    """Raise RefusedError where what is signed about an image is not what its name says."""
    custom = target.custom if isinstance(target.custom, dict) else {}
    if (custom.get("vendor"), custom.get("model")) != (name.vendor, name.model):
        raise RefusedError("model")
    if custom.get("version") != name.version or set(target.hashes) != {"sha256"}:
        raise RefusedError("metadata", "the image's words")
    if target.length > LARGEST:
        raise RefusedError("endless", f"{target.length} bytes")


def check_manifest(name: ImageName, manifest: Manifest) -> None:
    """Raise RefusedError where what an image says of itself is not what its name says."""
    if (manifest.vendor, manifest.model) != (name.vendor, name.model):
        raise RefusedError("model", "its manifest")
    if manifest.version != name.version:
        raise RefusedError("manifest")


def _sealed(path: Path, name: ImageName, target: TargetFile) -> Verified:
    check_words(name, target)
    descriptor = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        digest, left = hashlib.sha256(), target.length
        with path.open("rb") as file, os.fdopen(os.dup(descriptor), "wb") as memory:
            while chunk := file.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise RefusedError("changed", "it is longer")
                digest.update(chunk)
                memory.write(chunk)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        sha256 = digest.hexdigest()
        if left or sha256 != target.hashes["sha256"]:
            raise RefusedError("changed")
        with os.fdopen(os.dup(descriptor), "rb") as image:
            manifest = read_manifest(image)
        check_manifest(name, manifest)
    except OSError as error:
        os.close(descriptor)
        raise RefusedError("changed", error.strerror or "it cannot be read") from None
    except FirmwareError as error:
        os.close(descriptor)
        raise error if isinstance(error, RefusedError) else RefusedError("manifest", str(error)) from None
    return Verified(name, sha256, manifest, descriptor)
