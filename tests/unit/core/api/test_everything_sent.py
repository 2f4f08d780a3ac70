"""Whatever is sent, the answer is documented, has the form that is documented, and is no fault of the server's.

What needs calls is sent to a running system (tests/system/test_everything_sent.py).
"""

import pytest

from ringwall.core.api.app import create_app
from ringwall.core.catalogue import declared
from ringwall.core.operations import Operations
from support.api import api_in
from support.sending import MODES, operations_of, send_everything, takes_anything

EXAMPLES = 8  # for each operation and each kind of data: two thousand requests in all
NEEDS_CALLS = ("call.conference", "call.feature", "call.whisper", "call.watch", "call.leave", "call.record")
_LEFT_OUT = (*NEEDS_CALLS, "call.stop", "status", "ledger.verify")


def _document():
    """Return the whole document; nothing behind its routes is needed for that."""
    operations = Operations(None)
    for one in declared():
        if not one.name.startswith(_LEFT_OUT):
            operations.offer(one, None)
    return create_app(operations, None, None, mailboxes=(None, None))._app.openapi()


OPERATIONS = operations_of(_document())


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with api_in(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.req("I2")
@pytest.mark.parametrize("mode", [MODES.POSITIVE, MODES.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_documented_and_none_is_the_servers_fault(api, name, mode):
    if mode is MODES.NEGATIVE and not takes_anything(OPERATIONS[name]):
        pytest.skip("it takes nothing that could be wrong")
    if name in {"session.end", "mailbox.session.end"}:
        pytest.skip("it would end the session of the others")
    send_everything(OPERATIONS[name], mode, api.send, examples=EXAMPLES)
