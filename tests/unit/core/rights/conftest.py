"""A core with its rights, and a small organisation in it."""

import pytest

from ringwall.core.rights import kinds
from support.core_data import ADMIN, open_rights


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
