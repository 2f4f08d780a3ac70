"""What the tests of the ledger share."""

import asyncio
import shutil
from pathlib import Path

import pytest

from ringwall.core.ledger import chain
from support.ledger_marks import RECORDS, running


@pytest.fixture(scope="session")
def marked(tmp_path_factory):
    """A ledger of 24 records with checkpoints at 1, 9 and 17 that was stopped in good order."""
    folder = tmp_path_factory.mktemp("original")
    before, chain.CHECKPOINT_RECORDS = chain.CHECKPOINT_RECORDS, 8

    async def write():
        async with running(folder) as system:
            await system.write(RECORDS)

    try:
        asyncio.run(write())
    finally:
        chain.CHECKPOINT_RECORDS = before
    return folder


@pytest.fixture
def folder(marked, tmp_path):
    return Path(shutil.copytree(marked, tmp_path / "core"))
