"""What operations are given: checked by a model before a handler sees it.

What is wrong is told without repeating the input: it may be a password in the wrong place.
"""

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ringwall.core.errors import OperationError
from ringwall.infra.logs import REMOVED

LONGEST_NAME = 64


class Arguments(BaseModel):
    """The base of all arguments: no field that is not known, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


# Marks an argument that is never on record.
SECRET: dict[str, Any] = {"writeOnly": True}


class NoArguments(Arguments):
    """For operations that take none."""


def checked(model: type[BaseModel], raw: Any) -> BaseModel:
    """Return the arguments as the model has them; raise OperationError (invalid)."""
    try:
        return model.model_validate({} if raw is None else raw)
    except ValidationError as error:
        raise invalid(error) from None


def invalid(error: ValidationError) -> OperationError:
    """Return the first thing that is wrong with the arguments, as a sentence that does not repeat them."""
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])[:LONGEST_NAME] or None
    if first["type"] == "extra_forbidden":
        return OperationError("invalid", "This argument is not known.", field)
    if first["type"] == "missing":
        return OperationError("invalid", f"The argument {field} is missing.", field)
    reason = first.get("ctx", {}).get("error") if first["type"] == "value_error" else first["msg"]
    return OperationError("invalid", f"{field}: {reason}" if field else str(reason), field)


def recordable(model: type[BaseModel], raw: Any) -> dict[str, Any]:
    """Return what a record says of the arguments: of secret and of unknown ones the name alone."""
    asked = {}
    for name, value in raw.items() if isinstance(raw, dict) else ():
        field = model.model_fields.get(name)
        extra = field.json_schema_extra if field is not None else None
        secret = field is None or (isinstance(extra, dict) and extra.get("writeOnly"))
        asked[str(name)[:LONGEST_NAME]] = REMOVED if secret and value is not None else value
    return asked


def read_text(model: type[BaseModel], name: str, text: str) -> Any:
    """Return a text as what the argument is, or as it is where it cannot be read so: `checked` says why."""
    try:
        return _adapter(model, name).validate_strings(text)
    except ValidationError:
        return text


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    kind: Any = model.model_fields[name].annotation
    return TypeAdapter(kind)
