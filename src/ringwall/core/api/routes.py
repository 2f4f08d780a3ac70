"""The routes: each carries a request to an operation, and decides nothing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from ringwall.core.api import models
from ringwall.core.operations import Actor, Operations


def running_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes to the state and the ledger; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api",
        responses={code: {"model": models.Error} for code in (401, 403, 422, 503)},
        tags=["System"],
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("/ledger", response_model=models.Records)
    async def ledger_tail(
        actor: ByAdmin,
        after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        kind: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Any:
        """Read records behind a cursor, oldest first; without one the last ones."""
        return await operations.run("ledger.tail", {"after": after, "limit": limit, "kind": kind}, actor)

    @router.post("/ledger/verification", response_model=models.Verdict)
    async def ledger_verify(actor: ByAdmin) -> Any:
        """Prove that the ledger is as it was written, or name the first record that is not."""
        return await operations.run("ledger.verify", None, actor)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request, _actor: ByAdmin) -> Any:
        return request.app.openapi()

    return router
