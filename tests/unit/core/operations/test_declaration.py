"""A declaration that contradicts itself is refused when it is made."""

import pytest
from pydantic import BaseModel, ValidationError

from ringwall.core.operations import Arguments, ListArguments, Listing, Operation, Topic


class Named(Arguments):
    thing: str
    colour: str = ""


class Thing(BaseModel):
    thing: str


GOOD = {
    "name": "thing.paint",
    "sentence": "Paint a thing.",
    "topic": Topic("Things", "What there is."),
    "verb": "POST",
    "path": "/api/things/{thing}/paint",
    "arguments": Named,
    "result": Thing,
    "example": {"thing": "t1"},
}


def test_arguments_stand_in_the_path_the_query_or_the_body():
    posted = Operation(**GOOD)
    assert (posted.in_path, posted.in_query, posted.in_body) == ({"thing"}, (), ("colour",))
    asked = Operation(**GOOD | {"verb": "GET"})
    assert (asked.in_query, asked.in_body) == (("colour",), ())


def test_the_command_is_its_name_unless_it_says_otherwise():
    assert Operation(**GOOD).words == ("thing", "paint")
    assert Operation(**GOOD | {"command": "colour thing"}).words == ("colour", "thing")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "Thing.Paint"}, "small letters"),
        ({"sentence": "Paint a thing"}, "full stop"),
        ({"path": "/things"}, "/api"),
        ({"path": "/api/things/{other}"}, "names an argument"),
        ({"verb": "GET", "changes": True}, "GET changes nothing"),
        ({"listing": Listing(order=("thing",), search=())}, "ListArguments"),
        ({"arguments": ListArguments, "path": "/api/things", "example": {}}, "ListArguments"),
    ],
)
def test_what_contradicts_itself_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Operation(**GOOD | wrong)


def test_an_example_that_would_be_refused_is_none():
    with pytest.raises(ValidationError):
        Operation(**GOOD | {"example": {}})
