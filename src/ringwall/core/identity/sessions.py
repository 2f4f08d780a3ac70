"""Sessions: who has signed in, and the token by which they are known again (I1).

Rules that this module keeps:
- Of a token only its SHA-256 is kept. Sessions are in memory, so that looking at one costs no read, and in
  the store, so that they outlive the process; they are on the disk before their token is told.
- There is one kind: of accounts, which have a password, and of users, who have an extension and a PIN. A
  session says whose it is and which role they have; what opens with it, whoever asks decides.
- A session ends at its time, when it is signed out, and with the password or PIN by which it was got.
- Everybody has a bounded number of them; the oldest makes room.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.engine import Connection

from ringwall.core.identity import tables
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.identity.permissions import Role
from ringwall.core.ledger.ledger import Write
from ringwall.core.store import Store, schema


class Holder(StrEnum):
    """Whose a session is: an account's, or a user's."""

    ACCOUNT = "account"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who has signed in: `number` is the account's or the user's, `name` its name or extension.

    `secret_set_at` is when their password or PIN was set (Unix seconds).
    """

    holder: Holder
    number: int
    name: str
    role: Role
    secret_set_at: float

    @property
    def key(self) -> tuple[Holder, int]:
        """Who it is, whatever they are called."""
        return self.holder, self.number


@dataclass(frozen=True, slots=True)
class Session:
    """Who a token belongs to, until when (Unix seconds)."""

    subject: Subject
    expires_at: float


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the sessions of one kind of holder: how long each lasts, and how many there may be."""

    seconds: float
    most: int
    prefix: str
    """What the token begins with, so that one that was lost is recognised."""


TERMS: Final = {
    Holder.ACCOUNT: Terms(seconds=12 * 3600.0, most=50, prefix="rw_"),
    Holder.USER: Terms(seconds=8 * 3600.0, most=10, prefix="rwm_"),
}

_ADD = insert(tables.sessions)
_REMOVE = delete(tables.sessions).where(tables.sessions.c.digest == bindparam("token_digest"))
_REMOVE_ALL = delete(tables.sessions).where(
    tables.sessions.c.holder == bindparam("of_holder"), tables.sessions.c.number == bindparam("of_number")
)


class Sessions:
    """All sessions. Made by `Sessions.open`."""

    def __init__(
        self, store: Store, found: dict[str, Session], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._clock = clock
        self._sessions = found

    @classmethod
    async def open(cls, store: Store, *, clock: Callable[[], float] = time.time) -> Self:
        """Read all sessions, and remove those that are over or belong to nobody; raise StoreError."""
        now = clock()
        good, gone = await store.read(lambda connection: _load(connection, now))
        for digest in gone:
            store.submit(_REMOVE, {"token_digest": digest})
        return cls(store, good, clock=clock)

    async def begin(self, subject: Subject, beside: Sequence[Write] = ()) -> tuple[str, Session]:
        """Return a new token and its session, on the disk together with what is written `beside` it.

        Raises StoreError.
        """
        now, terms = self._clock(), TERMS[subject.holder]
        token = f"{terms.prefix}{secrets.token_urlsafe(32)}"
        digest, session = _digest(token), Session(subject, now + terms.seconds)
        own = [old for old, other in self._sessions.items() if other.subject.key == subject.key]
        gone = {old for old, other in self._sessions.items() if other.expires_at <= now}
        gone.update(sorted(own, key=lambda old: self._sessions[old].expires_at)[: -terms.most + 1])
        row = {
            "digest": digest,
            "holder": str(subject.holder),
            "number": subject.number,
            "secret_set_at": subject.secret_set_at,
            "created_at": now,
            "expires_at": session.expires_at,
        }
        removed = [(_REMOVE, {"token_digest": old}) for old in gone]
        await self._store.commit([*removed, *beside, (_ADD, row)])
        for old in gone:
            self._sessions.pop(old, None)
        self._sessions[digest] = session
        return token, session

    def find(self, token: str, holder: Holder) -> Session:
        """Return whose token this is; raise NotSignedInError, also where it is of another kind of holder."""
        session = self._sessions.get(_digest(token))
        if session is None or session.subject.holder is not holder or session.expires_at <= self._clock():
            raise NotSignedInError
        return session

    async def end(self, token: str, beside: Sequence[Write] = ()) -> None:
        """Make a token worthless, on the disk first; raise StoreError."""
        digest = _digest(token)
        await self._store.commit([(_REMOVE, {"token_digest": digest}), *beside])
        self._sessions.pop(digest, None)

    def forget(self, token: str) -> None:
        """Make a token worthless that was found to be nobody's any more."""
        digest = _digest(token)
        if self._sessions.pop(digest, None) is not None:
            self._store.submit(_REMOVE, {"token_digest": digest})

    def count(self, holder: Holder, number: int) -> int:
        """Return how many sessions somebody has now."""
        now = self._clock()
        return sum(
            one.subject.key == (holder, number) and one.expires_at > now for one in self._sessions.values()
        )

    @staticmethod
    def ending(holder: Holder, number: int) -> Write:
        """Return what is to be written so that all sessions of somebody end; then call `ended`."""
        return _REMOVE_ALL, {"of_holder": str(holder), "of_number": number}

    def ended(self, holder: Holder, number: int) -> None:
        """What `ending` returned is on the disk: the tokens are worthless from now on."""
        for digest in [old for old, one in self._sessions.items() if one.subject.key == (holder, number)]:
            del self._sessions[digest]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _load(connection: Connection, now: float) -> tuple[dict[str, Session], list[str]]:
    accounts, users = tables.accounts, schema.users
    subjects = {
        (Holder.ACCOUNT, row.id): (row.name, row.role, row.password_set_at)
        for row in connection.execute(
            select(accounts.c.id, accounts.c.name, accounts.c.role, accounts.c.password_set_at)
        )
    }
    extensions = {row.id: row.extension for row in connection.execute(select(users.c.id, users.c.extension))}
    good: dict[str, Session] = {}
    gone: list[str] = []
    for row in connection.execute(select(tables.sessions)):
        subject: Subject | None = None
        if row.holder == Holder.ACCOUNT and (Holder.ACCOUNT, row.number) in subjects:
            name, role, set_at = subjects[Holder.ACCOUNT, row.number]
            if role in set(Role) and set_at == row.secret_set_at:
                subject = Subject(Holder.ACCOUNT, row.number, name, Role(role), set_at)
        elif row.holder == Holder.USER and row.number in extensions:
            # Whether the PIN is still the one, whoever knows PINs says when the session is used.
            name = extensions[row.number]
            subject = Subject(Holder.USER, row.number, name, Role.USER, row.secret_set_at)
        if subject is None or row.expires_at <= now:
            gone.append(row.digest)
        else:
            good[row.digest] = Session(subject, row.expires_at)
    return good, gone
