"""The ledger keeps its order, goes on after a restart, and tells when somebody was at it."""

import asyncio
import sqlite3

import pytest

from ringwall.core.errors import LedgerError, OperationError
from ringwall.core.ledger import Ledger, chain
from ringwall.core.ledger import operations as ledger_operations
from ringwall.core.ledger.apart import verify_database
from ringwall.core.ledger.chain import make_key
from ringwall.core.operations import Operations
from ringwall.core.store import Store
from support.core_data import ADMIN, open_core
from support.events import Made

pytestmark = pytest.mark.req("I2")


def _tamper(core, *statements):
    with sqlite3.connect(core.folder / "ringwall.db", isolation_level=None) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


async def test_the_chain_is_the_order_of_recording(core):
    async def lane(number):
        for step in range(20):
            core.ledger.record(Made("call.ended", lane=number, step=step))
            if step % 5 == 0:
                await core.ledger.record_durably(Made("call.refused", lane=number, step=step))

    await asyncio.gather(*(lane(number) for number in range(5)))
    await core.ledger.record_durably(Made("system.test"))
    records = await core.ledger.tail(0, 1000)
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert [record["at"] for record in records] == sorted(record["at"] for record in records)
    for number in range(5):
        steps = [record["body"]["step"] for record in records if record["body"].get("lane") == number]
        assert steps == sorted(steps)
    assert verify_database(core.url, core.ledger.public_key).ok


async def test_checkpoints_are_left_behind_at_their_distance(core, monkeypatch):
    monkeypatch.setattr(chain, "CHECKPOINT_RECORDS", 10)
    for _ in range(35):
        await core.ledger.record_durably(Made("call.ended"))
    verdict = verify_database(core.url, core.ledger.public_key)
    assert (verdict.ok, verdict.records, verdict.checkpoints) == (True, 35, 4)


async def test_a_cursor_gives_each_record_once(core):
    for number in range(25):
        core.ledger.record(Made("call.ended" if number % 2 else "admin.user.added", n=number))
    await core.ledger.record_durably(Made("system.test"))
    after, seen = 0, []
    while records := await core.ledger.tail(after, 4, "call."):
        seen += [record["body"]["n"] for record in records]
        after = records[-1]["seq"]
    assert seen == list(range(1, 25, 2))
    last = await core.ledger.tail(await core.ledger.cursor_of_last(3), 10)
    assert [record["seq"] for record in last] == [24, 25, 26]
    last = await core.ledger.tail(await core.ledger.cursor_of_last(2, "call.ended"), 10, "call.ended")
    assert [record["body"]["n"] for record in last] == [21, 23]


@pytest.mark.parametrize(
    ("statements", "found", "kind", "first"),
    [
        (["DELETE FROM ledger WHERE seq > 3"], "ends at record 3", "removed", 4),
        (
            ["UPDATE ledger SET body = '{}', hash = zeroblob(32) WHERE seq = 5"],
            "not the one that was signed",
            "changed",
            5,
        ),
        (
            ["INSERT INTO ledger SELECT 6, at, kind, body, hash, hash FROM ledger WHERE seq = 5"],
            "behind its signed end",
            "changed",
            6,
        ),
        (["DELETE FROM ledger"], "ends at record 0", "removed", 1),
    ],
)
async def test_what_was_done_while_nobody_looked_stays_visible_for_ever(
    tmp_path, statements, found, kind, first
):
    core = await open_core(tmp_path)
    for number in range(5):
        await core.ledger.record_durably(Made("call.ended", n=number))
    await core.store.close()
    _tamper(core, *statements)
    core = await open_core(tmp_path)
    for number in range(5):
        await core.ledger.record_durably(Made("call.ended", n=number))
    (told,) = await core.ledger.tail(0, 100, "security.ledger_mismatch")
    assert found in told["body"]["found"]
    await core.store.close()
    finding = verify_database(core.url, core.ledger.public_key).finding
    assert finding.first == first
    assert finding.kind in (kind, "inserted")


async def test_a_lost_end_is_told(tmp_path):
    core = await open_core(tmp_path)
    await core.ledger.record_durably(Made("call.ended"))
    await core.store.close()
    _tamper(core, "DELETE FROM ledger_head")
    core = await open_core(tmp_path)
    await core.ledger.record_durably(Made("call.ended"))
    (told,) = await core.ledger.tail(0, 100, "security.ledger_mismatch")
    assert "no valid signature" in told["body"]["found"]
    await core.store.close()


async def test_a_row_put_in_under_a_running_ledger_stops_nothing_and_is_named(core):
    for number in range(3):
        await core.ledger.record_durably(Made("call.ended", n=number))
    _tamper(core, "INSERT INTO ledger SELECT 4, at, kind, '{}', hash, zeroblob(32) FROM ledger WHERE seq = 3")
    core.ledger.record(Made("call.ended", n="queued"))
    await core.ledger.record_durably(Made("call.ended", n="awaited"))
    bodies = [record["body"].get("n") for record in await core.ledger.tail(4)]
    assert bodies == ["queued", "awaited"]
    finding = verify_database(core.url, core.ledger.public_key).finding
    assert finding.first == 4


async def test_a_database_that_was_never_set_up_has_no_ledger(tmp_path):
    store = await Store.open(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(LedgerError, match="not set up"):
        await Ledger.open(store, make_key(tmp_path / "key"))
    await store.close()


async def test_the_operations_of_the_ledger(core):
    operations = Operations(core.ledger)
    ledger_operations.register(operations, core.store, core.ledger)
    for number in range(5):
        core.ledger.record(Made("call.ended", n=number))
    await core.ledger.record_durably(Made("system.test"))
    told = await operations.run("ledger.tail", {"limit": 2}, ADMIN)
    assert ([record["seq"] for record in told["records"]], told["after"]) == ([5, 6], 6)
    assert await operations.run("ledger.tail", {"after": 6}, ADMIN) == {"records": [], "after": 6}
    told = await operations.run("ledger.tail", {"after": 0, "kind": "call.", "limit": 1000}, ADMIN)
    assert len(told["records"]) == 5
    verdict, second = await asyncio.gather(
        operations.run("ledger.verify", None, ADMIN),
        operations.run("ledger.verify", None, ADMIN),
        return_exceptions=True,
    )
    assert (verdict["ok"], verdict["records"], verdict["public_key"]) == (True, 6, core.ledger.public_key)
    assert isinstance(second, OperationError)
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after": -1}, {"kind": "%"}):
        with pytest.raises(OperationError):
            await operations.run("ledger.tail", wrong, ADMIN)
