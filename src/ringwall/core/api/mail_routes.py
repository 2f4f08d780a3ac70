"""The routes to outgoing mail: each carries a request to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ringwall.core.api import models
from ringwall.core.mail.operations import MailItem, MailPassword, MailState, MailTest
from ringwall.core.operations import Actor, Operations


def mail_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api/mail",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("", response_model=MailState)
    async def show_mail(actor: ByAdmin) -> Any:
        return await operations.run("mail.show", None, actor)

    @router.get("/messages", response_model=list[MailItem])
    async def list_mail(actor: ByAdmin) -> Any:
        return await operations.run("mail.list", None, actor)

    @router.post("/test", response_model=MailItem, status_code=201)
    async def test_mail(given: MailTest, actor: ByAdmin) -> Any:
        return await operations.run("mail.test", given.model_dump(), actor)

    @router.put("/password", response_model=MailState)
    async def set_mail_password(given: MailPassword, actor: ByAdmin) -> Any:
        return await operations.run("mail.password", given.model_dump(), actor)

    @router.post("/messages/{mail}/retry", response_model=MailItem)
    async def retry_mail(mail: str, actor: ByAdmin) -> Any:
        return await operations.run("mail.retry", {"mail": mail}, actor)

    @router.delete("/messages/{mail}", response_model=MailItem)
    async def remove_mail(mail: str, actor: ByAdmin) -> Any:
        return await operations.run("mail.remove", {"mail": mail}, actor)

    return router
