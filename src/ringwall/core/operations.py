"""The named operations.

Everything that an administrator can ask of the core, whichever door the request came by (I2).

Kept here:
- The control socket and the HTTP API only carry requests here; they decide nothing.
- Arguments are checked by a model before a handler sees them; what is wrong is told without repeating the
  input.
- A change that was refused is on record just like one that was made (whoever makes it writes that record
  himself), without the arguments that are secret.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ringwall.core.errors import OperationError, StoreError
from ringwall.infra.logs import REMOVED

log = logging.getLogger(__name__)

A = TypeVar("A", bound=BaseModel)
Result = BaseModel | dict[str, Any] | list[Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a person on this host (`local`, name = system user) or an administrator by the `api`.

    A `phone` is a user who dialled a feature number that changes something; his name is the extension.
    `source` is the address that the request came from, or `local`.
    """

    kind: Literal["local", "api", "phone"]
    name: str
    source: str

    def to_dict(self) -> dict[str, str]:
        """Return what the ledger says about the actor."""
        return {"kind": self.kind, "name": self.name, "source": self.source}


class Arguments(BaseModel):
    """The base of all arguments: no field that is not known, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# Marks an argument that is never on record.
SECRET: dict[str, Any] = {"writeOnly": True}


class NoArguments(Arguments):
    """For operations that take none."""


class Recorder(Protocol):
    """What operations need of the ledger."""

    def record(self, kind: str, **fields: Any) -> None:
        """Queue a record."""
        ...


@dataclass(frozen=True, slots=True)
class _Operation:
    args_model: type[BaseModel]
    handler: Callable[[Actor, Any], Awaitable[Result]]
    changes: bool


class Operations:
    """The table of operations."""

    def __init__(self, ledger: Recorder) -> None:
        self._ledger = ledger
        self._table: dict[str, _Operation] = {}

    def add(
        self,
        name: str,
        args_model: type[A],
        handler: Callable[[Actor, A], Awaitable[Result]],
        *,
        changes: bool = False,
    ) -> None:
        """Add an operation. `changes` says that it changes something, so that its refusals are recorded."""
        if name in self._table:
            raise ValueError(f"there is an operation {name} already")
        self._table[name] = _Operation(args_model, handler, changes)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all operations, in alphabetical order."""
        return tuple(sorted(self._table))

    async def run(self, name: str, raw_args: Any, actor: Actor) -> Any:
        """Run an operation and return its result as plain JSON values.

        Raise OperationError where it is not done.
        """
        operation = self._table.get(name)
        if operation is None:
            raise OperationError("not_found", "There is no such operation.", "op")
        try:
            return _plain(await operation.handler(actor, _checked(operation.args_model, raw_args)))
        except OperationError as error:
            refusal = error
        except StoreError as error:
            refusal = OperationError("unavailable", str(error))
        except Exception:
            log.exception("The operation %s failed", name)
            refusal = OperationError(
                "unavailable", "This failed inside Ringwall: the log of the core says why."
            )
        if operation.changes:
            self._record(name, _told(operation.args_model, raw_args), actor, refusal)
        raise refusal

    def _record(self, name: str, asked: dict[str, Any], actor: Actor, refusal: OperationError) -> None:
        try:
            self._ledger.record(
                "admin.refused", operation=name, actor=actor.to_dict(), asked=asked, **refusal.to_dict()
            )
        except StoreError as error:
            log.error("A refusal of %s could not be recorded: %s", name, error)  # noqa: TRY400


def _told(model: type[BaseModel], raw_args: Any) -> dict[str, Any]:
    """Return what a record says of the arguments: of secret and of unknown ones the name alone."""
    asked = {}
    for name, value in raw_args.items() if isinstance(raw_args, dict) else ():
        field = model.model_fields.get(name)
        extra = field.json_schema_extra if field is not None else None
        secret = field is None or (isinstance(extra, dict) and extra.get("writeOnly"))
        asked[str(name)[:64]] = REMOVED if secret and value is not None else value
    return asked


def _checked(model: type[BaseModel], raw_args: Any) -> BaseModel:
    try:
        return model.model_validate({} if raw_args is None else raw_args)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> OperationError:
    """Return the first thing that is wrong with the arguments, as a sentence that does not repeat them."""
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:64] or None
    if first["type"] == "extra_forbidden":
        return OperationError("invalid", "This argument is not known.", field)
    if first["type"] == "missing":
        return OperationError("invalid", f"The argument {field} is missing.", field)
    reason = first.get("ctx", {}).get("error") if first["type"] == "value_error" else first["msg"]
    return OperationError("invalid", f"{field}: {reason}" if field else str(reason), field)


def _plain(result: Result) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list):
        return [_plain(item) if isinstance(item, BaseModel) else item for item in result]
    return result
