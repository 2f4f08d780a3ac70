"""The repository of a running core: published, kept fresh, handed out (F1, F3).

Rules that this module keeps:
- A publication is on the disk and on record, as a whole, before a phone sees any of it.
- What people sign is checked here before it is published, whoever brings it. Being an administrator is not
  enough: without the signatures nothing is taken.
- Snapshot and timestamp are made anew long before they expire, by this core alone.
- Trouble with firmware stops no call: the core starts and says what is wrong.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from ringwall.core.errors import StoreError
from ringwall.core.firmware import online, rollout, tables
from ringwall.core.firmware.acceptance import accept, check_as_client
from ringwall.core.firmware.images import ImageStore
from ringwall.core.firmware.online import OnlineKeys
from ringwall.core.firmware.repository import Repository, SignedImage
from ringwall.core.firmware.rollout import Phone, Rollout
from ringwall.core.ledger import Ledger
from ringwall.core.lockout.window import Window
from ringwall.core.operations import Actor
from ringwall.core.store import Store
from ringwall.events.firmware import (
    AdminFirmwareKeysMade,
    AdminFirmwarePublished,
    AdminFirmwareRolloutChanged,
    FirmwareExpiring,
    FirmwareRefused,
)
from ringwall.infra.firmware import FirmwareError, check_model, check_vendor

log = logging.getLogger(__name__)

LOOK_S = 600.0
WARN_BEFORE = timedelta(days=30)
MOST_REFUSALS = 20
HOUR_S = 3600.0
_DAY_S = 86_400.0


class FirmwareService:
    """The one place that changes what is published. Made by `FirmwareService.open`; `run` keeps it fresh."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        folder: Path,
        repository: Repository,
        rollouts: Mapping[tuple[str, str], Rollout],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._online = OnlineKeys(folder / "online")
        self._changing = asyncio.Lock()
        self._warned_at = 0.0
        self._refusals = Window(MOST_REFUSALS, HOUR_S)
        self.images = ImageStore(folder)
        self.repository = repository
        self.rollouts = dict(rollouts)
        self.trouble: str | None = None

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, folder: Path) -> Self:
        """Read what is published; raise StoreError. `folder` holds images and the core's two keys."""
        repository = await store.read(tables.load_repository)
        return cls(store, ledger, folder, repository, await store.read(tables.load_rollouts))

    # What people sign

    async def take_piece(self, sha256: str, length: int, offset: int, piece: bytes) -> int:
        """Take a piece of an image; return how many bytes of it are here. Raise FirmwareError."""
        return await self.images.take(sha256, length, offset, piece)

    async def publish(self, actor: Actor, proposed: Mapping[str, bytes]) -> Repository:
        """Publish what is proposed, all of it or nothing; raise FirmwareError or StoreError."""
        async with self._changing:
            before, now = self.repository, datetime.now(UTC)
            keys = self._keys_named_by(proposed)
            after = accept(before, proposed, keys, now)
            for path, image in after.images.items():
                if self.images.length(image.sha256) != image.length:
                    raise FirmwareError(f"The image {path} is not here: bring it first.")
            signers = self._online.signers() if keys == self._ids("") else self._online.signers(".next")
            after, _made = online.freshened(after, signers, now, snapshot=True)
            await asyncio.to_thread(check_as_client, before, after)
            record = self._ledger.entry(
                AdminFirmwarePublished(
                    actor=actor.to_dict(),
                    before={role: before.versions.get(role) for role in proposed},
                    after={role: after.versions[role] for role in proposed},
                    signed_by={role: tuple(sorted(after.newest[role].signatures)) for role in proposed},
                    added=_paths(after, before),
                    removed=_paths(before, after),
                )
            )
            await self._store.commit([*tables.changes(before, after), record])
            self.repository = after
            self._online.of(after)  # new keys take the place of the old ones
            self.trouble = None
            return after

    def _keys_named_by(self, proposed: Mapping[str, bytes]) -> dict[str, str]:
        """The core's keys that count after this: the new ones if the proposed root names them."""
        root = {(role, sys.maxsize): body for role, body in proposed.items() if role == "root"}
        after = Repository({**self.repository.files, **root})
        for generation in ("", ".next"):
            found = self._ids(generation)
            if found and after.begun and online.named_by(after, found):
                return found
        return self._ids("") or self.offered()

    def _ids(self, generation: str) -> dict[str, str]:
        return {role: one.public_key.keyid for role, one in self._online.signers(generation).items()}

    def offered(self) -> dict[str, str]:
        """The ids of the core's keys that the next root is to name."""
        return {
            role: one.public_key.keyid
            for role, one in self._online.offered(begun=self.repository.begun).items()
        }

    def offered_keys(self) -> dict[str, dict[str, Any]]:
        """The same keys, each as metadata writes it, with its id."""
        return {
            role: {"keyid": one.public_key.keyid, **one.public_key.to_dict()}
            for role, one in self._online.offered(begun=self.repository.begun).items()
        }

    async def rotate(self, actor: Actor) -> None:
        """Make new keys for snapshot and timestamp, for the next root to name; raise StoreError."""
        async with self._changing:
            self._online.rotate(self.repository)
            await self._store.commit(
                [
                    self._ledger.entry(
                        AdminFirmwareKeysMade(actor=actor.to_dict(), before=None, after=self.offered())
                    )
                ]
            )

    # Freshness

    async def run(self) -> None:
        """Keep snapshot and timestamp fresh, and the folder tidy, until cancelled."""
        while True:
            try:
                await self.look_after(datetime.now(UTC))
                await self.images.tidy(self.repository.by_hash)
            except (FirmwareError, StoreError, OSError) as error:
                if self.trouble != str(error):
                    log.error("firmware: %s", error)  # noqa: TRY400 - the sentence says it all
                self.trouble = str(error)
            await asyncio.sleep(LOOK_S)

    async def look_after(self, now: datetime) -> bool:
        """Make snapshot and timestamp anew if they are due; return whether any was. Raise FirmwareError."""
        async with self._changing:
            before = self.repository
            if not before.begun:
                return False
            signers = self._online.of(before)
            self._warn(now)
            snapshot = online.is_due(before, "snapshot", now)
            if not snapshot and not online.is_due(before, "timestamp", now):
                return False
            after, _made = online.freshened(before, signers, now, snapshot=snapshot)
            await self._store.commit(tables.changes(before, after))
            self.repository, self.trouble = after, None
            return True

    def _warn(self, now: datetime) -> None:
        expiring = self.expiring(now)
        if expiring and time.time() - self._warned_at > _DAY_S:
            self._warned_at = time.time()
            self._ledger.record(FirmwareExpiring(roles=expiring))

    def expiring(self, now: datetime) -> dict[str, str]:
        """What people have signed and must soon sign anew: role to the day of its expiry."""
        if not self.repository.begun:
            return {}
        roles = ["root", *(role for role, _found, _parent in self.repository.signing_roles())]
        dates = {role: self.repository.newest[role].signed.expires.astimezone(UTC) for role in roles}
        return {role: f"{at:%Y-%m-%d}" for role, at in dates.items() if at - now < WARN_BEFORE}

    # Who gets what

    async def set_rollout(self, actor: Actor, vendor: str, model: str, given: Mapping[str, Any]) -> Rollout:
        """Change what phones of a model are told; raise FirmwareError or StoreError."""
        async with self._changing:
            key = (check_vendor(vendor), check_model(model))
            before = self.rollouts.get(key)
            after = (before or Rollout(*key)).changed(**given)
            rollout.check(after, self.repository.images)
            if after != before:
                record = self._ledger.entry(
                    AdminFirmwareRolloutChanged(
                        actor=actor.to_dict(),
                        before=before.to_dict() if before is not None else None,
                        after=after.to_dict(),
                    )
                )
                await self._store.commit([tables.put_rollout(after), record])
                self.rollouts[key] = after
            return after

    def offer(self, vendor: str, model: str, phone: Phone) -> tuple[SignedImage | None, str]:
        """Return the image that a phone is told of, None for none, and why; from memory."""
        found = self.rollouts.get((vendor, model))
        if found is None:
            return None, "nothing is released for this model"
        path, why = rollout.choose(found, phone)
        # An image that was revoked since it was released is told to nobody.
        image = self.repository.images.get(path)
        return (image, why) if image is not None or not path else (None, "its image was revoked")

    def refused(self, device: str, reason: str, image: str, version: str) -> None:
        """Put on record that a phone refused an image (F2); of one phone so many in an hour, and no more."""
        now = time.monotonic()
        if self._refusals.wait(device, now) > 0:
            return
        self._refusals.add(device, now)
        self._ledger.record(FirmwareRefused(device=device, reason=reason, image=image, running=version))

    async def verify(self) -> list[str]:
        """Check everything that a phone could get; return what is wrong, each as a sentence."""
        repository = self.repository
        if not repository.begun:
            return ["Nothing is published yet."]
        found = []
        try:
            await asyncio.to_thread(check_as_client, Repository(), repository)
        except FirmwareError as error:
            found.append(str(error))
        for path, image in repository.images.items():
            wrong = await self.images.damaged(image.sha256)
            if wrong is not None:
                found.append(f"The image {path} {wrong}: bring it again.")
        return found


def _paths(these: Repository, without: Repository) -> tuple[str, ...]:
    return tuple(sorted(set(these.images) - set(without.images)))
