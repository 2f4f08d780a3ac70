"""The routes to what is done to calls of users: watch and record; each carries a request to an operation."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends

from ringwall.core.api import models
from ringwall.core.calls.operations.monitoring import Extension
from ringwall.core.operations import Actor, Arguments, Operations


class Watcher(Arguments):
    """Who is to watch, and how."""

    by: Extension
    mode: Literal["monitor", "coach", "barge"] = "monitor"


class Recording(Arguments):
    """Who is to record; without it the user whose call it is."""

    by: Extension | None = None


def watching_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api/users/{extension}/call",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.put("/watcher", response_model=models.Told)
    async def watch(extension: str, watcher: Watcher, actor: ByAdmin) -> Any:
        asked = {"of": extension, "by": watcher.by}
        return await operations.run(f"call.{watcher.mode}", asked, actor)

    @router.delete("/watcher", response_model=models.Told)
    async def leave(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("call.leave", {"of": extension}, actor)

    @router.put("/recording", response_model=models.Told)
    async def record(extension: str, recording: Recording, actor: ByAdmin) -> Any:
        return await operations.run("call.record", {"of": extension, "by": recording.by}, actor)

    @router.delete("/recording", response_model=models.Told)
    async def end(extension: str, actor: ByAdmin, by: str | None = None) -> Any:
        return await operations.run("call.record", {"of": extension, "by": by, "on": False}, actor)

    return router
