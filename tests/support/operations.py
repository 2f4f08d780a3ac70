"""Operations without the services behind them."""

from collections.abc import Awaitable, Callable
from typing import Any

from ringwall.core.catalogue import declared
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Operations

CALL = {
    "call": "c0ffee01",
    "state": "talking",
    "caller": "201",
    "caller_device": "d1",
    "dialled": "202",
    "callee": "202",
    "callee_device": "d2",
    "seconds": 5.0,
    "suites": ["A", "B"],
    "direction": "inside",
    "trunks": [],
    "clear_text": [],
    "joined": "relay",
    "watched_by": None,
    "recorded_by": None,
}
"""What is told of a call."""


def offer(operations: Operations, name: str, handler: Callable[[Actor, Any], Awaitable[Any]]) -> None:
    """Offer the declared operation of this name with another handler."""
    (operation,) = (one for one in declared() if one.name == name)
    operations.offer(operation, handler)


def offer_the_rest(operations: Operations) -> None:
    """Offer what is declared and not offered yet; it says that it is not here."""

    async def missing(_actor: Actor, _arguments: Any) -> Any:
        raise OperationError("unavailable", "This is not here.")

    there = {one.name for one in operations.declared}
    for operation in declared():
        if operation.name not in there:
            operations.offer(operation, missing)
