"""Puts together what knows people: accounts, sessions, and how somebody signs in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from sqlalchemy import select

from ringwall.core.identity import tables
from ringwall.core.identity.accounts import Accounts
from ringwall.core.identity.sessions import Sessions
from ringwall.core.identity.sign_in import SignIn
from ringwall.core.identity.worker import PasswordWorker
from ringwall.core.ledger import Ledger
from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import ADMINISTRATOR_LIMITS, Lockout
from ringwall.core.lockout.known import ADMINISTRATORS, KnownPlaces
from ringwall.core.store import Store


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may sign in, and who has. Made by `Identity.open`, ended by `close`."""

    accounts: Accounts
    sessions: Sessions
    sign_in: SignIn
    worker: PasswordWorker

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> Self:
        """Read accounts and sessions, and from where people have signed in lately; raise StoreError."""
        worker = PasswordWorker()
        sessions = await Sessions.open(store, clock=clock)
        accounts = await Accounts.open(store, ledger, sessions, worker, clock=clock)
        known = await KnownPlaces.open(store, ADMINISTRATORS, select(tables.accounts.c.name), clock=clock)
        alarm = GuessingAlarm(ledger.record, "administrator password")
        lockout = Lockout(known, ADMINISTRATOR_LIMITS, alarm)
        sign_in = SignIn(ledger, accounts, sessions, worker, lockout, clock=clock)
        return cls(accounts, sessions, sign_in, worker)

    def close(self) -> None:
        """End the thread that looks at passwords."""
        self.worker.close()
