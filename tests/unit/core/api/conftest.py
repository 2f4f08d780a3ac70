"""Sign-ins in these tests do the same work as real ones, only less of it."""

import argon2
import pytest

from ringwall.core.api import passwords

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", CHEAP)
    monkeypatch.setattr(passwords, "_decoy", [])
