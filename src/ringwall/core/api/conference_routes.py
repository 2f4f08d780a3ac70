"""The routes to conferences; each carries a request to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from ringwall.core.api import models
from ringwall.core.calls.operations.conferences import Start
from ringwall.core.operations import Actor, Arguments, Operations


class Party(BaseModel):
    """Somebody in a conference; `trunk` is empty for people inside."""

    call: str
    party: str
    device: str
    trunk: str


class Conference(BaseModel):
    """A conference and who is in it."""

    conference: str
    starter: str
    parties: list[Party]


class Added(Arguments):
    """Whom to call into it: an extension, or a number as its starter would dial it."""

    number: str = Field(min_length=1, max_length=64)


def conference_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api/conferences",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("", response_model=list[Conference])
    async def list_conferences(actor: ByAdmin) -> Any:
        return await operations.run("call.conference.list", None, actor)

    @router.post("", response_model=Conference, status_code=201)
    async def start(asked: Start, actor: ByAdmin) -> Any:
        return await operations.run("call.conference.start", asked.model_dump(), actor)

    @router.post("/{conference}/parties", response_model=Conference, status_code=202)
    async def add(conference: str, added: Added, actor: ByAdmin) -> Any:
        asked = {"conference": conference, "number": added.number}
        return await operations.run("call.conference.add", asked, actor)

    @router.delete("/{conference}/parties/{call}", response_model=Conference)
    async def drop(conference: str, call: str, actor: ByAdmin) -> Any:
        asked = {"conference": conference, "call": call}
        return await operations.run("call.conference.drop", asked, actor)

    return router
