"""Data that is not whole is told, and nothing is made in its place (R2)."""

import shutil
import sqlite3
from datetime import UTC, datetime

import pytest

from ringwall.core import setup, wholeness
from ringwall.core.process import Core
from ringwall.core.rights.keys import Keys
from ringwall.core.store import Store
from ringwall.core.store.engine import sqlite_url
from ringwall.infra import device_pki, pki
from ringwall.infra.errors import DataError, RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings

pytestmark = pytest.mark.req("R2")


async def _system(folder) -> Layout:
    layout = Layout(folder)
    for path in (layout.core_run, layout.pki, layout.haproxy, layout.media):
        path.mkdir(parents=True)
    settings = Settings.for_address("192.0.2.10")
    settings.save(layout)
    pki.ensure_pki(layout, settings, chown=False)
    await setup.set_up(layout, settings)
    return layout


@pytest.fixture
async def layout(tmp_path) -> Layout:
    (tmp_path / "a").mkdir()
    return await _system(tmp_path / "a")


@pytest.fixture
async def other(tmp_path) -> Layout:
    (tmp_path / "b").mkdir()
    return await _system(tmp_path / "b")


def _files(layout):
    return {path: path.read_bytes() for path in layout.core.rglob("*") if path.is_file()}


def _sql(layout, *statements) -> None:
    with sqlite3.connect(layout.database) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def _only_the_log(layout) -> None:
    db = sqlite3.connect(layout.database)
    db.execute("UPDATE organisations SET name = 'kept in the log'")
    db.commit()
    log = layout.database.with_name("ringwall.db-wal")
    kept = log.read_bytes()
    db.close()
    layout.database.unlink()
    log.write_bytes(kept)


HARMS = {
    "database removed": lambda layout: layout.database.unlink(),
    "database empty": lambda layout: layout.database.write_bytes(b""),
    "database is garbage": lambda layout: layout.database.write_bytes(b"\x00garbage" * 1000),
    "database cut": lambda layout: layout.database.write_bytes(layout.database.read_bytes()[:20_000]),
    "only the log left": _only_the_log,
    "no table users": lambda layout: _sql(layout, "PRAGMA foreign_keys = OFF", "DROP TABLE users"),
    "no table of the ledger's end": lambda layout: _sql(layout, "DROP TABLE ledger_head"),
    "no table of a feature": lambda layout: _sql(layout, "DROP TABLE vm_settings"),
    "no revision": lambda layout: _sql(layout, "DROP TABLE alembic_version"),
    "emptied": lambda layout: _sql(layout, "DELETE FROM organisations", "DELETE FROM ledger"),
    "no ledger key": lambda layout: layout.ledger_key.unlink(),
    "ledger key empty": lambda layout: layout.ledger_key.write_bytes(b""),
    "ledger key damaged": lambda layout: layout.ledger_key.write_bytes(b"x"),
    "no secrets key": lambda layout: layout.secrets_key.unlink(),
    "secrets key empty": lambda layout: layout.secrets_key.write_bytes(b""),
    "secrets key too long": lambda layout: layout.secrets_key.write_bytes(bytes(33)),
    "no devices key": lambda layout: layout.devices_key.unlink(),
    "devices key empty": lambda layout: layout.devices_key.write_bytes(b""),
    "neither key nor database": lambda layout: (layout.database.unlink(), layout.ledger_key.unlink()),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_is_not_whole_stops_every_start_and_stays_as_it_is(layout, harm) -> None:
    HARMS[harm](layout)
    before = _files(layout)
    with pytest.raises(RingwallError) as refused:
        await setup.set_up(layout, Settings.load(layout))
    assert "ackup" in str(refused.value), refused.value
    with pytest.raises(RingwallError) as refused:
        await Core.start(layout, Settings.load(layout))
    assert "ackup" in str(refused.value), refused.value
    told = wholeness.examine(layout)
    assert told
    after = _files(layout)
    # SQLite's own files beside the database come and go.
    assert {path: content for path, content in after.items() if "ringwall.db-" not in path.name} == {
        path: content for path, content in before.items() if "ringwall.db-" not in path.name
    }
    if harm == "only the log left":
        assert after == before
        assert "log" in told[0]


@pytest.mark.parametrize("name", ["database", "ledger_key", "secrets_key", "devices"])
async def test_a_part_of_another_system_is_told(layout, other, name) -> None:
    if name == "devices":
        for part in ("devices_key", "devices_certificate"):
            shutil.copy(getattr(other, part), getattr(layout, part))
    else:
        shutil.copy(getattr(other, name), getattr(layout, name))
    for start in (setup.set_up, Core.start):
        with pytest.raises(DataError, match="is not the key of this database"):
            await start(layout, Settings.load(layout))
    told = " ".join(wholeness.examine(layout))
    assert ("another system" in told) is (name == "database")


async def test_what_is_whole_is_nothing_to_tell_and_looking_changes_nothing(layout) -> None:
    before = _files(layout)
    assert wholeness.examine(layout) == []
    assert _files(layout) == before
    assert (await setup.set_up(layout, Settings.load(layout)))["created"] is False


async def test_a_running_system_can_be_looked_at(layout) -> None:
    store = await Store.open(sqlite_url(layout.database), new=False)
    await store.commit([(wholeness.schema.organisations.update(), {"name": "New"})])
    assert wholeness.examine(layout) == []
    await store.close()


async def test_a_database_that_does_not_know_its_keys_yet_learns_them(layout) -> None:
    _sql(layout, "DELETE FROM system_keys")
    await setup.set_up(layout, Settings.load(layout))
    Keys.make(layout.core / "new.key").fingerprint  # noqa: B018
    (layout.core / "new.key").replace(layout.secrets_key)
    with pytest.raises(DataError, match=r"secrets\.key is not the key"):
        await setup.set_up(layout, Settings.load(layout))


async def test_a_ledger_key_is_known_by_the_first_record_too(layout, other) -> None:
    _sql(layout, "DELETE FROM system_keys")
    shutil.copy(other.ledger_key, layout.ledger_key)
    with pytest.raises(DataError, match=r"ledger\.key is not the key"):
        await setup.set_up(layout, Settings.load(layout))


async def test_an_authority_for_phones_that_is_signed_again_is_the_same(layout) -> None:
    later = datetime.now(UTC) + device_pki.AUTHORITY_LIFE * 3 / 4
    assert device_pki.ensure_authority(layout, "Test", later, chown=False)
    assert (await setup.set_up(layout, Settings.load(layout)))["created"] is False


async def test_a_database_that_goes_while_it_is_open_leaves_no_empty_one_behind(layout) -> None:
    store = await Store.open(sqlite_url(layout.database), new=False)
    store.engine.dispose()
    for path in layout.core.glob("ringwall.db*"):
        path.unlink()
    with pytest.raises(RingwallError, match="cannot be opened"):
        await store.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
    assert not layout.database.exists()
    await store.close(patience=0.1)


async def test_the_tables_that_are_looked_for_are_all_there_are(layout) -> None:
    with sqlite3.connect(layout.database) as db:
        found = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    db.close()
    assert wholeness.tables() == found
