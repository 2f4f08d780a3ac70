"""Administrators who come by the API: sign in with a password, then show a token.

Kept here:
- A wrong name and a wrong password get the same answer after the same work.
- Guessing is bounded (`lockout.gate`). Whoever comes from where they signed in to the account lately always
  get their password looked at, whatever others guess, also in a new process. When it is wrong and a stranger
  would be stopped, they are told what a stranger is told, after as long: nobody learns what is known.
- Of a token only its SHA-256 is kept. Tokens are in memory, so that looking at one costs no read.
- Every sign-in is in the ledger, good or not; a good one is on the disk before its token is told.
- One thread checks passwords, at low priority: guessing must not take the processor away from calls.
  Strangers do not fill its whole queue.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NoReturn

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.engine import Connection

from ringwall.core.api import passwords
from ringwall.core.errors import CoreError, OperationError, StoreError
from ringwall.core.ledger import Ledger
from ringwall.core.lockout.alarm import GuessingAlarm
from ringwall.core.lockout.gate import ADMINISTRATOR_LIMITS, Attempt, Lockout
from ringwall.core.lockout.known import ADMINISTRATORS, KnownPlaces
from ringwall.core.operations import Actor
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.store import Store, schema
from ringwall.core.store.schema import Write

log = logging.getLogger(__name__)

TOKEN_S = 12 * 3600.0
MOST_TOKENS = 50
MOST_WAITING = 16
MOST_STRANGERS_WAITING = 12
FLOOR_S = 0.25
"""How long "too many tries" takes at least: longer than a password is looked at."""
MOST_HELD = 32
"""How many such answers are held back at a time."""

_ADD = insert(schema.api_tokens)
_REMOVE = delete(schema.api_tokens).where(schema.api_tokens.c.digest == bindparam("token_digest"))


class NotSignedInError(CoreError):
    """A request shows no token that is good."""


class TooManyTriesError(CoreError):
    """Somebody tried to sign in too often; `wait` is in how many seconds he may again."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"too many tries, wait {wait:.0f} s")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Session:
    """Who a token belongs to, until when (Unix seconds)."""

    administrator_id: int
    name: str
    expires_at: float


