"""Compares the ledger with a mark that is kept elsewhere: whether it is as long, and the same one.

Takes three questions, however long the ledger is. A mark is never ahead of what was durable when it was
signed, so whoever has read a mark first and looks into the database then finds what the mark says, or
something was done to it.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ringwall.core.ledger import reader
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.store import schema
from ringwall.infra.ledger_mark import Mark, Mismatch


def compare(
    connection: Connection, chain: str, mark: Mark, place: str, gaps: Sequence[Mismatch] = ()
) -> Trouble | None:
    """Return what the database lacks of what the mark says, None where nothing is missing.

    `chain` is what the first record stands on, in hexadecimal. `place` is where the mark is kept, for people.
    Records in `gaps` are known to be missing.
    """
    said = f"{place} says that the ledger had come to record {mark.seq} at {mark.at}"
    if mark.chain != chain:
        return Trouble(f"{place} keeps the mark of another ledger, signed with the same key at {mark.at}.")
    table = schema.ledger
    newest = connection.execute(select(func.max(table.c.seq))).scalar() or 0
    if newest < mark.seq:
        missing = _count(mark.seq - newest, "record")
        return Trouble(
            f"{said}, but the database ends at record {newest}: {missing} missing.",
            *(newest + 1, mark.seq, bytes.fromhex(mark.hash), mark.checkpoint),
        )
    if mark.seq and not any(gap.first <= mark.seq <= gap.last for gap in gaps):
        found = connection.execute(select(table.c.hash).where(table.c.seq == mark.seq)).scalar()
        if found is None:
            return Trouble(f"{said}, but the database has no such record.")
        if found != bytes.fromhex(mark.hash):
            return Trouble(f"{said}, but the record of that number in the database is another one.")
    last = next(reader.checkpoints(connection, newest_first=True), None)
    number = last.number if last is not None else 0
    if isinstance(number, int) and number < mark.checkpoint and not _are_known(gaps, mark.checkpoint):
        missing = _count(mark.checkpoint - number, "checkpoint")
        return Trouble(f"{said} and checkpoint {mark.checkpoint}, but {missing} missing.")
    return None


def _are_known(gaps: Sequence[Mismatch], checkpoint: int) -> bool:
    """Whether the checkpoints up to this one are missing with records that are."""
    return any(gap.checkpoint >= checkpoint for gap in gaps)


def _count(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"
