"""The door for phones, whose refusals take no time here."""

import pytest

from ringwall.core.phones.provisioning import guard
from support.phones import Doorway


@pytest.fixture
def door(house, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "FLOOR_S", 0.0)
    return Doorway(house, tmp_path)
