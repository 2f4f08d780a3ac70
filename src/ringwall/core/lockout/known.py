"""From where somebody has signed in lately: whoever comes from there is not locked out by others' guesses.

Rules that this module keeps:
- A place is known after a right password alone, and for a month after the last one.
- Of each account a few places are remembered, the latest ones; there is no place of an account that is gone.
- It is in the store, so a new process knows it too. A place is written at its first time and then once a day.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self

from sqlalchemy import Column, Float, Select, Table, Text, select
from sqlalchemy.engine import Connection

from ringwall.core.store import Store, schema
from ringwall.core.store.schema import Write

log = logging.getLogger(__name__)

DEVICES: Final = "device"
ADMINISTRATORS: Final = "administrator"

DAY_S: Final = 86400.0
LIFE_S: Final = 30 * DAY_S
MOST_OF_ACCOUNT: Final = 8
_LONGEST: Final = 160

known_places = Table(
    "known_places",
    schema.metadata,
    # Written by queue, so without foreign keys: whoever reads it drops what belongs to nobody.
    Column("kind", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("last_at", Float, nullable=False),
)

_UPSERT = schema.upsert_of(known_places)
_DELETE = schema.delete_of(known_places)

Row = tuple[str, str, float]
"""Account, place, and when somebody signed in from there last (Unix seconds)."""


class KnownPlaces:
    """The places of one kind of account. Made by `KnownPlaces.open`. Times are Unix seconds.

    An account goes by what never changes or comes back: the number of a device, the name of an administrator.
    """

    def __init__(
        self, kind: str, rows: Iterable[Row] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        self._kind = kind
        self._clock = clock
        # Account -> place -> when it was written down last; the place that was used last stands last.
        self._places: dict[str, dict[str, float]] = {}
        for account, place, last_at in sorted(rows, key=lambda row: row[2]):
            self._places.setdefault(account, {})[place] = last_at

    @classmethod
    async def open(
        cls, store: Store, kind: str, alive: Select[Any], *, clock: Callable[[], float] = time.time
    ) -> Self:
        """Read what is known, and remove what is too old or belongs to nobody; raise StoreError.

        `alive` selects what the accounts of this kind go by.
        """
        since = clock() - LIFE_S
        good, gone = await store.read(lambda connection: _load(connection, kind, alive, since))
        for account, place, _ in gone:
            store.submit(_DELETE, {"kind": kind, "account": account, "place": place})
        return cls(kind, good, clock=clock)

    def knows(self, account: str, places: Sequence[str]) -> bool:
        """Whether somebody signed in to the account from one of the places lately."""
        known = self._places.get(account)
        if known is None:
            return False
        since = self._clock() - LIFE_S
        return any(known.get(_short(place), 0.0) > since for place in places)

    def learn(self, account: str, places: Sequence[str]) -> list[Write]:
        """Somebody has signed in from there: remember it, and return what is to be written for that."""
        now, writes = self._clock(), []
        known = self._places.setdefault(account, {})
        for place in map(_short, places):
            written_at = known.pop(place, 0.0)
            fresh = now - written_at < DAY_S
            known[place] = written_at if fresh else now
            if not fresh:
                row = {"kind": self._kind, "account": account, "place": place, "last_at": now}
                writes.append((_UPSERT, row))
        while len(known) > MOST_OF_ACCOUNT:
            writes.append(self._remove(account, next(iter(known))))
        return writes

    def forget(self, account: str) -> list[Write]:
        """The account is gone: return what is to be written for that."""
        return [self._remove(account, place) for place in list(self._places.get(account, ()))]

    def _remove(self, account: str, place: str) -> Write:
        known = self._places[account]
        del known[place]
        if not known:
            del self._places[account]
        return _DELETE, {"kind": self._kind, "account": account, "place": place}


def _short(place: str) -> str:
    """A place as a database takes it."""
    return place.encode("utf-8", "replace").decode().replace("\0", "")[:_LONGEST]


def _load(
    connection: Connection, kind: str, accounts: Select[Any], since: float
) -> tuple[list[Row], list[Row]]:
    alive = {str(found) for found in connection.execute(accounts).scalars()}
    table = known_places
    query = select(table.c.account, table.c.place, table.c.last_at).where(table.c.kind == kind)
    good: list[Row] = []
    gone: list[Row] = []
    for account, place, last_at in connection.execute(query):
        (good if account in alive and last_at > since else gone).append((account, place, last_at))
    return good, gone
