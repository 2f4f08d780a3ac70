"""A CSV file changes everything that it says or nothing, and every bad line is told."""

import pytest

from ringwall.core.errors import OperationError
from ringwall.core.rights import sheets

USERS = """extension,name,group,site,did,caller_id,no_pickup,locked
201,Anna Berg,staff,main,,,off,off
202,"Bert, Jr.",least-privileged,main,+1 408 555 0102,,yes,no
203,=Carl,,,,,,
"""


@pytest.mark.req("C1")
async def test_users_go_out_and_in_again_unchanged(core, office, run):
    assert await run("user.import", csv=USERS) == {"added": 2, "changed": 1, "same": 0}
    people = core.directory.snapshot.by_extension
    assert (people["201"].name, people["201"].group) == ("Anna Berg", "staff")
    assert (people["202"].name, people["202"].did, people["202"].no_pickup) == (
        "Bert, Jr.",
        "+14085550102",
        True,
    )
    assert (people["203"].name, people["203"].group) == ("=Carl", "least-privileged")
    told = await run("user.export")
    assert told["lines"] == 3
    assert "\n203,'=Carl," in told["csv"]
    records = len(await core.ledger.tail(0, 1000))
    assert await run("user.import", csv=told["csv"]) == {"added": 0, "changed": 0, "same": 3}
    assert core.directory.snapshot.by_extension == people
    assert len(await core.ledger.tail(0, 1000)) == records
    # Another separator, a mark of the encoding, and only what is to change.
    short = "\ufeffextension;group\r\n202;staff\r\n"
    assert await run("user.import", csv=short) == {"added": 0, "changed": 1, "same": 0}
    assert core.directory.snapshot.by_extension["202"].name == "Bert, Jr."


@pytest.mark.req("C1", "I2")
async def test_a_half_good_file_changes_nothing_and_every_bad_line_is_told(core, office, run):
    lines = [
        "extension,name,group,did,locked",
        "204,Good,staff,,off",
        "2,Too short,staff,,off",
        "205,No such group,nowhere,,off",
        "206,Bad number,staff,555,off",
        "207,Bad flag,staff,,perhaps",
        "208,,staff,,off",
        "209,Short line",
        "204,Twice,staff,,off",
        "210,A,staff,+14085550100,off",
        "211,B,staff,+14085550100,off",
    ]
    before = core.directory.snapshot
    with pytest.raises(OperationError) as caught:
        await run("user.import", csv="\n".join(lines))
    assert core.directory.snapshot is before
    told = caught.value.to_dict()
    assert [(one["line"], one["field"]) for one in told["problems"]] == [
        (3, "extension"),
        (4, "group"),
        (5, "did"),
        (6, "locked"),
        (7, "name"),
        (8, ""),
        (9, "extension"),
        (10, "did"),
        (11, "did"),
    ]
    assert "accepted are authorization-codes, least-privileged, staff" in told["problems"][1]["message"]
    assert told["message"].startswith("9 lines are wrong, so nothing was changed:\n  line 3, extension: ")
    added = [one for one in await core.ledger.tail(0, 1000) if one["body"].get("operation") == "user.import"]
    assert [one["kind"] for one in added] in ([], ["admin.refused"])


CODES = """authcode,name,owner,scope,wildcard,wildcard_may_exceed,locked,code
a,Client A,201,international,0,off,off,1234-5678
b,Client B,none,none,0,off,off,123456
any,Any six,,,6,off,off,
"""


@pytest.mark.req("A1", "A2")
async def test_codes_go_in_and_out_but_never_in_clear(core, office, run):
    assert await run("authcode.import", csv=CODES) == {"added": 3, "changed": 0, "same": 0}
    assert [office.find_code(one) for one in ("12345678", "123456")] == ["a", "b"]
    told = await run("authcode.export")
    assert "12345678" not in told["csv"]
    assert "123456" not in told["csv"]
    assert told["csv"].splitlines()[0] == CODES.splitlines()[0]
    assert await run("authcode.import", csv=told["csv"]) == {"added": 0, "changed": 0, "same": 3}
    assert office.find_code("123456") == "b"
    assert await run("authcode.import", csv="authcode,code\nb,99999\n") == {
        "added": 0,
        "changed": 1,
        "same": 0,
    }
    assert [office.find_code(one) for one in ("123456", "99999")] == [None, "b"]


@pytest.mark.req("A1")
async def test_bad_codes_are_told_by_line_without_their_digits(office, run):
    await run("authcode.import", csv=CODES)
    book = office.book
    lines = [
        "authcode,name,owner,scope,wildcard,code",
        "c,Taken,,,0,12345678",
        "d,Short,,,0,777",
        "e,Letters,,,0,88A8888",
        "f,No code,,,0,",
        "g,Both,,,4,66666",
        "h,First,,,0,5554433",
        "i,Same,,,0,555-4433",
        "j,No owner,299,,0,98765432",
        "k,Scope,,galaxy,0,98765433",
        "bad id,X,,,0,98765434",
        "l,X,,,many,98765435",
    ]
    with pytest.raises(OperationError) as caught:
        await run("authcode.import", csv="\n".join(lines))
    assert office.book is book
    assert [(one["line"], one["field"]) for one in caught.value.problems] == [
        (2, "code"),
        (3, "code"),
        (4, "code"),
        (5, "code"),
        (6, "code"),
        (8, "code"),
        (9, "owner"),
        (10, "scope"),
        (11, "authcode"),
        (12, "wildcard"),
    ]
    for digits in ("12345678", "777", "88A8888", "66666", "5554433", "98765432"):
        assert digits not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is missing in the heading"),
        ("name,group\nA,staff\n", "is missing in the heading"),
        ("extension,name,pin\n201,A,1\n", "is no column; accepted are extension, name, group"),
        ("extension,name,name\n201,A,B\n", "twice"),
        ('extension,name\n201,"A\n', "cannot be read as CSV"),
        ("extension,name\n201," + "x" * 600 + "\n", "at most 512"),
        ("extension,name\n201,A\x00B\n", ""),
    ],
)
async def test_what_is_no_such_file_is_refused(core, office, run, content, words):
    before = core.directory.snapshot
    with pytest.raises(OperationError) as caught:
        await run("user.import", csv=content)
    assert words in str(caught.value)
    assert core.directory.snapshot is before


async def test_a_file_has_a_bounded_number_of_lines(office, run, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_LINES", 3)
    content = "extension,name\n" + "".join(f"30{number},A\n" for number in range(4))
    with pytest.raises(OperationError, match="first 3 lines"):
        await run("user.import", csv=content)
    monkeypatch.setattr(sheets, "MOST_LINES", 4)
    monkeypatch.setattr(sheets, "MOST_USERS", 3)
    with pytest.raises(OperationError, match="3 are accepted at once"):
        await run("user.import", csv=content)


async def test_many_users_and_codes_are_taken_at_once(core, office, run):
    users = "extension,name,group\n" + "".join(f"{number},U,staff\n" for number in range(10000, 13000))
    assert (await run("user.import", csv=users))["added"] == 3000
    codes = "authcode,name,code\n" + "".join(f"k{number},K,{number}\n" for number in range(500000, 503000))
    assert (await run("authcode.import", csv=codes))["added"] == 3000
    assert office.find_code("501234") == "k501234"
    assert len(office.snapshot.users) == 3001
