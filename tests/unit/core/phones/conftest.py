"""A house with phones, in which a PIN costs little."""

import pytest
from argon2 import PasswordHasher, Type

from ringwall.core.api import passwords
from support.phones import open_house


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(1, 64, 1, type=Type.ID))
    monkeypatch.setattr(passwords, "_decoy", [])


@pytest.fixture
async def house(core):
    opened = await open_house(core)
    yield opened
    opened.pins.close()
