"""The tables of PINs and of wrong tries.

Kept here:
- A PIN and its predecessors are argon2id hashes of a keyed digest: who has the database alone has nothing
  that they could guess at.
- Wrong tries are queued, so their table has no foreign key; whoever reads it drops what has no user.
"""

from dataclasses import dataclass

import orjson
from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, Table, Text, select
from sqlalchemy.engine import Connection

from ringwall.core.lockout.budget import AttemptBudget
from ringwall.core.store import schema
from ringwall.core.store.schema import Write

pins = Table(
    "pins",
    schema.metadata,
    Column(
        "user_id",
        schema.Number,
        ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("hash", Text, nullable=False),
    Column("set_at", Float, nullable=False),
    Column("must_change", Boolean, nullable=False),
    # JSON, newest first: the hashes of the PINs before.
    Column("previous", Text, nullable=False),
)

pin_tries = Table(
    "pin_tries",
    schema.metadata,
    Column("user_id", schema.Number, primary_key=True, autoincrement=False),
    Column("own_phone", Boolean, primary_key=True),
    # JSON: [[Unix seconds, source], ...]
    Column("failures", Text, nullable=False),
    Column("locked_until", Float, nullable=False),
    Column("locks", Integer, nullable=False),
)

_PIN_UPSERT = schema.upsert_of(pins)
_TRIES_UPSERT = schema.upsert_of(pin_tries)
_TRIES_DELETE = schema.delete_of(pin_tries)


@dataclass(frozen=True, slots=True)
class Pin:
    """A user's PIN; `set_at` in Unix seconds, `previous` newest first."""

    hash: str
    set_at: float
    must_change: bool
    previous: tuple[str, ...] = ()


def pin_write(user_id: int, pin: Pin) -> Write:
    """Return the write that stores a PIN."""
    return _PIN_UPSERT, {
        "user_id": user_id,
        "hash": pin.hash,
        "set_at": pin.set_at,
        "must_change": pin.must_change,
        "previous": orjson.dumps(pin.previous).decode(),
    }


def tries_write(user_id: int, budget: AttemptBudget, *, own_phone: bool) -> Write:
    """Return the write that stores the wrong tries at an account, or removes them where there are none."""
    if budget.empty:
        return _TRIES_DELETE, {"user_id": user_id, "own_phone": own_phone}
    return _TRIES_UPSERT, {
        "user_id": user_id,
        "own_phone": own_phone,
        "failures": orjson.dumps(budget.failures).decode(),
        "locked_until": budget.locked_until,
        "locks": budget.locks,
    }


def load(connection: Connection) -> tuple[dict[int, Pin], dict[tuple[int, bool], AttemptBudget]]:
    """Return all PINs by user, and all budgets by user and whether they are those of the own phone."""
    found = {
        row.user_id: Pin(row.hash, row.set_at, row.must_change, tuple(orjson.loads(row.previous)))
        for row in connection.execute(select(pins))
    }
    people = set(connection.execute(select(schema.users.c.id)).scalars())
    budgets = {
        (row.user_id, row.own_phone): AttemptBudget(
            [(float(at), str(source)) for at, source in orjson.loads(row.failures)],
            row.locked_until,
            row.locks,
        )
        for row in connection.execute(select(pin_tries))
        if row.user_id in people
    }
    return found, budgets
