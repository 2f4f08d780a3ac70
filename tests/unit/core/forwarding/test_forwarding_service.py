"""Forwarding is kept, checked by its owner's rights, and on record."""

import pytest

from ringwall.core.calls.model.settings import NO_FORWARDING, Forwarding
from ringwall.core.errors import OperationError
from ringwall.core.forwarding import operations as forwarding_operations
from ringwall.core.forwarding.service import ForwardingService
from ringwall.core.operations import Operations
from ringwall.core.rights import kinds
from support.core_data import ADMIN, open_rights
from support.events import Made


@pytest.fixture
async def rights(core):
    found = await open_rights(core)
    await found.add(ADMIN, kinds.CALL, "National", {"scope": "national"})
    await found.add(ADMIN, kinds.TELEPHONY, "Staff", {"forwarding_scope": "national"})
    await found.add(ADMIN, kinds.TRUNK_GROUP, "pstn", {"name": "PSTN", "site": "main"})
    group = {"name": "Staff", "call": "National", "telephony": "Staff", "trunk_groups": ["pstn"]}
    await found.add(ADMIN, kinds.GROUP, "staff", group)
    await core.directory.add_user(ADMIN, "201", "Anna", {"group": "staff"})
    await core.directory.add_user(ADMIN, "202", "Bert")
    return found


@pytest.fixture
async def run(core, rights):
    service = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    operations = Operations(core.ledger)
    forwarding_operations.register(operations, service, core.directory)

    async def run(name, /, **args):
        return await operations.run(name, args, ADMIN)

    run.service = service
    return run


async def test_what_is_set_counts_at_once_and_outlives_the_process(core, rights, run) -> None:
    await run("forwarding.set", extension="201", no_answer="914085550123", busy="202", seconds=15)
    wanted = Forwarding("", "202", "914085550123", 15)
    assert run.service.forwarding("201") == wanted
    again = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    assert again.forwarding("201") == wanted
    assert again.forwarding("202") == NO_FORWARDING
    assert [one["extension"] for one in await run("forwarding.list")] == ["201"]
    records = await core.ledger.tail(0, 1000, "admin.forwarding.changed")
    assert records[-1]["body"]["after"]["no_answer"] == "914085550123"
    assert records[-1]["body"]["before"]["busy"] == ""


async def test_what_is_left_out_stays_and_an_empty_text_takes_away(core, rights, run) -> None:
    await run("forwarding.set", extension="201", always="202", busy="202")
    told = await run("forwarding.set", extension="201", always="")
    assert told == {
        "extension": "201",
        "always": "",
        "busy": "202",
        "no_answer": "",
        "seconds": None,
        "find_me": [],
    }
    await run("forwarding.set", extension="201", busy="")
    assert await run("forwarding.list") == []
    again = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    assert again.forwarding("201") == NO_FORWARDING


@pytest.mark.req("C5")
@pytest.mark.parametrize(
    ("extension", "number", "code"),
    [
        ("202", "914085550123", "refused"),  # the least privileged group forwards nowhere outside
        ("201", "9011442079460123", "refused"),
        ("201", "911", "refused"),
        ("201", "5555", "refused"),
        ("201", "201", "invalid"),
        ("201", "x" * 10, "invalid"),
        ("299", "201", "not_found"),
    ],
)
async def test_a_destination_that_its_owner_may_not_forward_to_is_not_stored(
    core, run, extension, number, code
) -> None:
    with pytest.raises(OperationError) as refused:
        await run("forwarding.set", extension=extension, always=number)
    assert refused.value.code == code
    assert await run("forwarding.list") == []
    await core.ledger.record_durably(Made("system.test"))  # what was queued before is on the disk then
    assert await core.ledger.tail(0, 1000, "admin.refused")


async def test_the_forwarding_of_a_removed_user_goes_with_it(core, rights, run) -> None:
    await run("forwarding.set", extension="201", always="202")
    await core.directory.remove_user(ADMIN, "201")
    assert run.service.forwarding("201") == NO_FORWARDING
    again = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    await core.directory.add_user(ADMIN, "201", "Somebody else", {"group": "staff"})
    assert again.forwarding("201") == NO_FORWARDING


@pytest.mark.req("C5")
async def test_where_somebody_is_looked_for_is_checked_and_kept(core, rights, run) -> None:
    told = await run("forwarding.set", extension="201", find_me=["914085550123", "202"])
    assert told["find_me"] == ["914085550123", "202"]
    again = await ForwardingService.open(core.store, core.ledger, core.directory, rights)
    assert again.forwarding("201").find_me == ("914085550123", "202")
    for numbers, code in ((["9011442079460123"], "refused"), (["201"], "invalid"), (["202"] * 3, "invalid")):
        with pytest.raises(OperationError) as refused:
            await run("forwarding.set", extension="201", find_me=numbers)
        assert (refused.value.code, refused.value.field) == (code, "find_me"), numbers
    assert (await run("forwarding.set", extension="201", find_me=[]))["find_me"] == []
    assert await run("forwarding.list") == []
