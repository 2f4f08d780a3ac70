"""How a database is opened. Everything that only SQLite needs is in this file.

SQLite runs in WAL mode with synchronous=FULL: what a commit has answered is on the disk. The driver's own
transaction handling is off, so that BEGIN stands where SQLAlchemy puts it, also before reads, and the writer
takes its lock at once instead of failing half-way.
"""

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

BUSY_MS = 5_000
WAL_KEPT_BYTES = 64 * 1024 * 1024


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite database file."""
    return str(URL.create("sqlite", database=str(path)))


def open_engine(
    url: str | URL, *, read_only: bool = False, new: bool = True, nobody_writes: bool = False
) -> Engine:
    """Open a database. A new SQLite file is made, unless `new` is false, readable for its owner alone.

    `read_only` opens a SQLite file so that nothing is ever written to it, also where its folder or its disk
    cannot be written to; for another database it relies on the rights of the URL's user. `nobody_writes` says
    that no other process has it open: then no file is made beside it either.
    """
    url = make_url(url)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if url.database in (None, "", ":memory:"):
        raise ValueError("the store needs a database file: what is kept in memory does not survive a crash")
    path = Path(str(url.database))
    if read_only:
        return _read_only_engine(path, nobody_writes=nobody_writes)
    if new:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    # Whatever happens to the file afterwards, no connection makes an empty one in its place.
    existing = {"mode": "rw", "uri": "true"}
    url = url.set(database=f"file:{quote(str(path.absolute()))}", query=existing)
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_MS}",
        f"journal_size_limit = {WAL_KEPT_BYTES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("ringwall_writes", False):
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("BEGIN IMMEDIATE")  # the short way: this runs for every group commit
    else:
        connection.exec_driver_sql("BEGIN")


def _read_only_engine(path: Path, *, nobody_writes: bool) -> Engine:
    name = f"file:{quote(str(path.absolute()))}"

    def connect() -> sqlite3.Connection:
        if nobody_writes:
            return _connect_read_only(f"{name}?mode=ro&immutable=1")
        try:
            return _connect_read_only(f"{name}?mode=ro")
        except sqlite3.OperationalError:
            # WAL needs a file beside the database, which a read-only folder does not let it make. Without a
            # log that waits to be read, the file alone is the whole truth.
            log = path.with_name(path.name + "-wal")
            if not path.exists() or (log.exists() and log.stat().st_size > 0):
                raise
            return _connect_read_only(f"{name}?mode=ro&immutable=1")

    engine = create_engine("sqlite://", creator=connect)
    event.listen(engine, "begin", _begin)
    return engine


def _connect_read_only(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, uri=True, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def write_anew(engine: Engine) -> None:
    """Write a SQLite database anew without its free pages, and empty its log: what was deleted is gone.

    Nobody else may have it open. A failure, such as of a full disk, is logged; the database is as it was.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        driver = connection.driver_connection
        assert driver is not None
        driver.execute("VACUUM")
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        log.warning("What was deleted from the database may still be read in its file: %s", error)
    finally:
        connection.close()


def explain(error: BaseException, where: str) -> str:
    """Say in one sentence why the database does not work and what to do. `where` names the database."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = getattr(cause, "sqlite_errorname", "") or ""
    if name.startswith("SQLITE_FULL") or getattr(cause, "errno", None) == 28:
        return f"The disk that holds {where} is full: make room there, and Ringwall goes on by itself."
    if name.startswith("SQLITE_IOERR"):
        return f"The disk that holds {where} does not take writes (I/O error {name}): check the disk."
    if name.startswith("SQLITE_READONLY"):
        return f"{where} cannot be written to: check its owner and rights and whether its disk is read-only."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return f"{where} is damaged ({name}): stop Ringwall and restore the database from a backup."
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{where} is held by another program: end whatever else has it open for writing."
    if name.startswith("SQLITE_CANTOPEN"):
        return f"{where} cannot be opened: check that it exists and that its folder may be entered."
    return f"{where} does not work: {str(cause).splitlines()[0] if str(cause) else type(cause).__name__}"


def describe(url: str | URL) -> str:
    """Name a database for people, without a password."""
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    return f"the database {url.render_as_string(hide_password=True)}"


def is_passing(error: BaseException) -> bool:
    """Whether the same write may succeed later: the trouble lies with the database, not with the write."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        error = error.orig if error.orig is not None else error
    if getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR":
        return False  # the statement itself is wrong
    names = {kind.__name__ for kind in type(error).__mro__}  # the drivers' errors share PEP 249's names only
    if names & {"IntegrityError", "DataError", "ProgrammingError", "NotSupportedError"}:
        return False
    return bool(names & {"DatabaseError", "OSError", "MemoryError"})
