"""Signing in with a name and a password.

Kept here:
- A wrong name and a wrong password get the same answer after the same work.
- Guessing is bounded (`lockout.gate`). Whoever comes from where they signed in to the account lately always
  get their password looked at, whatever others guess, also in a new process. When it is wrong and a stranger
  would be stopped, they are told what a stranger is told, after as long: nobody learns what is known.
- Every sign-in is in the ledger, good or not; a good one is on the disk before its token is told.
- Strangers do not fill the whole queue of the thread that looks at passwords.
- An account that was changed or removed while its password was looked at lets nobody in.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NoReturn

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.identity.accounts import Account, Accounts
from ringwall.core.identity.errors import NotSignedInError, TooManyTriesError
from ringwall.core.identity.sessions import Holder, Session, Sessions
from ringwall.core.identity.worker import PasswordWorker
from ringwall.core.ledger import Ledger
from ringwall.core.lockout.gate import Attempt, Lockout
from ringwall.core.operations import Actor
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.events.security import SignedIn, SignedOut, SignInFailed, SignInLimited

log = logging.getLogger(__name__)

MOST_WAITING: Final = 16
MOST_STRANGERS_WAITING: Final = 12
FLOOR_S: Final = 0.25
"""How long "too many tries" takes at least: longer than a password is looked at."""
MOST_HELD: Final = 32
"""How many such answers are held back at a time."""


class SignIn:
    """Signs accounts in and out, and knows whose token is whose."""

    def __init__(
        self,
        ledger: Ledger,
        accounts: Accounts,
        sessions: Sessions,
        worker: PasswordWorker,
        lockout: Lockout,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._sessions = sessions
        self._worker = worker
        self._lockout = lockout
        self._clock = clock
        self._watch = SecurityWatch(ledger.record)
        self._held = 0
        self._limited: dict[str, float] = {}
        accounts.on_removed.append(lockout.forget)

    async def sign_in(self, name: str, password: str, source: str) -> tuple[str, Session]:
        """Return a new token and its session.

        Raises NotSignedInError, TooManyTriesError, OperationError (unavailable) or StoreError.
        """
        account = await self.prove(name, password, source)
        async with self._accounts.changing:
            if self._accounts.by_name.get(name) is not account:
                raise NotSignedInError
            learned = self._lockout.learn(replace(self._attempt(name, source), identity=name))
            record = self._ledger.entry(SignedIn(account=name, source=source))
            return await self._sessions.begin(account.subject, [*learned, record])

    async def prove(self, name: str, password: str, source: str) -> Account:
        """Return the account whose password this is; raise like `sign_in`."""
        now, began = self._clock(), time.monotonic()
        self._lockout.sweep(now)
        self._watch.sweep(began)
        attempt = self._attempt(name, source)
        wait = self._lockout.wait(attempt, now)
        if wait > 0:
            self._lockout.refused(attempt, now)
            await self._stop(source, now, began, wait)
        strangers_wait = self._lockout.wait_of_stranger(attempt, now)
        most = MOST_WAITING if self._lockout.is_known(attempt) else MOST_STRANGERS_WAITING
        if self._worker.waiting >= most:
            raise OperationError("unavailable", "Too many people sign in at once: try again in a moment.")
        pending = self._lockout.begin(attempt, now)
        account = self._accounts.by_name.get(name)
        right = await self._worker.check(account.password_hash if account is not None else None, password)
        if not right or account is None:
            pending.wrong()
            if strangers_wait > 0:
                self._watch.note(SignInFailed(source=source, account=attempt.shown), began)
                await self._stop(source, now, began, strangers_wait)
            self._ledger.record(SignInFailed(account=attempt.shown, source=source))
            raise NotSignedInError
        pending.right()
        return account

    def _attempt(self, name: str, source: str) -> Attempt:
        there = name if name in self._accounts.by_name else None
        return Attempt(name, there, there, source)

    async def _stop(self, source: str, now: float, began: float, wait: float) -> NoReturn:
        """Raise TooManyTriesError, so long after `began` that the time says nothing."""
        self._note_limit(source, now)
        if self._held < MOST_HELD:
            self._held += 1
            try:
                await asyncio.sleep(max(0.0, began + FLOOR_S - time.monotonic()))
            finally:
                self._held -= 1
        raise TooManyTriesError(wait)

    async def sign_out(self, token: str, source: str) -> None:
        """Make a token worthless, on the disk first; raise NotSignedInError or StoreError."""
        name = self.session(token).subject.name
        record = self._ledger.entry(SignedOut(account=name, source=source))
        await self._sessions.end(token, [record])

    def session(self, token: str) -> Session:
        """Return the session of an account whose token this is; raise NotSignedInError."""
        return self._sessions.find(token, Holder.ACCOUNT)

    def actor(self, token: str, source: str) -> Actor:
        """Return who acts with this token from this address; raise NotSignedInError."""
        subject = self.session(token).subject
        return Actor("api", subject.name, source, subject.role)

    def _note_limit(self, source: str, now: float) -> None:
        """Record that a source was stopped, once a minute and for few sources, however often it comes."""
        self._limited = {key: at for key, at in self._limited.items() if at > now - 60}
        if source in self._limited or len(self._limited) >= 100:
            return
        self._limited[source] = now
        try:
            self._ledger.record(SignInLimited(source=source))
        except StoreError as error:
            log.warning("A stopped sign-in could not be recorded: %s", error)
