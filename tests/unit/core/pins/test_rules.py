"""Which PINs are refused, and that random ones never are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.pins.rules import LONGEST, SHORTEST, random_pin, trouble

pytestmark = pytest.mark.req("V2")


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("", "digits"),
        ("40725", "digits"),
        ("40725918364072591", "digits"),
        ("4072a9", "digits"),
        ("٤٠٧٢٥٩", "digits"),
        ("407 59", "digits"),
        ("400059", "three times"),
        ("777259", "three times"),
        ("404040", "repeated"),
        ("407407", "repeated"),
        ("40724072", "repeated"),
        ("412349", "up or down"),
        ("498761", "up or down"),
        ("407890", "up or down"),
        ("432105", "up or down"),
        ("147258", "tried first"),
        ("920517", "extension"),
        ("408591", "own numbers"),
        ("640855", "own numbers"),
        ("950127", "own numbers"),
    ],
)
def test_a_weak_pin_is_refused_and_the_sentence_does_not_repeat_it(pin, why) -> None:
    found = trouble(pin, "205", ("+14085550123", ""))
    assert found is not None
    assert why in found
    assert not pin or pin not in found


@pytest.mark.parametrize("pin", ["407259", "9071642853", "2407591836402758", "440077"])
def test_a_good_one_is_taken(pin) -> None:
    assert trouble(pin, "205", ("+14085550123",)) is None


def test_an_extension_of_two_digits_may_stand_in_it_by_chance() -> None:
    assert trouble("402593", "25") is None


@given(st.text(max_size=20), st.text("0123456789", min_size=2, max_size=8), st.text(max_size=20))
def test_whatever_is_taken_has_six_to_sixteen_digits_and_nothing_of_the_extension(pin, extension, number):
    if trouble(pin, extension, (number,)) is None:
        assert SHORTEST <= len(pin) <= LONGEST
        assert set(pin) <= set("0123456789")
        assert len(extension) < 3 or extension not in pin
        assert len(set(pin)) > 2 or pin[0] * 2 in pin or pin[1] * 2 in pin


@given(st.text("0123456789", min_size=2, max_size=8), st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_a_random_pin_keeps_the_rules(extension, number) -> None:
    assert trouble(random_pin(extension, (number,)), extension, (number,)) is None
