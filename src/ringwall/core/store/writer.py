"""The one thread that writes to the database: group commits, in order, until they are on the disk.

Kept here:
- Writes are committed in the order in which they were handed in (store/grouping.py says what order means).
- A write that nobody waits for is kept and tried again, with growing pauses, for as long as the database
  fails.
- A transaction that somebody waits for is never kept: it is on the disk when it is acknowledged, or it is
  refused with the reason and will not happen later.
- A write that the database will never take (it breaks a rule of the schema) is set aside and logged, so that
  it holds up no other.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import groupby
from time import monotonic

from sqlalchemy import Engine, Executable
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ringwall.core.errors import StoreConflict, StoreError
from ringwall.core.store.engine import explain, is_passing
from ringwall.core.store.grouping import Batch, Entry, Rows, Sealer, Transaction, plan
from ringwall.core.store.prepared import Prepared

log = logging.getLogger(__name__)

GROUP_LIMIT = 5_000
PAUSE_FIRST_S = 0.1
PAUSE_MOST_S = 5.0


class Writer:
    """Takes writes from any thread, commits them in its own.

    `interval` (seconds) is how long it collects after the first write of a group, unless somebody is in a
    hurry; `capacity` is how many writes may wait. `failing` says why commits fail at present, or is None.
    """

    def __init__(self, engine: Engine, where: str, *, interval: float, capacity: int) -> None:
        self._engine = engine
        self._prepared = Prepared(engine.dialect)
        self._where = where
        self._interval = interval
        self._capacity = capacity
        self._queue: deque[Entry | Transaction] = deque()
        self._kept: list[Entry | Transaction] = []
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self.failing: str | None = None
        self.groups = 0
        self.rejected = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def depth(self) -> int:
        """How many writes wait."""
        return len(self._queue) + len(self._kept)

    def put(self, unit: Entry | Transaction) -> None:
        """Queue a write; raise StoreError when the writer is closed or too many wait."""
        if self._closing.is_set():
            raise StoreError("Nothing was stored: the store is closed.")
        if len(self._queue) + len(self._kept) >= self._capacity:
            why = self.failing or f"{self._where} does not keep up."
            raise StoreError(f"Nothing was stored: {self._capacity} writes are waiting already. {why}")
        self._queue.append(unit)
        if not self._wake.is_set():
            self._wake.set()

    def hasten(self) -> None:
        """Commit what waits now, and not when the interval is over."""
        self._hurry.set()

    def close(self, patience: float) -> int:
        """Commit what waits, for at most `patience` seconds, and end; return how many writes were lost.

        Blocks.
        """
        self._give_up_at = monotonic() + patience
        self._closing.set()
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        lost = self.depth
        if lost:
            log.error("%d writes could not be stored: %s", lost, self.failing)
        return lost

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(self._interval)
            # In this order: what is put in from here on wakes this thread again.
            self._hurry.clear()
            self._wake.clear()
            while self._queue and not (self._closing.is_set() and monotonic() > self._give_up_at):
                self._drain()
            if self._closing.is_set() and not self._queue:
                break
            if self._closing.is_set() and monotonic() > self._give_up_at:
                break
        self._refuse_waiting(self.failing or "the store is closed.")
        self._drop_connection()

    def _drain(self) -> None:
        """Commit one group, however long it takes."""
        self._kept = [self._queue.popleft() for _ in range(min(len(self._queue), GROUP_LIMIT))]
        pause = PAUSE_FIRST_S
        while self._kept:
            try:
                outcomes = self._attempt(self._kept)
            except Exception as error:
                if not is_passing(error):
                    log.exception("The store met an error that it does not know")
                self._drop_connection()
                self._failed(explain(error, self._where))
                if not self._kept:
                    # Nothing is left that could be tried, so the next write finds out whether it works again.
                    self.failing = None
                    return
                if self._closing.is_set() and monotonic() + pause > self._give_up_at:
                    self._queue.extendleft(reversed(self._kept))
                    self._kept = []
                    self._give_up_at = 0.0
                    return
                self._closing.wait(pause) if not self._closing.is_set() else threading.Event().wait(pause)
                pause = min(pause * 2, PAUSE_MOST_S)
            else:
                self._kept = []
                self.groups += 1
                if self.failing is not None:
                    log.warning("The store works again")
                    self.failing = None
                for transaction, refusal in outcomes:
                    _answer(transaction, refusal)

    def _failed(self, why: str) -> None:
        """Note that commits fail: refuse who waits, keep the rest."""
        if self.failing is None:
            log.error("Commits fail, %d writes are kept: %s", self.depth, why)
        self.failing = why
        refused = [unit for unit in self._kept if isinstance(unit, Transaction)]
        self._kept = [unit for unit in self._kept if isinstance(unit, Entry)]
        for unit in refused:
            _answer(unit, StoreError(f"Nothing was stored. {why}"))

    def _refuse_waiting(self, why: str) -> None:
        left = list(self._queue)
        self._queue.clear()
        for unit in left:
            if isinstance(unit, Transaction):
                _answer(unit, StoreError(f"Nothing was stored: {why}"))
            else:
                self._queue.append(unit)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                connection.invalidate()

    def _attempt(self, units: list[Entry | Transaction]) -> list[tuple[Transaction, StoreError | None]]:
        try:
            return self._commit(units, careful=False)
        except Exception as error:
            if is_passing(error):
                raise
            # Some write of the group is wrong: make each on its own, so that only the wrong one is set aside.
            return self._commit(units, careful=True)

    def _commit(
        self, units: list[Entry | Transaction], *, careful: bool
    ) -> list[tuple[Transaction, StoreError | None]]:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(ringwall_writes=True)
        group = _Group(self._connection, self._prepared, self._where)
        try:
            with self._connection.begin():
                for step in [_alone(unit) for unit in units] if careful else plan(units):
                    if isinstance(step, Transaction):
                        group.transaction(step)
                    elif careful:
                        self.rejected += group.careful(step)
                    else:
                        group.run(step)
                group.finish()
        except BaseException:
            group.restore()
            raise
        group.committed()
        return group.outcomes


class _Group:
    """What happens between one BEGIN and its COMMIT."""

    def __init__(self, connection: Connection, prepared: Prepared, where: str) -> None:
        self._connection = connection
        self._prepared = prepared
        self._where = where
        self._sealers: dict[int, tuple[Sealer, object]] = {}
        self.outcomes: list[tuple[Transaction, StoreError | None]] = []

    def run(self, batch: Batch) -> None:
        statement, rows = batch.statement, batch.rows
        if not isinstance(statement, Executable):
            if id(statement) not in self._sealers:
                self._sealers[id(statement)] = (statement, statement.position())
            statement, rows = statement.seal(rows)
        self._execute(statement, rows)

    def finish(self) -> None:
        for sealer, _ in self._sealers.values():
            for statement, rows in sealer.finish():
                self._execute(statement, rows)

    def restore(self) -> None:
        for sealer, position in self._sealers.values():
            sealer.restore(position)

    def committed(self) -> None:
        for sealer, _ in self._sealers.values():
            sealer.committed()

    def transaction(self, unit: Transaction) -> None:
        """Run a transaction; where the database refuses it for good, note that and go on without it."""
        refusal = self._tried(lambda: self._run_all(unit))
        if refusal is not None:
            refusal = self._tried(lambda: self._run_all(unit), recover=True)
        why = None if refusal is None else _refusal(refusal, self._where)
        if why is not None:
            why.__cause__ = refusal
        self.outcomes.append((unit, why))

    def _run_all(self, unit: Transaction) -> None:
        # Neighbours with one statement are run at once: an import of many thousands holds up nobody for long.
        for _, entries in groupby(unit.entries, key=lambda entry: id(entry.statement)):
            alike = list(entries)
            self.run(Batch(alike[0].statement, [entry.params for entry in alike]))

    def careful(self, batch: Batch) -> int:
        """Run one write on its own; return 1 where it had to be set aside, else 0."""
        refusal = self._tried(lambda: self.run(batch))
        if refusal is None:
            return 0
        if self._tried(lambda: self.run(batch), recover=True) is None:
            return 0
        if not isinstance(batch.statement, Executable):
            # A record of the ledger is never set aside: it waits until somebody has looked after the
            # database.
            raise OSError(f"the ledger does not take a record: {refusal}") from refusal
        log.error("A write was set aside, because the database refuses it: %s", type(refusal).__name__)
        return 1

    def _tried(self, work: Callable[[], object], *, recover: bool = False) -> Exception | None:
        before = {name: sealer.position() for name, (sealer, _) in self._sealers.items()}
        savepoint = self._connection.begin_nested()
        try:
            if recover:
                for sealer, _ in self._sealers.values():
                    sealer.recover(self._connection)
            work()
        except Exception as error:
            savepoint.rollback()
            # A sealer that was met for the first time goes back to where it stood then.
            for name, (sealer, position) in self._sealers.items():
                sealer.restore(before.get(name, position))
            if is_passing(error):
                raise
            return error
        savepoint.commit()
        return None

    def _execute(self, statement: Executable, rows: Rows) -> None:
        prepared = self._prepared.get(statement)
        if prepared is None:
            self._connection.execute(statement, rows if len(rows) > 1 else rows[0])
            return
        driver = self._connection.connection.driver_connection
        assert driver is not None
        cursor = driver.cursor()
        try:
            cursor.executemany(*prepared.with_rows(rows))
        finally:
            cursor.close()


def _alone(unit: Entry | Transaction) -> Batch | Transaction:
    return unit if isinstance(unit, Transaction) else Batch(unit.statement, [unit.params])


def _refusal(error: Exception, where: str) -> StoreError:
    """Say of a transaction that the database will never take why it was not stored."""
    why = explain(error, where)
    # The drivers' errors share PEP 249's names only.
    if any(kind.__name__ == "IntegrityError" for kind in type(error).__mro__):
        log.error("A change contradicts what is stored, and nothing had noticed: %s", why)
        return StoreConflict(
            "Nothing was stored: something that is named is not there, or what has to be unique is taken."
        )
    return StoreError(f"Nothing was stored. {why}")


def _answer(transaction: Transaction, refusal: StoreError | None) -> None:
    waiter = transaction.waiter

    def settle() -> None:
        if waiter.done():
            return
        if refusal is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(refusal)

    try:
        waiter.get_loop().call_soon_threadsafe(settle)
    except RuntimeError:
        log.debug("Who waited for a commit is gone: its event loop is closed")
