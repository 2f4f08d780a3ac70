"""Lists: in a fixed order, in pages, narrowed by filters and by words.

Rules that this module keeps:
- A cursor says after which item to go on, not how many to leave out: what comes and goes in between neither
  hides an item nor shows one twice.
- A cursor is made here and means nothing to anybody else. One that was not made here is refused.
- An argument of a list that bears the name of a field of its items keeps those that have this value.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field

from ringwall.core.errors import OperationError
from ringwall.core.operations.arguments import Arguments

MOST_ITEMS = 10_000
USUAL_ITEMS = 1000
LONGEST_CURSOR = 1024

Item = Any  # a model, a mapping, or with `show` anything that has the fields


class ListArguments(Arguments):
    """Which part of a list: at most `limit` items behind `cursor`, which the page before has told."""

    limit: Annotated[int, Field(ge=1, le=MOST_ITEMS, description="how many items at most")] = USUAL_ITEMS
    cursor: Annotated[
        str | None, Field(max_length=LONGEST_CURSOR, description="where to go on, as the page before says")
    ] = None
    q: Annotated[
        str | None, Field(min_length=1, max_length=64, description="only items in which this text stands")
    ] = None


_PAGING = frozenset(ListArguments.model_fields)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a list is told: in the order of these fields, by which no two are alike; `q` looks into `search`.

    A field of the order is a text or a number and never null. With `show` items are anything that has these
    fields, and only those of the page are made what is told.
    """

    order: tuple[str, ...]
    search: tuple[str, ...]
    show: Callable[[Any], BaseModel] | None = None

    def page(self, items: Iterable[Item], arguments: ListArguments) -> tuple[list[Item], str | None]:
        """Return the items that were asked for, and the cursor for the next ones, None where there are none.

        Raises OperationError (invalid) for a cursor that is not of this list.
        """
        kept = [(name, value) for name, value in arguments if name not in _PAGING and value is not None]
        text = arguments.q.casefold() if arguments.q is not None else ""
        chosen = [item for item in items if self._is_wanted(item, kept, text)]
        chosen.sort(key=self._position)
        if arguments.cursor is not None:
            begin = self._read_cursor(arguments.cursor)
            try:
                chosen = [item for item in chosen if self._position(item) > begin]
            except TypeError:
                raise _unknown_cursor() from None
        page = chosen[: arguments.limit]
        cursor = self._cursor(page[-1]) if len(chosen) > len(page) else None
        return [self.show(item) for item in page] if self.show is not None else page, cursor

    def _is_wanted(self, item: Item, kept: Sequence[tuple[str, Any]], text: str) -> bool:
        for name, wanted in kept:
            if _value(item, name, wanted) != wanted:
                return False
        if not text:
            return True
        return any(text in str(_value(item, name) or "").casefold() for name in self.search)

    def _position(self, item: Item) -> tuple[Any, ...]:
        return tuple(_value(item, name) for name in self.order)

    def _cursor(self, item: Item) -> str:
        return urlsafe_b64encode(orjson.dumps(self._position(item))).decode().rstrip("=")

    def _read_cursor(self, cursor: str) -> tuple[Any, ...]:
        try:
            told = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, binascii.Error):
            raise _unknown_cursor() from None
        if not isinstance(told, list) or len(told) != len(self.order):
            raise _unknown_cursor()
        return tuple(told)


def _value(item: Item, name: str, otherwise: Any = None) -> Any:
    """Return a field of an item; `otherwise` where it has none of this name."""
    return item.get(name, otherwise) if isinstance(item, Mapping) else getattr(item, name, otherwise)


def _unknown_cursor() -> OperationError:
    return OperationError("invalid", "cursor: is none of this list: begin without one.", "cursor")
