"""What Ringwall asks of the host itself: disk, clock, and the local release of Debian."""

import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ringwall.infra.errors import RingwallError
from ringwall.infra.run import run_tool

LEAST_FREE_BYTES = 512 * 1024 * 1024
"""Below this a system does not start: the ledger and the logs need room."""
_OLDEST_SANE = datetime(2025, 1, 1, tzinfo=UTC)
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Clock:
    """What can be said of this host's clock."""

    sane: bool
    synchronised: bool | None
    """None where nobody says so (no systemd, a container)."""


def existing_parent(path: Path) -> Path:
    """Return ``path``, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def free_bytes(path: Path) -> int:
    """Return the bytes that can still be written where ``path`` is or will be."""
    return shutil.disk_usage(existing_parent(path)).free


def require_space(path: Path, least: int = LEAST_FREE_BYTES) -> None:
    """Raise RingwallError when the disk of ``path`` has less than ``least`` bytes free."""
    free = free_bytes(path)
    if free < least:
        raise RingwallError(
            f"Only {free // _MIB} MiB are free where {path} lies, {least // _MIB} MiB are needed: "
            "make room, or choose another place with --data.",
            code="disk-full",
        )


def require_root() -> None:
    """Raise RingwallError when this process is not root."""
    if os.geteuid() != 0:
        raise RingwallError("This needs root: start it with ./ringwall, which asks for it.", code="not-root")


def clear_swaps(swaps: Path = Path("/proc/swaps"), blocks: Path = Path("/sys/block")) -> list[str]:
    """Return the swap areas of this host that are neither encrypted (dm-crypt) nor in memory (zram)."""
    try:
        names = [line.split()[0] for line in swaps.read_text().splitlines()[1:] if line.strip()]
    except OSError:
        return []
    return [
        name for name in names if not (_in_memory(name) or _is_encrypted(Path(name).resolve().name, blocks))
    ]


def _in_memory(device: str) -> bool:
    return Path(device).name.startswith("zram")


def _is_encrypted(device: str, blocks: Path) -> bool:
    try:
        return (blocks / device / "dm" / "uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False


def clock(now: float | None = None) -> Clock:
    """Return whether the clock can be right, and whether something keeps it right."""
    moment = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    return Clock(sane=moment >= _OLDEST_SANE, synchronised=_synchronised())


def _synchronised() -> bool | None:
    if not Path("/run/systemd/system").is_dir():
        return None
    try:
        done = run_tool(["timedatectl", "show", "--property=NTPSynchronized", "--value"], timeout=5)
    except (OSError, TimeoutError):
        return None
    answer = done.stdout.strip()
    return {"yes": True, "no": False}.get(answer)
