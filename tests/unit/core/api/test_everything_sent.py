"""Whatever is sent to any operation, the answer is documented, has the form that is documented, and is no 5xx."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from ringwall.core.api import models
from ringwall.core.api.document import document
from ringwall.core.catalogue import declared
from support.api import api_in

requests = pytest.importorskip("requests")
schemathesis = pytest.importorskip("schemathesis")
GenerationMode = schemathesis.generation.GenerationMode
_openapi = pytest.importorskip("schemathesis.specs.openapi.checks")

EXAMPLES = 8  # for each operation and each kind of data: two thousand requests in all
CHECKS = [
    schemathesis.checks.not_a_server_error,
    _openapi.status_code_conformance,
    _openapi.content_type_conformance,
    _openapi.response_schema_conformance,
    _openapi.negative_data_rejection,
]
_BASE = {"openapi": "3.1.0", "info": {"title": "Ringwall", "version": "0"}, "paths": {}}
_NOT_HERE = ("call.conference", "call.feature", "call.whisper", "call.watch", "call.leave", "call.record")
"""What needs calls is left to the system tests, and so is what takes a process for each request."""
OPERATIONS = {
    one.ok().definition.raw["operationId"]: one.ok()
    for one in schemathesis.openapi.from_dict(
        document(
            [
                one
                for one in declared()
                if not one.name.startswith((*_NOT_HERE, "call.stop", "status", "ledger.verify"))
            ],
            _BASE,
            models.Error,
        )
    ).get_all_operations()
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_in(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.req("I2")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_documented_and_none_is_the_servers_fault(api, name, mode):
    if mode is GenerationMode.NEGATIVE and not _takes_anything(OPERATIONS[name]):
        pytest.skip("it takes nothing that could be wrong")

    @given(case=OPERATIONS[name].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def send(case):
        wanted = requests.Request(**_kwargs(case)).prepare()
        body = wanted.body.encode() if isinstance(wanted.body, str) else wanted.body or b""
        kept = {key: value for key, value in wanted.headers.items() if key.lower() == "content-type"}
        answer = api.send(wanted.method, wanted.url, kept, body)
        # What is too large was not looked at: it is not known whether it was wrong besides.
        checks = [
            one for one in CHECKS if answer.status_code != 413 or one is not _openapi.negative_data_rejection
        ]
        case.validate_response(answer, checks=checks)

    send()


def _takes_anything(operation):
    return bool(operation.definition.raw.get("parameters") or operation.definition.raw.get("requestBody"))


def _kwargs(case):
    known = {"method", "url", "headers", "data", "json", "params"}
    told = case.as_transport_kwargs(base_url="https://test")
    return {name: value for name, value in told.items() if name in known}
