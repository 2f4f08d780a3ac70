"""PINs are hashed with little work here: how long a hash takes is tested with the passwords."""

import pytest
from argon2 import PasswordHasher, Type

from ringwall.core.api import passwords


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(1, 64, 1, type=Type.ID))
    monkeypatch.setattr(passwords, "_decoy", [])
