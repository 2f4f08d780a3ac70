"""The API's document at /api/openapi.json, and the page that shows it at /api/docs.

Kept here:
- Page, script and style are files of this package: nothing is fetched from anywhere else, and the edge tells
  browsers so (Content-Security-Policy).
- The page holds nothing of this system: the document itself is read by whoever signs in.
"""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
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
    async def openapi(request: Request, _actor: Annotated[Actor, Depends(signed_in)]) -> Any:
        return request.app.openapi()

    folder = files("ringwall.core.api") / "page"
    for path, (name, media_type) in _FILES.items():
        router.add_api_route(path, _given((folder / name).read_bytes(), media_type), response_model=None)
    return router


def _given(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def given() -> Response:
        return Response(content, media_type=media_type)

    return given
