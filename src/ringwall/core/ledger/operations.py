"""What administrators can ask of the ledger: prove it, read it."""

import asyncio
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from ringwall.core.errors import LedgerError, OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.ledger.apart import verify_apart
from ringwall.core.ledger.keeper import MarkKeeper
from ringwall.core.ledger.ledger import DATABASE, Ledger
from ringwall.core.ledger.reader import MOST_RECORDS
from ringwall.core.ledger.trouble import Trouble
from ringwall.core.operations import Actor, Arguments, NoArguments, Operation, Operations, Topic
from ringwall.core.store import Store
from ringwall.events.admin import AdminLedgerAcknowledged


class TailArguments(Arguments):
    """`after` is a cursor: records with higher numbers follow, oldest first.

    Without it the last ones are told.

    `kind` keeps one kind of record or, as in `call.`, all that begin so.
    """

    after: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RECORDS)] = 100
    kind: Annotated[str, Field(max_length=64, pattern=r"^[a-z._]+$")] | None = None


class Record(BaseModel):
    """A record of the ledger; `hash` covers it and, through the chain, all before it."""

    seq: int
    at: str
    kind: str
    body: Any
    hash: str


class Records(BaseModel):
    """Records in order; `after` is the cursor for the next question."""

    records: list[Record]
    after: int


class FoundWrong(BaseModel):
    """What is wrong first, and the numbers of the records that it is about."""

    kind: str
    first: int
    last: int
    text: str


class MarkSeen(BaseModel):
    """How the ledger compares with what is kept of it in one place; `ok` is null where nothing was."""

    place: str
    ok: bool | None
    seq: int | None
    at: str | None
    text: str


class Acknowledged(BaseModel):
    """Who took note of a mismatch, when, and why it is known."""

    at: str
    by: str
    reason: str


class Mismatch(BaseModel):
    """What was once found wrong with the ledger. It stays, also when it was acknowledged."""

    at: str
    place: str
    text: str
    acknowledged: Acknowledged | None


class LedgerVerdict(BaseModel):
    """Whether the ledger is as it was written, and whether nothing is open that ever was wrong."""

    ok: bool
    records: int
    checkpoints: int
    seq: int
    hash: str
    public_key: str
    finding: FoundWrong | None
    marks: list[MarkSeen]
    mismatches: list[Mismatch]


class Acknowledgement(BaseModel):
    """The mismatches that were open until now."""

    acknowledged: list[Mismatch]


class AcknowledgeArguments(Arguments):
    """`reason` is why the mismatches are known, such as a restored backup; it stays for ever."""

    reason: Annotated[str, Field(min_length=3, max_length=200)]


LEDGER: Final = Topic("Ledger", "What happened, and the proof that it stands as it was written.")

VERIFY: Final = Operation(
    "ledger.verify",
    "Prove that the ledger is as it was written, or name the first record that is not.",
    topic=LEDGER,
    verb="POST",
    path="/api/ledger/verification",
    permission=Permission.LEDGER_READ,
    result=LedgerVerdict,
    errors=("conflict",),
)
TAIL: Final = Operation(
    "ledger.tail",
    "Read records behind a cursor, oldest first; without one the last ones.",
    topic=LEDGER,
    verb="GET",
    path="/api/ledger",
    permission=Permission.LEDGER_READ,
    arguments=TailArguments,
    result=Records,
    example={"after": 0, "limit": 100, "kind": "call."},
)
ACKNOWLEDGE: Final = Operation(
    "ledger.acknowledge",
    "Put on record that what was found wrong with the ledger is known, and why. It stays remembered.",
    topic=LEDGER,
    verb="POST",
    path="/api/ledger/acknowledgement",
    permission=Permission.LEDGER_WRITE,
    arguments=AcknowledgeArguments,
    result=Acknowledgement,
    errors=("conflict",),
    changes=True,
    example={"reason": "restored from the backup of 3 May"},
)
OPERATIONS: Final = (VERIFY, TAIL, ACKNOWLEDGE)


def register(operations: Operations, store: Store, ledger: Ledger, keeper: MarkKeeper | None = None) -> None:
    """Do what is declared above; without a `keeper` of marks there is nothing to acknowledge."""
    one_at_a_time = asyncio.Lock()

    async def verify(_actor: Actor, _args: NoArguments) -> dict[str, Any]:
        if one_at_a_time.locked():
            raise OperationError("conflict", "The ledger is being verified already: wait for that to end.")
        async with one_at_a_time:
            kept = await keeper.kept() if keeper is not None else []
            url = store.url.render_as_string(hide_password=False)
            try:
                verdict = await verify_apart(url, ledger.public_key, kept)
            except LedgerError as error:
                raise OperationError("unavailable", str(error)) from error
            await remember(verdict)
            return verdict

    async def remember(verdict: dict[str, Any]) -> None:
        """Have what the records show remembered; what a mark shows is already, where it was asked."""
        finding, marks = verdict["finding"], [each["text"] for each in verdict["marks"]]
        if keeper is None or finding is None or finding["text"] in marks:
            return
        if finding["kind"] != "removed" or not keeper.knows_gap(finding["last"]):
            await keeper.found(DATABASE, Trouble(finding["text"]))

    async def tail(_actor: Actor, args: TailArguments) -> dict[str, Any]:
        after = args.after if args.after is not None else await ledger.cursor_of_last(args.limit, args.kind)
        records = await ledger.tail(after, args.limit, args.kind)
        return {"records": records, "after": records[-1]["seq"] if records else after}

    async def acknowledge(actor: Actor, args: AcknowledgeArguments) -> Acknowledgement:
        if keeper is None:
            raise OperationError("conflict", "No marks of the ledger are kept here.")
        told = await keeper.acknowledge(f"{actor.name} ({actor.kind}, {actor.source})", args.reason)
        if not told:
            raise OperationError("conflict", "There is no mismatch of the ledger that is not acknowledged.")
        await ledger.record_durably(
            AdminLedgerAcknowledged(actor=actor.to_dict(), reason=args.reason, mismatches=tuple(told))
        )
        return Acknowledgement.model_validate({"acknowledged": told})

    operations.offer(VERIFY, verify)
    operations.offer(TAIL, tail)
    operations.offer(ACKNOWLEDGE, acknowledge)
