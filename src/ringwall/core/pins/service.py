"""Checks and changes PINs (V2, P3).

Rules that this module keeps:
- An extension that does not exist, one without a PIN and a wrong PIN get the same answer after the same work,
  and lock alike.
- While an account or a source is locked, no PIN is looked at: the answer says nothing about it.
- A PIN that was told by an administrator, or is older than its class of service allows, opens one thing only:
  choosing another (`must_change`).
- A PIN is in no record, no log and no answer but the one that makes it.
"""

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Self

from ringwall.core.directory import Directory, DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.identity import passwords
from ringwall.core.ledger import Ledger
from ringwall.core.lockout.budget import MOST, AttemptBudget, SourceBudget
from ringwall.core.operations import Actor
from ringwall.core.pins import rows, rules
from ringwall.core.registrar.watch import SecurityWatch
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store
from ringwall.events.admin import AdminPinChanged, AdminPinUnlocked, UserPinChanged
from ringwall.events.security import Folded, PinRefused, PinsGuessed, WrongPin
from ringwall.policy.actions import Action, Context, UserSubject
from ringwall.policy.decide import may

DAY_S: Final = 86400.0
_MOST_WAITING: Final = 64
_MOST_STRANGERS: Final = 10_000
_LONGEST_SOURCE: Final = 80


@dataclass(frozen=True, slots=True)
class Accepted:
    """The PIN is right.

    `days_left` is how many days it still lasts, None where it does not end; `warn` whether to tell the user.
    With `must_change` nothing is to be offered but choosing another one.
    """

    extension: str
    days_left: int | None
    warn: bool
    must_change: bool


@dataclass(frozen=True, slots=True)
class Wrong:
    """The PIN is wrong, or there is no such extension, or it has no PIN."""


