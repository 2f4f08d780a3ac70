"""The commands for forwarding, against the control socket of a real core's data."""

import json
from functools import partial

import pytest

from ringwall.core.forwarding import operations as forwarding_operations
from ringwall.core.forwarding.service import ForwardingService
from support.control import core_behind_socket
from support.core_data import ADMIN, open_rights


async def _offer(operations, core):
    rights = await open_rights(core)
    for extension in ("201", "202"):
        await core.directory.add_user(ADMIN, extension, "Anna")
    service = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    forwarding_operations.register(operations, service, core.directory)


@pytest.fixture
def run(data, ringwall_on):
    with core_behind_socket(data, _offer):
        yield partial(ringwall_on, data)


@pytest.mark.req("C5")
def test_forwarding_is_set_shown_listed_and_cleared(run):
    assert run("forwarding", "list")[1] == "Nobody's calls are forwarded.\n"
    code, out, err = run("forwarding", "set", "201", "--no-answer", "202", "--seconds", "15")
    assert (code, err, "No answer  202" in out, "15 s" in out) == (0, "", True, True)
    assert run("forwarding", "set", "201", "--busy", "202")[0] == 0
    told = json.loads(run("forwarding", "show", "201", "--json")[1])
    assert told == {
        "extension": "201",
        "always": "",
        "busy": "202",
        "no_answer": "202",
        "seconds": 15,
        "find_me": [],
    }
    assert run("forwarding", "set", "201", "--busy", "none", "--seconds", "none")[0] == 0
    (line,) = run("forwarding", "list")[1].splitlines()[1:]
    assert line.split() == ["201", "-", "-", "202", "-", "-"]
    code, out, err = run("forwarding", "set", "202", "--find-me", "201")
    assert (code, err, "Find Me    201" in out) == (0, "", True)
    assert run("forwarding", "set", "202", "--find-me", "201,203,204")[0] == 1
    assert run("forwarding", "set", "202", "--find-me", "none")[0] == 0
    assert run("forwarding", "clear", "201")[0] == 0
    assert json.loads(run("forwarding", "list", "--json")[1]) == {"forwarding": []}


def test_what_is_refused_names_the_field(run):
    code, out, _ = run("forwarding", "set", "201", "--always", "9011442079460123", "--json")
    assert (code, json.loads(out)["error"]["field"]) == (1, "always")
    code, _, err = run("forwarding", "set", "201", "--seconds", "3")
    assert (code, "5 to 120" in err) == (1, True)
    assert run("forwarding", "set", "201", "--seconds", "soon")[0] == 2
    assert run("forwarding", "set", "201")[0] == 2
    assert run("forwarding", "show", "299")[0] == 1
