"""What was acknowledged is on the disk; what was not is refused; nothing that was queued is lost."""

import asyncio
import importlib
import os
import sqlite3

import pytest
from sqlalchemy import event, func, insert, select, text
from sqlalchemy.exc import OperationalError

from ringwall.core.errors import StoreConflict, StoreError
from ringwall.core.ledger.apart import verify_database
from ringwall.core.store import Store, schema
from ringwall.core.store.engine import explain, open_engine
from ringwall.core.store.migrate import NEWEST, migrate
from support.core_data import open_core
from support.events import Made

pytestmark = pytest.mark.req("R2")

ADD_USER = insert(schema.users)


def _user(number):
    return {"id": number, "extension": str(100 + number), "name": "x", "created_at": 1.0}


async def _count(store, table):
    return await store.read(lambda connection: connection.scalar(select(func.count()).select_from(table)))


async def _until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in the writer's thread)
            await asyncio.sleep(0.005)


class Trouble:
    """Makes the writer's COMMIT (or BEGIN) fail as a disk does, for as long as `error` is set."""

    def __init__(self, store):
        self.error = None
        self.hits = 0
        event.listen(store.engine, "commit", self._on_commit)

    def _on_commit(self, connection):
        if self.error is not None and connection.get_execution_options().get("ringwall_writes"):
            self.hits += 1
            raise OperationalError("COMMIT", {}, self.error)


def _full():
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    return error


async def test_the_database_is_opened_for_durability_and_for_its_owner_alone(core):
    def pragmas(connection):
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert await core.store.read(pragmas) == ["wal", 2, 1, 5000]
    assert (core.folder / "ringwall.db").stat().st_mode & 0o777 == 0o600


async def test_a_commit_is_all_or_nothing(store):
    with pytest.raises(StoreError, match="Nothing was stored"):
        await store.commit([(ADD_USER, _user(1)), (ADD_USER, _user(1))])
    assert await _count(store, schema.users) == 0
    await store.commit([(ADD_USER, _user(1)), (ADD_USER, _user(2))])
    assert await _count(store, schema.users) == 2


async def test_a_refused_transaction_takes_none_with_it(store):
    """Of three in one group only the wrong one is refused."""
    results = await asyncio.gather(
        store.commit([(ADD_USER, _user(1))]),
        store.commit([(ADD_USER, _user(2)), (ADD_USER, {**_user(3), "extension": "101"})]),
        store.commit([(ADD_USER, _user(4))]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), StoreConflict, type(None)]
    assert await _count(store, schema.users) == 2


async def test_a_wrong_queued_write_is_set_aside_and_holds_up_no_other(core):
    core.store.submit(*schema.live_call_upsert(call_id="a", started=1.0, body={}, sealed=b""))
    core.store.submit(ADD_USER, {**_user(1), "name": None})
    core.ledger.record(Made("call.ended", n=1))
    await core.ledger.record_durably(Made("call.ended", n=2))
    assert core.store.rejected == 1
    assert await _count(core.store, schema.live_calls) == 1
    assert [record["body"] for record in await core.ledger.tail(0)] == [{"n": 1}, {"n": 2}]


async def test_a_statement_that_is_wrong_in_itself_blocks_nothing(core):
    core.store.submit(text("UPDATE absent SET x = 1"), {})
    await core.ledger.record_durably(Made("call.ended", n=1))
    assert (core.store.rejected, core.store.failing) == (1, None)


async def test_writes_happen_in_order(store):
    for number in range(50):
        store.submit(*schema.live_call_upsert(call_id="a", started=1.0, body={"n": number}, sealed=b""))
        if number % 7 == 0 or number == 49:
            store.submit(*schema.live_call_delete(call_id="a"))
    await store.commit([(ADD_USER, _user(1))])
    assert await store.read(schema.load_live_calls) == []
    store.submit(*schema.live_call_upsert(call_id="a", started=2.0, body={"n": "last"}, sealed=b""))
    await store.commit([(ADD_USER, _user(2))])
    assert await store.read(schema.load_live_calls) == [
        {"call_id": "a", "started": 2.0, "body": {"n": "last"}, "sealed": b""}
    ]


