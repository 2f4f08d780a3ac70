"""Sign-ins in these tests do the same work as real ones, only less of it."""

import argon2
import httpx
import pytest
from sqlalchemy import insert

from ringwall.core.api import accounts, passwords
from ringwall.core.api.app import create_app
from ringwall.core.operations import Operations
from ringwall.core.store import schema

PASSWORD = "correct horse battery staple"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    monkeypatch.setattr(passwords, "_HASHER", CHEAP)
    monkeypatch.setattr(passwords, "_decoy", [])
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
