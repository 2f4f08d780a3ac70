"""The routes of declared operations: a request becomes arguments, a result an answer.

Rules that this module keeps:
- Nothing is decided here: a request is carried to its operation.
- Who asks is known and permitted before anything else of the request is looked at.
- Arguments are checked by the operation alone, so that every door accepts the same. In the path and in the
  query everything is text: it is read as what the argument is, and where it cannot be, the operation says so.
- What the operation does not know is refused: in the query, in the body, or said twice.
- The page of a list that follows is linked to (RFC 8288), and the link works for who follows it blindly.
"""

import base64
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Request, Response

from ringwall.core.errors import OperationError
from ringwall.core.operations import Actor, Operation, Operations, read_text

SignedIn = Callable[..., Any]


def operation_routes(operations: Operations, signed_in: SignedIn) -> APIRouter:
    """Return a route for each declared operation; `signed_in` is the dependency that gives the Actor."""
    router = APIRouter(include_in_schema=False)
    for operation in sorted(operations.declared, key=_closest_first):
        router.add_api_route(
            operation.path,
            _endpoint(operations, operation, signed_in),
            methods=[operation.verb],
            response_model=None,
            name=operation.name,
        )
    return router


def _closest_first(operation: Operation) -> list[tuple[bool, bool, str]]:
    """Order words before what takes any word there: /api/users/export before /api/users/{extension}."""
    return [(part.startswith("{"), part.endswith(":path}"), part) for part in operation.path.split("/")]


def _endpoint(operations: Operations, operation: Operation, signed_in: SignedIn) -> Callable[..., Any]:
    async def endpoint(request: Request, actor: Annotated[Actor, Depends(signed_in)]) -> Response:
        operations.check_permission(operation.name, actor)
        asked = await arguments_of(operation, request)
        answer = await operations.ask(operation.name, asked, actor)
        if operation.answer is not None:
            media_type = f"{operation.answer.media_type}; charset=utf-8"
            return Response(answer.result[operation.answer.field], operation.status, media_type=media_type)
        headers = {} if answer.cursor is None else {"Link": _link(request, answer.cursor)}
        content = orjson.dumps(answer.result)
        return Response(content, operation.status, headers, media_type="application/json")

    return endpoint


def _link(request: Request, cursor: str) -> str:
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'


async def arguments_of(operation: Operation, request: Request) -> dict[str, Any]:
    """Return what is asked, unchecked; raise OperationError where it cannot be told what that is."""
    asked = _query(operation, request)
    body = await request.body()
    if operation.body is not None:
        asked[operation.body.argument] = base64.b64encode(body).decode()
    elif body.strip():
        asked |= _json(operation, request, body)
    for name, text in request.path_params.items():
        asked[name] = read_text(operation.arguments, name, text)
    return asked


def _query(operation: Operation, request: Request) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in operation.in_query:
            raise OperationError("invalid", "This argument is not known.", name[:64])
        if name in asked:
            raise OperationError("invalid", f"{name}: is given twice.", name)
        asked[name] = read_text(operation.arguments, name, text)
    return asked


def nothing_asked(request: Request) -> None:
    """Refuse a query, for routes that take none: a dependency. Raises OperationError (invalid)."""
    for name in request.query_params:
        raise OperationError("invalid", "This argument is not known.", name[:64])


def _json(operation: Operation, request: Request, body: bytes) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise OperationError("invalid", "The body has to be JSON, with Content-Type: application/json.")
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise OperationError("invalid", "The body has to be JSON (RFC 8259).") from None
    if not isinstance(told, dict):
        raise OperationError("invalid", "The body has to be one JSON object.")
    unknown = next((name for name in told if name not in operation.in_body), None)
    if unknown is not None:
        raise OperationError("invalid", "This argument is not known.", unknown[:64])
    return told
