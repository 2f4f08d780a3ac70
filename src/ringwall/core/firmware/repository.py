"""What is published, as a value: the files of metadata that a phone may ask for, and the images they name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from tuf.api.metadata import Metadata, TargetFile

from ringwall.core.firmware import metadata
from ringwall.infra.firmware import TOP_LEVEL, FirmwareError, ImageName, SigningRole

KEPT_VERSIONS = 8
"""Of every file but root: a phone that is in the middle of a refresh still finds what it was told of."""

File = tuple[str, int]

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class SignedImage:
    """An image that somebody has signed into the repository."""

    name: ImageName
    length: int
    sha256: str
    role: str
    description: str

    @property
    def target_path(self) -> str:
        """Where TUF clients ask for it, below /firmware/targets/."""
        return f"{self.name.vendor}/{self.name.model}/{self.name.version}/{self.sha256}.{self.name.filename}"

    @property
    def image_path(self) -> str:
        """Where vendors' phones ask for it, below /firmware/images/: the folder is the hash (P5)."""
        return f"{self.sha256}/{self.name.filename}"


@dataclass(frozen=True)
class Repository:
    """All files by role and version; replaced as a whole by every publication."""

    files: Mapping[File, bytes] = field(default_factory=dict)

    @cached_property
    def versions(self) -> dict[str, int]:
        """The newest version of each role."""
        found: dict[str, int] = {}
        for role, version in self.files:
            found[role] = max(version, found.get(role, 0))
        return found

    @cached_property
    def newest(self) -> dict[str, Metadata[Any]]:
        """The newest metadata of each role, read."""
        return {role: metadata.read(self.bytes_of(role), role) for role in self.versions}

    def bytes_of(self, role: str) -> bytes:
        """The newest file of a role, as it was signed; raise KeyError."""
        return self.files[role, self.versions[role]]

    @property
    def begun(self) -> bool:
        """Whether there is a root."""
        return "root" in self.versions

    def signing_roles(self) -> Iterator[tuple[str, Metadata[Any], Metadata[Any]]]:
        """Every role that may sign images now: its name, its metadata and what delegates to it.

        Raises FirmwareError where a role has no metadata, or is no role of ours.
        """
        if not self.begun:
            return
        yield from self._below("root", "targets")

    def _below(self, parent: str, role: str) -> Iterator[tuple[str, Metadata[Any], Metadata[Any]]]:
        if role not in self.newest:
            raise FirmwareError(f"The role {role} is named and has no metadata: propose some.")
        found = self.newest[role]
        yield role, found, self.newest[parent]
        delegations = found.signed.delegations
        if delegations is None:
            return
        for child, told in (delegations.roles or {}).items():
            wanted = SigningRole.parse(child)
            good = wanted.name == child and wanted.parent == role and told.paths == [wanted.pattern]
            if not good or not told.terminating:
                raise FirmwareError(f"The role {role} may not delegate to {child} with these names.")
            yield from self._below(role, child)
        if delegations.roles is None:
            raise FirmwareError(f"The role {role} delegates in a way that is not known here.")

    @cached_property
    def images(self) -> dict[str, SignedImage]:
        """Every image that a phone may get now, by its path; raise FirmwareError where one is odd."""
        found: dict[str, SignedImage] = {}
        for role, told, _parent in self.signing_roles():
            for path, target in metadata.images_of(told).items():
                found.setdefault(path, signed_image(role, path, target))
        return found

    @cached_property
    def by_hash(self) -> dict[str, list[SignedImage]]:
        """The same by their hash."""
        found: dict[str, list[SignedImage]] = {}
        for image in self.images.values():
            found.setdefault(image.sha256, []).append(image)
        return found

    def served(self, name: str) -> bytes | None:
        """The file that a phone asks for below /firmware/metadata/: VERSION.ROLE.json or timestamp.json."""
        if not name.endswith(".json"):
            return None
        stem = name.removesuffix(".json")
        if stem == "timestamp":
            return self.bytes_of("timestamp") if "timestamp" in self.versions else None
        number, dot, role = stem.partition(".")
        if not dot or not number.isascii() or not number.isdigit() or len(number) > 9 or number[0] == "0":
            return None
        return self.files.get((role, int(number))) if role != "timestamp" else None

    def with_files(self, files: Mapping[File, bytes]) -> Self:
        """The repository with further files, and without those that nobody needs any more."""
        merged = {**self.files, **files}
        newest = type(self)(merged).versions
        return type(self)(
            {
                (role, version): body
                for (role, version), body in merged.items()
                if role == "root" or version > newest[role] - (1 if role == "timestamp" else KEPT_VERSIONS)
            }
        )


def signed_image(role: str, path: str, target: TargetFile) -> SignedImage:
    """Return an image that a role names; raise FirmwareError where its words are not those of its name."""
    name = ImageName.parse(path)
    pattern_of = SigningRole.parse(role) if role not in TOP_LEVEL else None
    if pattern_of is not None and (
        name.vendor != pattern_of.vendor or pattern_of.model not in {None, name.model}
    ):
        raise FirmwareError(f"{role} may not sign {path}.")
    custom = target.custom if isinstance(target.custom, dict) else {}
    wanted = {"vendor": name.vendor, "model": name.model, "version": name.version}
    if {key: custom.get(key) for key in wanted} != wanted:
        raise FirmwareError(f"What is signed about {path} is not what its name says.")
    sha256 = target.hashes.get("sha256", "")
    if set(target.hashes) != {"sha256"} or not _SHA256.match(sha256):
        raise FirmwareError(f"{path} must have a SHA-256 and no other hash.")
    return SignedImage(name, target.length, sha256, role, str(custom.get("description", "")))
