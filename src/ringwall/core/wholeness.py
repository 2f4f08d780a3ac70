"""Whether a core's data is whole: the database, and the keys that belong to it (R2).

Rules that this module keeps:
- A database that is missing, empty, damaged or without one of its tables is told, and never replaced.
- The database knows its keys by their fingerprints, which say nothing of the keys. A key of another system,
  or a database of another one under these keys, is told; nothing is written then.
- Looking changes nothing.
"""

import hashlib
import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import orjson
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.rights.keys import Keys
from ringwall.core.store import schema
from ringwall.core.store.engine import describe, explain, open_engine, sqlite_url
from ringwall.core.store.migrate import NEWEST
from ringwall.core.store.schema import Write
from ringwall.infra import device_pki
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout
from ringwall.infra.wholeness import Piece, core_pieces, database_fault, faults, lost

LEDGER, SECRETS, DEVICES = "ledger", "secrets", "devices"

_TABLES_APART: Final = ("firmware.tables", "identity.tables", "lockout.known", "pins.rows", "voicemail.rows")
"""Modules beside the schema that have tables of their own."""
_MAGIC: Final = b"SQLite format 3\0"
_MOST_FAULTS: Final = 3


def tables() -> set[str]:
    """Return the names of all tables of a database of this version."""
    for module in _TABLES_APART:
        importlib.import_module(f"ringwall.core.{module}")
    return {"alembic_version", *schema.metadata.tables}


def require(layout: Layout) -> None:
    """Raise DataError where the database or a key is missing or empty, or the file is no database."""
    told = [fault for fault in (database_fault(layout),) if fault] + faults(_keys(layout))
    if not told:
        told = _no_database(layout.database)
    if told:
        raise lost(layout, told)


def _keys(layout: Layout) -> tuple[Piece, ...]:
    """The core's keys that its database cannot be without."""
    paths = {layout.ledger_key, layout.secrets_key}
    return tuple(piece for piece in core_pieces(layout) if piece.path in paths)


def require_tables(layout: Layout, connection: Connection) -> None:
    """Raise DataError where a table is missing, or the database was never set up."""
    told = [f"{layout.database}: {each}" for each in _missing_tables(connection)]
    if not told and connection.execute(select(schema.organisations.c.id)).first() is None:
        told = [f"{layout.database} has no organisation: it was emptied, or never set up"]
    if told:
        raise lost(layout, told)


def require_keys(layout: Layout, connection: Connection) -> list[Write]:
    """Raise DataError where a key is not the one that the database knows.

    Return what is to be written for keys that it does not know yet: those of a database of an older version.
    """
    present, told = fingerprints(layout)
    told += _foreign(layout, present, connection)
    if told:
        raise lost(layout, told)
    known = set(connection.execute(select(schema.system_keys.c.name)).scalars())
    return writes({name: value for name, value in present.items() if name not in known})


def writes(present: dict[str, str]) -> list[Write]:
    """Return the writes by which a database knows these keys."""
    return [
        (schema.system_keys.insert(), {"name": name, "fingerprint": value}) for name, value in present.items()
    ]


def fingerprints(layout: Layout) -> tuple[dict[str, str], list[str]]:
    """Return the fingerprints of the keys that can be read, and what is wrong with the others."""
    readers: dict[str, Callable[[], str]] = {
        LEDGER: lambda: public_hex(load_key(layout.ledger_key).public_key()),
        SECRETS: lambda: Keys.open(layout.secrets_key).fingerprint,
    }
    if layout.devices_key.exists() or layout.devices_certificate.exists():
        readers[DEVICES] = lambda: _fingerprint_of_devices(layout)
    present, told = {}, []
    for name, read in readers.items():
        try:
            present[name] = read()
        except RingwallError as error:
            told.append(str(error).rstrip("."))
    return present, told


def _fingerprint_of_devices(layout: Layout) -> str:
    public = device_pki.read_authority(layout).certificate.public_key()
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _foreign(layout: Layout, present: dict[str, str], connection: Connection) -> list[str]:
    known = {row.name: row.fingerprint for row in connection.execute(select(schema.system_keys))}
    if LEDGER not in known and (signed_by := _signed_by(connection)):
        known[LEDGER] = signed_by
    paths = {LEDGER: layout.ledger_key, SECRETS: layout.secrets_key, DEVICES: layout.devices_key}
    told = [
        f"{paths[name]} is not the key of this database"
        for name, value in present.items()
        if name in known and known[name] != value
    ]
    if DEVICES in known and DEVICES not in present:
        told += faults(tuple(piece for piece in core_pieces(layout) if piece.path == layout.devices_key))
    if len(told) == len(present) > 1:
        told.append(f"{layout.database} is the database of another system")
    return told


