"""Passwords: argon2id, the same work for a name that does not exist, and what a chosen one has to be.

NIST SP 800-63B-4, 3.1.1.2: a password that is the only factor has at least 15 characters; which kinds of
characters is not asked for, names of the account and of the service are refused.
"""

import os
import secrets
import threading
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from ringwall.core.errors import OperationError

SHORTEST_PASSWORD: Final = 15
LONGEST_PASSWORD: Final = 256
FEWEST_CHARACTERS: Final = 6
"""How many different characters a chosen password has at least."""
NICE: Final = 10

RANDOM_LENGTH: Final = 24
# Without 0 and O, 1, I and l: somebody may have to type it at a phone. 24 characters hold 139 bits.
_ALPHABET: Final = "23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
_SERVICE: Final = "ringwall"

# RFC 9106, 4: the second recommended set (64 MiB, three passes); one lane, because cores are for calls.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID)

_decoy: list[str] = []


def random_password(length: int = RANDOM_LENGTH) -> str:
    """Return a random password of characters that cannot be mistaken for one another."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def check_new_password(name: str, password: str) -> None:
    """Raise OperationError (invalid) where the account `name` may not have this password."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        fault = f"has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
    elif not password.isprintable():
        fault = "has no control characters."
    elif len(set(password.casefold())) < FEWEST_CHARACTERS:
        fault = f"has at least {FEWEST_CHARACTERS} different characters."
    elif any(word in _bare(password) for word in (_bare(name), _SERVICE) if len(word) >= 3):
        fault = "contains neither the name of the account nor that of the system."
    else:
        return
    raise OperationError("invalid", f"A password {fault}", "password")


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


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
