"""Texts of phones in JSON: they need not be good UTF-8, so each of their bytes stands as its character."""

from collections.abc import Callable
from typing import Any


def stored(text: str) -> str:
    """A text that may hold any bytes (as surrogates), as JSON takes it."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def restored(text: str) -> str:
    """What `stored` was given."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")


def each_text(value: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The dialog's value with `change` done to every text of it."""
    changed = {name: change(item) if isinstance(item, str) else item for name, item in value.items()}
    changed["routes"] = [change(route) for route in value["routes"]]
    return changed
