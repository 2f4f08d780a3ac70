"""The statements that run many times a second, translated once and handed straight to the driver.

SQLAlchemy's way through a statement costs more processor time than SQLite's work on it. Only statements with
the lane option take the short way: their values are what every driver understands as it is (text, numbers,
bytes).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler


@dataclass(frozen=True, slots=True)
class PreparedStatement:
    """The text for the driver and, where it counts parameters, their order."""

    sql: str
    order: tuple[str, ...] | None

    def with_rows(self, rows: list[dict[str, Any]]) -> tuple[str, list[Any]]:
        """Return the arguments of the driver's `executemany`."""
        if self.order is None:
            return self.sql, list(rows)
        return self.sql, [tuple([row[name] for name in self.order]) for row in rows]


class Prepared:
    """The prepared statements of one database; filled on first use, by one thread."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[int, tuple[Executable, PreparedStatement]] = {}

    def get(self, statement: Executable) -> PreparedStatement | None:
        """Return the prepared form, None for a statement that takes the long way."""
        known = self._known.get(id(statement))
        if known is not None:
            return known[1]
        if "ringwall_lane" not in statement.get_execution_options():
            return None
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=self._dialect)
        assert isinstance(compiled, SQLCompiler)
        order = None if compiled.positiontup is None else tuple(compiled.positiontup)
        prepared = PreparedStatement(str(compiled), order)
        self._known[id(statement)] = statement, prepared
        return prepared
