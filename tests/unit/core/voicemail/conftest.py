"""A small house with mailboxes."""

import pytest

from support.voicemail.party import Party
from support.voicemail.rig import Rig


@pytest.fixture
def rig():
    return Rig()


@pytest.fixture
def party(rig):
    def make(*script):
        flat = [each for part in script for each in (part if isinstance(part, str) else [part])]
        return Party(flat, rig.files, rig.clock)

    return make
