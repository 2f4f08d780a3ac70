"""The document of the API: whole, named, described; and the page that shows it, which takes nothing from elsewhere."""

import re

import httpx
import pytest

from ringwall.core.catalogue import declared
from support.api import api_in


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_in(tmp_path_factory.mktemp("api")) as opened:
        yield opened


def _operations(document):
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb.upper()} {path}", operation


def test_everything_is_named_described_and_has_the_error_that_is_really_sent(api):
    topics = {one["name"] for one in api.document["tags"]}
    names = set()
    for where, operation in _operations(api.document):
        assert operation["summary"], where
        assert len(operation["description"]) > 20, where
        assert set(operation["tags"]) <= topics, where
        assert re.fullmatch(r"[a-z][a-z.-]*", operation["operationId"]), where
        names.add(operation["operationId"])
        for status, told in operation["responses"].items():
            if status >= "400":
                found = told
                if "$ref" in told:
                    found = api.document["components"]["responses"][told["$ref"].rpartition("/")[2]]
                if told.get("$ref", "").endswith(("Error414", "Error429")):
                    continue  # the edge's own
                assert found["content"]["application/json"]["schema"] == {
                    "$ref": "#/components/schemas/Error"
                }
    assert "mail.test" in names
    assert len(names) == sum(1 for _ in _operations(api.document))


def test_names_of_schemas_are_no_paths_of_modules_and_all_references_lead_somewhere(api):
    schemas = api.document["components"]["schemas"]
    assert [name for name in schemas if not re.fullmatch(r"[A-Za-z]+(-Input|-Output)?", name)] == []
    assert "HTTPValidationError" not in schemas
    found = set(re.findall(r"#/components/schemas/([^'\"]+)", str(api.document)))
    assert found <= set(schemas)


def test_who_reads_it_is_told_how_to_sign_in(api):
    schemes = api.document["components"]["securitySchemes"]
    assert schemes["signed in"]["description"] == "a token from POST /api/tokens"
    for where, operation in _operations(api.document):
        if operation["operationId"] in {one.name for one in declared()}:
            assert operation["security"] == [{"signed in": []}], where


def test_the_page_is_whole_and_takes_nothing_from_elsewhere(api):
    # Strangers may have the page: there is nothing of this system in it.
    api_client = httpx.Headers({"Authorization": ""})
    files = {}
    for path in ("/api/docs", "/api/docs/page.js", "/api/docs/page.css"):
        answer = api.send("GET", path, dict(api_client), b"")
        assert answer.status_code == 200
        files[path] = answer
    kinds = [one.headers["content-type"].partition(";")[0] for one in files.values()]
    assert kinds == ["text/html", "text/javascript", "text/css"]
    text = "".join(one.text for one in files.values())
    assert re.findall(r"https?:|//[a-z]+\.|url\(|@import|<style|style=|onclick|innerHTML", text) == []
    asked = set(re.findall(r'(?:href|src)="(/[^"]*)"', files["/api/docs"].text))
    assert asked == {"/api/docs/page.css", "/api/docs/page.js"}
    assert api.send("GET", "/api/openapi.json", dict(api_client), b"").status_code == 401
