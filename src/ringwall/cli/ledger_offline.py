"""Reads the ledger where no core runs, or from a copy. Never writes to the database.

Works on what this host has: the database, the file beside the key and, where the edge is here too, its
agent's.
"""

from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import reader
from ringwall.core.ledger.apart import verifier, verify_database
from ringwall.core.ledger.chain import load_key, public_hex
from ringwall.core.ledger.ledger import DATABASE
from ringwall.core.ledger.memory import Memory, name
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.ledger.verdict import Kept, Verdict
from ringwall.core.store.engine import describe, explain, open_engine, sqlite_url
from ringwall.edge.agent.ledger_marks import FILE_LIMIT, read_book
from ringwall.infra.errors import RingwallError
from ringwall.infra.files import read_limited
from ringwall.infra.layout import Layout


def verify(layout: Layout, database: Path | None, public_key: str | None) -> dict[str, Any]:
    """Return the verdict on a database (this system's) with a public key (this system's).

    What is wrong with this system's own is remembered in the file beside its key. Raises LedgerError where
    one of them is missing or cannot be read.
    """
    key = public_key or public_hex(load_key(layout.ledger_key).public_key())
    verdict = verify_database(
        sqlite_url(database or layout.database), key, kept(layout, key), copy=database is not None
    )
    if database is None and public_key is None and verdict.finding is not None:
        _remember(layout, verdict)
    return verdict.to_dict()


def kept(layout: Layout, public_key: str) -> list[Kept]:
    """Return what this host keeps of the ledger: beside its key, and at the edge where that is here too."""
    key = verifier(public_key)
    return [Kept.in_file(layout.ledger_mark, key), *_at_edge(layout.ledger_marks_file, public_key)]


def _at_edge(path: Path, public_key: str) -> list[Kept]:
    place = f"edge/{name(path)}"
    try:
        evidence = read_book(read_limited(path, FILE_LIMIT)).get(public_key)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [Kept(place, "away", None, f"{place} cannot be read: {error.strerror}.")]
    except RingwallError as error:
        return [Kept(place, "damaged", None, f"{place} is damaged. {error}")]
    return [Kept(place, "kept" if evidence is not None else "nothing", evidence)]


def _remember(layout: Layout, verdict: Verdict) -> None:
    memory = Memory(layout.ledger_mark, load_key(layout.ledger_key))
    memory.load()
    if not memory.is_there or verdict.finding is None:
        return  # the next start tells that
    wrong = [(mark.place, mark.text) for mark in verdict.marks if mark.ok is False]
    for place, text in wrong or [(DATABASE, verdict.finding.text)]:
        memory.find(place, Trouble(text))
    owner = layout.ledger_mark.stat()
    memory.save_now(uid=owner.st_uid, gid=owner.st_gid)


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
