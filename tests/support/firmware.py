"""A signing room for tests: keys in memory, and a repository that they have signed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata

from ringwall.core.firmware import metadata, online
from ringwall.core.firmware.acceptance import accept
from ringwall.core.firmware.repository import Repository
from ringwall.infra.firmware import ImageName, SigningRole

NOW = datetime.now(UTC)


@dataclass
class Room:
    """Everybody's keys, and what is published; `online` are those that a core would hold."""

    root: list[CryptoSigner] = field(default_factory=lambda: keys(3))
    targets: list[CryptoSigner] = field(default_factory=lambda: keys(1))
    online: dict[str, CryptoSigner] = field(
        default_factory=lambda: dict(zip(("snapshot", "timestamp"), keys(2), strict=True))
    )
    roles: dict[str, list[CryptoSigner]] = field(default_factory=dict)
    repository: Repository = field(default_factory=Repository)
    now: datetime = NOW

    @property
    def online_ids(self) -> dict[str, str]:
        return {role: one.public_key.keyid for role, one in self.online.items()}

    def first_root(self, threshold: int = 2) -> Metadata[Any]:
        made = metadata.new_root(
            {
                "root": [one.public_key for one in self.root],
                "targets": [one.public_key for one in self.targets],
                **{role: [one.public_key] for role, one in self.online.items()},
            },
            {"root": threshold},
            self.now,
        )
        return signed(made, self.root[:threshold])

    def begin(self) -> "Room":
        """Publish a root and an empty targets."""
        targets = signed(metadata.new_targets(self.now), self.targets)
        return self.publish({"root": self.first_root(), "targets": targets})

    def draft(self, role: str) -> Metadata[Any]:
        """The next version of a role, unsigned; the first where there is none."""
        if role not in self.repository.versions:
            return metadata.new_targets(self.now)
        return metadata.next_version(self.repository.newest[role], self.now)

    def delegate(self, text: str, signers: Iterable[CryptoSigner] | None = None) -> "Room":
        """Give a role to a key of its own and publish its first, empty metadata."""
        role = SigningRole.parse(text)
        self.roles[role.name] = list(signers if signers is not None else keys(1))
        parent = self.draft(role.parent)
        metadata.set_holders(parent, role.name, [one.public_key for one in self.roles[role.name]], 1)
        own = signed(self.draft(role.name), self.roles[role.name])
        return self.publish({role.parent: signed(parent, self.signers(role.parent)), role.name: own})

    def signers(self, role: str) -> list[CryptoSigner]:
        return {"root": self.root, "targets": self.targets, **self.roles}[role]

    def image(self, path: str, content: bytes, *, by: str) -> Metadata[Any]:
        """The next version of a role with an image in it, signed."""
        import hashlib

        draft = self.draft(by)
        metadata.add_image(draft, ImageName.parse(path), len(content), hashlib.sha256(content).hexdigest())
        return signed(draft, self.signers(by))

    def publish(self, files: Mapping[str, Metadata[Any]], *, snapshot: bool = True) -> "Room":
        """Accept what is signed, as a core does, and make it fresh."""
        bodies = {role: one.to_bytes() for role, one in files.items()}
        after = accept(self.repository, bodies, self.online_ids, self.now)
        self.repository, _made = online.freshened(after, self.online, self.now, snapshot=snapshot)
        return self

    def later(self, **how: float) -> "Room":
        self.now += timedelta(**how)
        return self


def keys(number: int) -> list[CryptoSigner]:
    return [CryptoSigner.generate_ed25519() for _ in range(number)]


def signed(draft: Metadata[Any], signers: Iterable[CryptoSigner]) -> Metadata[Any]:
    for one in signers:
        draft.sign(one, append=True)
    return draft
