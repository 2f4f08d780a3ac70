"""Number expressions: what is read, what is refused by name, what matches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.policy import PolicyError
from ringwall.policy.expressions import Expression, Expressions, parse_list


def texts(entries: str) -> list[str]:
    return [one.text for one in parse_list(entries)]


@pytest.mark.req("C3")
def test_entries_are_parted_by_commas_and_semicolons_and_tidied() -> None:
    assert texts("+1408; +1 (650) 555-01,, 1/311 ;+1XXX976") == ["+1408", "+165055501", "1/311", "+1xxx976"]
    assert texts("") == texts(" ; ,") == []
    assert texts("+1408,+1 408") == ["+1408"]


@pytest.mark.req("C3")
@pytest.mark.parametrize(
    "entry",
    ["9+1408", "1408", "+", "+x408", "+0", "+999", "+1a", "1/", "/311", "1/3y", "0/1", "x/311", "+1/311", "+1408/5",
     "911", "+1" + "4" * 30, "+1" + " " * 80, "\u0661/311", "+1\u0664", "44/9" * 3, "999/1"],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_refused_by_name(entry: str) -> None:
    with pytest.raises(PolicyError, match="Permissions: the entry") as caught:
        parse_list(f"+1408; {entry}", "Permissions")
    assert repr(entry.strip()[:64]) in str(caught.value)
    assert "1/311" in str(caught.value)


@pytest.mark.req("C3")
def test_a_list_has_a_limit_and_holds_texts() -> None:
    with pytest.raises(PolicyError, match="2000 are accepted"):
        parse_list([f"+1{n}" for n in range(2001)])
    with pytest.raises(PolicyError, match="is no text"):
        parse_list([1408])  # type: ignore[list-item]


@pytest.mark.req("C3")
@pytest.mark.parametrize(
    ("entries", "number", "expected"),
    [
        ("+1408", "+14085550123", "+1408"),
        ("+1408", "+1408", "+1408"),
        ("+1408", "+140", None),
        ("+1408,+1408331", "+14083310123", "+1408331"),
        ("+1xxx976", "+12129760123", "+1xxx976"),
        ("+1xxx976", "+12129750123", None),
        ("+1xxx976,+1212", "+12129750123", "+1212"),
        ("+1xxx976,+1212", "+12129760123", "+1xxx976"),
        ("1/311", "1/311", "1/311"),
        ("1/311", "1/3111", None),
        ("1/31", "1/311", None),
        ("1/x11", "1/411", "1/x11"),
        ("1/x11", "1/4111", None),
        ("1/x11", "44/411", None),
        ("+1", "1/311", None),
        ("1/311", "+1311", None),
        ("+44", "", None),
        ("", "+44", None),
    ],
)
def test_a_routable_entry_is_a_prefix_and_a_service_entry_is_the_whole(
    entries: str, number: str, expected: str | None
) -> None:
    found = Expressions(parse_list(entries)).match(number)
    assert (found.text if found else None) == expected


NUMBERS = st.text("0123456789", min_size=0, max_size=14).map(lambda digits: f"+1{digits}")
ENTRIES = st.lists(st.text("0123456789x", max_size=6).map(lambda tail: f"+1{tail}"), max_size=12)


def slowly(entries: tuple[Expression, ...], number: str) -> int:
    """The length of the longest entry that matches, digit by digit."""
    fits = [
        len(one.text)
        for one in entries
        if len(one.text) <= len(number)
        and all(a == b or (a == "x" and b.isdigit()) for a, b in zip(one.text, number, strict=False))
    ]
    return max(fits, default=0)


@given(ENTRIES, st.lists(NUMBERS, min_size=1, max_size=5))
def test_the_compiled_list_finds_what_a_slow_search_finds(entries: list[str], numbers: list[str]) -> None:
    parsed = parse_list(entries)
    compiled = Expressions(parsed)
    for number in (*numbers, *numbers):
        found = compiled.match(number)
        assert (len(found.text) if found else 0) == slowly(parsed, number)


def test_a_list_forgets_its_states_rather_than_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringwall.policy.expressions._MOST_STATES", 50)
    compiled = Expressions(parse_list("+1xxxxxxx5,+1212"))
    for number in range(2000):
        found = compiled.match(f"+1{number:07d}5")
        assert found is not None
        assert compiled._states <= 51
