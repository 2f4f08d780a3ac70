"""A store, a ledger and a directory in a folder of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ringwall.core.store import Store
from support.core_data import Core, open_core


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    opened = await open_core(tmp_path)
    yield opened
    await opened.store.close()


@pytest.fixture
async def store(core: Core) -> Store:
    return core.store
