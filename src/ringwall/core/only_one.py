"""One core at a time on one data directory: two would take each other's links and write two ledgers.

The lock is the process's own (POSIX): no child inherits it, and it ends with the process however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ringwall.core.errors import CoreError
from ringwall.infra.layout import Layout


class AnotherCoreError(CoreError):
    """A core runs on this data directory already."""

    code = "already-running"


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Be the only core of a data directory; raise AnotherCoreError where another process is it."""
    try:
        descriptor = os.open(layout.core_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CoreError(f"{layout.core_lock} cannot be opened: {error.strerror}.") from None
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise AnotherCoreError(
                f"A core runs on {layout.data} already: `./ringwall status --data {layout.data}` shows it."
            ) from None
        yield
    finally:
        os.close(descriptor)
