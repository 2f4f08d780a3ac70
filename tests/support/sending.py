"""Sends whatever fits a document, and what does not, and holds the answers against the document."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

requests = pytest.importorskip("requests")
schemathesis = pytest.importorskip("schemathesis")
_openapi = pytest.importorskip("schemathesis.specs.openapi.checks")

MODES = schemathesis.generation.GenerationMode
CHECKS = (
    schemathesis.checks.not_a_server_error,
    _openapi.status_code_conformance,
    _openapi.content_type_conformance,
    _openapi.response_schema_conformance,
    _openapi.negative_data_rejection,
)
Send = Callable[[str, str, dict[str, str], bytes], Any]


def operations_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the document has, by the name of each operation; who sends is signed in whatever is sent."""
    document = deepcopy(document)
    document.get("components", {}).pop("securitySchemes", None)
    for verbs in document["paths"].values():
        for operation in verbs.values():
            operation.pop("security", None)
    every = schemathesis.openapi.from_dict(document).get_all_operations()
    return {one.ok().definition.raw["operationId"]: one.ok() for one in every}


def takes_anything(operation: Any) -> bool:
    """Whether there is anything in a request that could be wrong."""
    return bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))


def send_everything(operation: Any, mode: Any, send: Send, *, examples: int) -> None:
    """Send good or bad requests; each answer is documented, has its form, and is no 5xx; what is bad is refused.

    `send(method, url, headers, body)` returns the answer.
    """

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        known = {"method", "url", "headers", "data", "json", "params"}
        told = case.as_transport_kwargs(base_url="https://test")
        wanted = requests.Request(**{name: value for name, value in told.items() if name in known}).prepare()
        body = wanted.body.encode() if isinstance(wanted.body, str) else wanted.body or b""
        headers = {name: value for name, value in wanted.headers.items() if name.lower() == "content-type"}
        answer = send(wanted.method, wanted.url, headers, body)
        # What is too large was not looked at: it is not known whether it was wrong besides.
        unknown = answer.status_code in {413, 414}
        checks = [one for one in CHECKS if not unknown or one is not _openapi.negative_data_rejection]
        case.validate_response(answer, checks=checks)

    try:
        run()
    except Unsatisfiable:
        # A text in a path that may be any text cannot be wrong.
        assert mode is MODES.NEGATIVE
