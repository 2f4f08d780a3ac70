"""Reports read the ledger by time, whatever is in its records, and give the same sums in parts as in one."""

import pytest
from sqlalchemy import insert

from ringwall.core.errors import OperationError
from ringwall.core.operations import Operations
from ringwall.core.reports.model import line_of
from ringwall.core.reports.operations import moment, register
from ringwall.core.reports.reader import records
from ringwall.core.rights import kinds
from ringwall.core.store import schema
from support.core_data import ADMIN, open_rights


def _row(seq, minute, kind="call.ended", body='{"caller":"201","seconds":60}'):
    at = f"2026-11-23T10:{minute:02}:00.000000Z"
    return {"seq": seq, "at": at, "kind": kind, "body": body, "previous": b"", "hash": b""}


@pytest.fixture
async def ledger(core):
    """Records 5 to 24, one a minute, each second one a call; one that cannot be read."""
    rows = [_row(seq, seq, "call.ended" if seq % 2 else "system.test") for seq in range(5, 25)]
    rows[10] = _row(15, 15, body="{broken")
    await core.store.commit([(insert(schema.ledger), row) for row in rows])
    return core


def _read(core, **args):
    wanted = {"kinds": ("call.ended",), "begin": "", "end": "", **args}
    return core.store.read(lambda connection: [seq for seq, _, _ in records(connection, **wanted)])


@pytest.mark.req("A2")
async def test_records_are_found_by_time(ledger):
    everything = [5, 7, 9, 11, 13, 15, 17, 19, 21, 23]
    assert await _read(ledger) == everything
    ten = "2026-11-23T10:10:00.000000Z"
    for minute in range(60):
        at = f"2026-11-23T10:{minute:02}:00.000000Z"
        assert await _read(ledger, begin=at) == [seq for seq in everything if seq >= minute]
        assert await _read(ledger, end=at) == [seq for seq in everything if seq < minute]
        assert await _read(ledger, begin=ten, end=at) == [seq for seq in everything if 10 <= seq < minute]
    assert await _read(ledger, after=11) == [13, 15, 17, 19, 21, 23]


async def test_an_empty_ledger_has_an_empty_report(core):
    assert await _read(core, begin="2026-11-23T10:00:00.000000Z") == []


@pytest.mark.req("A2")
async def test_a_report_in_parts_is_the_whole_one(ledger):
    rights = await open_rights(ledger)
    await ledger.directory.add_user(ADMIN, "201", "Anna")
    await rights.add(ADMIN, kinds.CODE, "c1", {"name": "Client"}, "123456")
    operations = Operations(ledger.ledger)
    register(operations, ledger.store, rights, ledger.directory)
    whole = await operations.run("report.calls", {"detail": True}, ADMIN)
    assert (len(whole["rows"]), whole["after"]) == (10, None)
    columns = "seq at caller dialled canonical class code code_name group rule why trunk seconds"
    assert set(whole["rows"][0]) == set(columns.split())
    parts, after = [], 0
    while after is not None:
        part = await operations.run("report.calls", {"detail": True, "limit": 3, "after": after}, ADMIN)
        parts += part["rows"]
        after = part["after"]
    assert parts == whole["rows"]
    told = await operations.run("report.calls", {}, ADMIN)
    assert [(row["caller"], row["calls"], row["seconds"]) for row in told["rows"]] == [
        ("", 1, 0),
        ("201", 9, 540),
    ]
    assert told["rows"][1]["group"] == "least-privileged"


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"caller": {}, "seconds": "many", "subject": 3, "code": []}]
)
def test_a_record_of_any_form_becomes_a_line(body):
    line = line_of(1, "t", body, code_name=str, group_of=str)
    assert (line.caller, line.code, line.seconds) == ("", "", 0)


def test_times_are_told_as_in_records():
    assert moment("2026-11-23", "begin") == "2026-11-23T00:00:00.000000Z"
    assert moment("2026-11-23T10:00:00+02:00", "begin") == "2026-11-23T08:00:00.000000Z"
    assert moment("2026-11-23T10:00:00Z", "begin") == "2026-11-23T10:00:00.000000Z"
    assert moment(None, "begin") == moment(" ", "begin") == ""
    for text in ("soon", "2026-13-01", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(OperationError) as caught:
            moment(text, "end")
        assert (caught.value.code, caught.value.field) == ("invalid", "end")
