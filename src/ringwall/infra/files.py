"""Files that must never be half written, followed through a planted link, or readable a moment too long."""

import os
import secrets
from pathlib import Path

from ringwall.infra.errors import LayoutError

KEEP = -1
"""Leave this owner or group as it is (chown(2))."""


def write_atomically(path: Path, content: bytes, *, mode: int, uid: int = KEEP, gid: int = KEEP) -> None:
    """Put ``content`` into ``path`` as a whole: a reader sees the old file or the new one in its final mode.

    The new file is made beside the old one under an unguessable name, is on disk before it takes the name,
    and gets owner and mode through its descriptor: a link that somebody planted is replaced and never
    followed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if (uid, gid) != (KEEP, KEEP):
                os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_limited(path: Path, limit: int = 1 << 20) -> bytes:
    """Return the content, not through a link and at most ``limit`` bytes; OSError, LayoutError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise LayoutError(f"{path} is larger than the {limit} bytes that such a file may have.")
    return content
