"""A firmware service on a store of its own, and a signing room whose online keys are the service's."""

import hashlib
from pathlib import Path

import pytest

from ringwall.core.firmware import metadata
from ringwall.core.firmware.service import FirmwareService
from support.core_data import ADMIN
from support.firmware import Room, keys, signed


class Served:
    """The service, and the room that publishes into it."""

    def __init__(self, service: FirmwareService) -> None:
        self.service = service
        self.room = Room()

    def sync(self) -> Room:
        """Let the room know what is published."""
        self.room.repository = self.service.repository
        return self.room

    async def publish(self, files) -> None:
        await self.service.publish(ADMIN, {role: one.to_bytes() for role, one in files.items()})
        self.sync()

    async def begin(self) -> None:
        """The first root, and a key for one model."""
        room = self.room
        room.online = {role: _Public(key) for role, key in self.service._online.offered().items()}
        targets = signed(metadata.new_targets(room.now), room.targets)
        await self.publish({"root": room.first_root(), "targets": targets})
        for text in ("ringwall", "ringwall/reference"):
            await self.delegate(text)

    async def delegate(self, text: str) -> None:
        room, role = self.sync(), metadata.SigningRole.parse(text)
        room.roles[role.name] = keys(1)
        parent = room.draft(role.parent)
        metadata.set_holders(parent, role.name, [room.roles[role.name][0].public_key], 1)
        own = signed(room.draft(role.name), room.roles[role.name])
        await self.publish({role.parent: signed(parent, room.signers(role.parent)), role.name: own})

    async def add(self, path: str, content: bytes) -> str:
        """Upload an image and publish it; returns its hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        await self.service.take_piece(sha256, len(content), 0, content)
        await self.publish({"ringwall.reference": self.room.image(path, content, by="ringwall.reference")})
        return sha256


class _Public:
    def __init__(self, signer) -> None:
        self.public_key = signer.public_key


@pytest.fixture
async def served(core, tmp_path: Path) -> Served:
    return Served(await FirmwareService.open(core.store, core.ledger, tmp_path / "firmware"))
