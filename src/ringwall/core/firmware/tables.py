"""The two tables of firmware, and the writes to them."""

from typing import Any

import orjson
from sqlalchemy import Boolean, Column, Executable, Integer, LargeBinary, Table, Text
from sqlalchemy.engine import Connection

from ringwall.core.firmware.repository import File, Repository
from ringwall.core.firmware.rollout import Rollout
from ringwall.core.store import schema

files = Table(
    "firmware_metadata",
    schema.metadata,
    Column("role", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

# The groups are lists of ids as JSON; an image is its path, empty for none.
rollouts = Table(
    "firmware_rollouts",
    schema.metadata,
    Column("vendor", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("stable", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("test", Text, nullable=False),
    Column("testers", Text, nullable=False),
    Column("first_groups", Text, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("hold", Boolean, nullable=False),
    Column("minimum", Text, nullable=False),
)

_PUT_FILE = schema.upsert_of(files)
_DROP_FILE = schema.delete_of(files)
_PUT_ROLLOUT = schema.upsert_of(rollouts)

Write = tuple[Executable, dict[str, Any]]


def changes(before: Repository, after: Repository) -> list[Write]:
    """The writes that make one repository out of the other."""
    put = [
        (_PUT_FILE, {"role": role, "version": version, "body": after.files[role, version]})
        for role, version in _new(before, after)
    ]
    drop = [(_DROP_FILE, {"role": role, "version": version}) for role, version in _new(after, before)]
    return [*put, *drop]


def _new(before: Repository, after: Repository) -> list[File]:
    return sorted(set(after.files) - set(before.files))


def put_rollout(rollout: Rollout) -> Write:
    """The write that stores a roll-out."""
    row = rollout.to_dict()
    lists = {name: orjson.dumps(row[name]).decode() for name in ("testers", "first_groups")}
    return _PUT_ROLLOUT, {**row, **lists}


def load_repository(connection: Connection) -> Repository:
    """Read what is published."""
    rows = connection.execute(files.select())
    return Repository({(row.role, row.version): bytes(row.body) for row in rows})


def load_rollouts(connection: Connection) -> dict[tuple[str, str], Rollout]:
    """Read who gets what, by vendor and model."""
    found = {}
    for row in connection.execute(rollouts.select()).mappings():
        told: dict[str, Any] = {
            **row,
            "testers": tuple(orjson.loads(row["testers"])),
            "first_groups": tuple(orjson.loads(row["first_groups"])),
        }
        found[row["vendor"], row["model"]] = Rollout(**told)
    return found
