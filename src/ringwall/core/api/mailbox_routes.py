"""The routes for owners of mailboxes: messages, sound, settings; signed in with extension and PIN (V2).

A token of an administrator opens nothing here, and a token of an owner nothing else.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import Field

from ringwall.core.api import models
from ringwall.core.api.operation_routes import nothing_asked
from ringwall.core.directory import UserEntry
from ringwall.core.identity.errors import NotSignedInError
from ringwall.core.operations import SECRET, Arguments
from ringwall.core.pins.owners import Owners
from ringwall.core.voicemail import owner
from ringwall.core.voicemail import schema as voicemail
from ringwall.core.voicemail.house import House
from ringwall.core.voicemail.model import Folder

Secret = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=SECRET)]


class OwnerSignIn(Arguments):
    """Whose mailbox, and the PIN."""

    extension: Annotated[str, Field(min_length=1, max_length=32)]
    pin: Secret


class PinNew(OwnerSignIn):
    """The PIN as it was, and as it is to be."""

    new_pin: Secret


class Moved(Arguments):
    """Where a message is to be: `new` makes it unheard."""

    folder: Annotated[str, Field(pattern="^(new|saved|deleted)$")]


def mailbox_routes(owners: Owners, house: House) -> APIRouter:
    """Return the routes."""
    responses: dict[int | str, dict[str, Any]] = {
        code: {"model": models.Error} for code in (401, 403, 404, 409, 413, 422, 429, 503)
    }
    router = APIRouter(
        prefix="/api/mailbox",
        responses=responses,
        tags=["Own mailbox"],
        dependencies=[Depends(nothing_asked)],
    )
    bearer = HTTPBearer(
        auto_error=False, scheme_name="owner signed in", description="a token from POST /api/mailbox/tokens"
    )
    Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]  # noqa: N806  (a type)

    async def signed_in(shown: Bearer) -> UserEntry:
        if shown is None:
            raise NotSignedInError
        return owners.owner(shown.credentials)

    _add_signing_in(router, owners, bearer)
    _add_messages(router, house, signed_in)
    _add_choices(router, house, signed_in)
    return router


def _actor(user: UserEntry, request: Request) -> dict[str, str]:
    return {"kind": "user", "name": user.extension, "source": f"web:{request.state.source}"}


def _add_signing_in(router: APIRouter, owners: Owners, bearer: HTTPBearer) -> None:
    Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]  # noqa: N806  (a type)

    @router.post("/tokens", response_model=models.Token, status_code=201, name="mailbox_session_begin")
    async def sign_in(asked: OwnerSignIn, request: Request) -> Any:
        """Sign in with extension and PIN; the token opens the own mailbox alone."""
        token, session = await owners.sign_in(asked.extension, asked.pin, request.state.source)
        return {"token": token, "expires_at": voicemail.moment(session.expires_at)}

    @router.delete("/tokens/current", status_code=204, name="mailbox_session_end")
    async def sign_out(shown: Bearer) -> None:
        """Sign out: the token is worthless from now on."""
        if shown is None:
            raise NotSignedInError
        await owners.sign_out(shown.credentials)

    @router.put("/pin", status_code=204, name="mailbox_pin")
    async def change_pin(asked: PinNew, request: Request) -> None:
        """Change the own PIN, with the old one."""
        await owners.change_pin(asked.extension, asked.pin, asked.new_pin, request.state.source)


def _add_messages(router: APIRouter, house: House, signed_in: Any) -> None:
    ByOwner = Annotated[UserEntry, Depends(signed_in)]  # noqa: N806  (a type, made of an argument)

    @router.get("/messages", response_model=list[voicemail.MessageShown], name="mailbox_messages")
    async def list_messages(user: ByOwner) -> Any:
        """List the own messages, the newest first."""
        return await owner.messages(house, user)

    @router.get("/messages/{message}", response_model=voicemail.MessageShown, name="mailbox_message_show")
    async def show_message(message: str, user: ByOwner) -> Any:
        """Show what is known of a message."""
        return await owner.message(house, user, message)

    @router.get(
        "/messages/{message}/audio",
        response_class=StreamingResponse,
        responses={200: {"content": {"audio/wav": {}}}},
        name="mailbox_message_audio",
    )
    async def hear_message(message: str, user: ByOwner, request: Request) -> StreamingResponse:
        """Get the sound of a message, which is on record."""
        pieces = await owner.sound(house, user, message, _actor(user, request))
        headers = {"Content-Disposition": f'inline; filename="message-{message}.wav"'}
        return StreamingResponse(pieces, media_type="audio/wav", headers=headers)

    @router.patch("/messages/{message}", response_model=voicemail.MessageShown, name="mailbox_message_move")
    async def move_message(message: str, moved: Moved, user: ByOwner) -> Any:
        """Put a message into another folder."""
        return await owner.move(house, user, message, Folder(moved.folder))

    @router.delete("/messages/{message}", status_code=204, name="mailbox_message_remove")
    async def remove_message(message: str, user: ByOwner) -> None:
        """Remove a message for good."""
        await owner.remove(house, user, message)


def _add_choices(router: APIRouter, house: House, signed_in: Any) -> None:
    ByOwner = Annotated[UserEntry, Depends(signed_in)]  # noqa: N806  (as above)

    @router.get("", response_model=voicemail.MailboxShown, name="mailbox_show")
    async def show_mailbox(user: ByOwner) -> Any:
        """Show the own mailbox and its settings."""
        return owner.shown(house, owner.mailbox_of(house, user.extension))

    @router.patch("", response_model=voicemail.MailboxShown, name="mailbox_set")
    async def change_mailbox(changes: voicemail.SettingsChanges, user: ByOwner, request: Request) -> Any:
        """Change settings of the own mailbox; what is left out stays."""
        return await owner.change(house, user, changes, _actor(user, request))

    @router.put("/profiles/{number}", response_model=voicemail.MailboxShown, name="mailbox_profile_set")
    async def put_profile(number: int, given: voicemail.ProfileValue, user: ByOwner, request: Request) -> Any:
        """Say who is told of new messages, one after the other."""
        await house.preferences.put_profile(user, number, given.profile(), _actor(user, request))
        return owner.shown(house, user)

    @router.delete("/profiles/{number}", response_model=voicemail.MailboxShown, name="mailbox_profile_remove")
    async def remove_profile(number: int, user: ByOwner, request: Request) -> Any:
        """Remove a notification profile."""
        await house.preferences.put_profile(user, number, None, _actor(user, request))
        return owner.shown(house, user)

    @router.delete("/greetings/{greeting:path}", status_code=204, name="mailbox_greeting_remove")
    async def remove_greeting(greeting: str, user: ByOwner) -> None:
        """Remove a greeting; the one of the system counts again."""
        await owner.remove_greeting(house, user, greeting)

    @router.get("/lists", response_model=list[voicemail.ListShown], name="mailbox_lists")
    async def list_lists(user: ByOwner) -> Any:
        """List the own distribution lists."""
        return owner.listed(house, user)

    @router.put("/lists/{number}", response_model=voicemail.ListShown, name="mailbox_list_set")
    async def put_list(number: int, given: voicemail.ListChanges, user: ByOwner, request: Request) -> Any:
        """Make or change an own distribution list."""
        return await owner.put_list(house, user, number, given, _actor(user, request))

    @router.delete("/lists/{number}", status_code=204, name="mailbox_list_remove")
    async def remove_list(number: int, user: ByOwner, request: Request) -> None:
        """Remove an own distribution list."""
        await house.lists.remove(user, number, _actor(user, request))
