"""What makes a PIN hard to guess (V2). Pure.

Rules that this module keeps:
- A PIN has 6 to 16 digits.
- No digit stands three times in a row, no group of digits makes up the whole PIN by being repeated, and no
  four digits count up or down.
- Nothing of the user's numbers is in it: not the extension, and no four digits in a row of an outside number.
- What is known to be chosen by many is refused.
"""

import secrets
from collections.abc import Iterable
from typing import Final

SHORTEST: Final = 6
LONGEST: Final = 16
REMEMBERED: Final = 5
"""How many PINs before the present one may not come back."""

FIRST_LENGTH: Final = 8
_RUN: Final = 4
_SAME: Final = 3
_SHORTEST_EXTENSION: Final = 3  # two digits are in too many numbers by chance
_OF_NUMBER: Final = 4
_TRACKS: Final = ("01234567890", "09876543210")
# Patterns on the keys of a telephone, and pairs in order.
_POPULAR: Final = frozenset(
    {
        "147258", "258369", "147369", "159357", "159753", "357159", "753159", "951357", "258258", "147896",
        "142536", "415263", "112233", "223344", "332211", "445566", "778899", "998877", "102030", "010203",
        "14725836", "25836914", "147258369", "369258147", "15935728", "10203040", "11223344", "01020304",
        "314159", "271828", "696969", "420420", "200000", "121314", "101112", "131415",
    }
)  # fmt: skip


def trouble(pin: str, extension: str, numbers: Iterable[str] = ()) -> str | None:
    """Return why this cannot be the PIN of that extension, as a sentence that does not repeat it; else None.

    `numbers` are the user's outside numbers in canonical form; what is empty is passed over.
    """
    if not (pin.isascii() and pin.isdecimal() and SHORTEST <= len(pin) <= LONGEST):
        return f"A PIN has {SHORTEST} to {LONGEST} digits."
    if any(pin[at] * _SAME == pin[at : at + _SAME] for at in range(len(pin))):
        return "No digit may stand three times in a row."
    if any(pin == (pin[:size] * len(pin))[: len(pin)] for size in range(1, len(pin) // 2 + 1)):
        return "A PIN may not be a few digits repeated."
    if any(part in track for part in _parts(pin, _RUN) for track in _TRACKS):
        return "Four digits may not count up or down."
    if pin in _POPULAR:
        return "This PIN is one of those that are tried first."
    if len(extension) >= _SHORTEST_EXTENSION and extension in pin:
        return "The extension may not be part of the PIN."
    parts = set(_parts(pin, _OF_NUMBER))
    if any(part in parts for number in numbers for part in _parts(number.lstrip("+"), _OF_NUMBER)):
        return "No part of the user's own numbers may be in the PIN."
    return None


def random_pin(extension: str, numbers: Iterable[str] = (), length: int = FIRST_LENGTH) -> str:
    """Return a random PIN that keeps the rules."""
    known = tuple(numbers)
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(length))
        if trouble(pin, extension, known) is None:
            return pin


def _parts(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]
