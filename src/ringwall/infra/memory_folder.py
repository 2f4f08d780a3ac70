"""A folder of a system whose files are in memory and never on a disk: for what has to outlive a process only.

Rules that this module keeps:
- The folder lies in a file system that the kernel keeps in memory (tmpfs, ramfs), found by asking the kernel;
  a host that has none has no such folder, and nobody puts a disk in its place.
- It belongs to one data directory, is closed to everybody but its owner, and is emptied when the system
  stops.
- What lies there may still be swapped out: who keeps a key in it locks the pages (mlock(2)).
"""

import hashlib
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from ringwall.infra.layout import Layout

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_PLACES = (Path("/run"), Path("/dev/shm"))  # noqa: S108 - a folder of our own is made in it, and looked at
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # how blanks and the like are written there
_BLOCK = 64 * 1024


def memory_folder(layout: Layout, places: tuple[Path, ...] = _PLACES, mounts: Path = _MOUNTS) -> Path | None:
    """Return where the folder of this data directory is to be; None where this host keeps none in memory."""
    kinds = _kinds(mounts)
    name = f"ringwall-{hashlib.sha256(str(layout.data).encode()).hexdigest()[:16]}"
    for place in places:
        inside = [point for point in kinds if point == place or point in place.parents]
        if inside and kinds[max(inside, key=lambda point: len(point.parts))] in _IN_MEMORY:
            return place / name
    return None


def _kinds(mounts: Path) -> dict[Path, str]:
    """Return the kind of file system at each mount point; a later mount hides an earlier one (proc(5))."""
    found = {}
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) > 4 and after:
            found[Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))] = after.split()[0]
    return found


def clear(folder: Path) -> None:
    """Overwrite and remove every file of the folder, and the folder itself. No link is followed."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for name in os.listdir(descriptor):  # noqa: PTH208 - by its descriptor, so that no link is followed
            with suppress(OSError):
                _overwrite(name, descriptor)
                os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    with suppress(OSError):
        folder.rmdir()


def _overwrite(name: str, folder: int) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            for at in range(0, status.st_size, _BLOCK):
                os.pwrite(descriptor, bytes(min(_BLOCK, status.st_size - at)), at)
    finally:
        os.close(descriptor)
