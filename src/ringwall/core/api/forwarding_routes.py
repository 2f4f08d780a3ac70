"""The routes to where people's calls go: each carries a request to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ringwall.core.api import models
from ringwall.core.forwarding.operations import ForwardingChanges, ForwardingShown
from ringwall.core.operations import Actor, Operations


def forwarding_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)
    one = "/users/{extension}/forwarding"

    @router.get("/forwarding", response_model=list[ForwardingShown])
    async def list_forwarding(actor: ByAdmin) -> Any:
        return await operations.run("forwarding.list", None, actor)

    @router.get(one, response_model=ForwardingShown)
    async def show_forwarding(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("forwarding.show", {"extension": extension}, actor)

    @router.patch(one, response_model=ForwardingShown)
    async def change_forwarding(extension: str, changes: ForwardingChanges, actor: ByAdmin) -> Any:
        given = changes.model_dump(exclude_unset=True)
        return await operations.run("forwarding.set", {**given, "extension": extension}, actor)

    @router.delete(one, response_model=ForwardingShown)
    async def clear_forwarding(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("forwarding.clear", {"extension": extension}, actor)

    return router
