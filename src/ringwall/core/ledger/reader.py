"""Reads the ledger: in order, by cursor, without changing anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import error as struct_error
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Column, ColumnElement, inspect, null, select, true
from sqlalchemy.engine import Connection

from ringwall.core.ledger.chain import End, checkpoint_message, head_message, signed_by
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.store import schema

CHUNK = 2_000
MOST_RECORDS = 1_000

UNREADABLE = (TypeError, ValueError, AttributeError, struct_error)
"""What comes of values of a wrong type, which whoever changed the database may have put anywhere."""


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


@dataclass(frozen=True, slots=True)
class SignedEnd:
    """The signed end as it lies in the database: `checkpoints` is None where none were numbered then."""

    seq: Any
    at: Any
    previous: Any
    hash: Any
    signature: Any
    checkpoints: Any


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it lies in the database. `number` is None in one of before there were numbers."""

    seq: Any
    at: Any
    hash: Any
    signature: Any
    number: Any


def signed_end(connection: Connection) -> SignedEnd | None:
    """Return the signed end, whoever wrote it; None where there is none."""
    table = schema.ledger_head
    kept = (table.c.seq, table.c.at, table.c.previous, table.c.hash, table.c.signature)
    last = table.c.checkpoints if _has(connection, table.c.checkpoints) else null()
    row = connection.execute(select(*kept, last)).first()
    return None if row is None else SignedEnd(*row)


def checkpoints(connection: Connection, *, newest_first: bool = False) -> Iterator[Checkpoint]:
    """Yield all checkpoints in the order of their records, holding few of them at a time."""
    table = schema.ledger_checkpoints
    kept = (table.c.seq, table.c.at, table.c.hash, table.c.signature)
    last = table.c.number if _has(connection, table.c.number) else null()
    query = select(*kept, last).order_by(table.c.seq.desc() if newest_first else table.c.seq)
    for row in connection.execute(query, execution_options={"yield_per": CHUNK}):
        yield Checkpoint(*row)


def _has(connection: Connection, column: Column[Any]) -> bool:
    """Whether the database has a column: a copy may be of an older version."""
    return any(found["name"] == column.name for found in inspect(connection).get_columns(column.table.name))


def is_signed_end(head: SignedEnd, key: Ed25519PublicKey, start: bytes) -> bool:
    """Whether the key signed this end of the chain that begins with `start`."""
    try:
        message = head_message(start, head.seq, head.at, head.previous, head.hash, head.checkpoints)
        return signed_by(key, head.signature, message)
    except UNREADABLE:
        return False


def is_signed_checkpoint(checkpoint: Checkpoint, key: Ed25519PublicKey, start: bytes) -> bool:
    """Whether the key signed this checkpoint: with its number, or as versions did that had none."""
    for number in (checkpoint.number, None):
        try:
            message = checkpoint_message(start, checkpoint.seq, checkpoint.at, checkpoint.hash, number)
            if signed_by(key, checkpoint.signature, message):
                return True
        except UNREADABLE:
            continue
    return False


def find_end(connection: Connection, key: Ed25519PublicKey, start: bytes) -> tuple[End, Trouble | None]:
    """Return where the chain goes on, and what is wrong with its end, if something is."""
    table = schema.ledger
    query = select(table.c.seq, table.c.hash, table.c.previous).order_by(table.c.seq.desc()).limit(1)
    newest = connection.execute(query).one_or_none()
    head = signed_end(connection)
    last = next(checkpoints(connection, newest_first=True), None)
    marked = (_number(last and last.number), _number(last and last.seq))
    signed = head is not None and is_signed_end(head, key, start)
    if head is None or not signed:
        if newest is None:
            trouble = Trouble("the signed end is not signed by this key") if head is not None else None
            return End(0, start, b"", *marked), trouble
        end = End(newest.seq, newest.hash, newest.previous, *marked)
        return end, Trouble(f"the ledger has records up to {newest.seq} but no valid signature of its end")
    end = End(head.seq, head.hash, head.previous, max(marked[0], head.checkpoints or 0), marked[1])
    if newest is None or newest.seq < head.seq:
        found = 0 if newest is None else newest.seq
        text = f"the ledger ends at record {found}, but its signed end is record {head.seq}"
        return end, Trouble(text, found + 1, head.seq, head.hash, end.checkpoints)
    if newest.seq > head.seq:
        end = end._replace(seq=newest.seq)
        text = f"the ledger has records up to {newest.seq} behind its signed end, record {head.seq}"
        return end, Trouble(text)
    if newest.hash != head.hash:
        return end, Trouble(f"the last record {head.seq} is not the one that was signed")
    if head.checkpoints is not None and head.checkpoints != marked[0]:
        text = f"the last checkpoint is number {marked[0]}, but the signed end says {head.checkpoints}"
        return end, Trouble(text)
    return end, None


def knows_marks(connection: Connection, key: Ed25519PublicKey, start: bytes) -> bool:
    """Whether a version wrote the ledger that keeps a mark of it, or nobody can say.

    Such a version signs the end with the number of checkpoints; without the key nobody can sign it otherwise.
    """
    head = signed_end(connection)
    return head is None or head.checkpoints is not None or not is_signed_end(head, key, start)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
