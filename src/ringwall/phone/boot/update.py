"""Getting a new image from the server into the spare slot (F2, F3).

Rules that this module keeps:
- The Update Framework's client decides what is trusted; its memory of what it has seen stays in the phone,
  so nothing older, mixed or held back passes for new.
- What the server tells the phone to take is only a wish: another model, or an older version, is refused
  before anything is fetched.
- The slot is written before the state names it, and read again from the disk, as before a start, before that.
"""

import os
import shutil
import time
from pathlib import Path

from tuf.api import exceptions as tuf
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater, UpdaterConfig

from ringwall.infra.files import sync_directory, write_atomically
from ringwall.infra.firmware import (
    LARGEST_METADATA,
    LARGEST_TIMESTAMP,
    MOST_ROOTS,
    FirmwareError,
    ImageName,
    version_of,
)
from ringwall.phone.boot import trust
from ringwall.phone.boot.errors import Reason, RefusedError
from ringwall.phone.boot.fetch import Fetcher
from ringwall.phone.boot.image import LARGEST, read_manifest
from ringwall.phone.boot.made import Factory, Wish
from ringwall.phone.boot.memory import Memory
from ringwall.phone.boot.slots import State

CLOCK_SLACK_S = 3600.0

# The more particular errors first: some are kinds of others.
_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (tuf.ExpiredMetadataError, "expired"),
    (tuf.UnsignedMetadataError, "signature"),
    (tuf.BadVersionNumberError, "mixed"),
    (tuf.LengthOrHashMismatchError, "mixed"),
    (tuf.DownloadLengthMismatchError, "endless"),
    (tuf.SlowRetrievalError, "slow"),
    (tuf.RepositoryError, "metadata"),
    (tuf.DownloadError, "unreachable"),
    (OSError, "unreachable"),
)


def client_config() -> UpdaterConfig:
    """How much of each kind of metadata is taken."""
    return UpdaterConfig(
        max_root_rotations=MOST_ROOTS,
        root_max_length=LARGEST_METADATA,
        timestamp_max_length=LARGEST_TIMESTAMP,
        snapshot_max_length=LARGEST_METADATA,
        targets_max_length=LARGEST_METADATA,
    )


def reason_of(error: Exception) -> RefusedError:
    """Return why an error of the client or the network refuses an image."""
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return RefusedError(reason, str(error)[:200])
    return RefusedError("metadata", type(error).__name__)


def install(
    memory: Memory, factory: Factory, wish: Wish, fetcher: Fetcher | None = None, now: float | None = None
) -> ImageName | None:
    """Bring the image that the server wishes for into the spare slot, to be tried at the next start.

    Returns its name; None where there is nothing to do. Raises RefusedError, and OSError where the phone's
    own disk fails.
    """
    state, moment = memory.state, time.time() if now is None else now
    name = _wanted(factory, wish, state)
    if name is None:
        return None
    if moment < state.latest - CLOCK_SLACK_S:
        raise RefusedError("clock")
    updater = _updater(memory, factory, wish, fetcher)
    target = _found(updater, name)
    memory.write(memory.state.seen(moment))
    if not state.may_try(target.hashes["sha256"], moment):
        raise RefusedError("start", "it did not come up lately")
    memory.write(memory.state.writing())
    slot = memory.slot(memory.state.spare)
    _fill(slot, memory, updater, name, target)
    checked = trust.open_verified(slot, factory.root, factory.vendor, factory.model, state.floor)
    os.close(checked.descriptor)
    memory.write(memory.state.installed())
    return name


def _wanted(factory: Factory, wish: Wish, state: State) -> ImageName | None:
    try:
        name = ImageName.parse(wish.path)
    except FirmwareError as error:
        raise RefusedError("metadata", str(error)) from None
    if (name.vendor, name.model) != (factory.vendor, factory.model):
        raise RefusedError("model", wish.path)
    new, floor = version_of(name.version), version_of(state.floor)
    if new < floor:
        raise RefusedError("older", f"{name.version} after {state.floor}")
    return None if new == floor and state.active is not None else name


def _updater(memory: Memory, factory: Factory, wish: Wish, fetcher: Fetcher | None) -> Updater:
    base = wish.url.rstrip("/")
    memory.trust.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return Updater(
            str(memory.trust),
            f"{base}/metadata/",
            target_base_url=f"{base}/targets/",
            fetcher=fetcher or Fetcher(factory.ca_file),
            config=client_config(),
            bootstrap=factory.root,
        )
    except tuf.RepositoryError as error:
        raise reason_of(error) from None


def _found(updater: Updater, name: ImageName) -> TargetFile:
    try:
        target = updater.get_targetinfo(str(name))
    except (tuf.RepositoryError, tuf.DownloadError, OSError) as error:
        raise reason_of(error) from None
    if target is None:
        raise RefusedError("unsigned", str(name))
    trust.check_words(name, target)
    return target


def _fill(slot: Path, memory: Memory, updater: Updater, name: ImageName, target: TargetFile) -> None:
    shutil.rmtree(slot, ignore_errors=True)
    for folder in (slot, slot / "roots", slot / "roles"):
        folder.mkdir(mode=0o700, parents=True)
    if target.length > LARGEST:
        raise RefusedError("endless")
    try:
        updater.download_target(target, str(slot / trust.IMAGE))
    except tuf.LengthOrHashMismatchError:
        raise RefusedError("changed") from None
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise reason_of(error) from None
    with (slot / trust.IMAGE).open("rb") as image:
        os.fsync(image.fileno())
        try:
            trust.check_manifest(name, read_manifest(image))
        except RefusedError:
            raise
        except FirmwareError as error:
            raise RefusedError("manifest", str(error)) from None
    for path in (memory.trust / "root_history").iterdir():
        write_atomically(slot / "roots" / path.name, path.read_bytes(), mode=0o600)
    for place, role in enumerate(("targets", name.vendor, f"{name.vendor}.{name.model}"), 1):
        cached = memory.trust / f"{role}.json"
        if cached.exists():
            write_atomically(slot / "roles" / f"{place}.json", cached.read_bytes(), mode=0o600)
    write_atomically(slot / trust.NAME, str(name).encode(), mode=0o600)
    sync_directory(slot.parent)