async def test_bindings_come_back_as_they_were_stored_without_orphans(core):
    from support.core_data import ADMIN

    await core.directory.add_user(ADMIN, "201", "Anna")
    device = (await core.directory.add_device(ADMIN, "201")).device
    row = {
        "device_id": device.id,
        "contact": "sip:a@1.2.3.4;transport=tls",
        "user_id": device.user_id,
        "path": ["<sip:edge;lr>", "<sip:x>"],
        "flow": "192.0.2.1:5000",
        "instance_id": "urn:uuid:1",
        "reg_id": 1,
        "call_id": "c",
        "cseq": 4_000_000_000,
        "expires_at": 12.5,
        "user_agent": "phone",
        "received_at": 1.0,
        "capabilities": "",
    }
    core.store.submit(*schema.binding_upsert(**{**row, "cseq": 1}))
    core.store.submit(*schema.binding_upsert(**row))
    core.store.submit(*schema.binding_upsert(**{**row, "device_id": 999}))
    core.store.submit(*schema.binding_upsert(**{**row, "contact": "sip:b@h"}))
    core.store.submit(*schema.binding_delete(device_id=device.id, contact="sip:b@h"))
    await core.ledger.record_durably(Made("system.test"))
    assert await core.store.read(schema.load_bindings) == [row]


async def test_a_full_disk_refuses_who_waits_and_keeps_what_is_queued(core):
    """Injected failure of COMMIT: clear text, no lost record, and on again when there is room."""
    trouble = Trouble(core.store)
    trouble.error = _full()
    core.ledger.record(Made("call.ended", n=1))
    with pytest.raises(StoreError, match=r"The disk that holds .*ringwall\.db is full: make room there"):
        await core.ledger.record_durably(Made("call.ended", n="refused"))
    await _until(lambda: core.store.failing is not None)
    core.ledger.record(Made("call.ended", n=2))
    with pytest.raises(StoreError, match="is full"):
        await core.store.commit([(ADD_USER, _user(1))])
    assert core.store.waiting == 2
    trouble.error = None
    await _until(lambda: core.store.failing is None and core.store.waiting == 0)
    await core.ledger.record_durably(Made("call.ended", n=3))
    assert [record["body"]["n"] for record in await core.ledger.tail(0)] == [1, 2, 3]
    assert await _count(core.store, schema.users) == 0
    assert verify_database(core.url, core.ledger.public_key).ok


async def test_a_really_full_database_behaves_the_same(tmp_path):
    """SQLite itself runs out of pages, in the middle of a group and not only at its end."""
    core = await open_core(tmp_path)
    limit = {"pages": 60}

    def cap(connection):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit['pages']}")

    event.listen(core.store.engine, "begin", cap)
    written = 0
    while core.store.failing is None:
        core.ledger.record(Made("call.ended", n=written, filler="x" * 400))
        written += 1
        await asyncio.sleep(0.0005)
    with pytest.raises(StoreError, match="full"):
        await core.store.commit([(ADD_USER, _user(1))])
    limit["pages"] = 1_000_000
    await _until(lambda: core.store.failing is None and core.store.waiting == 0)
    records = await _count(core.store, schema.ledger)
    assert records == written
    await core.store.close()
    assert verify_database(core.url, core.ledger.public_key).ok


