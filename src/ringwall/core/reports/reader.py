"""Reads the records of a report: by time, in order, few of them in memory at once."""

from collections.abc import Iterator

import orjson
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ringwall.core.store import schema

CHUNK = 2000

Record = tuple[int, str, object]  # number, time, body


def records(
    connection: Connection, kinds: tuple[str, ...], begin: str, end: str, after: int = 0
) -> Iterator[Record]:
    """Yield the records of some kinds from `begin` to before `end`, times as in records, behind `after`."""
    table = schema.ledger
    first = max(after, _last_before(connection, begin))
    query = (
        select(table.c.seq, table.c.at, table.c.body)
        .where(table.c.seq > first, table.c.kind.in_(kinds))
        .order_by(table.c.seq)
    )
    if end:
        query = query.where(table.c.seq <= _last_before(connection, end))
    for seq, at, body in connection.execute(query, execution_options={"yield_per": CHUNK}):
        try:
            yield seq, at, orjson.loads(body)
        except orjson.JSONDecodeError:
            yield seq, at, {}


def _last_before(connection: Connection, moment: str) -> int:
    """The number of the last record before a moment; numbers rise with time, so few have to be looked at."""
    table = schema.ledger
    low, high = connection.execute(select(func.min(table.c.seq), func.max(table.c.seq))).one()
    if low is None or not moment:
        return 0
    while low <= high:
        middle = (low + high) // 2
        at = connection.execute(
            select(table.c.at).where(table.c.seq <= middle).order_by(table.c.seq.desc()).limit(1)
        ).scalar()
        if at is not None and at < moment:
            low = middle + 1
        else:
            high = middle - 1
    return int(high)
