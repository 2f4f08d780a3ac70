"""A store, a ledger and a directory in a folder of their own."""

import subprocess
from collections.abc import AsyncIterator, Iterator
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "ringwall-test", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a file system can only be mounted by root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
