"""The ledger as the core uses it: say what happened, and it is on record."""

from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ringwall.core.errors import LedgerError
from ringwall.core.ledger import reader
from ringwall.core.ledger.chain import ChainSealer, End, genesis, public_hex
from ringwall.core.ledger.record import canonical, now
from ringwall.core.store import Store
from ringwall.core.store.grouping import Statement
from ringwall.events import Event
from ringwall.events.security import LedgerMismatch

Write = tuple[Statement, dict[str, Any]]


class Ledger:
    """One append-only record of calls, refusals, administrators' actions and security events.

    Made by `Ledger.open`. What can be recorded are the events of `ringwall.events`, and nothing else.
    """

    def __init__(self, store: Store, key: Ed25519PrivateKey, start: bytes, end: End) -> None:
        self._store = store
        self._sealer = ChainSealer(key, start, end)
        self.public_key = public_hex(key.public_key())

    @classmethod
    async def open(cls, store: Store, key: Ed25519PrivateKey) -> Self:
        """Go on where the chain ends; raise LedgerError where the database was never set up.

        Where the end is not what was signed, the ledger goes on all the same and says so in a record of its
        own.
        """

        def look(connection: Any) -> tuple[bytes, End, str | None]:
            organisation = reader.organisation_id(connection)
            if organisation is None:
                raise LedgerError("The database was not set up: run `ringwall up`.")
            start = genesis(organisation)
            return start, *reader.find_end(connection, key.public_key(), start)

        start, end, trouble = await store.read(look)
        ledger = cls(store, key, start, end)
        if trouble is not None:
            ledger.record(LedgerMismatch(found=trouble))
        return ledger

    @classmethod
    def begin(cls, store: Store, key: Ed25519PrivateKey, organisation_id: str) -> Self:
        """Begin the ledger of an organisation that is being made."""
        start = genesis(organisation_id)
        return cls(store, key, start, End(0, start, b""))

    def entry(self, event: Event) -> Write:
        """Return a record as a write for `Store.commit`, for one transaction with what it is about."""
        return self._sealer, {"at": now(), "kind": event.kind, "body": canonical(event.to_body())}

    def record(self, event: Event) -> None:
        """Queue a record, in order with everything else that is queued; never blocks.

        Raises StoreError where the store takes nothing more.
        """
        self._store.submit(*self.entry(event))

    async def record_durably(self, event: Event) -> None:
        """Return when the record is on the disk; raise StoreError where it is not."""
        await self._store.commit([self.entry(event)])

    @property
    def seq(self) -> int:
        """The number of the last record that was chained."""
        return self._sealer.end.seq

    async def tail(self, after: int, limit: int = 100, kind: str | None = None) -> list[dict[str, Any]]:
        """Return records behind a cursor (`reader.tail`)."""
        return await self._store.read(lambda connection: reader.tail(connection, after, limit, kind))

    async def cursor_of_last(self, count: int, kind: str | None = None) -> int:
        """Return the cursor behind which the last `count` records (of a kind) lie."""
        return await self._store.read(lambda connection: reader.last(connection, count, kind))
