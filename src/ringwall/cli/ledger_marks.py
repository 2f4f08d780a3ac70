"""Compares the ledger with the marks that this host keeps, and reads no more of it than that takes.

Works beside a running core.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ringwall.cli.ledger_offline import kept
from ringwall.core.errors import LedgerError
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.ledger.verdict import look
from ringwall.core.store.engine import describe, explain, sqlite_url
from ringwall.core.wholeness import reader
from ringwall.infra.errors import RingwallError
from ringwall.infra.layout import Layout


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong now, as sentences, and what ever was (`memory.told`)."""

    wrong: list[str]
    mismatches: list[dict[str, Any]]


def examine(layout: Layout) -> Found:
    """Return what is wrong; nothing where the key or the database cannot be read, which others tell."""
    if not layout.database.is_file():
        return Found([], [])
    try:
        key = load_key(layout.ledger_key).public_key()
        places = kept(layout, public_hex(key))  # before the database: a mark is never ahead of it
        engine = reader(layout.database)
        try:
            with engine.connect() as connection, connection.begin():
                seen = look(connection, key, places)
        except SQLAlchemyError as error:
            raise LedgerError(explain(error, describe(sqlite_url(layout.database)))) from error
        finally:
            engine.dispose()
    except (OSError, RingwallError):
        return Found([], [])
    return Found([mark.text for mark in seen.marks if mark.ok is False], seen.mismatches)
