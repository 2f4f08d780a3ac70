"""Limits, ranges of numbers and inside objects are the administrator's, and count from the next call on (C5, N5)."""

import time

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.rights import kinds
from ringwall.policy import DEFAULT_LIMITS, Action, Context, NumberClass, UserSubject, may
from support.core_data import ADMIN, open_rights


def ask(rights, number, action=Action.DIAL):
    context = Context(time.time(), rights.use)
    return may(rights.snapshot, UserSubject("201"), action, number=number, context=context)


@pytest.mark.req("C5", "N5")
async def test_the_limits_that_ship_are_those_of_the_policy(office) -> None:
    assert office.snapshot.limits == DEFAULT_LIMITS
    (only,) = office.book.of(kinds.LIMITS)
    assert only == "organisation"
    with pytest.raises(OperationError, match="always has to be there"):
        await office.remove(ADMIN, kinds.LIMITS, "organisation")


@pytest.mark.req("C5", "N5")
async def test_a_changed_limit_counts_for_the_next_call_and_outlives_the_process(core, office) -> None:
    assert ask(office, "914085550123").allowed
    await office.change(ADMIN, kinds.LIMITS, "organisation", {"national_per_minute": 0, "user_spend": 7.5})
    denied = ask(office, "914085550123")
    assert (denied.allowed, denied.rule.id) == (False, "limit.calls-per-hour")
    assert ask(office, "918005550123").allowed  # another class of numbers
    again = (await open_rights(core)).snapshot.limits
    assert (again.rate(NumberClass.NATIONAL).per_minute, again.user_spend) == (0, 7.5)
    assert again.rate(NumberClass.LOCAL) == DEFAULT_LIMITS.rate(NumberClass.LOCAL)
    (record,) = await core.ledger.tail(0, 1000, "admin.limits.changed")
    assert record["body"]["before"] == {"limits": "organisation", "national_per_minute": 10, "user_spend": 50}
    assert record["body"]["after"] == {"limits": "organisation", "national_per_minute": 0, "user_spend": 7.5}


@pytest.mark.req("C5")
async def test_a_group_can_have_limits_of_its_own(office) -> None:
    await office.change(ADMIN, kinds.LIMITS, "organisation", {"user_concurrent": 0})
    assert ask(office, "914085550123").rule.id == "limit.user-calls"
    await office.add(ADMIN, kinds.LIMITS, "Sales", {"national_per_minute": 0})
    await office.change(ADMIN, kinds.GROUP, "staff", {"limits": "Sales"})
    assert ask(office, "914085550123").rule.id.startswith("limit.calls-per-")
    with pytest.raises(OperationError, match="the group staff"):
        await office.remove(ADMIN, kinds.LIMITS, "Sales")
    await office.change(ADMIN, kinds.GROUP, "staff", {"limits": None})
    assert ask(office, "914085550123").rule.id == "limit.user-calls"


@pytest.mark.req("C5")
async def test_a_range_closes_numbers_until_somebody_opens_them_by_name(core, office) -> None:
    assert ask(office, "914085550123").allowed
    await office.add(ADMIN, kinds.RANGE, "+14085550", {"kind": "premium", "name": "A dear one"})
    assert ask(office, "914085550123").rule.id in {"call.closed", "call.beyond-scope"}
    await office.change(ADMIN, kinds.CALL, "National", {"permissions": ["+14085550"]})
    await office.change(ADMIN, kinds.TRUNK_GROUP, "pstn", {"services": ["local", "premium"]})
    assert ask(office, "914085550123").allowed
    assert ask(await open_rights(core), "914085550123").number_class is NumberClass.PREMIUM


@pytest.mark.req("C5")
async def test_the_ranges_come_and_go_as_a_file(core, office, run) -> None:
    before = await run("range.export")
    assert before["lines"] == len(office.snapshot.directory.danger)
    text = before["csv"] + "+1408555x99,premium,Test\n"
    assert await run("range.import", csv=text) == {"added": 1, "changed": 0, "same": before["lines"]}
    assert "+1408555x99" in (await run("range.export"))["csv"]
    assert await run("range.import", csv=(await run("range.export"))["csv"]) == {
        "added": 0,
        "changed": 0,
        "same": before["lines"] + 1,
    }
    with pytest.raises(OperationError) as caught:
        await run("range.import", csv="range,kind\n+999,premium\n+41900,fine\n+44,satellite\n")
    assert [(one["line"], one["field"]) for one in caught.value.problems] == [(2, "range"), (3, "kind")]
    assert "+44" not in office.book.of(kinds.RANGE)


@pytest.mark.req("C5")
async def test_an_inside_object_and_a_user_cannot_share_an_extension(core, office) -> None:
    with pytest.raises(OperationError, match="that of a user"):
        await office.add(ADMIN, kinds.OBJECT, "201", {"kind": "hunt group"})
    await office.add(ADMIN, kinds.OBJECT, "600", {"kind": "paging group"})
    with pytest.raises(OperationError, match="that of a paging group"):
        await core.directory.add_user(ADMIN, "600", "Anna")
    await office.remove(ADMIN, kinds.OBJECT, "600")
    await core.directory.add_user(ADMIN, "600", "Anna")


@pytest.mark.req("C5")
async def test_an_inside_object_is_inside_and_goes_outside_only_with_a_group(office) -> None:
    assert ask(office, "600").rule.id != "inside"
    await office.add(ADMIN, kinds.OBJECT, "600", {"kind": "hunt group", "name": "Desk"})
    found = ask(office, "600")
    assert (found.allowed, found.canonical, found.number_class) == (True, "600", NumberClass.INSIDE)
    assert office.snapshot.objects["600"].group is None
    await office.change(ADMIN, kinds.OBJECT, "600", {"group": "staff"})
    assert office.snapshot.objects["600"].group == "staff"
    with pytest.raises(OperationError, match="the inside object 600"):
        await office.remove(ADMIN, kinds.GROUP, "staff")
