"""The HTTP API for administrators (T2), served only on connections that the core opened to the edge."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ringwall import __version__
from ringwall.core.api import models
from ringwall.core.api.docs_page import docs_page
from ringwall.core.api.document import SECURITY, STATUS, document
from ringwall.core.api.event_stream import EventStreams
from ringwall.core.api.firmware_files import firmware_files
from ringwall.core.api.mailbox_routes import mailbox_routes
from ringwall.core.api.operation_routes import nothing_asked, operation_routes
from ringwall.core.api.source import EVENTS, Entrance
from ringwall.core.errors import CoreError, OperationError, without_folders
from ringwall.core.feed import Feed
from ringwall.core.firmware.service import FirmwareService
from ringwall.core.identity.errors import NotSignedInError, TooManyTriesError
from ringwall.core.identity.identity import Identity
from ringwall.core.operations import Actor, Operations, Topic
from ringwall.core.pins.owners import Owners
from ringwall.core.status import SYSTEM
from ringwall.core.store import Store
from ringwall.core.voicemail.house import House

SIGN_IN = (
    "Sign in: POST name and password to /api/tokens, then send the token as `Authorization: Bearer TOKEN`."
)

OWNER_SIGN_IN = (
    "Sign in: POST extension and pin to /api/mailbox/tokens, then send the token as"
    " `Authorization: Bearer TOKEN`."
)

ABOUT = (
    "Whatever can be done at the command line can be done here, and the other way round. Lists are told in"
    " pages; what an operation does not know is refused; errors have one form. Times are UTC (RFC 3339)"
    " unless a field says otherwise."
)
SESSIONS = Topic("Sessions", "Signing in and out.")
OWN_MAILBOX = Topic(
    "Own mailbox", "What is in a mailbox, for its owner alone, who signs in with extension and PIN."
)


def create_app(
    operations: Operations,
    store: Store,
    identity: Identity,
    *,
    healthy: Callable[[], bool] | None = None,
    firmware: FirmwareService | None = None,
    mailboxes: tuple[Owners, House] | None = None,
    phones: ASGIApp | None = None,
    feed: Feed | None = None,
) -> ASGIApp:
    """Return the application. `healthy` says whether everything works; strangers are told the answer.

    Phones get what `firmware` has published, owners what is in their `mailboxes`; `phones` answers what
    phones ask below /phone. What happens is told from `feed` at /api/events.
    """
    bearer = HTTPBearer(auto_error=False, scheme_name=SECURITY, description="a token from POST /api/tokens")
    Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]  # noqa: N806  (a type)

    async def signed_in(request: Request, shown: Bearer) -> Actor:
        if shown is None:
            raise NotSignedInError
        identity.sign_in.session(shown.credentials)  # a stranger's body is not waited for
        await request.body()
        # Whoever sends it slowly may have lost account or role in the meantime.
        return identity.sign_in.actor(shown.credentials, request.state.source)

    app = FastAPI(
        title="Ringwall",
        version=__version__,
        description=ABOUT,
        openapi_tags=[
            {"name": one.title, "description": one.sentence} for one in (SYSTEM, SESSIONS, OWN_MAILBOX)
        ],
        generate_unique_id_function=lambda route: route.name.replace("_", "."),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )

    @app.get(
        "/api/health",
        name="health",
        response_model=models.Health,
        tags=[SYSTEM.title],
        dependencies=[Depends(nothing_asked)],
        responses={422: {"model": models.Error}},
    )
    async def health() -> Any:
        """Say whether everything works; nothing else is told to strangers."""
        good = store.failing is None and (healthy is None or healthy())
        return {"status": "ok" if good else "degraded", "version": __version__}

    errors: dict[int | str, dict[str, Any]] = {
        code: {"model": models.Error} for code in (401, 413, 422, 429, 503)
    }

    @app.post(
        "/api/tokens",
        name="session_begin",
        response_model=models.Token,
        status_code=201,
        tags=[SESSIONS.title],
        dependencies=[Depends(nothing_asked)],
        responses=errors,
    )
    async def sign_in(asked: models.SignIn, request: Request) -> Any:
        """Sign in with name and password; the token goes with every other request."""
        token, session = await identity.sign_in.sign_in(asked.name, asked.password, request.state.source)
        until = datetime.fromtimestamp(session.expires_at, UTC).isoformat(timespec="seconds")
        return {"token": token, "expires_at": until.replace("+00:00", "Z")}

    @app.delete(
        "/api/tokens/current",
        name="session_end",
        status_code=204,
        tags=[SESSIONS.title],
        dependencies=[Depends(nothing_asked)],
        responses={code: errors[code] for code in (401, 422, 503)},
    )
    async def sign_out(request: Request, shown: Bearer) -> None:
        """Sign out: the token is worthless from now on."""
        if shown is None:
            raise NotSignedInError
        await identity.sign_in.sign_out(shown.credentials, request.state.source)

    app.include_router(operation_routes(operations, signed_in))
    app.include_router(docs_page(signed_in))
    if firmware is not None:
        app.include_router(firmware_files(firmware))
    if mailboxes is not None:
        app.include_router(mailbox_routes(*mailboxes))
    if feed is not None:
        app.add_api_websocket_route(EVENTS, EventStreams(feed, identity.sign_in.actor).serve)
    if phones is not None:
        app.mount("/phone", phones)
    _add_errors(app)
    _add_document(app, operations)
    return Entrance(app)


def _add_document(app: FastAPI, operations: Operations) -> None:
    """Have the document made of the declared operations and of FastAPI's routes."""
    rest = app.openapi

    @cache
    def whole() -> dict[str, Any]:
        return document(operations.declared, rest(), models.Error)

    app.openapi = whole  # type: ignore[method-assign]


