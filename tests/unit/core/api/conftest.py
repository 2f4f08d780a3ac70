"""Sign-ins in these tests take no longer than their work."""

import httpx
import pytest

from ringwall.core.api.app import create_app
from ringwall.core.identity import sign_in
from ringwall.core.operations import Operations
from support.accounts import PASSWORD, put_account


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch):
    monkeypatch.setattr(sign_in, "FLOOR_S", 0.0)


@pytest.fixture
def operations(core):
    """The operations behind the routes; tests add theirs."""
    return Operations(core.ledger)


@pytest.fixture
async def admin(core, operations):
    """An administrator who has signed in."""
    app = create_app(operations, core.store, await put_account(core))
    transport = httpx.ASGITransport(app=app)
    headers = {"X-Ringwall-Source": "203.0.113.7"}
    async with httpx.AsyncClient(transport=transport, base_url="https://test", headers=headers) as client:
        answer = await client.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client