async def test_a_waiting_record_survives_closing_and_what_cannot_is_counted(tmp_path):
    core = await open_core(tmp_path)
    core.store._writer._interval = 60.0
    core.ledger.record(Made("call.ended", n=1))
    assert await core.store.close() == 0
    core = await open_core(tmp_path)
    assert [record["body"] for record in await core.ledger.tail(0)] == [{"n": 1}]
    trouble = Trouble(core.store)
    trouble.error = _full()
    core.ledger.record(Made("call.ended", n=2))
    assert await core.store.close(patience=0.05) == 1
    with pytest.raises(StoreError, match="closed"):
        core.ledger.record(Made("call.ended", n=3))


async def test_too_many_waiting_writes_are_refused_and_told_before(tmp_path):
    store = await Store.open(f"sqlite:///{tmp_path}/x.db", interval=60.0, capacity=10)
    for number in range(10):
        assert (store.failing is None) == (number <= 5)
        store.submit(*schema.live_call_upsert(call_id=str(number), started=1.0, body={}, sealed=b""))
    with pytest.raises(StoreError, match="10 writes are waiting"):
        store.submit(*schema.live_call_upsert(call_id="more", started=1.0, body={}, sealed=b""))
    assert await store.close() == 0


@pytest.mark.req("R1")
async def test_who_is_in_a_hurry_does_not_wait_for_the_interval(tmp_path):
    store = await Store.open(f"sqlite:///{tmp_path}/x.db", interval=60.0)
    try:
        store.submit(*schema.live_call_upsert(call_id="c1", started=1.0, body={}, sealed=b""))
        store.hasten()
        await _until(lambda: store.waiting == 0)
        # In any order, and more than once; nothing is lost between two groups.
        for number in range(200):
            store.hasten()
            store.submit(*schema.live_call_upsert(call_id=f"d{number}", started=1.0, body={}, sealed=b""))
            store.hasten()
        await _until(lambda: store.waiting == 0)
        assert await _count(store, schema.live_calls) == 201
    finally:
        await store.close()


async def test_who_stopped_waiting_does_no_harm(store):
    task = asyncio.create_task(store.commit([(ADD_USER, _user(1))]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await store.commit([(ADD_USER, _user(2))])
    assert await _count(store, schema.users) == 2


async def test_a_failing_read_says_why(store):
    with pytest.raises(StoreError, match="no such table"):
        await store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM absent"))


def test_migrations_make_the_tables_of_the_schema(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    # Tables that stand with what they are for.
    for module in ("firmware.tables", "lockout.known", "voicemail.rows"):
        importlib.import_module(f"ringwall.core.{module}")

    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == NEWEST


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    await (await Store.open(url)).close()
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer Ringwall"):
        await Store.open(url)


async def test_a_folder_that_cannot_be_used_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"does not work|cannot be opened"):
        await Store.open(f"sqlite:///{tmp_path}/file/x.db")
    (tmp_path / "damaged.db").write_bytes(os.urandom(8192))
    with pytest.raises(StoreError, match="is damaged"):
        await Store.open(f"sqlite:///{tmp_path}/damaged.db")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_FULL", "make room there"),
        ("SQLITE_IOERR_WRITE", "check the disk"),
        ("SQLITE_READONLY", "owner and rights"),
        ("SQLITE_CORRUPT", "backup"),
        ("SQLITE_BUSY", "another program"),
        ("SQLITE_CANTOPEN", "cannot be opened"),
    ],
)
def test_every_trouble_says_what_to_do(name, words):
    error = sqlite3.OperationalError("x")
    error.sqlite_errorname = name
    assert words in explain(OperationalError("", {}, error), "the database x")


def test_memory_is_no_store():
    with pytest.raises(ValueError, match="does not survive"):
        open_engine("sqlite://")


def test_tables_and_upserts_are_in_words_that_postgresql_knows():
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    for table in schema.metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
    statement, params = schema.live_call_upsert(call_id="a", started=1.0, body={}, sealed=b"")
    sql = str(statement.compile(dialect=postgresql.dialect()))
    assert "ON CONFLICT (call_id) DO UPDATE SET started = excluded.started" in sql
    assert set(params) == {"call_id", "started", "body", "sealed"}
