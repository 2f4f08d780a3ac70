"""Accounts: whoever administers the system, each with a name, a role and a password of their own (I3).

Rules that this module keeps:
- A change and its record are one transaction; a password is in no record.
- There is always an administrator: the last one is neither removed nor given another role.
- Whose role or password changes, or whose account is removed, has no session any more.
- Names are in small letters, so that no two look alike but for that.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Self

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from ringwall.core.errors import OperationError
from ringwall.core.identity import tables
from ringwall.core.identity.passwords import check_new_password, random_password
from ringwall.core.identity.permissions import ADMINISTRATIVE, Role
from ringwall.core.identity.sessions import Holder, Sessions, Subject
from ringwall.core.identity.worker import PasswordWorker
from ringwall.core.ledger import Ledger
from ringwall.core.ledger.ledger import Write
from ringwall.core.operations import Actor
from ringwall.core.store import Store
from ringwall.events.admin import (
    AdminAdministratorAdded,
    AdminAdministratorChanged,
    AdminAdministratorPasswordSet,
    AdminAdministratorRemoved,
)

log = logging.getLogger(__name__)

MOST_ACCOUNTS: Final = 500
LONGEST_NAME: Final = 64
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]*")

_ADD = insert(tables.accounts)
_BY_NUMBER = tables.accounts.c.id == bindparam("account_number")
_REMOVE = delete(tables.accounts).where(_BY_NUMBER)
_SET_ROLE = update(tables.accounts).where(_BY_NUMBER).values(role=bindparam("new_role"))
_SET_PASSWORD = (
    update(tables.accounts)
    .where(_BY_NUMBER)
    .values(password_hash=bindparam("new_hash"), password_set_at=bindparam("set_at"))
)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in with a password. Times are Unix seconds."""

    number: int
    name: str
    role: Role
    password_hash: str = field(repr=False)
    password_set_at: float
    created_at: float

    @property
    def subject(self) -> Subject:
        """Who signs in with it."""
        return Subject(Holder.ACCOUNT, self.number, self.name, self.role, self.password_set_at)


@dataclass(frozen=True, slots=True)
class WithPassword:
    """An account, and its new password where it was made here: it is nowhere else."""

    account: Account
    password: str | None = field(repr=False)