@dataclass(frozen=True, slots=True)
class Locked:
    """Nothing was looked at: too many wrong tries. `seconds` until one is allowed again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class State:
    """What administrators see of a PIN. Times in Unix seconds, 0 where it is not so."""

    set_at: float
    must_change: bool
    days_left: int | None
    wrong_tries: int
    locked_until: float


class PinService:
    """The one place that knows PINs. Made by `PinService.open`.

    `on_locked` are called with the extension and the seconds when wrong tries lock an account.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        directory: DirectoryService,
        rights: RightsService,
        found: tuple[dict[int, rows.Pin], dict[tuple[int, bool], AttemptBudget]],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._rights = rights
        self._pins, self._budgets = found
        self._strangers: OrderedDict[str, AttemptBudget] = OrderedDict()
        self._sources = SourceBudget()
        self._watch = SecurityWatch(ledger.record)
        self._key = rights.keys.derived(b"ringwall pins 1")
        self._clock = clock
        self._sleep = sleep
        self._waiting = 0
        self._checker = ThreadPoolExecutor(1, thread_name_prefix="pins", initializer=passwords.step_back)
        self.on_locked: list[Callable[[str, float], None]] = []
        directory.on_change(self._users_changed)

    @classmethod
    async def open(
        cls, store: Store, ledger: Ledger, directory: DirectoryService, rights: RightsService, **more: Any
    ) -> Self:
        """Read all PINs; raise StoreError. `more` are `clock` and `sleep`."""
        return cls(store, ledger, directory, rights, await store.read(rows.load), **more)

    def close(self) -> None:
        """End the thread that checks PINs."""
        self._checker.shutdown(wait=False, cancel_futures=True)

    # Checking

    async def check(
        self, extension: str, pin: str, source: str, *, own_phone: bool = False
    ) -> Accepted | Wrong | Locked:
        """Look at a PIN that somebody typed.

        `source` names where they are, as far as is known: `phone:MAC`, `caller:+14085550123`, `web:ADDRESS`.
        `own_phone` says that the request has proven to come from the phone that is this user's.
        Raises OperationError (unavailable) where too many wait, or StoreError.
        """
        now, source = self._clock(), source[:_LONGEST_SOURCE]
        user = self._directory.snapshot.by_extension.get(extension)
        own_phone = own_phone and user is not None
        budget = self._budget(extension, user, own_phone=own_phone)
        wait = max(budget.wait(now), self._sources.wait(source, now))
        if wait > 0:
            self._note(PinRefused(source=source, extension=extension[:16]))
            return Locked(wait)
        if self._waiting >= _MOST_WAITING:
            raise OperationError("unavailable", "Too many people sign in at once: try again in a moment.")
        budget.begin(source, now)
        self._sources.begin(source, now)
        stored = self._pins.get(user.id) if user is not None else None
        if not await self._verify(stored.hash if stored is not None else None, pin):
            return await self._wrong(extension, user, budget, source, own_phone=own_phone)
        budget.right(source)
        self._sources.right(source, now)
        if user is None or stored is None or self._pins.get(user.id) != stored:
            return Wrong()  # it was changed while we looked
        self._keep(user, budget, own_phone=own_phone)
        days_left, warn, expired = self._age(extension, stored)
        return Accepted(extension, days_left, warn, stored.must_change or expired)

    async def _wrong(
        self, extension: str, user: UserEntry | None, budget: AttemptBudget, source: str, *, own_phone: bool
    ) -> Wrong:
        now = self._clock()
        seconds = budget.wrong(now)
        if user is not None:
            self._keep(user, budget, own_phone=own_phone)
        self._note(WrongPin(source=source, extension=extension[:16]))
        if seconds:
            self._ledger.record(
                PinsGuessed(
                    extension=extension[:16],
                    known=user is not None,
                    source=source,
                    own_phone=own_phone,
                    tries=MOST,
                    locked_seconds=seconds,
                )
            )
            for listener in self.on_locked if user is not None else ():
                listener(extension, seconds)
        elif self._sources.wait(source, now) > 0:
            self._ledger.record(PinsGuessed(source=source, tries=MOST, locked_seconds=0))
        await self._sleep(self._sources.pause(source, now))
        return Wrong()

    async def _verify(self, stored: str | None, pin: str) -> bool:
        self._waiting += 1
        try:
            digest = self._digest(pin)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._checker, passwords.check_password, stored, digest)
        finally:
            self._waiting -= 1

    def _budget(self, extension: str, user: UserEntry | None, *, own_phone: bool) -> AttemptBudget:
        if user is not None:
            return self._budgets.setdefault((user.id, own_phone), AttemptBudget())
        budget = self._strangers.setdefault(extension[:16], AttemptBudget())
        self._strangers.move_to_end(extension[:16])
        if len(self._strangers) > _MOST_STRANGERS:
            self._strangers.popitem(last=False)
        return budget

    def _keep(self, user: UserEntry, budget: AttemptBudget, *, own_phone: bool) -> None:
        self._store.submit(*rows.tries_write(user.id, budget, own_phone=own_phone))

    def _note(self, tried: Folded) -> None:
        now = time.monotonic()
        self._watch.sweep(now)
        self._watch.note(tried, now)

    def _digest(self, pin: str) -> str:
        return hmac.digest(self._key, pin.encode("utf-8", "replace"), "sha256").hex()

    def _age(self, extension: str, pin: rows.Pin) -> tuple[int | None, bool, bool]:
        """Days left, whether to warn, whether it has ended; by the voice-mail class of service."""
        now = self._clock()
        age = int((now - pin.set_at) / DAY_S)
        snapshot = self._rights.snapshot
        context = Context(now, self._rights.use, count=age)
        expired = not may(snapshot, UserSubject(extension), Action.USE_PASSWORD, context=context).allowed
        member = snapshot.users.get(extension)
        cos = member.group.voice_mail if member is not None and member.group is not None else None
        if cos is None or not cos.password_lifespan:
            return None, False, expired
        left = max(0, cos.password_lifespan - age)
        return left, not expired and left <= cos.password_warning, expired

    # Changes

    async def choose(self, extension: str, pin: str, source: str) -> None:
        """Give a user, who has proven who they are, the PIN that they chose.

        Raises OperationError (invalid, not_found) with a sentence that they can be told, or StoreError.
        """
        user = self._directory.user(extension)
        await self._put(
            user, pin, must_change=False, actor={"kind": "user", "name": extension, "source": source}
        )

    async def set_pin(self, actor: Actor, extension: str, pin: str, *, must_change: bool = True) -> State:
        """Give a user a PIN that an administrator chose; raise OperationError or StoreError."""
        user = self._directory.user(extension)
        await self._put(user, pin, must_change=must_change, actor=actor.to_dict())
        return self.state(extension)

    async def reset(self, actor: Actor, extension: str) -> str:
        """Give a user a random PIN, to be changed at once; return it: it is shown here and never again."""
        user = self._directory.user(extension)
        pin = rules.random_pin(extension, _numbers(user))
        await self._put(user, pin, must_change=True, actor=actor.to_dict())
        return pin

    async def unlock(self, actor: Actor, extension: str) -> State:
        """Forget the wrong tries at a user's account; raise OperationError or StoreError."""
        user = self._directory.user(extension)
        before = self.state(extension)
        record = self._ledger.entry(
            AdminPinUnlocked(
                actor=actor.to_dict(),
                extension=extension,
                wrong_tries=before.wrong_tries,
                locked_until=before.locked_until,
            )
        )
        fresh = {own: AttemptBudget() for own in (False, True)}
        writes = [rows.tries_write(user.id, budget, own_phone=own) for own, budget in fresh.items()]
        await self._store.commit([*writes, record])
        self._budgets.update(((user.id, own), budget) for own, budget in fresh.items())
        return self.state(extension)

    def state(self, extension: str) -> State:
        """Return what is known of a user's PIN; raise OperationError (not_found)."""
        user = self._directory.user(extension)
        pin, now = self._pins.get(user.id), self._clock()
        budgets = [self._budgets.get((user.id, own), AttemptBudget()) for own in (False, True)]
        until = max(budget.locked_until for budget in budgets)
        days_left, _, expired = self._age(extension, pin) if pin is not None else (None, False, False)
        return State(
            set_at=pin.set_at if pin is not None else 0.0,
            must_change=pin is not None and (pin.must_change or expired),
            days_left=days_left,
            wrong_tries=sum(len(budget.failures) for budget in budgets),
            locked_until=until if until > now else 0.0,
        )

    async def _put(self, user: UserEntry, pin: str, *, must_change: bool, actor: dict[str, str]) -> None:
        why = rules.trouble(pin, user.extension, _numbers(user))
        if why is not None:
            raise OperationError("invalid", why, "pin")
        loop = asyncio.get_running_loop()
        old = self._pins.get(user.id)
        known = (old.hash, *old.previous) if old is not None else ()
        hashed = await loop.run_in_executor(self._checker, _hashed, self._digest(pin), known)
        if hashed is None:
            raise OperationError(
                "invalid", f"This PIN is the present one or one of the last {rules.REMEMBERED}.", "pin"
            )
        async with self._directory.changing:
            if self._directory.user(user.extension).id != user.id or self._pins.get(user.id) != old:
                raise OperationError("conflict", "The PIN was changed by somebody else just now.", "pin")
            new = rows.Pin(hashed, self._clock(), must_change, known[: rules.REMEMBERED])
            kind = AdminPinChanged if actor["kind"] != "user" else UserPinChanged
            record = self._ledger.entry(
                kind(actor=actor, extension=user.extension, first=old is None, must_change=must_change)
            )
            await self._store.commit([rows.pin_write(user.id, new), record])
            self._pins[user.id] = new

    def _users_changed(self, old: Directory, new: Directory) -> None:
        for extension, user in old.by_extension.items():
            if extension not in new.by_extension:
                self._pins.pop(user.id, None)
                for own in (False, True):
                    if self._budgets.pop((user.id, own), None) is not None:
                        self._store.submit(*rows.tries_write(user.id, AttemptBudget(), own_phone=own))


def _numbers(user: UserEntry) -> tuple[str, ...]:
    return user.did, user.caller_id


def _hashed(digest: str, known: tuple[str, ...]) -> str | None:
    """Return the hash, or None where the PIN is one of the known ones. Takes a moment for each."""
    if any(passwords.check_password(each, digest) for each in known):
        return None
    return passwords.hash_password(digest)
