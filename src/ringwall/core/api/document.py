"""The document of the API (OpenAPI 3.1), made from the declarations of operations.

What is not an operation (signing in, an owner's mailbox) is documented by FastAPI and put beside it.

Rules that this module keeps:
- Every status that can come is there, with the body that is really sent.
- Names are those of operations and models, never of Python modules.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ringwall.core.errors import Code
from ringwall.core.operations import Operation

STATUS: Final[Mapping[str, HTTPStatus]] = {
    "not_found": HTTPStatus.NOT_FOUND,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "conflict": HTTPStatus.CONFLICT,
    "refused": HTTPStatus.FORBIDDEN,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
SECURITY: Final = "signed in"

_SCHEMAS: Final = "#/components/schemas/{model}"
_EVERY: Final[tuple[Code, ...]] = ("refused", "invalid", "unavailable")
_ERRORS: Final[Mapping[str, tuple[str, Code, str]]] = {
    "401": ("Who asks has not signed in.", "refused", "Sign in: POST name and password to /api/tokens."),
    "403": ("It is refused.", "refused", "You may not do this: mail.test needs the permission mail:write."),
    "404": ("It is not there.", "not_found", "There is no user with this extension."),
    "409": ("Something else stands against it.", "conflict", "There is a group sales already."),
    "413": ("The request is too large.", "invalid", "A request has at most 65536 bytes."),
    "422": ("An argument is missing, unknown or wrong.", "invalid", "This argument is not known."),
    "503": ("It cannot be done now.", "unavailable", "The disk is full: make room there."),
}


_OF_THE_EDGE: Final = {
    "414": "The path and the query are longer than the edge lets in.",
    "429": "Too many requests come from this address: wait some seconds.",
}
"""What the edge answers by itself, without a body of this API."""


def document(operations: Sequence[Operation], base: dict[str, Any], error: type[BaseModel]) -> dict[str, Any]:
    """Return the whole document; `base` is that of all other routes, `error` the body of every error."""
    schemas, components = _schemas(operations, error)
    paths = base.setdefault("paths", {})
    for operation in sorted(operations, key=lambda one: one.path):
        path = operation.path.replace(":path}", "}")
        paths.setdefault(path, {})[operation.verb.lower()] = _operation(operation, schemas, components)
    known = base.setdefault("components", {})
    known["schemas"] = dict(sorted({**known.get("schemas", {}), **components}.items()))
    known["responses"] = {f"Error{status}": _error(*told) for status, told in _ERRORS.items()}
    known["responses"] |= {f"Error{status}": {"description": told} for status, told in _OF_THE_EDGE.items()}
    topics = {one["name"]: one["description"] for one in base.get("tags", ())}
    topics |= {one.topic.title: one.topic.sentence for one in operations}
    base["tags"] = [{"name": title, "description": told} for title, told in sorted(topics.items())]
    base["paths"] = dict(sorted(paths.items()))
    return base


Schemas = dict[tuple[type[BaseModel], JsonSchemaMode], dict[str, Any]]


def _schemas(operations: Iterable[Operation], error: type[BaseModel]) -> tuple[Schemas, dict[str, Any]]:
    """Return how each model is referred to, and all that can be referred to by name."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(error, "serialization")]
    for one in operations:
        wanted += [(one.arguments, "validation"), (one.result, "serialization")]
    schemas, told = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_SCHEMAS)
    return {key: dict(schemas[key]) for key in wanted}, dict(told.get("$defs", {}))


def _operation(operation: Operation, schemas: Schemas, components: dict[str, Any]) -> dict[str, Any]:
    arguments = _resolved(schemas[operation.arguments, "validation"], components)
    result = schemas[operation.result, "serialization"]
    told: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.topic.title],
        "summary": operation.sentence.rstrip("."),
        "description": _description(operation),
        "security": [{SECURITY: []}],
        "responses": {**_success(operation, result), **_errors(operation)},
    }
    parameters = [_parameter(operation, name, arguments, place="path") for name in _ordered(operation)]
    parameters += [_parameter(operation, name, arguments, place="query") for name in operation.in_query]
    if parameters:
        told["parameters"] = parameters
    body = _body(operation, arguments, schemas, components)
    return told | ({"requestBody": body} if body else {})


