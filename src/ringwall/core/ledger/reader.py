"""Reads the ledger: in order, by cursor, without changing anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.engine import Connection

from ringwall.core.ledger.chain import End, head_message, signed_by
from ringwall.core.store import schema

CHUNK = 2_000
MOST_RECORDS = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it lies in the database. Whoever changed the database may have put anything there."""

    seq: Any
    at: Any
    kind: Any
    body: Any
    previous: Any
    hash: Any


def rows(connection: Connection) -> Iterator[Row]:
    """Yield all records in the order of their numbers, holding few of them at a time."""
    table = schema.ledger
    query = select(table).order_by(table.c.seq)
    for row in connection.execute(query, execution_options={"yield_per": CHUNK}):
        yield Row(*row)


def tail(connection: Connection, after: int, limit: int, kind: str | None = None) -> list[dict[str, Any]]:
    """Return at most `limit` records behind the cursor `after`, oldest first, as plain values.

    `kind` keeps one kind of record, or, as in `call.`, all kinds that begin so.
    """
    table = schema.ledger
    columns = (table.c.seq, table.c.at, table.c.kind, table.c.body, table.c.hash)
    query = select(*columns).where(table.c.seq > after, _of_kind(kind)).order_by(table.c.seq)
    result = connection.execute(query.limit(min(limit, MOST_RECORDS)))
    return [
        {"seq": seq, "at": at, "kind": kind_, "body": _body(body), "hash": bytes(digest).hex()}
        for seq, at, kind_, body, digest in result
    ]


def last(connection: Connection, limit: int, kind: str | None = None) -> int:
    """Return the cursor behind which the last `limit` records (of a kind) lie."""
    table = schema.ledger
    query = select(table.c.seq).where(_of_kind(kind)).order_by(table.c.seq.desc()).offset(limit).limit(1)
    return int(connection.execute(query).scalar() or 0)


def _of_kind(kind: str | None) -> ColumnElement[bool]:
    column = schema.ledger.c.kind
    if kind is None:
        return true()
    return column.startswith(kind, autoescape=True) if kind.endswith(".") else column == kind


def _body(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"unreadable": str(text)[:200]}


def organisation_id(connection: Connection) -> str | None:
    """Return the random number on which the chain stands, None in a database that was not set up."""
    found: str | None = connection.execute(select(schema.organisations.c.id)).scalar()
    return found


def find_end(connection: Connection, key: Ed25519PublicKey, start: bytes) -> tuple[End, str | None]:
    """Return where the chain goes on, and what is wrong with its end, as a sentence, if something is."""
    table = schema.ledger
    query = select(table.c.seq, table.c.hash, table.c.previous).order_by(table.c.seq.desc()).limit(1)
    newest = connection.execute(query).one_or_none()
    head = connection.execute(select(schema.ledger_head)).one_or_none()
    checkpoint = schema.ledger_checkpoints.c.seq
    marked = connection.execute(select(checkpoint).order_by(checkpoint.desc()).limit(1)).scalar() or 0
    signed = head is not None and signed_by(
        key, head.signature, head_message(start, head.seq, head.at, head.previous, head.hash)
    )
    if head is None or not signed:
        if newest is None:
            trouble = "the signed end is not signed by this key" if head is not None else None
            return End(0, start, b"", marked), trouble
        end = End(newest.seq, newest.hash, newest.previous, marked)
        return end, f"the ledger has records up to {newest.seq} but no valid signature of its end"
    end = End(head.seq, head.hash, head.previous, marked)
    if newest is None or newest.seq < head.seq:
        found = 0 if newest is None else newest.seq
        return end, f"the ledger ends at record {found}, but its signed end is record {head.seq}"
    if newest.seq > head.seq:
        end = end._replace(seq=newest.seq)
        return end, f"the ledger has records up to {newest.seq} behind its signed end, record {head.seq}"
    if newest.hash != head.hash:
        return end, f"the last record {head.seq} is not the one that was signed"
    return end, None