def _signed_by(connection: Connection) -> str:
    """The key that the first record of the ledger names, or nothing."""
    body = connection.execute(select(schema.ledger.c.body).where(schema.ledger.c.seq == 1)).scalar()
    try:
        told = orjson.loads(body or "{}")
    except orjson.JSONDecodeError:
        return ""
    return str(told.get("signed_by", "")) if isinstance(told, dict) else ""


def reader(database: Path) -> Engine:
    """Open a database for looking: beside a running core, or so that not even a file beside it is made."""
    beside = (database.with_name(database.name + ending) for ending in ("-wal", "-shm"))
    in_use = any(path.exists() for path in beside)
    return open_engine(sqlite_url(database), read_only=True, nobody_writes=not in_use)


def is_without_organisation(database: Path) -> bool:
    """Whether a database holds nothing that somebody made: a first start ended before it was done."""
    engine = reader(database)
    try:
        with engine.connect() as connection:
            there = set(inspect(connection).get_table_names())
            made = [table for table in (schema.organisations, schema.ledger) if table.name in there]
            return not any(connection.execute(select(table).limit(1)).first() for table in made)
    except SQLAlchemyError:
        return False  # whatever it is, it is not nothing
    finally:
        engine.dispose()


def examine(layout: Layout) -> list[str]:
    """Return all that is wrong with the database and the keys, each as the beginning of a sentence.

    Reads the whole database; works beside a running core.
    """
    told = faults(core_pieces(layout)[1:])
    fault = database_fault(layout)
    if fault is not None:
        return [fault, *told]
    wrong = _no_database(layout.database)
    if wrong:
        return [*wrong, *told]
    url = sqlite_url(layout.database)
    engine = reader(layout.database)
    try:
        return [*told, *(each for each in _examined(layout, engine) if each not in told)]
    except SQLAlchemyError as error:
        return [*told, explain(error, describe(url)).rstrip(".")]
    finally:
        engine.dispose()


def _examined(layout: Layout, engine: Engine) -> Iterable[str]:
    with engine.connect() as connection, connection.begin():
        broken = _broken(connection)
        yield from (f"{layout.database} is damaged: {each}" for each in broken)
        if broken:
            return
        revision = None
        if inspect(connection).has_table("alembic_version"):
            revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision is None:
            yield f"{layout.database} does not say of which version its tables are"
        elif revision > NEWEST:
            yield f"{layout.database} was made by a newer Ringwall (tables {revision}): start that one"
        elif revision == NEWEST:
            missing = _missing_tables(connection)
            yield from (f"{layout.database}: {each}" for each in missing)
            if not missing:
                if connection.execute(select(schema.organisations.c.id)).first() is None:
                    yield f"{layout.database} has no organisation: it was emptied, or never set up"
                present, unreadable = fingerprints(layout)
                yield from unreadable
                yield from _foreign(layout, present, connection)
                yield from _sealed(layout, connection)


def _sealed(layout: Layout, connection: Connection) -> Iterable[str]:
    """Open what is sealed in the database."""
    try:
        keys = Keys.open(layout.secrets_key)
    except RingwallError:
        return  # that is told already
    table = schema.trunks
    for row in connection.execute(select(table.c.id, table.c.sealed).where(table.c.sealed.is_not(None))):
        try:
            keys.unseal(row.id, row.sealed)
        except RingwallError as error:
            yield str(error).rstrip(".")


def require_sound(layout: Layout, engine: Engine) -> None:
    """Raise DataError where the pages of the database do not fit together."""
    with engine.connect() as connection:
        broken = _broken(connection)
    if broken:
        raise lost(layout, [f"{layout.database} is damaged: {each}" for each in broken])


def _broken(connection: Connection) -> list[str]:
    if connection.dialect.name != "sqlite":
        return []
    found = connection.exec_driver_sql(f"PRAGMA quick_check({_MOST_FAULTS})").scalars()
    return [each.replace("\n", " ")[:200] for each in found if each != "ok"]


def _missing_tables(connection: Connection) -> list[str]:
    missing = sorted(tables() - set(inspect(connection).get_table_names()))
    return [f"the table {name} is missing" for name in missing]


def _no_database(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}"]
    return [] if begin == _MAGIC else [f"{path} is damaged: it is no SQLite database"]
