"""``ringwall admin``: root on the host adds, changes and removes whoever administers the system."""

import json
import re

import pytest

from ringwall.core.identity import operations as identity_operations
from ringwall.core.identity.identity import Identity
from support.control import core_behind_socket

pytestmark = pytest.mark.req("I2", "I3")

CHOSEN = "quite another long secret"


async def _offer(operations, core):
    identity_operations.register(operations, await Identity.open(core.store, core.ledger))


@pytest.fixture
def running(data):
    with core_behind_socket(data, _offer):
        yield data


@pytest.fixture
def run(ringwall_on):
    return ringwall_on


def test_somebody_is_added_changed_and_removed(running, run):
    code, out, _ = run(running, "admin", "add", "eva", "--role", "auditor")
    assert code == 0
    assert re.search(r"as auditor\. The password is \w{24}\. It is not shown again\.", out)
    listed = json.loads(run(running, "admin", "list", "--json")[1])["administrators"]
    assert [(one["name"], one["role"]) for one in listed] == [
        ("admin", "administrator"),
        ("eva", "auditor"),
    ]
    assert "eva is operator" in run(running, "admin", "role", "eva", "operator")[1]
    assert run(running, "admin", "remove", "eva")[:2] == (0, "Removed eva.\n")
    assert "eva" not in run(running, "admin", "list")[1]


def test_a_lost_password_is_replaced_on_the_host_and_shown_once(running, run):
    made = json.loads(run(running, "admin", "password", "admin", "--json")[1])
    assert len(made["password"]) == 24
    assert made["password"] not in run(running, "admin", "list", "--json")[1]


def test_a_chosen_password_comes_from_standard_input_and_is_not_printed(running, run):
    code, out, _ = run(running, "admin", "password", "admin", "--ask-password", typed=f"{CHOSEN}\n")
    assert (code, CHOSEN in out, "shown" in out) == (0, False, False)
    code, out, err = run(
        running, "admin", "add", "eva", "--role", "operator", "--ask-password", typed="short\n"
    )
    assert (code, out) == (1, "")
    assert "15 to 256 characters" in err
    assert run(running, "admin", "password", "admin", CHOSEN)[0] == 2


def test_the_last_administrator_stays(running, run):
    for words in (("remove", "admin"), ("role", "admin", "auditor")):
        code, _, err = run(running, "admin", *words)
        assert (code, "last administrator" in err) == (1, True)


def test_a_role_that_there_is_not_is_told_with_those_that_there_are(running, run):
    code, _, err = run(running, "admin", "add", "eva", "--role", "emperor")
    assert (code, "'administrator', 'operator'" in err) == (1, True)
