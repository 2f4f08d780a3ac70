"""What administrators can ask of the ledger: prove it, read it."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from ringwall.core.errors import LedgerError, OperationError
from ringwall.core.ledger.apart import verify_apart
from ringwall.core.ledger.ledger import Ledger
from ringwall.core.ledger.reader import MOST_RECORDS
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations
from ringwall.core.store import Store


class TailArguments(Arguments):
    """`after` is a cursor: records with higher numbers follow, oldest first.

    Without it the last ones are told.

    `kind` keeps one kind of record or, as in `call.`, all that begin so.
    """

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RECORDS)] = 100
    kind: Annotated[str, Field(max_length=64, pattern=r"^[a-z._]+$")] | None = None


def register(operations: Operations, store: Store, ledger: Ledger) -> None:
    """Add `ledger.verify` and `ledger.tail`."""
    one_at_a_time = asyncio.Lock()

    async def verify(_actor: Actor, _args: NoArguments) -> dict[str, Any]:
        if one_at_a_time.locked():
            raise OperationError("conflict", "The ledger is being verified already: wait for that to end.")
        async with one_at_a_time:
            try:
                return await verify_apart(store.url.render_as_string(hide_password=False), ledger.public_key)
            except LedgerError as error:
                raise OperationError("unavailable", str(error)) from error

    async def tail(_actor: Actor, args: TailArguments) -> dict[str, Any]:
        after = args.after if args.after is not None else await ledger.cursor_of_last(args.limit, args.kind)
        records = await ledger.tail(after, args.limit, args.kind)
        return {"records": records, "after": records[-1]["seq"] if records else after}

    operations.add("ledger.verify", NoArguments, verify)
    operations.add("ledger.tail", TailArguments, tail)
