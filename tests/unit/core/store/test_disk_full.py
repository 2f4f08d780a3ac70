"""A disk that is really full: refused with a clear sentence, and no record is lost."""

import asyncio
import os

import pytest
from sqlalchemy import func, select

from ringwall.core.errors import StoreError
from ringwall.core.ledger.apart import verify_database
from ringwall.core.store import schema
from support.core_data import ADMIN, open_core
from support.events import Made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
@pytest.mark.req("R2")
async def test_a_full_disk_refuses_clearly_and_loses_nothing(small_disk):
    core = await open_core(small_disk)
    await core.directory.add_user(ADMIN, "201", "Anna")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 * 1024 * 1024))
    told = 0
    while core.store.failing is None:
        core.ledger.record(Made("call.ended", n=told, filler="x" * 300))
        told += 1
        await asyncio.sleep(0.0002)
    with pytest.raises(StoreError, match=r"The disk that holds .*ringwall\.db is full: make room there"):
        await core.directory.add_user(ADMIN, "202", "Bert")
    assert set(core.directory.snapshot.by_extension) == {"201"}
    core.ledger.record(Made("call.ended", n=told))
    ballast.unlink()
    async with asyncio.timeout(20):
        while core.store.failing is not None or core.store.waiting:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await core.directory.add_user(ADMIN, "202", "Bert")

    def count(connection):
        query = select(func.count()).select_from(schema.ledger).where(schema.ledger.c.kind == "call.ended")
        return connection.scalar(query)

    assert await core.store.read(count) == told + 1
    await core.store.close()
    assert verify_database(core.url, core.ledger.public_key).ok