class Accounts:
    """Signs administrators in and out and knows their tokens."""

    def __init__(self, store: Store, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._lockout: Lockout | None = None
        self._names: set[str] = set()
        self._watch = SecurityWatch(ledger.record)
        self._held = 0
        self._limited: dict[str, float] = {}
        self._sessions: dict[str, Session] | None = None
        self._loading = asyncio.Lock()
        self._waiting = 0
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=passwords.step_back)

    async def sign_in(self, name: str, password: str, source: str) -> tuple[str, Session]:
        """Return a new token and its session.

        Raises NotSignedInError, TooManyTriesError, OperationError (unavailable) or StoreError.
        """
        now, began = self._clock(), time.monotonic()
        lockout = await self._opened()
        lockout.sweep(now)
        self._watch.sweep(began)
        there = name if name in self._names else None
        attempt = Attempt(name, there, there, source)
        wait = lockout.wait(attempt, now)
        if wait > 0:
            lockout.refused(attempt, now)
            await self._stop(source, now, began, wait)
        strangers_wait = lockout.wait_of_stranger(attempt, now)
        if self._waiting >= (MOST_WAITING if lockout.is_known(attempt) else MOST_STRANGERS_WAITING):
            raise OperationError("unavailable", "Too many people sign in at once: try again in a moment.")
        pending = lockout.begin(attempt, now)
        found = await self._store.read(lambda connection: _administrator(connection, name))
        number, stored = found if found is not None else (0, None)
        if not await self._check(stored, password):
            pending.wrong()
            account = name if found is not None else None
            if strangers_wait > 0:
                self._watch.note("security.sign_in_failed", source, began, account=account)
                await self._stop(source, now, began, strangers_wait)
            self._ledger.record("security.sign_in_failed", account=account, source=source)
            raise NotSignedInError
        pending.right()
        learned = lockout.learn(replace(attempt, identity=name))
        return await self._new_token(number, name, source, now, learned)

    async def _opened(self) -> Lockout:
        """Return the bounds on tries, with what was known before this process; raise StoreError."""
        if self._lockout is None:
            async with self._loading:
                if self._lockout is None:
                    known = await KnownPlaces.open(self._store, ADMINISTRATORS, clock=self._clock)
                    self._names = await self._store.read(_names)
                    alarm = GuessingAlarm(self._ledger.record, "administrator password")
                    self._lockout = Lockout(known, ADMINISTRATOR_LIMITS, alarm)
        return self._lockout

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
        session = await self.session(token)
        digest = _digest(token)
        sessions = await self._loaded()
        record = self._ledger.entry("security.signed_out", account=session.name, source=source)
        await self._store.commit([(_REMOVE, {"token_digest": digest}), record])
        sessions.pop(digest, None)

    async def session(self, token: str) -> Session:
        """Return whose token this is; raise NotSignedInError."""
        session = (await self._loaded()).get(_digest(token))
        if session is None or session.expires_at <= self._clock():
            raise NotSignedInError
        return session

    async def actor(self, token: str, source: str) -> Actor:
        """Return who acts with this token from this address; raise NotSignedInError."""
        return Actor("api", (await self.session(token)).name, source)

    async def _check(self, stored: str | None, password: str) -> bool:
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._checker, passwords.check_password, stored, password)
        finally:
            self._waiting -= 1

    async def _new_token(
        self, number: int, name: str, source: str, now: float, learned: list[Write]
    ) -> tuple[str, Session]:
        sessions = await self._loaded()
        token = f"rw_{secrets.token_urlsafe(32)}"
        session = Session(number, name, now + TOKEN_S)
        own = [old for old, other in sessions.items() if other.administrator_id == number]
        gone = {old for old, other in sessions.items() if other.expires_at <= now}
        gone.update(sorted(own, key=lambda old: sessions[old].expires_at)[: -MOST_TOKENS + 1])
        digest = _digest(token)
        row = {
            "digest": digest,
            "administrator_id": number,
            "created_at": now,
            "expires_at": session.expires_at,
        }
        record = self._ledger.entry("security.signed_in", account=name, source=source)
        removed = [(_REMOVE, {"token_digest": old}) for old in gone]
        await self._store.commit([*removed, *learned, (_ADD, row), record])
        for old in gone:
            sessions.pop(old, None)
        sessions[digest] = session
        self._names.add(name)
        return token, session

    def _note_limit(self, source: str, now: float) -> None:
        """Record that a source was stopped, once a minute and for few sources, however often it comes."""
        self._limited = {key: at for key, at in self._limited.items() if at > now - 60}
        if source in self._limited or len(self._limited) >= 100:
            return
        self._limited[source] = now
        try:
            self._ledger.record("security.sign_in_limited", source=source)
        except StoreError as error:
            log.warning("A stopped sign-in could not be recorded: %s", error)

    async def _loaded(self) -> dict[str, Session]:
        if self._sessions is None:
            async with self._loading:
                if self._sessions is None:
                    self._sessions = await self._store.read(_sessions)
        return self._sessions

    def close(self) -> None:
        """End the thread that checks passwords."""
        self._checker.shutdown(wait=False, cancel_futures=True)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _administrator(connection: Connection, name: str) -> tuple[int, str] | None:
    table = schema.administrators
    row = connection.execute(
        select(table.c.id, table.c.password_hash).where(table.c.name == name)
    ).one_or_none()
    return None if row is None else (row.id, row.password_hash)


def _names(connection: Connection) -> set[str]:
    return set(connection.execute(select(schema.administrators.c.name)).scalars())


def _sessions(connection: Connection) -> dict[str, Session]:
    tokens, people = schema.api_tokens, schema.administrators
    query = select(tokens.c.digest, people.c.id, people.c.name, tokens.c.expires_at).join(people)
    return {digest: Session(number, name, until) for digest, number, name, until in connection.execute(query)}
