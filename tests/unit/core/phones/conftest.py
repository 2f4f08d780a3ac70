"""A house with phones."""

import pytest

from support.phones import open_house


@pytest.fixture
async def house(core):
    opened = await open_house(core)
    yield opened
    opened.pins.close()
