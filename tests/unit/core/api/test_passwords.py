"""Passwords are kept with argon2id."""

import argon2
import pytest

from ringwall.core.api import passwords

REAL = passwords._HASHER


def test_real_hashes_are_argon2id_with_64_mib():
    assert REAL.type is argon2.Type.ID
    assert (REAL.memory_cost, REAL.time_cost) == (65536, 3)


def test_only_the_right_password_is_right():
    stored = passwords.hash_password("right")
    assert stored.startswith("$argon2id$")
    assert passwords.check_password(stored, "right")
    assert not passwords.check_password(stored, "wrong")
    assert not passwords.check_password(None, "nobody has this password")


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$damaged"])
def test_a_damaged_hash_lets_nobody_in(stored):
    assert not passwords.check_password(stored, "")
