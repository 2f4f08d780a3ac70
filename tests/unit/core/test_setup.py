"""The first run makes an organisation and an administrator, once."""

import json

import pytest

from ringwall.core import setup, wholeness
from ringwall.core.errors import StoreError
from ringwall.core.identity import tables
from ringwall.core.identity.passwords import check_password
from ringwall.core.ledger import Ledger
from ringwall.core.ledger.apart import verify_database
from ringwall.core.ledger.chain import load_key
from ringwall.core.store import Store
from ringwall.core.store.engine import sqlite_url
from ringwall.infra.errors import DataError
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    layout.core.mkdir()
    Settings.for_address("192.0.2.10").save(layout)
    return layout


async def test_the_first_run_makes_an_administrator_and_the_second_nothing(layout):
    settings = Settings.load(layout)
    first = await setup.set_up(layout, settings)
    assert first["created"] is True
    assert first["administrator"] == "admin"
    assert len(first["password"]) >= 24
    again = await setup.set_up(layout, settings)
    assert again == {"created": False, "administrator": "admin", "password": None}
    store = await Store.open(sqlite_url(layout.database))
    try:
        rows = await store.read(lambda connection: connection.execute(tables.accounts.select()).all())
        assert len(rows) == 1
        assert check_password(rows[0].password_hash, first["password"])
        ledger = await Ledger.open(store, load_key(layout.ledger_key))
        records = await ledger.tail(0)
    finally:
        await store.close()
    assert [record["kind"] for record in records] == ["system.created", "admin.administrator.added"]
    assert records[0]["body"]["signed_by"] == ledger.public_key
    assert first["password"] not in json.dumps(records)
    assert verify_database(sqlite_url(layout.database), ledger.public_key).ok


async def test_nothing_is_half_made_when_the_disk_fails(layout, monkeypatch):
    async def fail(*_):
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", fail)
        with pytest.raises(StoreError):
            await setup.set_up(layout, Settings.load(layout))
    assert (await setup.set_up(layout, Settings.load(layout)))["created"] is True


async def test_a_lost_key_is_told_and_not_replaced(layout):
    await setup.set_up(layout, Settings.load(layout))
    layout.ledger_key.unlink()
    with pytest.raises(DataError, match="Restore it from a backup"):
        await setup.set_up(layout, Settings.load(layout))
    assert not layout.ledger_key.exists()


@pytest.mark.parametrize("after", ["the commit", "one key"])
async def test_a_first_start_that_was_killed_before_its_keys_had_their_names_goes_on(
    layout, after, monkeypatch
):
    def killed(_layout):
        if after == "one key":
            setup._unfinished(layout.ledger_key).replace(layout.ledger_key)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "_finish_keys", killed)
        with pytest.raises(KeyboardInterrupt):
            await setup.set_up(layout, Settings.load(layout))
    assert (await setup.set_up(layout, Settings.load(layout)))["created"] is False
    wholeness.require(layout)
    assert sorted(path.name for path in layout.core.glob("*.key*")) == ["ledger.key", "secrets.key"]


async def test_a_first_start_that_was_killed_before_anything_was_stored_begins_again(layout, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            await setup.set_up(layout, Settings.load(layout))
    assert (await setup.set_up(layout, Settings.load(layout)))["created"] is True
    wholeness.require(layout)


def test_the_program_prints_one_line_of_json(layout, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["setup", "--data", str(layout.data)])
    assert setup.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert set(json.loads(lines[0])) == {"created", "administrator", "password"}
    layout.ledger_key.write_bytes(b"x")
    assert setup.main() == 1
    assert "damaged" in capsys.readouterr().err
