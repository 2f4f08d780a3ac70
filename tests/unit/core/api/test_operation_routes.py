"""From a declaration follow its route, its document and what both say of errors."""

import pytest
from pydantic import BaseModel

from ringwall.core.errors import OperationError
from ringwall.core.identity.permissions import Permission
from ringwall.core.operations import (
    Arguments,
    ListArguments,
    Listing,
    Operation,
    Operations,
    RawBody,
    TextAnswer,
    Topic,
)


class Thing(BaseModel):
    """A thing."""

    thing: str
    size: int = 0


class Wanted(ListArguments):
    """Which things."""

    size: int | None = None


class Changes(Arguments):
    """Which thing, and what is to change."""

    thing: str
    size: int | None = None
    hidden: bool = False


class Piece(Arguments):
    """A piece of a thing."""

    thing: str
    offset: int = 0
    data: str


TOPIC = Topic("Things", "What tests are about.")


def _declared(name, verb, path, **more):
    defaults = {"topic": TOPIC, "permission": Permission.SYSTEM_READ, "result": Thing}
    return Operation(name, f"Do {name}.", verb=verb, path=path, **{**defaults, **more})


LIST = _declared(
    "thing.list",
    "GET",
    "/api/things",
    arguments=Wanted,
    listing=Listing(order=("thing",), search=("thing",)),
)
SHOW = _declared(
    "thing.show",
    "GET",
    "/api/things/{thing}",
    arguments=Changes,
    errors=("not_found",),
    example={"thing": "a"},
)
EXPORT = _declared("thing.export", "GET", "/api/things/export", answer=TextAnswer("thing", "text/csv"))
SET = _declared(
    "thing.set",
    "PATCH",
    "/api/things/{thing}",
    arguments=Changes,
    changes=True,
    errors=("conflict",),
    example={"thing": "a", "size": 3},
)
UPLOAD = _declared(
    "thing.upload",
    "PUT",
    "/api/things/{thing}/data",
    arguments=Piece,
    body=RawBody("data"),
    changes=True,
    example={"thing": "a", "data": ""},
)
NOBODYS = _declared(
    "thing.burn", "DELETE", "/api/things/{thing}", arguments=Changes, permission=None, example={"thing": "a"}
)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def operations(core, asked):
    operations = Operations(core.ledger)

    async def handle(_actor, args):
        asked.append(args.model_dump(exclude_unset=True))
        if getattr(args, "thing", "") == "missing":
            raise OperationError("not_found", "There is no such thing.", "thing")
        return {"thing": "a,b", "size": 1}

    async def list_all(_actor, _args):
        return [{"thing": name, "size": size} for name, size in (("b", 2), ("a", 1), ("c", 2))]

    operations.offer(LIST, list_all)
    for operation in (SHOW, EXPORT, SET, UPLOAD, NOBODYS):
        operations.offer(operation, handle)
    return operations


async def test_arguments_come_from_the_path_the_query_and_the_body(admin, asked):
    await admin.get("/api/things/201", params={"size": "5", "hidden": "true"})
    await admin.patch("/api/things/x%2Fy", json={"size": 5})
    await admin.patch("/api/things/z", json={"size": None})
    await admin.put("/api/things/i/data", params={"offset": 7}, content=b"\x00\xff")
    assert asked[0] == {"thing": "201", "size": 5, "hidden": True}
    assert asked[1:] == [{"thing": "z", "size": None}, {"thing": "i", "offset": 7, "data": "AP8="}]


async def test_a_word_goes_before_what_takes_any_word_there(admin):
    file = await admin.get("/api/things/export")
    assert (file.headers["content-type"], file.text) == ("text/csv; charset=utf-8", "a,b")


async def test_a_list_is_linked_from_page_to_page(admin):
    page = await admin.get("/api/things", params={"limit": 1, "size": 2})
    assert page.json() == [{"thing": "b", "size": 2}]
    rest = await admin.get(page.links["next"]["url"])
    assert rest.json() == [{"thing": "c", "size": 2}]
    assert "link" not in rest.headers
    assert [one["thing"] for one in (await admin.get("/api/things", params={"q": "C"})).json()] == ["c"]


@pytest.mark.parametrize(
    ("verb", "path", "more", "field"),
    [
        ("GET", "/api/things?colour=red", {}, "colour"),
        ("GET", "/api/things?limit=1&limit=2", {}, "limit"),
        ("GET", "/api/things?limit=many", {}, "limit"),
        ("GET", "/api/things?limit=0", {}, "limit"),
        ("GET", "/api/things?cursor=nonsense", {}, "cursor"),
        ("GET", "/api/things/a?thing=b", {}, "thing"),
        ("PATCH", "/api/things/a?size=1", {"json": {}}, "size"),
        ("PATCH", "/api/things/a", {"json": {"thing": "b"}}, "thing"),
        ("PATCH", "/api/things/a", {"json": {"size": "5"}}, "size"),
        ("PATCH", "/api/things/a", {"json": [1]}, None),
        ("PATCH", "/api/things/a", {"content": b"{", "headers": {"content-type": "application/json"}}, None),
        (
            "PATCH",
            "/api/things/a",
            {"content": b"[" * 60_000, "headers": {"content-type": "application/json"}},
            None,
        ),
        ("PATCH", "/api/things/a", {"content": b"size=1"}, None),
    ],
)
async def test_what_is_not_known_or_wrong_is_refused(admin, asked, verb, path, more, field):
    answer = await admin.request(verb, path, **more)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert asked == []


async def test_who_may_not_is_told_so_before_what_else_is_wrong(admin, asked):
    answer = await admin.request("DELETE", "/api/things/a?nonsense=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "refused")
    assert asked == []


async def test_the_document_is_made_of_the_declarations(admin):
    told = (await admin.get("/api/openapi.json")).json()
    assert {"name": "Things", "description": "What tests are about."} in told["tags"]
    change = told["paths"]["/api/things/{thing}"]["patch"]
    assert (change["operationId"], change["summary"], change["tags"]) == (
        "thing.set",
        "Do thing.set",
        ["Things"],
    )
    assert "`system:read`" in change["description"]
    assert change["parameters"] == [
        {
            "name": "thing",
            "in": "path",
            "required": True,
            "example": "a",
            "schema": {"title": "Thing", "type": "string"},
        }
    ]
    assert change["requestBody"]["content"]["application/json"]["example"] == {"size": 3}
    assert set(change["responses"]) == {"200", "401", "403", "409", "413", "414", "422", "429", "503"}
    body = told["components"]["schemas"]["ChangesBody"]
    assert (set(body["properties"]), body["additionalProperties"]) == ({"size", "hidden"}, False)
    (limit,) = [one for one in told["paths"]["/api/things"]["get"]["parameters"] if one["name"] == "limit"]
    assert limit["schema"]["maximum"] == 10_000
    for status, response in told["components"]["responses"].items():
        if status in {"Error414", "Error429"}:
            continue  # the edge's own
        (told_of,) = response["content"].values()
        assert told_of["schema"] == {"$ref": "#/components/schemas/Error"}, status
