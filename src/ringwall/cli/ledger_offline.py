"""Reads the ledger where no core runs, or from a copy. Never writes to the database."""

from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import reader
from ringwall.core.ledger.apart import verify_database
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.store.engine import describe, explain, open_engine, sqlite_url
from ringwall.infra.layout import Layout


def verify(layout: Layout, database: Path | None, public_key: str | None) -> dict[str, Any]:
    """Return the verdict on a database (this system's) with a public key (this system's).

    Raises LedgerError where one of them is missing or cannot be read.
    """
    key = public_key or public_hex(load_key(layout.ledger_key).public_key())
    return verify_database(sqlite_url(database or layout.database), key).to_dict()


def tail(layout: Layout, after: int | None, limit: int, kind: str | None) -> dict[str, Any]:
    """Return what the operation `ledger.tail` returns; raise LedgerError where there is nothing to read."""
    url = sqlite_url(layout.database)
    if not layout.database.exists():
        raise LedgerError(f"There is no database {layout.database}: --data names the data directory.")
    engine = open_engine(url, read_only=True)
    try:
        with engine.connect() as connection, connection.begin():
            start = after if after is not None else reader.last(connection, limit, kind)
            records = reader.tail(connection, start, limit, kind)
    except SQLAlchemyError as error:
        raise LedgerError(explain(error, describe(url))) from error
    finally:
        engine.dispose()
    return {"records": records, "after": records[-1]["seq"] if records else start}
