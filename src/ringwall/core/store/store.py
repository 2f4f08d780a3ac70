"""The store: queued and durable writes through one writer thread, reads in threads of their own."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.errors import StoreError
from ringwall.core.store.engine import describe, explain, open_engine
from ringwall.core.store.grouping import Entry, Statement, Transaction
from ringwall.core.store.migrate import migrate
from ringwall.core.store.writer import Writer

T = TypeVar("T")

INTERVAL_S = 0.05
CAPACITY = 50_000
READERS = 2


class Store:
    """One database. Made by `Store.open`; all methods but `submit` are for the event loop's thread.

    Writes on the call path go through `submit`, which never blocks. An administrator's change goes through
    `commit`, which answers when it is on the disk. Reads never happen on the call path.
    """

    def __init__(self, engine: Engine, url: URL, *, interval: float, capacity: int) -> None:
        where = describe(url)
        self.engine = engine
        self.url = url
        self.where = where
        self._capacity = capacity
        self._writer = Writer(engine, where, interval=interval, capacity=capacity)
        self._writer.start()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    @classmethod
    async def open(
        cls,
        url: str | URL,
        *,
        interval: float = INTERVAL_S,
        capacity: int = CAPACITY,
        engine: Engine | None = None,
        new: bool = True,
    ) -> Self:
        """Open a database, bring its tables up to date and start the writer.

        Raise StoreError where that fails.

        `interval` is the longest time in seconds that a write waits for others, `capacity` the number of
        writes that may wait. `engine` takes an engine that is open already instead of opening `url`. Unless
        `new`, a database that is not there is not made.
        """
        url = make_url(url)
        loop = asyncio.get_running_loop()

        def prepare() -> Engine:
            opened = engine if engine is not None else open_engine(url, new=new)
            migrate(opened)
            return opened

        try:
            opened = await loop.run_in_executor(None, prepare)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(explain(error, describe(url))) from error
        return cls(opened, url, interval=interval, capacity=capacity)

    def submit(self, statement: Statement, params: Mapping[str, Any]) -> None:
        """Queue a write for the next group commit; it is kept until it is on the disk.

        Raises StoreError where too many writes wait. Long before that `failing` has a text: who takes on new
        work looks there first and refuses it.
        """
        self._writer.put(Entry(statement, dict(params)))

    def hasten(self) -> None:
        """Have what was queued committed at once: for what must not be lost with the process.

        While one group is written the next one gathers, so that under load there are few more groups.
        """
        self._writer.hasten()

    async def commit(self, writes: Sequence[tuple[Statement, Mapping[str, Any]]]) -> None:
        """Make all these writes or none, and return when they are on the disk.

        Raises StoreError with the reason where they were not made; they will not be made later either.
        """
        if self._writer.failing is not None:
            raise StoreError(f"Nothing was stored. {self._writer.failing}")
        if not writes:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writer.put(
            Transaction([Entry(statement, dict(params)) for statement, params in writes], waiter)
        )
        await waiter

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with a connection in a thread, in one read transaction; return what it returns."""

        def run() -> T:
            with self.engine.connect() as connection, connection.begin():
                return work(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except SQLAlchemyError as error:
            raise StoreError(explain(error, self.where)) from error

    @property
    def failing(self) -> str | None:
        """Why writes do not reach the disk at present, as a sentence; None when they do."""
        if self._writer.failing is None and self._writer.depth > self._capacity // 2:
            return f"{self.where} does not keep up: {self._writer.depth} writes are waiting."
        return self._writer.failing

    @property
    def waiting(self) -> int:
        """How many writes are not on the disk yet."""
        return self._writer.depth

    @property
    def rejected(self) -> int:
        """How many queued writes the database refused for good since the start."""
        return self._writer.rejected

    async def close(self, patience: float = 5.0) -> int:
        """Commit what waits, for at most `patience` seconds; return how many writes were lost."""
        lost = await asyncio.get_running_loop().run_in_executor(None, self._writer.close, patience)
        self._readers.shutdown(wait=True)
        self.engine.dispose()
        return lost
