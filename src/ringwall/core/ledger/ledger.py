"""The ledger as the core uses it: say what happened, and it is on record."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import reader
from ringwall.core.ledger.chain import ChainSealer, End, genesis, public_hex
from ringwall.core.ledger.compare import compare
from ringwall.core.ledger.memory import Memory, missing
from ringwall.core.ledger.record import canonical, now
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.store import Store
from ringwall.core.store.grouping import Statement
from ringwall.events import Event
from ringwall.events.security import LedgerMismatch
from ringwall.events.states import Passing
from ringwall.events.system import SystemLedgerMarkMade
from ringwall.infra.ledger_mark import Evidence, Mismatch

log = logging.getLogger(__name__)

Write = tuple[Statement, dict[str, Any]]

DATABASE = "the database"
"""The place of what the database says against itself."""


class Ledger:
    """One append-only record of calls, refusals, administrators' actions and security events.

    Made by `Ledger.open`. What can be recorded are the events of `ringwall.events`, and nothing else.
    """

    def __init__(
        self, store: Store, key: Ed25519PrivateKey, start: bytes, end: End, memory: Memory | None = None
    ) -> None:
        self._store = store
        self._sealer = ChainSealer(key, start, end)
        self._found: set[tuple[str, str]] = set()
        self.chain = start.hex()
        self.public_key = public_hex(key.public_key())
        self.memory = memory

    @classmethod
    async def open(cls, store: Store, key: Ed25519PrivateKey, memory: Memory | None = None) -> Self:
        """Go on where the chain ends; raise LedgerError where the database was never set up.

        Where the end is not what was signed, or not what the mark in `memory` says, the ledger goes on all
        the same and says so in a record of its own.
        """
        # Before the database is looked into: the mark is never ahead of it.
        wrong = "" if memory is None else memory.load()

        def look(connection: Connection) -> tuple[bytes, End, list[tuple[str, Trouble]], bool, set[str]]:
            organisation = reader.organisation_id(connection)
            if organisation is None:
                raise LedgerError("The database was not set up: run `ringwall up`.")
            start = genesis(organisation)
            end, trouble = reader.find_end(connection, key.public_key(), start)
            found = []
            mark = memory.evidence.mark if memory is not None else None
            if memory is not None and mark is not None:
                gaps = memory.evidence.gaps
                behind = compare(connection, start.hex(), mark, memory.place, gaps)
                found += [] if behind is None else [(memory.place, behind)]
            # The mark's first: what is on record of the other then stands behind what is missing, not in it.
            found += [] if trouble is None else [(DATABASE, trouble)]
            recorded = set()
            if memory is not None and memory.evidence.mismatches:
                bodies = [
                    each["body"]
                    for each in reader.tail(connection, 0, reader.MOST_RECORDS, LedgerMismatch.kind)
                ]
                recorded = {str(each.get("mismatch")) for each in bodies if isinstance(each, dict)}
            must_have_mark = reader.knows_marks(connection, key.public_key(), start)
            return start, end, found, must_have_mark, recorded

        start, end, found, must_have_mark, recorded = await store.read(look)
        ledger = cls(store, key, start, end, memory)
        before = memory.evidence.mismatches if memory is not None else ()
        if memory is not None and not memory.is_there:
            if must_have_mark or wrong:
                found.append((memory.place, Trouble(wrong or missing(memory.path))))
            elif not found:
                # Written by a version that kept no mark: the first one, before anything that tells of it.
                memory.sign_mark(start.hex(), end.seq, end.hash, end.checkpoints)
                await memory.save()
                ledger.record(SystemLedgerMarkMade(place=memory.place, at_record=end.seq))
        for place, trouble in found:
            ledger.found(place, trouble)
        if memory is not None:
            ledger._recall(memory.place, [each for each in before if each.digest not in recorded])
        if memory is not None and not memory.is_saved:
            try:
                await memory.save()
            except LedgerError as error:
                log.error("What is wrong with the ledger is on record, but %s", error)  # noqa: TRY400
        return ledger

    @classmethod
    def begin(
        cls, store: Store, key: Ed25519PrivateKey, organisation_id: str, memory: Memory | None = None
    ) -> Self:
        """Begin the ledger of an organisation that is being made, and its mark before its first record."""
        start = genesis(organisation_id)
        if memory is not None:
            memory.sign_mark(start.hex(), 0, start, 0)
            memory.save_now()
        return cls(store, key, start, End(0, start, b""), memory)

    def entry(self, event: Event) -> Write:
        """Return a record as a write for `Store.commit`, for one transaction with what it is about."""
        if isinstance(event, Passing):
            raise TypeError(f"{event.kind} is told and never recorded")
        return self._sealer, {"at": now(), "kind": event.kind, "body": canonical(event.to_body())}

    def record(self, event: Event) -> None:
        """Queue a record, in order with everything else that is queued; never blocks.

        Raises StoreError where the store takes nothing more.
        """
        self._store.submit(*self.entry(event))

    async def record_durably(self, event: Event) -> None:
        """Return when the record is on the disk; raise StoreError where it is not."""
        await self._store.commit([self.entry(event)])

    def found(self, place: str, trouble: Trouble) -> None:
        """Put on record, and remember for ever, that the ledger is not as it was written.

        Where records are missing at the end, this record and what follows stand behind them: what is missing
        stays a gap. Does nothing the second time in the life of a process. `memory` is to be saved
        afterwards.
        """
        if (place, trouble.text) in self._found:
            return
        self._found.add((place, trouble.text))
        mismatch = self.memory.find(place, trouble) if self.memory is not None else None
        digest = None if mismatch is None else mismatch.digest
        sealer, row = self.entry(LedgerMismatch(found=trouble.text, place=place, mismatch=digest))
        if trouble.last:
            row["behind"] = trouble.last, trouble.hash, trouble.checkpoint
        self._store.submit(sealer, row)

    def recalled(self, place: str, told: Evidence) -> None:
        """Take up what a witness remembers, and put on record what was forgotten here."""
        if self.memory is not None:
            self._recall(place, self.memory.take(told))

    def _recall(self, place: str, mismatches: Iterable[Mismatch]) -> None:
        for each in mismatches:
            forgotten = LedgerMismatch(
                found=each.text,
                place=each.place,
                mismatch=each.digest,
                first_found=each.at,
                told_by=place,
            )
            self.record(forgotten)

    async def compare(self, place: str, kept: Evidence) -> None:
        """Compare the database with what is kept elsewhere; what is wrong is found. Raises StoreError."""
        mark = kept.mark
        if mark is not None:
            gaps = self.memory.evidence.gaps if self.memory is not None else ()
            trouble = await self._store.read(
                lambda connection: compare(connection, self.chain, mark, place, gaps)
            )
            if trouble is not None:
                self.found(place, trouble)

    def sign_mark(self) -> None:
        """Have `memory` say how far the ledger is on the disk now."""
        end = self._sealer.durable
        if end is None or self.memory is None:
            return
        mark = self.memory.evidence.mark
        if mark is None or mark.seq < end.seq:
            self.memory.sign_mark(self.chain, end.seq, end.hash, end.checkpoints)

    def on_checkpoint(self, told: Callable[[], None]) -> None:
        """Have this called, in the writer thread, when a checkpoint is on the disk."""
        self._sealer.on_checkpoint = told

    def on_durable(self, told: Callable[[], None]) -> None:
        """Have this called, in the writer thread, whenever more records are on the disk."""
        self._sealer.on_durable = told

    @property
    def seq(self) -> int:
        """The number of the last record that was chained."""
        return self._sealer.end.seq

    @property
    def durable_seq(self) -> int:
        """The number of the last record that is on the disk, as far as this process has written any."""
        end = self._sealer.durable
        return 0 if end is None else end.seq

    async def tail(self, after: int, limit: int = 100, kind: str | None = None) -> list[dict[str, Any]]:
        """Return records behind a cursor (`reader.tail`)."""
        return await self._store.read(lambda connection: reader.tail(connection, after, limit, kind))

    async def cursor_of_last(self, count: int, kind: str | None = None) -> int:
        """Return the cursor behind which the last `count` records (of a kind) lie."""
        return await self._store.read(lambda connection: reader.last(connection, count, kind))
