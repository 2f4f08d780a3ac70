"""Databases of older versions are brought up to date with all that is in them."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

import ringwall.core.store
from ringwall.core.identity import tables
from ringwall.core.rights import kinds
from ringwall.core.rights.rows import load
from ringwall.core.store import schema
from ringwall.core.store.engine import open_engine
from ringwall.core.store.migrate import migrate
from ringwall.policy import DEFAULT_RANGES, LEAST_CALL, LEAST_TELEPHONY, LEAST_VOICE_MAIL


def _at(path: Path, version: str):
    """Return a database as the given version made it."""
    engine = open_engine(f"sqlite:///{path}")
    config = Config()
    scripts = Path(ringwall.core.store.__file__).parent / "migrations"
    config.set_main_option("script_location", str(scripts))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    return engine


@pytest.fixture
def old(tmp_path):
    """A database of the first version with an organisation, two users, a device and a record."""
    engine = _at(tmp_path / "ringwall.db", "0001")
    with engine.connect() as connection, connection.begin():
        for statement in (
            "INSERT INTO organisations VALUES ('org', 'Example', 1.0, 4)",
            "INSERT INTO users VALUES (1, '201', 'Anna', 1.0), (2, '202', 'Bert', 2.0)",
            "INSERT INTO devices VALUES (3, 1, 'd1', 'desk', 'a', NULL, 0, 1.0)",
            "INSERT INTO ledger VALUES (1, '2026-01-01T00:00:00.000000Z', 'system.created', '{}', x'00', x'01')",
        ):
            connection.execute(text(statement))
    return engine


@pytest.mark.req("C1")
def test_users_of_the_first_version_keep_everything_and_get_the_least(old):
    migrate(old)
    with old.connect() as connection:
        users = connection.execute(select(schema.users).order_by(schema.users.c.id)).all()
        assert [(row.id, row.extension, row.name, row.created_at) for row in users] == [
            (1, "201", "Anna", 1.0),
            (2, "202", "Bert", 2.0),
        ]
        rights = {(row.group_id, row.site_id, row.did, row.locked) for row in users}
        assert rights == {("least-privileged", "main", "", False)}
        assert connection.execute(select(schema.devices.c.username)).scalars().all() == ["d1"]
        assert connection.execute(select(schema.ledger.c.seq)).scalars().all() == [1]
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_an_old_database_and_a_new_one_have_the_same_tables(old, tmp_path):
    migrate(old)
    new = open_engine(f"sqlite:///{tmp_path}/new.db")
    migrate(new)

    def tables(engine):
        with engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name")
            return [tuple(row) for row in rows]

    assert tables(old) == tables(new)


def test_groups_and_sites_that_are_used_cannot_be_removed_behind_the_directorys_back(old):
    migrate(old)
    with old.connect() as connection:
        for table in ("user_groups", "sites", "cos_call"):
            with pytest.raises(IntegrityError):
                connection.exec_driver_sql(f"DELETE FROM {table}")


def test_trunks_that_the_edge_has_no_way_to_are_switched_off_and_can_be_read(tmp_path):
    engine = _at(tmp_path / "ringwall.db", "0007")
    lines = {
        "good": ("sip.example.com", "tls", "", 1),
        "named": ("192.0.2.1", "tls", "sip.example.com", 1),
        "udp": ("sip.example.com", "udp", "", 1),
        "six": ("2001:db8::1", "tcp", "", 1),
        "nameless": ("192.0.2.1", "tls", "", 1),
    }
    with engine.connect() as connection, connection.begin():
        group = {
            "id": "tg",
            "name": "TG",
            "site": "main",
            "access_code": "",
            "services": "[]",
            "area_codes": "[]",
        }
        connection.execute(insert(schema.trunk_groups), {**group, "tandem_group": None, "max_calls": 1})
        for key, (host, transport, name, enabled) in lines.items():
            values = {one.name: one.default for one in kinds.TRUNK.settings}
            values |= {"name": key, "trunk_group": "tg", "host": host, "transport": transport}
            values |= {"certificate_name": name, "enabled": enabled, "allow_clear_text": transport != "tls"}
            values |= {"sources": "[]", "did_ranges": "[]"}
            connection.execute(insert(schema.trunks), {"id": key, **values})
    migrate(engine)
    with engine.connect() as connection:
        book = load(connection).of(kinds.TRUNK)
        assert {key for key, entry in book.items() if entry.value.enabled} == {"good", "named"}
        assert book["udp"].value.transport == "tcp"


@pytest.mark.req("C1")
def test_what_is_put_in_is_the_least_that_the_policy_knows(old):
    migrate(old)
    with old.connect() as connection:
        for table, cos in (
            (schema.cos_telephony, LEAST_TELEPHONY),
            (schema.cos_call, LEAST_CALL.rules),
            (schema.cos_voice_mail, LEAST_VOICE_MAIL),
        ):
            (row,) = connection.execute(select(table)).all()
            stored = json.loads(row.permissions)
            assert row.name == "Least privileged"
            for one in fields(cos):
                wanted = getattr(cos, one.name)
                if isinstance(wanted, (bool, int)) and one.name != "scope":
                    assert stored[one.name] == wanted, one.name
        ranges = {(row.id, row.kind, row.name) for row in connection.execute(select(schema.danger_ranges))}
        assert ranges == {(one.prefix, one.number_class.value, one.name) for one in DEFAULT_RANGES}
        groups = connection.execute(select(schema.user_groups)).all()
        assert {row.id: row.codes for row in groups} == {
            "least-privileged": "disabled",
            "authorization-codes": "disabled",
        }


@pytest.mark.req("T1")
def test_keys_of_calls_of_before_are_nowhere_in_the_file_afterwards(tmp_path):
    path = tmp_path / "ringwall.db"
    engine = _at(path, "0014")
    leg = {
        "tag": "t",
        "local_sdp": "inline:KEYONE",
        "remote_sdp": "inline:KEYTWO",
        "media": {"key": "KEYTHREE"},
    }
    call = {"id": "c1", "caller": leg, "callee": {**leg, "media": None}, "others": [leg]}
    with engine.connect() as connection, connection.begin():
        for name, body in (("c1", json.dumps(call)), ("odd", '["KEYFOUR"]'), ("bad", "KEYFIVE")):
            row = {"name": name, "body": body}
            connection.execute(text("INSERT INTO live_calls VALUES (:name, 1.0, :body)"), row)
    migrate(engine)
    with engine.connect() as connection:
        rows = {row["call_id"]: row for row in schema.load_live_calls(connection)}
    assert set(rows) == {"c1", "odd", "bad"}
    assert rows["c1"]["body"]["caller"] == {"tag": "t", "media": {}}
    assert all(row["sealed"] == b"" for row in rows.values())
    engine.dispose()
    for file in tmp_path.iterdir():
        assert b"KEY" not in file.read_bytes().replace(b"PRIMARY KEY", b"").replace(b"FOREIGN KEY", b""), file


@pytest.mark.req("I3")
def test_checkpoints_of_before_get_their_numbers_in_their_order(tmp_path):
    engine = _at(tmp_path / "ringwall.db", "0016")
    with engine.connect() as connection, connection.begin():
        for seq in (700, 1, 257):
            row = {"seq": seq, "at": "2026-01-01T00:00:00.000000Z"}
            connection.execute(text("INSERT INTO ledger_checkpoints VALUES (:seq, :at, x'00', x'01')"), row)
        connection.execute(text("INSERT INTO ledger_head VALUES (1, 700, '', x'00', x'01', x'02')"))
    migrate(engine)
    with engine.connect() as connection:
        table = schema.ledger_checkpoints
        numbers = connection.execute(select(table.c.seq, table.c.number).order_by(table.c.seq)).all()
        assert [tuple(row) for row in numbers] == [(1, 1), (257, 2), (700, 3)]
        assert connection.execute(select(schema.ledger_head.c.checkpoints)).scalar_one() is None


@pytest.mark.req("I3")
def test_who_administered_before_there_were_roles_is_an_administrator_and_stays_signed_in(tmp_path):
    engine = _at(tmp_path / "ringwall.db", "0017")
    with engine.connect() as connection, connection.begin():
        for statement in (
            "INSERT INTO administrators VALUES (1, 'admin', 'hash', 5.0)",
            "INSERT INTO api_tokens VALUES ('digest', 1, 6.0, 7.0)",
        ):
            connection.execute(text(statement))
    migrate(engine)
    with engine.connect() as connection:
        account = connection.execute(select(tables.accounts)).one()
        assert tuple(account) == (1, "admin", "administrator", "hash", 5.0, 5.0)
        session = connection.execute(select(tables.sessions)).one()
        assert tuple(session) == ("digest", "account", 1, 5.0, 6.0, 7.0)