def _add_errors(app: FastAPI) -> None:
    """Have every error answered in one form, without repeating what was sent."""

    @app.exception_handler(OperationError)
    async def not_done(_request: Request, error: OperationError) -> JSONResponse:
        return JSONResponse({"error": error.to_dict()}, status_code=STATUS[error.code])

    @app.exception_handler(CoreError)
    async def not_possible(_request: Request, error: CoreError) -> JSONResponse:
        return _answer(503, "unavailable", without_folders(str(error)))

    @app.exception_handler(NotSignedInError)
    async def not_signed_in(request: Request, _error: NotSignedInError) -> JSONResponse:
        path, method = request.url.path, request.method
        text = SIGN_IN
        if path.startswith("/api/mailbox"):
            proving = method in {"POST", "PUT"} and path in {"/api/mailbox/tokens", "/api/mailbox/pin"}
            text = "The extension or the PIN is wrong." if proving else OWNER_SIGN_IN
        elif path == "/api/tokens" and method == "POST":
            text = "The name or the password is wrong."
        return _answer(401, "refused", text, headers={"WWW-Authenticate": "Bearer"})

    @app.exception_handler(TooManyTriesError)
    async def too_many(_request: Request, error: TooManyTriesError) -> JSONResponse:
        seconds = ceil(error.wait)
        text = f"There were too many tries: wait {seconds} seconds."
        return _answer(429, "refused", text, headers={"Retry-After": str(seconds)})

    @app.exception_handler(RequestValidationError)
    async def wrong(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])[:64] or None
        return _answer(422, "invalid", f"{field}: {first['msg']}" if field else str(first["msg"]), field)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 400:
            return _answer(422, "invalid", "The body has to be JSON (RFC 8259).")
        code = "not_found" if error.status_code == 404 else "invalid"
        return _answer(error.status_code, code, f"{error.detail}.", headers=error.headers)


def _answer(
    status: int, code: str, message: str, field: str | None = None, headers: Any = None
) -> JSONResponse:
    content = {"error": {"code": code, "message": message, "field": field}}
    return JSONResponse(content, status_code=status, headers=headers)
