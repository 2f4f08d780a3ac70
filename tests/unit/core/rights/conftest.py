"""A core with its rights, and a small organisation in it."""

import pytest

from ringwall.core.directory import operations as directory_operations
from ringwall.core.directory.operations import PhoneSettings
from ringwall.core.operations import Operations
from ringwall.core.rights import kinds
from ringwall.core.rights import operations as rights_operations
from support.core_data import ADMIN, REALM, open_rights


@pytest.fixture
async def rights(core):
    return await open_rights(core)


@pytest.fixture
async def office(core, rights):
    """A staff group that may call the country over one trunk group, and Anna (201) in it."""
    await rights.add(ADMIN, kinds.CALL, "National", {"scope": "national", "restrictions": ["+1900"]})
    await rights.add(ADMIN, kinds.TELEPHONY, "Staff", {})
    await rights.add(ADMIN, kinds.TRUNK_GROUP, "pstn", {"name": "PSTN", "site": "main"})
    group = {"name": "Staff", "call": "National", "telephony": "Staff", "trunk_groups": ["pstn"]}
    await rights.add(ADMIN, kinds.GROUP, "staff", group)
    await core.directory.add_user(ADMIN, "201", "Anna", {"group": "staff"})
    return rights


@pytest.fixture
def ask(core, rights):
    """Ask an operation by name, as the administrator of this host."""
    operations = Operations(core.ledger)
    directory_operations.register(operations, core.directory, PhoneSettings("192.0.2.10", 5061, REALM, "ca"))
    rights_operations.register(operations, rights, core.directory)

    async def ask(name, /, **args):
        return await operations.ask(name, args, ADMIN)

    return ask


@pytest.fixture
def run(ask):
    """Return the result alone."""

    async def run(name, /, **args):
        return (await ask(name, **args)).result

    return run
