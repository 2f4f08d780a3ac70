"""What is said in words is right, and every prompt that is used is installed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.media import saying
from ringwall.core.media.items import Prompt

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
VALUES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}


def words(items):
    assert all(isinstance(item, Prompt) for item in items)
    return [item.name.removeprefix("digits/") for item in items]


def heard(said):
    """The number that a listener understands."""
    if said[0] == "minus":
        return -heard(said[1:])
    total = part = 0
    for word in said:
        if word == "hundred":
            part *= 100
        elif word in VALUES:
            total, part = total + part * VALUES[word], 0
        else:
            part += int(word)
    return total + part


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (7, "7"),
        (13, "13"),
        (20, "20"),
        (21, "20 1"),
        (100, "1 hundred"),
        (342, "3 hundred 40 2"),
        (2026, "2 thousand 20 6"),
        (-5, "minus 5"),
        (1_000_001, "1 million 1"),
    ],
)
def test_numbers_are_said_as_people_say_them(value, said):
    assert words(saying.number(value)) == said.split()


@given(st.integers(-saying.LARGEST, saying.LARGEST))
def test_a_number_that_is_said_is_understood(value):
    assert heard(words(saying.number(value))) == value


def test_a_number_without_words_is_refused():
    with pytest.raises(ValueError, match="have words"):
        saying.number(10**12)


def test_extensions_are_said_digit_by_digit():
    assert words(saying.digits("+1 (408) 555-0123")) == list("14085550123")
    assert words(saying.digits("*98#")) == ["star", "9", "8", "pound"]
    assert len(saying.digits("1" * 1000)) == saying.MOST_CHARACTERS


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "12 oclock a-m"),
        (9, 5, "9 oh 5 a-m"),
        (12, 0, "12 oclock p-m"),
        (15, 20, "3 20 p-m"),
        (23, 59, "11 50 9 p-m"),
    ],
)
def test_times_are_said_on_the_twelve_hour_clock(hour, minute, said):
    assert words(saying.time_of_day(datetime(2026, 11, 27, hour, minute, tzinfo=UTC))) == said.split()


@pytest.mark.parametrize(
    ("day", "ordinal"), [(1, "h-1"), (20, "h-20"), (21, "20 h-1"), (30, "h-30"), (31, "30 h-1")]
)
def test_dates_are_said_with_their_ordinals(day, ordinal):
    said = words(saying.date(datetime(2026, 12, day, tzinfo=UTC)))
    assert said[1:] == ["mon-11", *ordinal.split(), "2", "thousand", "20", "6"]
    assert words(saying.date(datetime(2026, 11, 29, tzinfo=UTC)))[0] == "day-0"  # a Sunday


def test_a_moment_is_told_from_today():
    now = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)  # a Friday

    def told(**before):
        return words(saying.moment(now - timedelta(**before), now))

    assert told(hours=1) == ["today", "at", "7", "oclock", "a-m"]
    assert told(hours=10)[:2] == ["yesterday", "at"]
    assert told(days=3)[:2] == ["day-2", "at"]
    assert told(days=8)[:3] == ["day-4", "mon-10", "h-19"]


def test_lengths_are_said_in_minutes_and_seconds():
    assert words(saying.duration(61.2)) == ["1", "minute", "2", "seconds"]
    assert words(saying.duration(0.1)) == ["1", "second"]
    assert words(saying.duration(600)) == ["10", "minutes"]


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(400)),
)
def test_every_prompt_that_is_said_is_installed(when, ago):
    if not PROMPTS.is_dir():
        pytest.skip("the prompts are not installed here: ./ringwall up installs them")
    said = [
        *saying.moment(when, when + ago),
        *saying.duration(ago.total_seconds()),
        *saying.number(int(ago.total_seconds())),
        *saying.spelled("abcdefghijklmnopqrstuvwxyz0123456789"),
        *saying.digits("0123456789*#"),
    ]
    for item in said:
        assert (PROMPTS / f"{item.name}.wav").is_file(), item.name
