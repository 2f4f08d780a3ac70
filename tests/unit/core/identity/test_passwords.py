"""Passwords are kept with argon2id."""

import argon2
import pytest

from ringwall.core.errors import OperationError
from ringwall.core.identity import passwords

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


@pytest.mark.parametrize(
    "password", ["correct horse battery", "Ein Satz, den sich eine merkt", "x7" * 6 + "abcd"]
)
def test_a_long_password_will_do_whatever_characters_it_has(password):
    passwords.check_new_password("eva", password)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("short", "15 to 256"),
        ("fourteen chars", "15 to 256"),
        ("x1!" * 100, "15 to 256"),
        ("abababababababababab", "different characters"),
        ("my name is Eva.Berg, hello", "name of the account"),
        ("I am eva berg and so on", "name of the account"),
        ("welcome to RingWall 1", "that of the system"),
        ("a long password\nof two lines", "control characters"),
        ("a long password\x00with more", "control characters"),
    ],
)
def test_a_password_that_is_short_or_is_known_from_the_name_is_refused_without_repeating_it(password, words):
    with pytest.raises(OperationError, match=words) as refused:
        passwords.check_new_password("eva.berg", password)
    assert (refused.value.code, refused.value.field) == ("invalid", "password")
    assert password not in str(refused.value)


def test_made_passwords_are_long_enough_and_each_another():
    made = {passwords.random_password() for _ in range(100)}
    assert len(made) == 100
    for password in made:
        passwords.check_new_password("admin", password)
