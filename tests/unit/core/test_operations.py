"""Operations check what they are asked, say clearly what is wrong, and record refused changes."""

import pytest
from pydantic import BaseModel, Field

from ringwall.core.errors import OperationError, StoreError
from ringwall.core.operations import Actor, Arguments, NoArguments, Operations
from support.core_data import ADMIN


class Add(Arguments):
    extension: str = Field(max_length=8)


class Added(BaseModel):
    number: int


class Recorder:
    def __init__(self):
        self.records = []
        self.error = None

    def record(self, kind, **fields):
        if self.error:
            raise self.error
        self.records.append((kind, fields))


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
                raise StoreError("The disk is full.")
            case "3":
                raise KeyError("secret detail")
        return Added(number=7)

    async def show(_actor: Actor, _args: NoArguments):
        return [Added(number=1), {"number": 2}]

    operations.add("user.add", Add, add, changes=True)
    operations.add("user.show", NoArguments, show)
    return operations


async def test_results_are_plain_values(operations):
    assert await operations.run("user.add", {"extension": "201"}, ADMIN) == {"number": 7}
    assert await operations.run("user.show", None, ADMIN) == [{"number": 1}, {"number": 2}]
    assert operations.names == ("user.add", "user.show")


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
        await operations.run("user.burn", {}, ADMIN)
    assert caught.value.code == "not_found"


@pytest.mark.parametrize(
    ("extension", "code", "words"),
    [
        ("1", "conflict", "Taken"),
        ("2", "unavailable", "disk is full"),
        ("3", "unavailable", "inside Ringwall"),
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
        await operations.run("user.add", {"extension": "1"}, Actor("api", "admin", "192.0.2.1"))
    with pytest.raises(OperationError):
        await operations.run("user.show", {"x": 1}, ADMIN)
    ((kind, fields),) = recorder.records
    assert kind == "admin.refused"
    assert fields["actor"] == {"kind": "api", "name": "admin", "source": "192.0.2.1"}
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
        operations.add("user.show", NoArguments, None)
