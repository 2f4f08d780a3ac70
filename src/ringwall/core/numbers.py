"""Outside numbers as administrators give them."""

from typing import Final

from ringwall.policy.errors import PolicyError
from ringwall.policy.expressions import country_code_length

_DROPPED: Final = str.maketrans("", "", " .-()\u00a0")


def outside_number(text: str, field: str) -> str:
    """Return a number in canonical form, + and digits; raise PolicyError."""
    tidy = text.translate(_DROPPED)
    digits = tidy[1:]
    good = tidy[:1] == "+" and digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 15
    if not good or not country_code_length(digits):
        raise PolicyError(
            field, f"has to be + and a number with its country code, such as +14085550123, not {text[:64]!r}."
        )
    return tidy
