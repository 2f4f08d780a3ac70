"""The routes to who may do what, to why, and to reports: each carries a request to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from ringwall.core.api import models
from ringwall.core.operations import Actor, Operations
from ringwall.core.reports.operations import MOST_LINES, ReportResult
from ringwall.core.rights.kinds import KINDS, Kind
from ringwall.core.rights.schema import MODELS, Csv, Explained, Imported, Linted

PATHS = {
    "site": "/sites",
    "cos.telephony": "/cos/telephony",
    "cos.call": "/cos/call",
    "cos.voice-mail": "/cos/voice-mail",
    "group": "/groups",
    "trunk-group": "/trunk-groups",
    "trunk": "/trunks",
    "authcode": "/authcodes",
    "limits": "/limits",
    "range": "/ranges",
    "object": "/objects",
}


def rights_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 409, 422)},
    )
    _add_sheets(router, operations, signed_in)
    for kind in KINDS:
        _add_kind(router, operations, signed_in, kind)
    _add_questions(router, operations, signed_in)
    return router


def _add_kind(router: APIRouter, operations: Operations, signed_in: Any, kind: Kind) -> None:
    path, word, found = PATHS[kind.word], kind.word, MODELS[kind.word]
    # A class of service goes by its name, which may have a slash in it.
    one = f"{path}/{{key:path}}" if kind.in_json else f"{path}/{{key}}"
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    async def list_all(
        actor: ByAdmin,
        after: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    ) -> Any:
        return await operations.run(f"{word}.list", {"after": after, "limit": limit}, actor)

    async def add(given: Any, actor: ByAdmin) -> Any:
        return await operations.run(f"{word}.add", given.model_dump(exclude_unset=True), actor)

    async def show(key: str, actor: ByAdmin) -> Any:
        return await operations.run(f"{word}.show", {kind.argument: key}, actor)

    async def change(key: str, given: Any, actor: ByAdmin) -> Any:
        asked = {**given.model_dump(exclude_unset=True), kind.argument: key}
        return await operations.run(f"{word}.set", asked, actor)

    async def remove(key: str, actor: ByAdmin) -> Any:
        return await operations.run(f"{word}.remove", {kind.argument: key}, actor)

    # The models are made of the settings, so they are no names that could stand in a signature.
    add.__annotations__["given"] = found.add
    change.__annotations__["given"] = found.changes
    name = kind.record
    router.get(path, response_model=list[found.shown], name=f"list_{name}")(list_all)  # type: ignore[name-defined]
    router.post(path, response_model=found.added, status_code=201, name=f"add_{name}")(add)
    router.get(one, response_model=found.shown, name=f"show_{name}")(show)
    router.patch(one, response_model=found.shown, name=f"change_{name}")(change)
    router.delete(one, response_model=found.shown, name=f"remove_{name}")(remove)


def _add_sheets(router: APIRouter, operations: Operations, signed_in: Any) -> None:
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (as above)
    csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}

    async def taken(word: str, sheet: Csv, actor: Actor) -> Any:
        return await operations.run(f"{word}.import", sheet.model_dump(), actor)

    async def given(word: str, actor: Actor) -> Response:
        told = await operations.run(f"{word}.export", None, actor)
        return Response(told["csv"], media_type="text/csv; charset=utf-8")

    @router.post("/users/import", response_model=Imported)
    async def import_users(sheet: Csv, actor: ByAdmin) -> Any:
        return await taken("user", sheet, actor)

    @router.get("/users/export", response_class=Response, responses=csv)
    async def export_users(actor: ByAdmin) -> Any:
        return await given("user", actor)

    @router.post("/authcodes/import", response_model=Imported)
    async def import_codes(sheet: Csv, actor: ByAdmin) -> Any:
        return await taken("authcode", sheet, actor)

    @router.get("/authcodes/export", response_class=Response, responses=csv)
    async def export_codes(actor: ByAdmin) -> Any:
        return await given("authcode", actor)

    @router.post("/ranges/import", response_model=Imported)
    async def import_ranges(sheet: Csv, actor: ByAdmin) -> Any:
        return await taken("range", sheet, actor)

    @router.get("/ranges/export", response_class=Response, responses=csv)
    async def export_ranges(actor: ByAdmin) -> Any:
        return await given("range", actor)


def _add_questions(router: APIRouter, operations: Operations, signed_in: Any) -> None:
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (as above)

    @router.get("/policy/explain", response_model=Explained)
    async def explain(
        actor: ByAdmin,
        user: str,
        number: str,
        at: str | None = None,
        path: str = "dial",
        phone: str | None = None,
    ) -> Any:
        asked = {"user": user, "number": number, "at": at, "path": path, "phone": phone}
        return await operations.run("policy.explain", asked, actor)

    @router.get("/policy/lint", response_model=Linted)
    async def lint(actor: ByAdmin) -> Any:
        return await operations.run("policy.lint", None, actor)

    @router.get("/reports/{report}", response_model=ReportResult)
    async def report(
        report: str,
        actor: ByAdmin,
        begin: str | None = None,
        end: str | None = None,
        code: str = "",
        user: str = "",
        detail: bool = False,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 1000,
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    ) -> Any:
        asked = {
            "begin": begin,
            "end": end,
            "code": code,
            "user": user,
            "detail": detail,
            "limit": limit,
            "after": after,
        }
        return await operations.run(f"report.{report}", asked, actor)
