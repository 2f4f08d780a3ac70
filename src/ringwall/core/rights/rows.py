"""How the things of the book lie in the database: one row each."""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Executable, Row, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from ringwall.core.errors import StoreError
from ringwall.core.rights.kinds import KINDS, Kind
from ringwall.core.rights.model import Book, Entry
from ringwall.core.rights.settings import Form, Value
from ringwall.core.store import schema
from ringwall.policy import PolicyError

Write = tuple[Executable, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Statements:
    add: Executable
    change: Executable
    remove: Executable


def _statements(kind: Kind) -> _Statements:
    table = schema.metadata.tables[kind.table]
    (column,) = table.primary_key.columns
    this = column == bindparam("this_key")
    others = [one.name for one in table.columns if not one.primary_key]
    change = update(table).where(this).values({name: bindparam(f"new_{name}") for name in others})
    return _Statements(insert(table), change, delete(table).where(this))


# One statement for each purpose, so that neighbours in a transaction are run at once.
_BY_WORD = {kind.word: _statements(kind) for kind in KINDS}


def add(entry: Entry) -> Write:
    """The write that stores a new entry."""
    return _BY_WORD[entry.kind.word].add, {_key_column(entry.kind): entry.key, **_columns(entry)}


def change(entry: Entry) -> Write:
    """The write that stores an entry in place of the one with its key."""
    new = {f"new_{name}": value for name, value in _columns(entry).items()}
    return _BY_WORD[entry.kind.word].change, {"this_key": entry.key, **new}


def remove(entry: Entry) -> Write:
    """The write that removes an entry."""
    return _BY_WORD[entry.kind.word].remove, {"this_key": entry.key}


def load(connection: Connection) -> Book:
    """Return the book that the database holds; raise StoreError where something in it cannot be."""
    book = Book()
    for kind in KINDS:
        rows = connection.execute(select(schema.metadata.tables[kind.table]))
        book = book.with_entries(kind, [_entry(kind, row) for row in rows])
    return book


def _entry(kind: Kind, row: Row[Any]) -> Entry:
    found = row._mapping  # noqa: SLF001 - the public name of a row's columns
    key = found[_key_column(kind)]
    # A permission that is younger than the row has its default, which is safe.
    values: dict[str, Value] = {one.name: one.default for one in kind.settings}
    try:
        if kind.in_json:
            kept = orjson.loads(found["permissions"])
            values |= {name: kept[name] for name in values if name in kept}
        else:
            for one in kind.settings:
                kept = found[one.name]
                values[one.name] = orjson.loads(kept) if one.form is Form.WORDS else kept
        return Entry.made(kind, key, values, found["sealed"] if kind.secret else None)
    except (PolicyError, ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"The {kind.title} {key!r} in the database cannot be read ({error}): restore a backup."
        ) from error


def _columns(entry: Entry) -> dict[str, Any]:
    kind = entry.kind
    if kind.in_json:
        return {"permissions": orjson.dumps(dict(entry.values)).decode()}
    columns: dict[str, Any] = {
        one.name: orjson.dumps(entry.values[one.name]).decode()
        if one.form is Form.WORDS
        else entry.values[one.name]
        for one in kind.settings
    }
    return {**columns, "sealed": entry.sealed} if kind.secret else columns


def _key_column(kind: Kind) -> str:
    return "name" if kind.in_json else "id"
