"""The settings of limits, of ranges of numbers that are dear or abused, and how they become values."""

from typing import Any, Final

from ringwall.core.rights.settings import Built, Setting, Values, amount, number, text
from ringwall.policy.errors import PolicyError
from ringwall.policy.limits import DEFAULT_LIMITS, DEFAULT_RATES, Limits, Rate
from ringwall.policy.ranges import DangerRange
from ringwall.policy.scope import CLOSED, NumberClass

# The parts of a rate, and what the policy calls them.
_PARTS: Final = {
    "per_minute": "calls a minute",
    "per_hour": "calls an hour",
    "seconds": "longest call",
    "price": "price",
}
_WHOLE: Final = {
    "user_concurrent": "concurrent outside calls of a user",
    "group_concurrent": "concurrent outside calls of a group",
    "user_spend": "spending of a user",
    "group_spend": "spending of a group",
    "wrong_codes": "wrong codes",
    "code_lock": "lock after wrong codes",
}


def _word(number_class: NumberClass) -> str:
    return number_class.value.replace("-", "_").replace(" ", "_")


def _rate(number_class: NumberClass, rate: Rate) -> tuple[Setting, ...]:
    word, told = _word(number_class), number_class.value
    return (
        number(
            f"{word}_per_minute", f"Calls to {told} numbers within a minute, of one user.", rate.per_minute
        ),
        number(f"{word}_per_hour", f"Calls to {told} numbers within an hour, of one user.", rate.per_hour),
        number(f"{word}_seconds", f"Seconds that a call to a {told} number may last.", rate.seconds),
        amount(f"{word}_price", f"What a minute to a {told} number may cost.", rate.price),
    )


LIMIT_SETTINGS: Final = (
    number(
        "user_concurrent",
        "Outside calls that one user has at once: 0 to 1000.",
        DEFAULT_LIMITS.user_concurrent,
    ),
    number(
        "group_concurrent",
        "Outside calls that all members of a group have at once: 0 to 100000.",
        DEFAULT_LIMITS.group_concurrent,
    ),
    amount("user_spend", "What one user may spend in any 24 hours.", DEFAULT_LIMITS.user_spend),
    amount(
        "group_spend", "What all members of a group may spend in any 24 hours.", DEFAULT_LIMITS.group_spend
    ),
    number(
        "wrong_codes",
        "Wrong authorization codes within an hour that lock a caller's codes: 1 to 1000.",
        DEFAULT_LIMITS.wrong_codes,
    ),
    number("code_lock", "Seconds that they stay locked: 1 to 604800.", DEFAULT_LIMITS.code_lock),
    *(setting for number_class, rate in DEFAULT_RATES.items() for setting in _rate(number_class, rate)),
)


def build_limits(key: str, values: Values) -> Built:
    """Return a set of limits; raise PolicyError."""
    if not key.strip() or len(key) > 64 or not key.isprintable():
        raise PolicyError("limits", "has to have 1 to 64 printable characters.")
    given: dict[str, Any] = dict(values)
    rates = {}
    for number_class in DEFAULT_RATES:
        word = _word(number_class)
        try:
            rates[number_class] = Rate(*(given.pop(f"{word}_{part}") for part in _PARTS))
        except PolicyError as error:
            part = next(name for name, told in _PARTS.items() if told == error.field)
            raise PolicyError(f"{word}_{part}", error.message) from error
    try:
        return Limits(**given, rates=rates), {}
    except PolicyError as error:
        name = next(name for name, told in _WHOLE.items() if told == error.field)
        raise PolicyError(name, error.message) from error


_CLOSED: Final = tuple(sorted(one.value for one in CLOSED))

RANGE_SETTINGS: Final = (
    text("kind", f"What the numbers are: {', '.join(_CLOSED)}.", NumberClass.FRAUD_TEST, choices=_CLOSED),
    text("name", "Whose or what they are, for people who read the list."),
)


def build_range(key: str, values: Values) -> Built:
    """Return a range of numbers; raise PolicyError."""
    return DangerRange(key, NumberClass(str(values["kind"])), str(values["name"])), {}
