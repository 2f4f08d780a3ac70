"""Sign-ins in these tests take no longer than their work."""

import httpx
import pytest
from sqlalchemy import insert

from ringwall.core.api import accounts, passwords
from ringwall.core.api.app import create_app
from ringwall.core.operations import Operations
from ringwall.core.store import schema

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def answers_at_once(monkeypatch):
    monkeypatch.setattr(accounts, "FLOOR_S", 0.0)


@pytest.fixture
def operations(core):
    """The operations behind the routes; tests add theirs."""
    return Operations(core.ledger)


@pytest.fixture
async def admin(core, operations):
    """An administrator who has signed in."""
    row = {"name": "admin", "password_hash": passwords.hash_password(PASSWORD), "created_at": 1.0}
    await core.store.commit([(insert(schema.administrators), row)])
    transport = httpx.ASGITransport(app=create_app(operations, core.store, core.ledger))
    headers = {"X-Ringwall-Source": "203.0.113.7"}
    async with httpx.AsyncClient(transport=transport, base_url="https://test", headers=headers) as client:
        answer = await client.post("/api/tokens", json={"name": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        yield client