def _ordered(operation: Operation) -> list[str]:
    return [name for name in operation.arguments.model_fields if name in operation.in_path]


def _description(operation: Operation) -> str:
    sentences = [operation.sentence]
    about = (operation.arguments.__doc__ or "").strip()
    if about and operation.arguments.model_fields and not operation.listing:
        sentences.append(" ".join(about.split()))
    if operation.listing is not None:
        order, searched = (_named(names) for names in (operation.listing.order, operation.listing.search))
        sentences.append(f"In the order of {order}; `q` looks into {searched}.")
        sentences.append('A header `Link: <...>; rel="next"` leads to what follows.')
    needed = f"the permission `{operation.permission}`" if operation.permission else "what nobody has"
    sentences.append(f"Needs {needed}.")
    if operation.changes:
        sentences.append("What it changes is on record, and so is a refusal.")
    return " ".join(sentences)


def _named(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _success(operation: Operation, result: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"description": " ".join((operation.result.__doc__ or "Done.").split())}
    content: dict[str, Any]
    if operation.answer is not None:
        content = {operation.answer.media_type: {"schema": {"type": "string"}}}
    elif operation.listing is not None:
        content = {"application/json": {"schema": {"type": "array", "items": result}}}
        told["headers"] = {
            "Link": {
                "description": "the page that follows (RFC 8288); left out on the last one",
                "schema": {"type": "string"},
            }
        }
    else:
        content = {"application/json": {"schema": result}}
    return {str(int(operation.status)): told | {"content": content}}


def _errors(operation: Operation) -> dict[str, Any]:
    statuses = {401, 429, *(int(STATUS[code]) for code in (*_EVERY, *operation.errors))}
    if operation.changes:
        statuses.add(int(STATUS["conflict"]))
    if operation.in_body or operation.body is not None:
        statuses.add(413)
    if operation.in_query or operation.in_path:
        statuses.add(414)
    return {str(one): {"$ref": f"#/components/responses/Error{one}"} for one in sorted(statuses)}


def _error(about: str, code: Code, message: str) -> dict[str, Any]:
    example = {"error": {"code": code, "message": message, "field": None}}
    schema = {"$ref": _SCHEMAS.format(model="Error")}
    return {"description": about, "content": {"application/json": {"schema": schema, "example": example}}}


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = components[name] if name else schema
    return found


def _parameter(operation: Operation, name: str, arguments: dict[str, Any], *, place: str) -> dict[str, Any]:
    schema = dict(arguments["properties"][name])
    told: dict[str, Any] = {"name": name, "in": place, "required": place == "path"}
    told["required"] = told["required"] or name in arguments.get("required", ())
    if "description" in schema:
        told["description"] = schema.pop("description")
    if place == "query":
        schema = _without_null(schema)
    if name in operation.example:
        told["example"] = operation.example[name]
    return told | {"schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for a query, in which there is no null: what is none is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if schema.get("default", ...) is None:
        schema = {name: value for name, value in schema.items() if name != "default"}
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}


def _body(
    operation: Operation, arguments: dict[str, Any], schemas: Schemas, components: dict[str, Any]
) -> dict[str, Any] | None:
    if operation.body is not None:
        content = {operation.body.media_type: {"schema": {"type": "string", "format": "binary"}}}
        return {"required": True, "content": content}
    if not operation.in_body:
        return None
    schema = schemas[operation.arguments, "validation"]
    if operation.in_path:
        schema = _part(operation, arguments, components)
    example = {name: value for name, value in operation.example.items() if name in operation.in_body}
    media: dict[str, Any] = {"schema": schema} | ({"example": example} if example else {})
    required = bool(set(arguments.get("required", ())) & set(operation.in_body))
    return {"required": required, "content": {"application/json": media}}


def _part(operation: Operation, arguments: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments without those in the path, under a name of their own."""
    part = {
        name: value for name, value in arguments.items() if name not in {"required", "properties", "title"}
    }
    part["properties"] = {name: arguments["properties"][name] for name in operation.in_body}
    required = [name for name in arguments.get("required", ()) if name in operation.in_body]
    if required:
        part["required"] = required
    name = f"{operation.arguments.__name__}Body"
    components[name] = part
    return {"$ref": _SCHEMAS.format(model=name)}
