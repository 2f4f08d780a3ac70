"""What administrators can ask of past calls: report.authcodes, report.calls and report.denied."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from ringwall.core.directory import DirectoryService
from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import Actor, Arguments, Operation, Operations, Topic
from ringwall.core.reports.model import KINDS, Line, Wanted, line_of, summary
from ringwall.core.reports.reader import records
from ringwall.core.rights import kinds
from ringwall.core.rights.service import RightsService
from ringwall.core.store import Store

MOST_LINES = 10_000
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


class ReportArguments(Arguments):
    """Which calls: from a time to before another (RFC 3339 or a day, UTC), of a code, of a user.

    Without `detail` there is one row for each code and user, user, or user and rule; with it one for each
    call, at most `limit` behind the record `after`.
    """

    begin: Annotated[str, Field(max_length=40)] | None = None
    end: Annotated[str, Field(max_length=40)] | None = None
    code: Annotated[str, Field(max_length=64)] = ""
    user: Annotated[str, Field(max_length=64)] = ""
    detail: bool = False
    limit: Annotated[int, Field(ge=1, le=MOST_LINES)] = 1000
    after: Annotated[int, Field(ge=0, lt=2**63)] = 0


class ReportResult(BaseModel):
    """The rows of a report. `after` is the cursor for the next part, None where there is none."""

    report: str
    rows: list[dict[str, Any]]
    after: int | None = None


REPORTS: Final = Topic("Reports", "What the ledger says about past calls.")


def _operation(report: str, sentence: str, example: dict[str, Any]) -> Operation:
    return Operation(
        f"report.{report}",
        sentence,
        topic=REPORTS,
        verb="GET",
        path=f"/api/reports/{report}",
        permission=Permission.REPORTS_READ,
        arguments=ReportArguments,
        result=ReportResult,
        example=example,
    )


OPERATIONS: Final = (
    _operation(
        "authcodes", "Tell which calls carried an authorization code, by code and user.", {"code": "client-7"}
    ),
    _operation("calls", "Tell which calls ended, by user.", {"begin": "2026-11-23", "user": "201"}),
    _operation("denied", "Tell which calls were refused, by user and rule.", {"detail": True}),
)


def register(
    operations: Operations, store: Store, rights: RightsService, directory: DirectoryService
) -> None:
    """Do what is declared above."""

    def handler(report: str) -> Callable[[Actor, ReportArguments], Awaitable[ReportResult]]:
        async def run(_actor: Actor, args: ReportArguments) -> ReportResult:
            begin, end = moment(args.begin, "begin"), moment(args.end, "end")
            codes = {key: str(entry.values["name"]) for key, entry in rights.book.of(kinds.CODE).items()}
            people = directory.snapshot.by_extension
            wanted = Wanted(args.code, args.user)

            def group_of(extension: str) -> str:
                user = people.get(extension)
                return (user.group or "") if user is not None else ""

            def read(connection: Connection) -> ReportResult:
                told = records(connection, KINDS[report], begin, end, args.after)
                lines = (
                    line_of(seq, at, body, code_name=lambda code: codes.get(code, ""), group_of=group_of)
                    for seq, at, body in told
                )
                chosen = (line for line in lines if wanted.takes(report, line))
                if not args.detail:
                    return ReportResult(report=report, rows=summary(report, chosen))
                return _detail(report, chosen, args.limit)

            return await store.read(read)

        return run

    for operation in OPERATIONS:
        operations.offer(operation, handler(operation.name.removeprefix("report.")))


def _detail(report: str, lines: Any, limit: int) -> ReportResult:
    rows: list[Line] = []
    for line in lines:
        if len(rows) == limit:
            return ReportResult(report=report, rows=[one.to_value() for one in rows], after=rows[-1].seq)
        rows.append(line)
    return ReportResult(report=report, rows=[one.to_value() for one in rows])


def moment(text: str | None, field: str) -> str:
    """Return a time as it stands in records, empty for none; raise OperationError (invalid)."""
    if text is None or not text.strip():
        return ""
    told = text.strip()
    try:
        found = datetime.fromisoformat(f"{told}T00:00:00" if _DAY.match(told) else told)
        found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise OperationError(
            "invalid",
            f"{field}: has to be a time such as 2026-11-23T18:30:00Z or a day such as 2026-11-23.",
            field,
        ) from None
    return found.isoformat(timespec="microseconds").replace("+00:00", "Z")
