"""Brings the tables of a database up to date.

Alembic is loaded only where there is something to do: it costs more time than the rest of a start.
"""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from ringwall.core.errors import StoreError
from ringwall.core.store.engine import write_anew

# The newest step in migrations/versions; a test compares the two.
NEWEST = "0018"

# Up to this step something secret lay in the database in clear; what is left of it is written over once.
_LAST_WITH_SECRETS = "0014"


def migrate(engine: Engine) -> None:
    """Make or update the tables in one transaction; raise StoreError for a database of a newer Ringwall."""
    with engine.connect().execution_options(ringwall_writes=True) as connection, connection.begin():
        present = None
        tables = set(inspect(connection).get_table_names())
        if "alembic_version" in tables:
            present = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if present is None and tables - {"alembic_version"}:
            raise StoreError(
                "The database does not say of which version its tables are: restore it from a backup."
            )
        if present == NEWEST:
            return
        if present is not None and present > NEWEST:
            raise StoreError(
                f"The database was made by a newer Ringwall (tables {present}, this one knows {NEWEST}):"
                " start the newer version."
            )
        from alembic import command  # noqa: PLC0415  (see the module's text)
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option(
            "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
        )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if present is not None and present <= _LAST_WITH_SECRETS:
        write_anew(engine)
