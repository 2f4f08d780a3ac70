"""Administrators' passwords: argon2id, and the same work for a name that does not exist."""

import os
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST_PASSWORD = 256
NICE = 10

# RFC 9106, 4: the second recommended set (64 MiB, three passes); one lane, because cores are for calls.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID)

_decoy: list[str] = []


def hash_password(password: str) -> str:
    """Return the argon2id hash with its parameters. Takes tens of milliseconds and 64 MiB."""
    return _HASHER.hash(password)


def check_password(stored: str | None, password: str) -> bool:
    """Whether the password is the one. Without a stored hash it does the same work and says no."""
    if not _decoy:
        _decoy.append(hash_password("nobody has this password"))
    try:
        _HASHER.verify(stored if stored is not None else _decoy[0], password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def prepare() -> None:
    """Make now what the first check of an unknown name would have to make: that would show in its time."""
    check_password(None, "")


def step_back() -> None:
    """Prepare a thread for checking: guessing must not take the processor away from calls.

    On Linux a thread has a priority of its own.
    """
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    prepare()