class Accounts:
    """The one place that changes accounts. Made by `Accounts.open`.

    `on_removed` are asked for what else is to be written when an account, by its name, is removed.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        sessions: Sessions,
        worker: PasswordWorker,
        found: Mapping[str, Account],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._sessions = sessions
        self._worker = worker
        self._clock = clock
        self._by_name = dict(found)
        self.changing = asyncio.Lock()  # held by whoever changes an account, or begins a session of one
        self.on_removed: list[Callable[[str], Sequence[Write]]] = []

    @classmethod
    async def open(
        cls,
        store: Store,
        ledger: Ledger,
        sessions: Sessions,
        worker: PasswordWorker,
        *,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Read all accounts; raise StoreError."""
        return cls(store, ledger, sessions, worker, await store.read(_load), clock=clock)

    @property
    def by_name(self) -> Mapping[str, Account]:
        """All accounts."""
        return MappingProxyType(self._by_name)

    def account(self, name: str) -> Account:
        """Return the account with this name; raise OperationError (not_found)."""
        account = self._by_name.get(name)
        if account is None:
            raise OperationError("not_found", "There is no account with this name.", "name")
        return account

    async def add(self, actor: Actor, name: str, role: Role, password: str | None = None) -> WithPassword:
        """Add an account; without a password one is made.

        Raise OperationError (invalid, conflict, refused) or StoreError.
        """
        _check_name(name)
        _check_role(role)
        chosen = _chosen(name, password)
        hashed = await self._worker.hash(chosen)
        async with self.changing:
            if name in self._by_name:
                raise OperationError("conflict", f"There is an account {name} already.", "name")
            if len(self._by_name) >= MOST_ACCOUNTS:
                raise OperationError("refused", f"There are at most {MOST_ACCOUNTS} accounts.", "name")
            now = self._clock()
            number = max((one.number for one in self._by_name.values()), default=0) + 1
            account = Account(number, name, role, hashed, now, now)
            record = AdminAdministratorAdded(actor=actor.to_dict(), before=None, after=_facts(account))
            await self._store.commit([account_write(account), self._ledger.entry(record)])
            self._by_name[name] = account
        return WithPassword(account, None if password is not None else chosen)

    async def set_role(self, actor: Actor, name: str, role: Role) -> Account:
        """Give an account another role; its sessions end.

        Raise OperationError (not_found, invalid, conflict) or StoreError.
        """
        _check_role(role)
        async with self.changing:
            before = self.account(name)
            if role is before.role:
                return before
            self._keep_an_administrator(before)
            after = replace(before, role=role)
            record = AdminAdministratorChanged(
                actor=actor.to_dict(), before=_facts(before), after=_facts(after)
            )
            await self._store.commit(
                [
                    (_SET_ROLE, {"account_number": before.number, "new_role": str(role)}),
                    self._sessions.ending(Holder.ACCOUNT, before.number),
                    self._ledger.entry(record),
                ]
            )
            self._by_name[name] = after
            self._sessions.ended(Holder.ACCOUNT, before.number)
            return after

    async def set_password(
        self, actor: Actor, name: str, password: str | None = None, *, expected: Account | None = None
    ) -> WithPassword:
        """Give an account another password, one that is made where none is told; its sessions end.

        `expected` is the account as its old password was looked at: it must not have changed since.
        Raise OperationError (not_found, invalid, conflict) or StoreError.
        """
        self.account(name)
        chosen = _chosen(name, password)
        hashed = await self._worker.hash(chosen)
        async with self.changing:
            before = self.account(name)
            if expected is not None and before is not expected:
                raise OperationError("conflict", "The account was changed in the meantime: try again.")
            # Two within one tick of the clock are two passwords all the same.
            set_at = max(self._clock(), before.password_set_at + 0.001)
            after = replace(before, password_hash=hashed, password_set_at=set_at)
            row = {"account_number": before.number, "new_hash": hashed, "set_at": set_at}
            record = self._ledger.entry(
                AdminAdministratorPasswordSet(actor=actor.to_dict(), administrator=name)
            )
            await self._store.commit(
                [(_SET_PASSWORD, row), self._sessions.ending(Holder.ACCOUNT, before.number), record]
            )
            self._by_name[name] = after
            self._sessions.ended(Holder.ACCOUNT, before.number)
        return WithPassword(after, None if password is not None else chosen)

    async def remove(self, actor: Actor, name: str) -> Account:
        """Remove an account; its sessions end. Raise OperationError (not_found, conflict) or StoreError."""
        async with self.changing:
            account = self.account(name)
            self._keep_an_administrator(account)
            record = AdminAdministratorRemoved(actor=actor.to_dict(), before=_facts(account), after=None)
            beside = [write for told in self.on_removed for write in told(name)]
            await self._store.commit(
                [
                    (_REMOVE, {"account_number": account.number}),
                    self._sessions.ending(Holder.ACCOUNT, account.number),
                    *beside,
                    self._ledger.entry(record),
                ]
            )
            del self._by_name[name]
            self._sessions.ended(Holder.ACCOUNT, account.number)
            return account

    def _keep_an_administrator(self, account: Account) -> None:
        """Raise OperationError (conflict) where there would be no administrator without this one."""
        others = (one for one in self._by_name.values() if one.number != account.number)
        if account.role is Role.ADMINISTRATOR and not any(one.role is Role.ADMINISTRATOR for one in others):
            raise OperationError(
                "conflict", f"{account.name} is the last administrator: add another one first.", "name"
            )


def account_write(account: Account) -> Write:
    """Return what is to be written for a new account."""
    return _ADD, {
        "id": account.number,
        "name": account.name,
        "role": str(account.role),
        "password_hash": account.password_hash,
        "password_set_at": account.password_set_at,
        "created_at": account.created_at,
    }


def _facts(account: Account) -> dict[str, Any]:
    return {"name": account.name, "role": str(account.role)}


def _chosen(name: str, password: str | None) -> str:
    if password is None:
        return random_password()
    check_new_password(name, password)
    return password


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise OperationError(
            "invalid",
            f"A name has at most {LONGEST_NAME} characters: a to z, 0 to 9 and . _ @ - after the first.",
            "name",
        )


def _check_role(role: Role) -> None:
    if role not in ADMINISTRATIVE:
        raise OperationError(
            "invalid", "Users sign in with extension and PIN: `user` is no role of an account.", "role"
        )


def _load(connection: Connection) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for row in connection.execute(select(tables.accounts)):
        if row.role not in ADMINISTRATIVE:
            log.error("The account %s has a role that is not known here: it cannot sign in.", row.name)
            continue
        found[row.name] = Account(
            row.id, row.name, Role(row.role), row.password_hash, row.password_set_at, row.created_at
        )
    return found
