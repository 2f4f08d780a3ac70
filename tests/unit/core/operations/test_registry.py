"""Operations check what they are asked, say clearly what is wrong, and record refused changes."""

import pytest
from pydantic import BaseModel, Field

from ringwall.core.errors import OperationError, StoreConflict, StoreError
from ringwall.core.identity.permissions import Permission, Role
from ringwall.core.operations import (
    Actor,
    Arguments,
    ListArguments,
    Listing,
    Operation,
    Operations,
    Topic,
)
from support.core_data import ADMIN
from support.events import told

OPERATOR = Actor("api", "olga", "192.0.2.1", Role.OPERATOR)


class Add(Arguments):
    extension: str = Field(max_length=8)


class Added(BaseModel):
    number: int


class Wanted(ListArguments):
    number: int | None = None


TOPIC = Topic("Things", "What tests are about.")
ADD = Operation(
    "user.add",
    "Add one.",
    topic=TOPIC,
    verb="POST",
    path="/api/things",
    permission=Permission.USERS_WRITE,
    arguments=Add,
    result=Added,
    changes=True,
    example={"extension": "201"},
)
LIST = Operation(
    "user.list",
    "List them.",
    topic=TOPIC,
    verb="GET",
    path="/api/things",
    permission=Permission.USERS_READ,
    arguments=Wanted,
    result=Added,
    listing=Listing(order=("number",), search=("number",)),
)
NOBODYS = Operation(
    "user.burn", "Burn it.", topic=TOPIC, verb="DELETE", path="/api/fire", result=Added, changes=True
)


class Recorder:
    def __init__(self):
        self.records = []
        self.error = None

    def record(self, event):
        if self.error:
            raise self.error
        self.records.append(told(event))


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def operations(recorder):
    operations = Operations(recorder)

    async def add(_actor: Actor, args: Add):
        match args.extension:
            case "1":
                raise OperationError("conflict", "Taken.", "extension")
            case "2":
                raise StoreError("The disk is full: /var/lib/ringwall/core/ringwall.db and (/tmp/x) say 1/2.")
            case "4":
                raise StoreConflict("What is named is not there.")
            case "3":
                raise KeyError("secret detail")
        return Added(number=7)

    async def list_all(_actor: Actor, _args: Wanted):
        return [{"number": 2, "inner": "not told"}, Added(number=1)]

    async def burn(_actor: Actor, _args):
        raise AssertionError("nobody may")

    operations.offer(ADD, add)
    operations.offer(LIST, list_all)
    operations.offer(NOBODYS, burn)
    return operations


async def test_results_are_plain_values_of_what_is_declared(operations):
    assert await operations.run("user.add", {"extension": "201"}, ADMIN) == {"number": 7}
    assert await operations.run("user.list", None, ADMIN) == [{"number": 1}, {"number": 2}]
    assert operations.declared == (ADD, NOBODYS, LIST)


async def test_a_list_is_told_in_pages(operations):
    first = await operations.ask("user.list", {"limit": 1}, ADMIN)
    second = await operations.ask("user.list", {"limit": 1, "cursor": first.cursor}, ADMIN)
    assert [*first.result, *second.result] == [{"number": 1}, {"number": 2}]
    assert second.cursor is None
    assert await operations.run("user.list", {"number": 2}, ADMIN) == [{"number": 2}]


@pytest.mark.parametrize(
    ("args", "message", "field"),
    [
        ({}, "The argument extension is missing.", "extension"),
        ({"extension": "1", "more": 1}, "This argument is not known.", "more"),
        ({"extension": 201}, "extension: Input should be a valid string", "extension"),
        ({"extension": "x" * 99}, "extension: String should have at most 8 characters", "extension"),
        ([1], "Input should be a valid dictionary or instance of Add", None),
    ],
)
async def test_wrong_arguments_are_named_and_not_repeated(operations, args, message, field):
    with pytest.raises(OperationError) as caught:
        await operations.run("user.add", args, ADMIN)
    assert caught.value.to_dict() == {"code": "invalid", "message": message, "field": field}


async def test_an_unknown_operation_is_not_found(operations):
    with pytest.raises(OperationError) as caught:
        await operations.run("user.melt", {}, ADMIN)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("extension", "code", "words"),
    [
        ("1", "conflict", "Taken"),
        ("2", "unavailable", "disk is full"),
        ("3", "unavailable", "inside Ringwall"),
        ("4", "conflict", "not there"),
    ],
)
async def test_every_failure_is_an_operation_error_without_inner_details(operations, extension, code, words):
    with pytest.raises(OperationError, match=words) as caught:
        await operations.run("user.add", {"extension": extension}, ADMIN)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.req("I2")
async def test_a_refused_change_is_recorded_and_a_refused_question_is_not(operations, recorder):
    with pytest.raises(OperationError):
        await operations.run("user.add", {"extension": "1"}, OPERATOR)
    with pytest.raises(OperationError):
        await operations.run("user.list", {"x": 1}, ADMIN)
    ((kind, fields),) = recorder.records
    assert kind == "admin.refused"
    assert fields["actor"] == {"kind": "api", "name": "olga", "source": "192.0.2.1"}
    assert (fields["operation"], fields["code"], fields["asked"]) == (
        "user.add",
        "conflict",
        {"extension": "1"},
    )


async def test_a_store_that_takes_nothing_hides_no_refusal(operations, recorder):
    recorder.error = StoreError("full")
    with pytest.raises(OperationError, match="Taken"):
        await operations.run("user.add", {"extension": "1"}, ADMIN)


def test_a_name_is_given_once(operations):
    with pytest.raises(ValueError, match="already"):
        operations.offer(ADD, None)


@pytest.mark.req("I2")
@pytest.mark.parametrize(
    ("role", "name"),
    [
        (None, "user.list"),
        (Role.AUDITOR, "user.add"),
        (Role.ADMINISTRATOR, "user.burn"),  # it is declared without a permission
    ],
)
async def test_who_may_not_is_refused_before_anything_is_looked_at_and_that_is_on_record(
    operations, recorder, role, name
):
    with pytest.raises(OperationError, match="You may not do this") as caught:
        await operations.run(
            name, {"nonsense": "a secret in the wrong place"}, Actor("api", "eve", "::1", role)
        )
    assert (caught.value.code, caught.value.field) == ("refused", None)
    ((kind, fields),) = recorder.records
    assert (kind, fields["operation"], fields["asked"]) == ("admin.refused", name, {})


async def test_whoever_is_root_on_this_host_is_not_asked(operations):
    with pytest.raises(OperationError, match="inside Ringwall"):
        await operations.run("user.burn", None, ADMIN)


async def test_whoever_is_not_on_this_host_is_not_told_where_files_lie(operations):
    with pytest.raises(OperationError, match=r"disk is full: ringwall\.db and \(x\) say 1/2\."):
        await operations.run("user.add", {"extension": "2"}, OPERATOR)
    with pytest.raises(OperationError, match="/var/lib/ringwall/core"):
        await operations.run("user.add", {"extension": "2"}, ADMIN)
