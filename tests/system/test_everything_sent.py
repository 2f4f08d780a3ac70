"""Whatever is sent to the operations on calls of a running system, the answer is as the document says."""

import ssl

import httpx
import pytest

from ringwall.core.api import models
from ringwall.core.api.document import document
from ringwall.core.catalogue import declared
from support.sending import MODES, operations_of, send_everything, takes_anything

EXAMPLES = 6
_WANTED = [one for one in declared() if one.name.startswith(("call.", "registration.", "status"))]
_BASE = {"openapi": "3.1.0", "info": {"title": "Ringwall", "version": "0"}, "paths": {}}
OPERATIONS = operations_of(document(_WANTED, _BASE, models.Error))


@pytest.fixture(scope="module")
def send(system):
    settings = system.settings
    context = ssl.create_default_context(cafile=str(system.layout.ca_certificate))
    base = f"https://{settings.address}:{settings.ports.https}"
    with httpx.Client(base_url=base, verify=context, timeout=30) as client:
        given = {"name": "admin", "password": system.told["password"]}
        client.headers["Authorization"] = f"Bearer {client.post('/api/tokens', json=given).json()['token']}"

        def sent(method, url, headers, body):
            return client.request(method, url.replace("https://test", base), headers=headers, content=body)

        yield sent


@pytest.mark.req("I2")
@pytest.mark.parametrize("mode", [MODES.POSITIVE, MODES.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_documented_and_none_is_the_servers_fault(send, name, mode):
    if mode is MODES.NEGATIVE and not takes_anything(OPERATIONS[name]):
        pytest.skip("it takes nothing that could be wrong")
    send_everything(OPERATIONS[name], mode, send, examples=EXAMPLES)
