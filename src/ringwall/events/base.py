"""What an event is: one thing that happened, as a frozen value of a class of its own (I2).

Rules that this package keeps:
- It stands on nothing else of Ringwall, and reads no clock and no file: who records an event, shows it or
  reads it back shares these classes and nothing more.
- A kind that was ever written stays readable. A field that is added is one that may be left unsaid; what
  changes the meaning of a field gets a new `body_version`.
- No field holds a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar, cast, dataclass_transform

VERSION_FIELD: Final = "v"
"""The name under which a body tells the version of its kind, from the second one on."""


class Unsaid(Enum):
    """The value of a field that is not part of what happened: the body leaves it out (null is a value)."""

    UNSAID = "unsaid"


UNSAID: Final = Unsaid.UNSAID

T = TypeVar("T")
E = TypeVar("E", bound="Event")
Maybe: TypeAlias = T | Literal[Unsaid.UNSAID]
"""A field that is there only where its documentation says so."""


class EventError(ValueError):
    """What was read is no event of this kind; the text says what is wrong with it."""


class Event:
    """The base of all events.

    `kind` is words joined by dots, `body_version` counts the meanings that its body has had. The body has
    the fields by name; a name that Python keeps for itself has an underscore behind it here, and none there
    (`body_names` has both).
    """

    __slots__ = ()

    kind: ClassVar[str]
    body_version: ClassVar[int] = 1
    body_names: ClassVar[tuple[tuple[str, str], ...]] = ()

    def to_body(self) -> dict[str, Any]:
        """Return what the ledger keeps: JSON values by name; tuples stand for lists."""
        body = {}
        for attribute, name in self.body_names:
            value = getattr(self, attribute)
            if value is not UNSAID:
                body[name] = value
        if self.body_version > 1:
            body[VERSION_FIELD] = self.body_version
        return body


Record: TypeAlias = Callable[[Event], None]
"""What takes an event and keeps it, such as the ledger's `record`."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def event(kind: str, *, body_version: int = 1) -> Callable[[type[E]], type[E]]:
    """Make a class the one of a kind: a frozen dataclass whose fields are given by name."""

    def make(cls: type[E]) -> type[E]:
        made = shared(cls)
        made.kind, made.body_version = kind, body_version
        made.body_names = tuple(
            (each.name, each.name.removesuffix("_")) for each in fields(cast("Any", made))
        )
        return made

    return make


@dataclass_transform(kw_only_default=True, frozen_default=True)
def shared(cls: type[E]) -> type[E]:
    """Make a class whose fields several kinds share; it has no kind itself."""
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)
