"""Turns a queue of writes into as few statements as order allows. No database, no threads.

Kept here:
- A transaction (several writes that stand or fall together) keeps its place: nothing is moved across it.
- Between two transactions, writes with the lane option (`ringwall_lane`, the name of a table without
  foreign keys) may be moved ahead of writes to other tables, so that equal statements become one executemany.
- In a lane with keys (`ringwall_key`) the last write to a row wins and the earlier ones are left out.
- Everything else stays in order.
"""

from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Executable
from sqlalchemy.engine import Connection

Rows = list[dict[str, Any]]


class Sealer(Protocol):
    """Fills in rows at the moment they are written, in the order in which they are committed.

    A sealer stands where a statement would. All methods are called in the writer thread only.
    """

    def seal(self, rows: Rows) -> tuple[Executable, Rows]:
        """Return the statement and the rows as they are to be stored, and move on."""
        ...

    def finish(self) -> list[tuple[Executable, Rows]]:
        """Return what else belongs to this group; called once, before its commit."""
        ...

    def committed(self) -> None:
        """Note that what was sealed is on the disk; never raises."""
        ...

    def position(self) -> object:
        """Return where the sealer stands."""
        ...

    def restore(self, position: Any) -> None:
        """Go back to a position: what was sealed since then was rolled back."""
        ...

    def recover(self, connection: Connection) -> None:
        """Make way after a row clashed with one that somebody else has put there."""
        ...


Statement = Executable | Sealer


@dataclass(slots=True)
class Entry:
    """One write that nobody waits for."""

    statement: Statement
    params: dict[str, Any]


@dataclass(slots=True)
class Transaction:
    """Writes that stand or fall together, and who waits for them."""

    entries: Sequence[Entry]
    waiter: Future[None]


@dataclass(slots=True)
class Batch:
    """One statement and the rows to run it with."""

    statement: Statement
    rows: Rows = field(default_factory=list)


def plan(units: Sequence[Entry | Transaction]) -> list[Batch | Transaction]:
    """Return the steps that have the same effect as `units` one after the other."""
    steps: list[Batch | Transaction] = []
    stretch: list[Entry] = []
    for unit in units:
        if isinstance(unit, Transaction):
            steps.extend(_batches(stretch))
            stretch = []
            steps.append(unit)
        else:
            stretch.append(unit)
    steps.extend(_batches(stretch))
    return steps


def _batches(entries: list[Entry]) -> list[Batch]:
    batches: list[Batch] = []
    open_batches: dict[object, Batch] = {}
    lanes: dict[str, dict[tuple[Any, ...], Entry]] = {}
    for entry in entries:
        statement = entry.statement
        options = statement.get_execution_options() if isinstance(statement, Executable) else {}
        lane, key = options.get("ringwall_lane"), options.get("ringwall_key")
        if lane is not None and key is not None:
            lanes.setdefault(lane, {})[tuple(entry.params[name] for name in key)] = entry
            continue
        movable = lane is not None or not isinstance(statement, Executable)
        batch = open_batches.get(id(statement)) if movable else None
        if batch is None and not movable and batches and batches[-1].statement is statement:
            batch = batches[-1]
        if batch is None:
            batch = Batch(statement)
            batches.append(batch)
            if movable:
                open_batches[id(statement)] = batch
        batch.rows.append(entry.params)
    for writes in lanes.values():
        by_statement: dict[int, Batch] = {}
        for entry in writes.values():
            if id(entry.statement) not in by_statement:
                by_statement[id(entry.statement)] = Batch(entry.statement)
            by_statement[id(entry.statement)].rows.append(entry.params)
        batches.extend(by_statement.values())
    return batches
