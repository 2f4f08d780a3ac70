"""The registry: which operations there are, who may ask them, and what became of it.

Kept here:
- The control socket and the HTTP API only carry requests here; they decide nothing.
- Who comes from outside is asked for the permission before anything that they sent is looked at. An operation
  without a permission is nobody's; whoever is root on this host owns the core's data anyway.
- A change that was refused is on record just like one that was made (whoever makes it writes that
  record), without the arguments that are secret. So is every question that somebody may not ask.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from ringwall.core.errors import OperationError, StoreConflict, StoreError, without_folders
from ringwall.core.identity.permissions import Role, permits
from ringwall.core.operations.arguments import checked, recordable
from ringwall.core.operations.declaration import Operation
from ringwall.core.operations.listing import ListArguments
from ringwall.events import Event
from ringwall.events.admin import AdminRefused

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person on this host (`local`, name = system user) or somebody who signed in at the `api`.

    A `phone` is a user who dialled a feature number that changes something; the name is the extension.
    `source` is the address that the request came from, or `local`. `role` is what somebody who signed in is.
    """

    kind: Literal["local", "api", "phone"]
    name: str
    source: str
    role: Role | None = None

    def to_dict(self) -> dict[str, str]:
        """Return what the ledger says about the actor."""
        return {"kind": self.kind, "name": self.name, "source": self.source}


Result = BaseModel | Mapping[str, Any]
Results = Iterable[BaseModel | Mapping[str, Any]]
Handler = Callable[[Actor, Any], Awaitable[Result | Results]]


class Recorder(Protocol):
    """What operations need of the ledger."""

    def record(self, event: Event) -> None:
        """Queue a record."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation gave, as plain JSON values; `cursor` is where a list goes on, None at its end."""

    result: Any
    cursor: str | None = None


class Operations:
    """The table of operations with their handlers."""

    def __init__(self, ledger: Recorder) -> None:
        self._ledger = ledger
        self._table: dict[str, tuple[Operation, Handler]] = {}

    def offer(self, operation: Operation, handler: Handler) -> None:
        """Have `handler(actor, arguments)` do what is declared.

        It returns the result, with `listing` all items; it raises OperationError or StoreError.
        """
        if operation.name in self._table:
            raise ValueError(f"there is an operation {operation.name} already")
        self._table[operation.name] = (operation, handler)

    @property
    def declared(self) -> tuple[Operation, ...]:
        """All operations, by name."""
        return tuple(self._table[name][0] for name in sorted(self._table))

    def check_permission(self, name: str, actor: Actor) -> None:
        """Raise OperationError (refused) where this actor may not ask that, and have it on record."""
        operation = self._declared(name)
        if actor.kind == "local" or permits(actor.role, operation.permission):
            return
        needed = operation.permission or "nobody has"
        refusal = OperationError("refused", f"You may not do this: {name} needs the permission {needed}.")
        self._record(operation, {}, actor, refusal)
        raise refusal

    async def run(self, name: str, raw_arguments: Any, actor: Actor) -> Any:
        """Run an operation and return its result as plain JSON values, of a list the first page.

        Raise OperationError where it is not done.
        """
        return (await self.ask(name, raw_arguments, actor)).result

    async def ask(self, name: str, raw_arguments: Any, actor: Actor) -> Answer:
        """Run an operation; raise OperationError where it is not done."""
        operation = self._declared(name)
        self.check_permission(name, actor)
        handler = self._table[name][1]
        try:
            arguments = checked(operation.arguments, raw_arguments)
            return _answer(operation, arguments, await handler(actor, arguments))
        except OperationError as error:
            refusal = error
        except StoreConflict as error:
            refusal = OperationError("conflict", str(error))
        except StoreError as error:
            told = str(error) if actor.kind == "local" else without_folders(str(error))
            refusal = OperationError("unavailable", told)
        except Exception:
            log.exception("The operation %s failed", name)
            refusal = OperationError(
                "unavailable", "This failed inside Ringwall: the log of the core says why."
            )
        if operation.changes:
            self._record(operation, recordable(operation.arguments, raw_arguments), actor, refusal)
        raise refusal

    def _declared(self, name: str) -> Operation:
        if name not in self._table:
            raise OperationError("not_found", "There is no such operation.", "op")
        return self._table[name][0]

    def _record(
        self, operation: Operation, asked: dict[str, Any], actor: Actor, refusal: OperationError
    ) -> None:
        try:
            self._ledger.record(
                AdminRefused(
                    operation=operation.name, actor=actor.to_dict(), asked=asked, **refusal.to_dict()
                )
            )
        except StoreError as error:
            log.error("A refusal of %s could not be recorded: %s", operation.name, error)  # noqa: TRY400


def _answer(operation: Operation, arguments: BaseModel, given: Any) -> Answer:
    """Return what was given in the form that was declared."""
    if operation.listing is None:
        return Answer(_plain(operation.result, given))
    assert isinstance(arguments, ListArguments)
    page, cursor = operation.listing.page(given, arguments)
    return Answer([_plain(operation.result, each) for each in page], cursor)


def _plain(model: type[BaseModel], given: Result) -> dict[str, Any]:
    value = given if isinstance(given, BaseModel) else model.model_validate(given)
    return value.model_dump(mode="json", by_alias=True)
