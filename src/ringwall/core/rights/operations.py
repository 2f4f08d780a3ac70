"""What administrators can ask about who may do what, and why (C1, C7)."""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from ringwall.core.directory import DirectoryService
from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, ListArguments, NoArguments, Operations
from ringwall.core.rights import kinds, sheets
from ringwall.core.rights.declarations import BY_NAME, EXPLAIN, LINT, SHEETS
from ringwall.core.rights.kinds import KINDS, Kind
from ringwall.core.rights.schema import Csv, Explain, Exported, Finding, Imported, Linted
from ringwall.core.rights.service import RightsService
from ringwall.policy import PolicyError, Severity, explain, lint

CODE_DIGITS = 10  # of a code that is chosen here


def register(operations: Operations, rights: RightsService, directory: DirectoryService) -> None:
    """Do what is declared in `declarations`."""
    for kind in KINDS:
        _register_kind(operations, rights, kind)
    _register_sheets(operations, rights, directory)
    _register_questions(operations, rights)


def _register_kind(operations: Operations, rights: RightsService, kind: Kind) -> None:
    def given_of(args: BaseModel) -> tuple[str, dict[str, Any], str | None]:
        """Return the key, the settings that were given, and the secret."""
        given = args.model_dump(exclude_unset=True)
        key, secret = given.pop(kind.argument, ""), given.pop(kind.secret, None)
        return key, given, secret

    async def add(actor: Actor, args: BaseModel) -> dict[str, Any]:
        key, given, secret = given_of(args)
        chosen = None
        if kind is kinds.CODE:
            key = key or f"c{secrets.token_hex(4)}"
            if not secret and not given.get("wildcard"):
                chosen = secret = "".join(secrets.choice("0123456789") for _ in range(CODE_DIGITS))
        facts = (await rights.add(actor, kind, key, given, secret)).facts()
        return {**facts, "code": chosen} if kind is kinds.CODE else facts

    async def change(actor: Actor, args: BaseModel) -> dict[str, Any]:
        return (await rights.change(actor, kind, *given_of(args))).facts()

    async def remove(actor: Actor, args: BaseModel) -> dict[str, Any]:
        return (await rights.remove(actor, kind, given_of(args)[0])).facts()

    async def show(_actor: Actor, args: BaseModel) -> dict[str, Any]:
        return rights.book.get(kind, given_of(args)[0]).facts()

    async def list_all(_actor: Actor, _args: ListArguments) -> list[Any]:
        return [entry.facts() for entry in rights.book.of(kind).values()]

    for verb, handler in (("add", add), ("set", change), ("remove", remove), ("show", show)):
        operations.offer(BY_NAME[f"{kind.word}.{verb}"], handler)
    operations.offer(BY_NAME[f"{kind.word}.list"], list_all)


def _register_sheets(operations: Operations, rights: RightsService, directory: DirectoryService) -> None:
    async def users_in(actor: Actor, args: Csv) -> Imported:
        return Imported(**await sheets.import_users(rights, directory, actor, args.csv))

    async def users_out(_actor: Actor, _args: NoArguments) -> Exported:
        people = directory.snapshot.by_extension
        return Exported(csv=sheets.export_users(people.values()), lines=len(people))

    operations.offer(BY_NAME["user.import"], users_in)
    operations.offer(BY_NAME["user.export"], users_out)
    for kind in SHEETS:
        _register_sheet(operations, rights, directory, kind)


def _register_sheet(
    operations: Operations, rights: RightsService, directory: DirectoryService, kind: Kind
) -> None:
    async def taken(actor: Actor, args: Csv) -> Imported:
        return Imported(**await sheets.import_entries(rights, directory, actor, kind, args.csv))

    async def given(_actor: Actor, _args: NoArguments) -> Exported:
        there = rights.book.of(kind)
        return Exported(csv=sheets.export_entries(kind, there.values()), lines=len(there))

    operations.offer(BY_NAME[f"{kind.word}.import"], taken)
    operations.offer(BY_NAME[f"{kind.word}.export"], given)


def _register_questions(operations: Operations, rights: RightsService) -> None:
    async def explain_call(_actor: Actor, args: Explain) -> dict[str, Any]:
        now = _moment(args.at)
        if args.user not in rights.snapshot.users:
            raise OperationError("not_found", "There is no user with this extension.", "user")
        try:
            told = explain(
                rights.snapshot,
                args.user,
                args.number,
                now=now,
                path=args.path,
                use=rights.use,
                phone=args.phone,
            )
        except PolicyError as error:
            raise OperationError("invalid", f"{error.field}: {error.message}", error.field) from error
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        asked = {"user": args.user, "number": args.number, "path": args.path, "at": at}
        return {**asked, **told.to_value()}

    async def lint_all(_actor: Actor, _args: NoArguments) -> Linted:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(None, lint, rights.snapshot)
        return Linted(
            findings=[
                Finding(
                    id=one.id,
                    severity=one.severity.name.lower(),
                    where=one.where,
                    what=one.what,
                    cure=one.cure,
                )
                for one in found
            ],
            severe=any(one.severity >= Severity.HIGH for one in found),
        )

    operations.offer(EXPLAIN, explain_call)
    operations.offer(LINT, lint_all)


def _moment(text: str | None) -> float:
    """Return the time of a text in seconds since 1970; raise OperationError (invalid)."""
    if text is None:
        return time.time()
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise OperationError("invalid", "at: has to be a time such as 2026-11-23T18:30:00Z.", "at") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
