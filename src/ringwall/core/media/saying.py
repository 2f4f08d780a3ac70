"""Numbers, dates, times and names said in words, out of the recorded prompts.

Rules that this module keeps:
- Pure: a value in, items out. What has no words is left out, never guessed.
- Extensions and telephone numbers are said digit by digit, counts as numbers.
- Every prompt that is named here lies in the installed package; a test looks.
"""

from datetime import datetime, timedelta
from typing import Final

from ringwall.core.media.items import Item, Prompt

LARGEST: Final = 10**12 - 1
MOST_CHARACTERS: Final = 32  # of a number or a word that is spelled

_GROUPS: Final = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
_KEYS: Final = {"*": "digits/star", "#": "digits/pound"}


def number(value: int) -> tuple[Item, ...]:
    """Say a whole number up to a trillion; ValueError beyond."""
    if abs(value) > LARGEST:
        raise ValueError(f"numbers up to {LARGEST} have words")
    words = ["minus"] if value < 0 else []
    words += _words(abs(value)) or ["0"]
    return tuple(Prompt(f"digits/{word}") for word in words)


def _words(value: int) -> list[str]:
    """Say a number in the names of the prompts; nothing for 0."""
    words: list[str] = []
    for size, name in _GROUPS:
        if value >= size:
            words += [*_words(value // size), name]
            value %= size
    if value >= 100:
        words += [str(value // 100), "hundred"]
        value %= 100
    if value > 20:
        words.append(str(value // 10 * 10))
        value %= 10
    return [*words, str(value)] if value else words


def digits(text: str) -> tuple[Item, ...]:
    """Say an extension, a telephone number or a key, one by one; `+` and punctuation are not said."""
    found = [each for each in text if each in "0123456789*#"][:MOST_CHARACTERS]
    return tuple(Prompt(_KEYS.get(each, f"digits/{each}")) for each in found)


def spelled(word: str) -> tuple[Item, ...]:
    """Say a word letter by letter, for what there is no prompt for."""
    found = [each for each in word.lower() if each.isascii() and each.isalnum()][:MOST_CHARACTERS]
    return tuple(Prompt(f"digits/{each}" if each.isdigit() else f"letters/{each}") for each in found)


def time_of_day(when: datetime) -> tuple[Item, ...]:
    """Say a time on the twelve-hour clock, such as "three oh five p m"."""
    words = [str(when.hour % 12 or 12)]
    if when.minute == 0:
        words.append("oclock")
    else:
        words += ["oh"] if when.minute < 10 else []
        words += _words(when.minute)
    words.append("p-m" if when.hour >= 12 else "a-m")
    return tuple(Prompt(f"digits/{word}") for word in words)


def date(when: datetime) -> tuple[Item, ...]:
    """Say a day in full: weekday, month, day, year."""
    day = when.day
    ordinal = [str(day)] if day <= 20 or day == 30 else [str(day // 10 * 10), str(day % 10)]
    words = [f"day-{(when.weekday() + 1) % 7}", f"mon-{when.month - 1}"]
    words += [*ordinal[:-1], f"h-{ordinal[-1]}", *_words(when.year)]
    return tuple(Prompt(f"digits/{word}") for word in words)


def moment(when: datetime, now: datetime) -> tuple[Item, ...]:
    """Say when something was, seen from `now` in the same zone: "yesterday at", "Monday at" or the date."""
    days = (now.date() - when.date()).days
    if days == 0:
        day: tuple[Item, ...] = (Prompt("digits/today"),)
    elif days == 1:
        day = (Prompt("digits/yesterday"),)
    elif timedelta(0) < now - when < timedelta(days=6):
        day = (Prompt(f"digits/day-{(when.weekday() + 1) % 7}"),)
    else:
        day = date(when)
    return (*day, Prompt("digits/at"), *time_of_day(when))


def duration(seconds: float) -> tuple[Item, ...]:
    """Say a length of time in minutes and seconds, rounded up to a whole second."""
    whole = max(1, int(-(-seconds // 1)))
    minutes, rest = divmod(whole, 60)
    said: list[Item] = []
    if minutes:
        said += [*number(minutes), Prompt("minute" if minutes == 1 else "minutes")]
    if rest:
        said += [*number(rest), Prompt("second" if rest == 1 else "seconds")]
    return tuple(said)
