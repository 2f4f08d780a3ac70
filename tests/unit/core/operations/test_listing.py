"""Lists are told in pages: nothing is hidden and nothing is shown twice, whatever comes and goes in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ringwall.core.errors import OperationError
from ringwall.core.operations import ListArguments, Listing


class Wanted(ListArguments):
    group: str | None = None


LISTING = Listing(order=("extension",), search=("extension", "name"))
PEOPLE = [
    {"extension": "202", "name": "Bert", "group": "sales"},
    {"extension": "201", "name": "Änne", "group": None},
    {"extension": "203", "name": None, "group": "sales"},
]


def _extensions(**asked):
    page, _cursor = LISTING.page(PEOPLE, Wanted(**asked))
    return [item["extension"] for item in page]


def test_the_order_is_that_of_the_declaration():
    assert _extensions() == ["201", "202", "203"]


def test_filters_keep_what_has_the_value_and_words_what_has_them_in_any_case():
    assert _extensions(group="sales") == ["202", "203"]
    assert _extensions(group="none") == []
    assert _extensions(q="äNN") == ["201"]
    assert _extensions(q="20", group="sales", limit=1) == ["202"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.text(max_size=3)), unique=True, max_size=30),
    st.lists(st.tuples(st.integers(0, 9), st.text(max_size=3)), unique=True, max_size=5),
    st.integers(1, 7),
)
def test_pages_joined_are_the_list_whatever_comes_and_goes_in_between(there, going, limit):
    listing = Listing(order=("number", "word"), search=())
    items = [{"number": number, "word": word} for number, word in there]
    told, cursor = listing.page(items, ListArguments(limit=limit))
    while cursor is not None:
        items = [item for item in items if (item["number"], item["word"]) not in going]
        page, cursor = listing.page(items, ListArguments(limit=limit, cursor=cursor))
        told += page
    names = [(item["number"], item["word"]) for item in told]
    assert names == sorted(set(names))
    assert set(there) - set(going) <= set(names) <= set(there)


@given(st.text(max_size=40) | st.binary(max_size=30).map(lambda raw: raw.hex()))
def test_a_cursor_that_was_not_made_here_is_refused_or_harmless(cursor):
    try:
        page, _ = LISTING.page(PEOPLE, ListArguments(cursor=cursor))
    except OperationError as error:
        told = (error.code, error.field)
    else:
        told = ("invalid", "cursor") if len(page) <= len(PEOPLE) else page
    assert told == ("invalid", "cursor")


@pytest.mark.parametrize("told", ["WzFd", "W10", "WyIxIiwyXQ", "e30", "bnVsbA", "W251bGxd"])
def test_a_cursor_of_another_list_is_refused(told):
    with pytest.raises(OperationError, match="begin without one"):
        LISTING.page(PEOPLE, ListArguments(cursor=told))


def test_only_what_is_on_the_page_is_made_what_is_told():
    made = []

    class Told(BaseModel):
        name: str

    def show(item):
        made.append(item["extension"])
        return Told(name=f"user {item['extension']}")

    listing = Listing(order=("extension",), search=("extension",), show=show)
    page, cursor = listing.page(PEOPLE, ListArguments(limit=1))
    assert (page, made) == ([Told(name="user 201")], ["201"])
    page, cursor = listing.page(PEOPLE, ListArguments(limit=5, cursor=cursor))
    assert ([one.name for one in page], cursor) == (["user 202", "user 203"], None)
