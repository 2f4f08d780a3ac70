"""The signing room's folder: what is published, what is proposed, and who has signed it (F1, F3).

It may lie on a stick and be carried between machines that know no network:

    keys/        keys of people (keys.py)
    published/   VERSION.ROLE.json as the core has them, and online.json, the core's own keys
    proposed/    ROLE.json: the next versions, with the signatures so far
    images/      images that are proposed, called by their hash

Rules that this module keeps:
- A change of a proposal takes the signatures off it: nobody's signature stands under what they have not seen.
- It reads and writes this folder and nothing else; it has no connection to any core.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import Metadata

from ringwall.core.firmware import keys, metadata
from ringwall.core.firmware.keys import AskSecret, HeldKey
from ringwall.core.firmware.repository import Repository
from ringwall.infra.files import read_limited, write_atomically
from ringwall.infra.firmware import LARGEST_METADATA, FirmwareError, ImageName, SigningRole

ONLINE = ("snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Needed:
    """What a proposal still needs: how many signatures, and of whom (names, or ids of keys not held here)."""

    role: str
    version: int
    have: int
    threshold: int
    signed_by: tuple[str, ...]
    may_sign: tuple[str, ...]


class Desk:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self._published = folder / "published"
        self._proposed = folder / "proposed"
        self._images = folder / "images"

    # What is published

    def take(self, files: Mapping[str, str], online: Mapping[str, Any]) -> None:
        """Replace what is published by what a core says; raise FirmwareError where that is odd."""
        found = {_file_of(name): text.encode() for name, text in files.items()}
        for (role, _version), body in found.items():
            metadata.read(body, role)
        self._published.mkdir(mode=0o755, parents=True, exist_ok=True)
        for path in self._published.iterdir():
            path.unlink()
        for (role, version), body in found.items():
            write_atomically(self._published / f"{version}.{role}.json", body, mode=0o644)
        write_atomically(self._published / "online.json", json.dumps(online).encode(), mode=0o644)

    def repository(self) -> Repository:
        """What is published, as this folder knows it."""
        if not self._published.is_dir():
            return Repository()
        paths = [path for path in self._published.glob("*.json") if path.name != "online.json"]
        return Repository({_file_of(path.name): read_limited(path, LARGEST_METADATA) for path in paths})

    def online(self) -> dict[str, SSlibKey]:
        """The core's keys for snapshot and timestamp; raise FirmwareError where they were never fetched."""
        try:
            told = json.loads(read_limited(self._published / "online.json", LARGEST_METADATA))
            return {role: SSlibKey.from_dict(told[role].pop("keyid"), told[role]) for role in ONLINE}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise FirmwareError(
                "The core's keys are not here: run `ringwall firmware fetch` on the server."
            ) from None

    # What is proposed

    def proposals(self) -> dict[str, Metadata[Any]]:
        """What is proposed, by role."""
        if not self._proposed.is_dir():
            return {}
        return {
            path.stem: metadata.read(read_limited(path, LARGEST_METADATA), path.stem)
            for path in sorted(self._proposed.glob("*.json"))
        }

    def drop_proposals(self) -> None:
        """Forget what is proposed, and the images of it."""
        for folder in (self._proposed, self._images):
            shutil.rmtree(folder, ignore_errors=True)

    def _draft(self, role: str, now: datetime) -> Metadata[Any]:
        """The proposal for a role without its signatures: the one that is there, or the next version."""
        proposed = self.proposals().get(role)
        if proposed is not None:
            proposed.signatures.clear()
            return proposed
        published = self.repository().newest.get(role)
        if published is None:
            raise FirmwareError(f"There is no role {role} yet: give it keys first.")
        return metadata.next_version(published, now)

    def _save(self, role: str, draft: Metadata[Any]) -> None:
        self._proposed.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomically(self._proposed / f"{role}.json", draft.to_bytes(), mode=0o644)

    def _holders(self, names: Iterable[str]) -> list[SSlibKey]:
        held = keys.held_keys(self.keys)
        missing = [name for name in names if name not in held]
        if missing:
            raise FirmwareError(f"There is no key {missing[0]} in {self.keys}: make or import it first.")
        return [held[name].public for name in names]

    def begin(
        self,
        root: Sequence[str],
        targets: Sequence[str],
        *,
        threshold: int,
        targets_threshold: int,
        now: datetime,
    ) -> None:
        """Propose the first root and a targets that signs nothing; raise FirmwareError."""
        if self.repository().begun:
            raise FirmwareError("There is a root already: `ringwall firmware key set` changes who signs.")
        online = {role: [key] for role, key in self.online().items()}
        holders = {"root": self._holders(root), "targets": self._holders(targets), **online}
        thresholds = {"root": threshold, "targets": targets_threshold}
        self._save("root", metadata.new_root(holders, thresholds, now))
        self._save("targets", metadata.new_targets(now))

    def set_holders(self, text: str, names: Sequence[str], threshold: int, now: datetime) -> None:
        """Propose who signs for a role from now on: root, targets, VENDOR or VENDOR/MODEL.

        What the role has signed is proposed anew too, for its new keys to sign. Raises FirmwareError.
        """
        role, parent = _role_and_parent(text)
        draft = self._draft(parent, now)
        metadata.set_holders(draft, role, self._holders(names), threshold)
        self._save(parent, draft)
        if role == "root":
            return
        if role in self.repository().newest or role in self.proposals():
            self._save(role, self._draft(role, now))
        else:
            self._save(role, metadata.new_targets(now))

    def use_online_keys(self, now: datetime) -> None:
        """Propose a root that names the core's new keys for snapshot and timestamp."""
        draft = self._draft("root", now)
        for role, key in self.online().items():
            metadata.set_holders(draft, role, [key], 1)
        self._save("root", draft)

    def remove_role(self, text: str, now: datetime) -> None:
        """Propose that a vendor or model is signed for by nobody any more, and its images are revoked."""
        role, parent = _role_and_parent(text)
        draft = self._draft(parent, now)
        metadata.remove_role(draft, role)
        self._save(parent, draft)
        (self._proposed / f"{role}.json").unlink(missing_ok=True)

    def renew(self, within: timedelta, now: datetime) -> list[str]:
        """Propose the next version of whatever expires within a time; return the roles."""
        repository = self.repository()
        roles = ["root", *(role for role, _found, _parent in repository.signing_roles())]
        due = [
            role for role in roles if repository.newest[role].signed.expires.astimezone(UTC) - now < within
        ]
        for role in due:
            self._save(role, self._draft(role, now))
        return due

    # Images

    def add_image(self, file: Path, name: ImageName, description: str, now: datetime) -> tuple[str, str]:
        """Propose an image; return the role that has to sign it and the image's SHA-256."""
        with file.open("rb") as opened:
            length, sha256 = metadata.measure(opened)
        role = self._signing_role(name)
        draft = self._draft(role, now)
        metadata.add_image(draft, name, length, sha256, description)
        self._images.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(file, self._images / sha256)
        with (self._images / sha256).open("rb") as copied:
            if metadata.measure(copied) != (length, sha256):
                raise FirmwareError(f"{file} changed while it was read: try again.")
        self._save(role, draft)
        return role, sha256

    def remove_image(self, name: ImageName, now: datetime) -> str:
        """Propose that an image is revoked; return the role that has to sign that."""
        role = self._signing_role(name)
        draft = self._draft(role, now)
        metadata.remove_image(draft, name)
        self._save(role, draft)
        return role

    def image_files(self) -> dict[str, Path]:
        """The images that are proposed, by their hash."""
        return {path.name: path for path in self._images.iterdir()} if self._images.is_dir() else {}

    def _signing_role(self, name: ImageName) -> str:
        """The role that signs for a model: its own, or that of its vendor."""
        after = self._after()
        for role in (SigningRole(name.vendor, name.model).name, name.vendor):
            if role in after.newest:
                return role
        raise FirmwareError(
            f"Nobody signs for {name.vendor}/{name.model} yet: `ringwall firmware key set FOLDER "
            f"{name.vendor}/{name.model} KEY` says who does."
        )

    # Signatures

    def _after(self) -> Repository:
        proposed = {(role, one.signed.version): one.to_bytes() for role, one in self.proposals().items()}
        return Repository({**self.repository().files, **proposed})

    def needed(self) -> list[Needed]:
        """What each proposal still needs."""
        names = {one.public.keyid: name for name, one in keys.held_keys(self.keys).items()}
        after, before = self._after(), self.repository()
        found = []
        for role, proposal in self.proposals().items():
            may: dict[str, Any] = {}
            signed: set[str] = set()
            missing, threshold = 0, 0
            parents = [after.newest[_role_and_parent(role)[1]]]
            if role == "root" and before.begun:
                parents.append(before.newest["root"])
            for parent in parents:
                result = parent.signed.get_verification_result(
                    role, proposal.signed_bytes, proposal.signatures
                )
                may |= {**result.signed, **result.unsigned}
                signed |= set(result.signed)
                missing = max(missing, result.missing)
                threshold = max(threshold, result.threshold)
            found.append(
                Needed(
                    role,
                    proposal.signed.version,
                    threshold - missing,
                    threshold,
                    tuple(sorted(names.get(keyid, keyid[:12]) for keyid in signed)),
                    tuple(sorted(names.get(keyid, keyid[:12]) for keyid in may)),
                )
            )
        return found

    def sign(self, names: Sequence[str], ask: AskSecret) -> list[tuple[str, str]]:
        """Sign all proposals with keys of this folder that may sign them; return (role, name of the key).

        Without `names` every key is used whose private half is here. Raises FirmwareError.
        """
        held = keys.held_keys(self.keys)
        self._holders(names)  # all of them are there
        chosen = [held[name] for name in names] or [one for one in held.values() if one.uri != "elsewhere:"]
        wanted = {one.role: one for one in self.needed()}
        done = []
        for one in chosen:
            roles = [role for role, need in wanted.items() if one.name in need.may_sign]
            if not roles:
                continue
            done += [(role, one.name) for role in self._sign(one, roles, ask)]
        return done

    def _sign(self, held: HeldKey, roles: Sequence[str], ask: AskSecret) -> Sequence[str]:
        signer = keys.signer_of(self.keys, held, ask)
        for role in roles:
            proposal = self.proposals()[role]
            try:
                proposal.sign(signer, append=True)
            except UnsignedMetadataError as error:
                raise FirmwareError(f"The key {held.name} cannot sign {role}: {error}.") from None
            self._save(role, proposal)
        return roles

    def merge(self, other: Path) -> list[tuple[str, int]]:
        """Take the signatures from somebody else's copy of this folder; return (role, how many are new).

        Raises FirmwareError where the copy proposes something else.
        """
        found = []
        for role, theirs in Desk(other).proposals().items():
            mine = self.proposals().get(role)
            if mine is None or mine.signed_bytes != theirs.signed_bytes:
                raise FirmwareError(f"{other} proposes another {role} than {self.folder}: nothing was taken.")
            new = {keyid: one for keyid, one in theirs.signatures.items() if keyid not in mine.signatures}
            found.append((role, mine, new))
        for role, mine, new in found:
            changed = deepcopy(mine)
            changed.signatures.update(new)
            self._save(role, changed)
        return [(role, len(new)) for role, _mine, new in found]


def _role_and_parent(text: str) -> tuple[str, str]:
    if text in {"root", "targets"}:
        return text, "root"
    role = SigningRole.parse(text)
    return role.name, role.parent


def _file_of(name: str) -> tuple[str, int]:
    version, _dot, role = name.removesuffix(".json").partition(".")
    if not version.isascii() or not version.isdigit() or len(version) > 9 or not role:
        raise FirmwareError(f"{name[:100]} is no file of metadata.")
    if role not in {"root", "targets"}:
        role = SigningRole.parse(role).name
    return role, int(version)
