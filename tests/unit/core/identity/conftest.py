"""An identity with one administrator, and answers that take no longer than their work."""

import pytest

from ringwall.core.identity import sign_in
from support.accounts import put_account
from support.events import Made


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch):
    monkeypatch.setattr(sign_in, "FLOOR_S", 0.0)


@pytest.fixture
async def identity(core):
    opened = await put_account(core)
    yield opened
    opened.close()


@pytest.fixture
def records(core):
    """What the ledger has of a kind."""

    async def told(kind):
        await core.ledger.record_durably(Made("system.test"))
        return [record["body"] for record in await core.ledger.tail(0, 1000, kind)]

    return told
