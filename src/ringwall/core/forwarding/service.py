"""Everybody's forwarding: kept on the disk, asked by call control from memory.

Rules that this module keeps:
- A destination is stored only if its owner may forward there now; call control asks again at each use (C5).
- A change is on the disk and on record before it counts.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, Self

import orjson
from sqlalchemy.engine import Connection

from ringwall.core.calls.model.settings import NO_FORWARDING, Forwarding
from ringwall.core.directory.service import DirectoryService
from ringwall.core.errors import OperationError
from ringwall.core.ledger import Ledger
from ringwall.core.operations import Actor
from ringwall.core.store import Store, schema
from ringwall.core.trunks.rights import Rights
from ringwall.events.admin import AdminForwardingChanged
from ringwall.policy.actions import Action, Context, UserSubject
from ringwall.policy.decide import may

CASES: Final = {
    "always": Action.FORWARD_ALWAYS,
    "busy": Action.FORWARD_BUSY,
    "no_answer": Action.FORWARD_NO_ANSWER,
}
MOST_FIND_ME: Final = 2
SHORTEST: Final = 5
LONGEST: Final = 120

_UPSERT = schema.upsert_of(schema.forwardings)
_DELETE = schema.delete_of(schema.forwardings)


def load(connection: Connection) -> dict[int, Forwarding]:
    """All forwarding that is set, by the id of its user."""
    rows = connection.execute(schema.forwardings.select()).mappings()
    return {
        row["user_id"]: Forwarding(
            row["always"], row["busy"], row["no_answer"], row["seconds"], tuple(orjson.loads(row["find_me"]))
        )
        for row in rows
    }


class ForwardingService:
    """The one place that changes forwarding. Made by `ForwardingService.open`."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        directory: DirectoryService,
        rights: Rights,
        found: Mapping[int, Forwarding],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._rights = rights
        self._set = dict(found)

    @classmethod
    async def open(cls, store: Store, ledger: Ledger, directory: DirectoryService, rights: Rights) -> Self:
        """Read what is set; raise StoreError."""
        return cls(store, ledger, directory, rights, await store.read(load))

    def forwarding(self, extension: str) -> Forwarding:
        """Where somebody's calls go."""
        user = self._directory.snapshot.by_extension.get(extension)
        return NO_FORWARDING if user is None else self._set.get(user.id, NO_FORWARDING)

    async def change(self, actor: Actor, extension: str, given: Mapping[str, Any]) -> Forwarding:
        """Set some of a user's forwarding; raise OperationError (not_found, refused) or StoreError."""
        async with self._directory.changing:
            user = self._directory.user(extension)
            before = self.forwarding(extension)
            after = replace(before, **given)
            for case, action in CASES.items():
                if given.get(case):
                    self._check(extension, case, action, str(given[case]))
            for number in given.get("find_me", ()):
                self._check(extension, "find_me", Action.FIND_ME, number)
            if after == before:
                return after
            record = self._ledger.entry(
                AdminForwardingChanged(
                    actor=actor.to_dict(),
                    before={"extension": extension, **asdict(before)},
                    after={"extension": extension, **asdict(after)},
                )
            )
            if after == NO_FORWARDING:
                write = (_DELETE, {"user_id": user.id})
            else:
                kept = {**asdict(after), "find_me": orjson.dumps(after.find_me).decode()}
                write = (_UPSERT, {"user_id": user.id, **kept})
            await self._store.commit([write, record])
            self._set[user.id] = after
            return after

    def _check(self, extension: str, case: str, action: Action, number: str) -> None:
        context = Context(time.time(), self._rights.use, saving=True)
        answer = may(self._rights.snapshot, UserSubject(extension), action, number=number, context=context)
        if not answer.allowed:
            raise OperationError("refused", f"{case}: {answer.rule.sentence}", case)
        if answer.canonical == extension:
            raise OperationError("invalid", f"{case}: nobody forwards to themselves.", case)
