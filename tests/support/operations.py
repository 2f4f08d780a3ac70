"""Operations without the services behind them."""

from typing import Any

from ringwall.core.catalogue import declared
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Operations


def offer_the_rest(operations: Operations) -> None:
    """Offer what is declared and not offered yet; it says that it is not here."""

    async def missing(_actor: Actor, _arguments: Any) -> Any:
        raise OperationError("unavailable", "This is not here.")

    there = {one.name for one in operations.declared}
    for operation in declared():
        if operation.name not in there:
            operations.offer(operation, missing)
