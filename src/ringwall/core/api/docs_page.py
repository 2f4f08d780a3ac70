"""The API's document at /api/openapi.json, and the page that shows it at /api/docs.

Kept here:
- Page, script and style are files of this package: nothing is fetched from anywhere else, and the edge tells
  browsers so (Content-Security-Policy).
- The page holds nothing of this system: the document itself is read by whoever signs in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response

from ringwall.core.operations import Actor

_FILES: Final = {
    "/api/docs": ("index.html", "text/html"),
    "/api/docs/page.css": ("page.css", "text/css"),
    "/api/docs/page.js": ("page.js", "text/javascript"),
}


def docs_page(signed_in: Callable[..., Any]) -> APIRouter:
    """Return the routes; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(include_in_schema=False)

    @router.get("/api/openapi.json")
    async def openapi(request: Request, _actor: Annotated[Actor, Depends(signed_in)]) -> Response:
        # To make it takes longer than calls may wait.
        loop = asyncio.get_running_loop()
        content = await loop.run_in_executor(None, _document, request.app)
        return Response(content, media_type="application/json")

    folder = files("ringwall.core.api") / "page"
    for path, (name, media_type) in _FILES.items():
        router.add_api_route(path, _given((folder / name).read_bytes(), media_type), response_model=None)
    return router


def _document(app: FastAPI) -> bytes:
    return orjson.dumps(app.openapi())


def _given(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def given() -> Response:
        return Response(content, media_type=media_type)

    return given
