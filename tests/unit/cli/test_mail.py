"""The commands for outgoing mail, against the control socket of a real core's data."""

import json
from functools import partial

import pytest

from ringwall.core.mail import MailService
from ringwall.core.mail import operations as mail_operations
from ringwall.infra.settings import Settings
from support.control import core_behind_socket


@pytest.fixture
def mail():
    return {"host": "mail.example.com", "sender": "ringwall@example.com", "username": "ringwall"}


@pytest.fixture
def run(data, mail, ringwall_on):
    values = {**Settings.for_address("192.0.2.10").model_dump(), "mail": mail}

    async def offer(operations, core):
        settings = Settings.checked(values, "The test")
        mail_operations.register(operations, await MailService.open(settings, data, core.store, core.ledger))

    with core_behind_socket(data, offer):
        yield partial(ringwall_on, data)


def test_mail_is_queued_looked_at_tried_again_and_removed(run):
    assert "mail.example.com:587 (starttls)" in run("mail", "show")[1]
    assert run("mail", "list")[1] == "No mail waits.\n"
    code, out, _ = run("mail", "test", "anna@example.com", "--json")
    made = json.loads(out)
    assert (code, made["state"], made["to"], made["about"]) == (0, "waiting", "anna@example.com", "test")
    (line,) = [line for line in run("mail", "list")[1].splitlines() if made["mail"] in line]
    assert "anna@example.com" in line
    assert json.loads(run("mail", "show", "--json")[1])["waiting"] == 1
    assert run("mail", "retry", made["mail"])[0] == 0
    assert run("mail", "remove", made["mail"])[0] == 0
    code, _, err = run("mail", "retry", made["mail"])
    assert (code, err) == (1, "ringwall: There is no such message in the queue.\n")
    code, _, err = run("mail", "test", "anna")
    assert (code, "mail address" in err) == (1, True)


def test_the_password_comes_from_standard_input_and_is_shown_nowhere(run, data):
    code, out, err = run("mail", "password", typed="correct horse\n")
    assert (code, err) == (0, "")
    assert data.mail_password.read_text() == "correct horse"
    assert data.mail_password.stat().st_mode & 0o777 == 0o600
    assert "correct horse" not in out + run("mail", "show", "--json")[1]


@pytest.mark.parametrize("mail", [{}])
def test_without_a_server_one_sentence_says_what_to_do(run):
    assert "ringwall.toml below [mail]" in run("mail", "show")[1]
    code, _, err = run("mail", "test", "anna@example.com")
    assert (code, "ringwall.toml below [mail]" in err) == (1, True)
