"""The routes to voice mail for administrators, who hear no message: each carries one to an operation."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from ringwall.core.api import models
from ringwall.core.operations import Actor, Operations
from ringwall.core.voicemail import schema as voicemail


def voicemail_routes(operations: Operations, signed_in: Any) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(
        prefix="/api/voicemail",
        responses={code: {"model": models.Error} for code in (401, 403, 404, 422)},
    )
    ByAdmin = Annotated[Actor, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("", response_model=voicemail.VoiceMailState)
    async def show_voice_mail(actor: ByAdmin) -> Any:
        return await operations.run("voicemail.status", None, actor)

    @router.get("/mailboxes", response_model=list[voicemail.MailboxShort])
    async def list_mailboxes(actor: ByAdmin) -> Any:
        return await operations.run("voicemail.list", None, actor)

    @router.get("/mailboxes/{extension}", response_model=voicemail.MailboxShown)
    async def show_mailbox(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("voicemail.show", {"extension": extension}, actor)

    @router.patch("/mailboxes/{extension}", response_model=voicemail.MailboxShown)
    async def change_mailbox(extension: str, changes: voicemail.SettingsChanges, actor: ByAdmin) -> Any:
        given = changes.model_dump(exclude_unset=True)
        return await operations.run("voicemail.set", {**given, "extension": extension}, actor)

    @router.delete("/mailboxes/{extension}/messages", response_model=models.Told)
    async def empty_mailbox(extension: str, actor: ByAdmin) -> Any:
        return await operations.run("voicemail.empty", {"extension": extension}, actor)

    @router.put("/mailboxes/{extension}/profiles/{number}", response_model=voicemail.MailboxShown)
    async def set_profile(extension: str, number: int, given: voicemail.ProfileValue, actor: ByAdmin) -> Any:
        asked = {**given.model_dump(), "extension": extension, "number": number}
        return await operations.run("voicemail.profile.set", asked, actor)

    @router.delete("/mailboxes/{extension}/profiles/{number}", response_model=voicemail.MailboxShown)
    async def remove_profile(extension: str, number: int, actor: ByAdmin) -> Any:
        asked = {"extension": extension, "number": number}
        return await operations.run("voicemail.profile.remove", asked, actor)

    @router.get("/lists", response_model=list[voicemail.ListShown])
    async def list_lists(actor: ByAdmin) -> Any:
        return await operations.run("voicemail.lists.list", None, actor)

    @router.put("/lists/{number}", response_model=voicemail.ListShown)
    async def set_list(number: int, given: voicemail.ListChanges, actor: ByAdmin) -> Any:
        asked = {**given.model_dump(exclude_unset=True), "number": number}
        return await operations.run("voicemail.lists.set", asked, actor)

    @router.delete("/lists/{number}", response_model=voicemail.ListShown)
    async def remove_list(number: int, actor: ByAdmin) -> Any:
        return await operations.run("voicemail.lists.remove", {"number": number}, actor)

    return router
