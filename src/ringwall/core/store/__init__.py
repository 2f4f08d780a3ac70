"""Where the core keeps what must survive: one database, one writer, tables in schema.py."""

from ringwall.core.store.store import Store

__all__ = ["Store"]
