"""The routes to outgoing mail."""

import pytest

from ringwall.core.mail import MailService
from ringwall.core.mail import operations as mail_operations
from ringwall.core.operations import Operations
from ringwall.infra.layout import Layout
from ringwall.infra.settings import Settings


@pytest.fixture
async def operations(core, tmp_path):
    operations = Operations(core.ledger)
    mail = {"host": "mail.example.com", "sender": "ringwall@example.com"}
    settings = Settings.checked({**Settings.for_address("192.0.2.10").model_dump(), "mail": mail}, "The test")
    layout = Layout(tmp_path)
    layout.core.mkdir()
    mail_operations.register(operations, await MailService.open(settings, layout, core.store, core.ledger))
    return operations


async def test_mail_over_http(core, admin):
    made = (await admin.post("/api/mail/test", json={"to": "anna@example.com"})).json()
    assert made["to"] == "anna@example.com"
    assert (await admin.get("/api/mail")).json()["waiting"] == 1
    assert [one["mail"] for one in (await admin.get("/api/mail/messages")).json()] == [made["mail"]]
    assert (await admin.post(f"/api/mail/messages/{made['mail']}/retry")).status_code == 200
    assert (await admin.delete(f"/api/mail/messages/{made['mail']}")).status_code == 200
    assert (await admin.delete(f"/api/mail/messages/{made['mail']}")).status_code == 404
    wrong = await admin.post("/api/mail/test", json={"to": "anna"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "to")
    assert (await admin.put("/api/mail/password", json={"password": "correct horse"})).status_code == 200
    assert "correct horse" not in str(await core.ledger.tail(0, 1000))


async def test_strangers_see_nothing_of_it(admin):
    del admin.headers["Authorization"]
    for path in ("/api/mail", "/api/mail/messages"):
        assert (await admin.get(path)).status_code == 401
    assert (await admin.put("/api/mail/password", json={"password": "x"})).status_code == 401
