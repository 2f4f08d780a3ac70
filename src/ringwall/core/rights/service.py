"""Changes of who may do what: checked, on the disk and on record, then asked by the next action (C1).

Kept here:
- A change is made as a whole or not at all, and only if the policy compiles what comes of it.
- What something else names is not removed.
- Codes and passwords are never shown again, and never on record.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ringwall.core.directory import Directory, DirectoryService, UserEntry
from ringwall.core.errors import OperationError
from ringwall.core.ledger import Ledger
from ringwall.core.operations import Actor
from ringwall.core.rights import kinds, rows
from ringwall.core.rights.compiling import Compiler, person
from ringwall.core.rights.keys import Keys
from ringwall.core.rights.kinds import Kind
from ringwall.core.rights.model import CODE_GROUP, FIXED, LASTING, Book, Entry, check_unused
from ringwall.core.rights.trunk import TrunkLine
from ringwall.core.store import Store
from ringwall.events.admin import Changed
from ringwall.events.rights import BY_THING
from ringwall.policy import PolicyError, PolicySnapshot, Use
from ringwall.policy.codes import tidy

log = logging.getLogger(__name__)

SHORTEST_CODE = 4
LONGEST_PASSWORD = 128
LONGEST_LISTED = 100  # entries of a list that stand in a record; of a longer one only what changed does

Listener = Callable[[PolicySnapshot], None]


class RightsService:
    """The one place that changes sites, groups, classes of service, trunks and authorization codes.

    Made by `RightsService.open`. `snapshot` is what the policy is asked with; it is replaced as a whole after
    each change here or of a user. `use` is the ledger of use: call control tells it of every outside call.
    """

    def __init__(
        self, store: Store, ledger: Ledger, directory: DirectoryService, keys: Keys, book: Book
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self.keys = keys
        self._compiler = Compiler()
        self._listeners: list[Listener] = []
        self.also_used: list[Callable[[str, str], Iterable[str]]] = []
        self._code_of: dict[bytes, str] = {}
        self.book = book
        self.use = Use()
        self.snapshot = self._compiler.compile(book, directory.snapshot)
        self._index_codes()
        directory.rules = self
        directory.on_change(self._users_changed)

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, directory: DirectoryService, key_file: Path) -> Self:
        """Read everything and compile it; raise StoreError or CoreError."""
        book = await store.read(rows.load)
        keys = await asyncio.get_running_loop().run_in_executor(None, Keys.open, key_file)
        return cls(store, ledger, directory, keys, book)

    def on_change(self, listener: Listener) -> None:
        """Have `listener(snapshot)` called after each change, in the event loop's thread."""
        self._listeners.append(listener)

    # What call control asks.

    @property
    def trunks(self) -> Mapping[str, TrunkLine]:
        """All trunks, by id."""
        return {key: entry.value for key, entry in self.book.of(kinds.TRUNK).items()}

    def trunk_password(self, trunk: str) -> str | None:
        """The password of a trunk's digest login, None without one; raise OperationError or CoreError."""
        sealed = self.book.get(kinds.TRUNK, trunk).sealed
        return None if sealed is None else self.keys.unseal(trunk, sealed)

    def find_code(self, digits: str) -> str | None:
        """The id of the code with exactly these digits, for `policy.codes.check`; None if there is none."""
        return self._code_of.get(self.keys.code_digest(digits))

    # What administrators change.

    async def add(
        self, actor: Actor, kind: Kind, key: str, given: Mapping[str, object], secret: str | None = None
    ) -> Entry:
        """Make something; raise OperationError (invalid, conflict, refused) or StoreError."""
        async with self._directory.changing:
            entry = Entry.of(kind, key, given).with_sealed(self._sealed(kind, key, secret))
            if key in self.book.of(kind):
                raise OperationError("conflict", f"There is a {kind.title} {key} already.", kind.argument)
            await self.put(actor, kind, [entry])
            return self.book.get(kind, key)

    async def change(
        self, actor: Actor, kind: Kind, key: str, given: Mapping[str, object], secret: str | None = None
    ) -> Entry:
        """Change settings of something; raise OperationError (not_found, invalid, conflict) or StoreError.

        Without `secret` the secret stays; an empty one takes it away.
        """
        async with self._directory.changing:
            entry = self.book.get(kind, key).changed(given)
            if secret is not None:
                entry = entry.with_sealed(self._sealed(kind, key, secret))
            await self.put(actor, kind, [entry])
            return self.book.get(kind, key)

    async def remove(self, actor: Actor, kind: Kind, key: str) -> Entry:
        """Remove something that nothing uses; raise OperationError (not_found, conflict) or StoreError."""
        async with self._directory.changing:
            entry = self.book.get(kind, key)
            if (kind.word, key) in LASTING:
                raise OperationError(
                    "refused", f"The {kind.title} {key} always has to be there.", kind.argument
                )
            others = [name for uses_of in self.also_used for name in uses_of(kind.word, key)]
            check_unused(self.book, kind, key, self._directory.snapshot, others)
            after = self.book.without(kind, key)
            snapshot = self._compiled(after, self._directory.snapshot)
            record = self._record(BY_THING[kind.record].removed, actor, _told(entry), None)
            await self._store.commit([rows.remove(entry), record])
            self._swap(after, snapshot)
            return entry

    async def put(self, actor: Actor, kind: Kind, entries: Sequence[Entry]) -> None:
        """Store entries of a kind, new or in place of others, all or none; for who holds the lock `changing`.

        What is as it was is left alone. Raises OperationError or StoreError.
        """
        before = self.book.of(kind)
        wanted = [entry for entry in entries if not _same(before.get(entry.key), entry)]
        if not wanted:
            return
        after = self.book.with_entries(kind, wanted)
        after.check_room(kind)
        self.check_entries(after, wanted)
        snapshot = self._compiled(after, self._directory.snapshot)
        added = [entry for entry in wanted if entry.key not in before]
        changed = [entry for entry in wanted if entry.key in before]
        await self._store.commit(
            [
                *map(rows.add, added),
                *map(rows.change, changed),
                *(self._record(BY_THING[kind.record].added, actor, None, _told(one)) for one in added),
                *(self._change_record(actor, before[one.key], one) for one in changed),
            ]
        )
        self._swap(after, snapshot)

    def check_entries(self, after: Book, entries: Iterable[Entry]) -> None:
        """Raise OperationError where an entry cannot be in the book that would come of it."""
        for entry in entries:
            self.check_entry(after, entry)

    def check_entry(self, after: Book, entry: Entry) -> None:
        """Raise OperationError where an entry cannot be in the book that would come of it."""
        kind, key = entry.kind, entry.key
        if (kind.word, key) in FIXED:
            raise OperationError(
                "refused",
                f"The {kind.title} {key} is what newcomers get and stays as it is: make another one.",
                kind.argument,
            )
        if (kind.word, key) == ("group", CODE_GROUP) and entry.values["codes"] != "disabled":
            raise OperationError(
                "invalid", "codes: has to be disabled for the group of the code service itself.", "codes"
            )
        after.check_references(entry, self._directory.snapshot.by_extension)
        if kind is kinds.OBJECT and key in self._directory.snapshot.by_extension:
            raise OperationError("conflict", f"extension: {key} is that of a user.", kind.argument)
        if kind is kinds.CODE:
            self._check_code(entry)

    def _check_code(self, entry: Entry) -> None:
        if entry.values["wildcard"]:
            if entry.sealed is not None:
                raise OperationError("invalid", "code: a wildcard code has no digits of its own.", "code")
        elif entry.sealed is None:
            raise OperationError("invalid", "code: the digits of the code are needed.", "code")
        elif self._code_of.get(entry.sealed, entry.key) != entry.key:
            raise OperationError("conflict", "code: these digits are taken by another code.", "code")

    def _sealed(self, kind: Kind, key: str, secret: str | None) -> bytes | None:
        if not secret:
            return None
        if kind is kinds.CODE:
            return self.code_digest(secret)
        if kind is not kinds.TRUNK or not 1 <= len(secret) <= LONGEST_PASSWORD or not secret.isprintable():
            raise OperationError(
                "invalid",
                f"{kind.secret}: has to have at most {LONGEST_PASSWORD} printable characters.",
                kind.secret,
            )
        return self.keys.seal(key, secret)

    def code_digest(self, typed: str) -> bytes:
        """The digest of a code that an administrator gave; raise OperationError, which does not repeat it."""
        digits = tidy(typed)
        if digits is None or len(digits) < SHORTEST_CODE:
            raise OperationError(
                "invalid",
                f"code: has to have {SHORTEST_CODE} to 20 digits; blanks and - / . ( ) are dropped.",
                "code",
            )
        return self.keys.code_digest(digits)

    # What the directory of users asks.

    def check_users(self, users: Iterable[UserEntry], after: Directory) -> None:
        """Raise OperationError where a user names a group or site that is not there, or a number is taken."""
        owners: dict[str, list[str]] = {}
        for other in after.by_extension.values():
            if other.did:
                owners.setdefault(other.did, []).append(other.extension)
        for user in users:
            self.check_user(user)
            others = [owner for owner in owners.get(user.did, ()) if owner != user.extension]
            if others:
                raise OperationError("conflict", f"did: the number {user.did} is that of {others[0]}.", "did")

    def check_user(self, user: UserEntry) -> None:
        """Raise OperationError where a user cannot be, whoever else there is."""
        for field, kind, key in (("group", kinds.GROUP, user.group), ("site", kinds.SITE, user.site)):
            if key is not None and key not in self.book.of(kind):
                accepted = ", ".join(sorted(self.book.of(kind))[:20])
                raise OperationError(
                    "invalid",
                    f"{field}: there is no {kind.title} {key[:64]!r}; accepted are {accepted}.",
                    field,
                )
        if user.extension in self.book.of(kinds.OBJECT):
            title = self.book.get(kinds.OBJECT, user.extension).values["kind"]
            raise OperationError(
                "conflict", f"extension: {user.extension} is that of a {title}.", "extension"
            )
        try:
            person(user)
        except PolicyError as error:
            raise OperationError("invalid", f"{error.field}: {error.message}", error.field) from error

    def check_removal(self, user: UserEntry) -> None:
        """Raise OperationError (conflict) where something still names this user."""
        uses = self.book.uses_of("user", user.extension)
        if uses:
            named = ", ".join(uses[:10])
            raise OperationError(
                "conflict", f"The user {user.extension} is named by {named}: change that first.", "extension"
            )

    def _users_changed(self, _old: Directory, new: Directory) -> None:
        self._swap(self.book, self._compiled(self.book, new))

    def _compiled(self, book: Book, directory: Directory) -> PolicySnapshot:
        try:
            return self._compiler.compile(book, directory)
        except PolicyError as error:
            raise OperationError("invalid", f"{error.field}: {error.message}", error.field) from error

    def _swap(self, book: Book, snapshot: PolicySnapshot) -> None:
        codes_changed = book.of(kinds.CODE) != self.book.of(kinds.CODE)
        self.book, self.snapshot = book, snapshot
        if codes_changed:
            self._index_codes()
        for listener in self._listeners:
            try:
                listener(snapshot)
            except Exception:
                log.exception("A listener failed after a change of the rights")

    def _index_codes(self) -> None:
        codes = self.book.of(kinds.CODE)
        self._code_of = {entry.sealed: key for key, entry in codes.items() if entry.sealed is not None}

    # The record.

    def _change_record(self, actor: Actor, old: Entry, new: Entry) -> tuple[Any, dict[str, Any]]:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for name, value in new.values.items():
            was = old.values[name]
            if was == value:
                continue
            before[name], after[name] = was, value
            if isinstance(was, list) and isinstance(value, list) and len(was) + len(value) > LONGEST_LISTED:
                before[name] = {"entries": len(was)}
                after[name] = {
                    "entries": len(value),
                    "added": sorted(set(value) - set(was))[:LONGEST_LISTED],
                    "removed": sorted(set(was) - set(value))[:LONGEST_LISTED],
                }
        kind = new.kind
        key = {kind.argument: new.key}
        if old.sealed != new.sealed:
            before[f"{kind.secret}_set"] = old.sealed is not None
            after[f"{kind.secret}_set"] = new.sealed is not None
            after[f"{kind.secret}_changed"] = True
        return self._record(BY_THING[kind.record].changed, actor, key | before, key | after)

    def _record(
        self, kind: type[Changed], actor: Actor, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        return self._ledger.entry(kind(actor=actor.to_dict(), before=before, after=after))


def _told(entry: Entry) -> dict[str, Any]:
    """What a record says of something; of a very long list how long it is and how it begins."""
    return {
        name: {"entries": len(value), "first": value[:LONGEST_LISTED]}
        if isinstance(value, list) and len(value) > LONGEST_LISTED
        else value
        for name, value in entry.facts().items()
    }


def _same(old: Entry | None, new: Entry) -> bool:
    return old is not None and old.values == new.values and old.sealed == new.sealed
