"""Number expressions: the restrictions and permissions of a class of service (C3).

```
list     = entry *( ("," | ";") entry )
entry    = routable | service
routable = "+" country-code *( digit | "x" )      a prefix: +1408 covers every number in that area code
service  = country-code "/" 1*( digit | "x" )     the whole of a number that has no canonical form: 1/311
```

Rules that this module keeps:

- `x` or `X` stands for exactly one digit. Spaces, dots, hyphens and brackets are dropped.
- An entry that cannot be read is refused by name, and the list with it; nothing is skipped.
- Matching costs a step for each digit dialled, however many entries there are and whatever their wildcards.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from ringwall.policy.errors import PolicyError

MOST_ENTRIES: Final = 2000
LONGEST_ENTRY: Final = 64  # characters, with what is dropped
_MOST_DIGITS: Final = 20

_DROPPED: Final = str.maketrans("X", "x", " \t.-()\u00a0")
_ROUTABLE: Final = re.compile(r"\+([0-9][0-9x]*)\Z")
_SERVICE: Final = re.compile(r"([0-9]{1,3})/([0-9x]+)\Z")
_SEPARATORS: Final = re.compile(r"[,;]")


def country_code_length(digits: str) -> int:
    """How many of the first digits are a country code that exists; 0 if none are."""
    for length in (1, 2, 3):
        code = digits[:length]
        if (
            len(code) == length
            and code.isascii()
            and code.isdigit()
            and int(code) in COUNTRY_CODE_TO_REGION_CODE
        ):
            return length if code[0] != "0" else 0
    return 0


@dataclass(frozen=True, slots=True)
class Expression:
    """One entry. `text` is its tidy form, which matches what `Number.canonical` begins with or is."""

    text: str
    whole: bool  # a service entry matches the whole number
    country_length: int  # digits of the country code

    @staticmethod
    def parse(entry: str, field: str = "restrictions") -> "Expression":
        """Read one entry; PolicyError names the field and the entry."""
        return _parse(entry, field)

    @property
    def goes_beyond_country(self) -> bool:
        """Whether it says more than a country code: a digit behind it."""
        return self.whole or self.text[1 + self.country_length :].strip("x") != ""


@lru_cache(maxsize=65536)
def _parse(entry: str, field: str) -> Expression:
    shown = entry.strip()[:LONGEST_ENTRY]
    if len(entry) <= LONGEST_ENTRY:
        text = entry.translate(_DROPPED)
        service = _SERVICE.match(text)
        if service and len(service[2]) <= _MOST_DIGITS and country_code_length(service[1]) == len(service[1]):
            return Expression(text, True, len(service[1]))
        routable = _ROUTABLE.match(text)
        if routable and len(text) <= _MOST_DIGITS:
            length = country_code_length(routable[1])
            if length:
                return Expression(text, False, length)
    raise PolicyError(
        field,
        f"the entry {shown!r} cannot be read: write + and the country code, such as +1408 or +1xxx976, or a"
        " country code, a slash and a service number, such as 1/311; without the access code.",
    )


def parse_list(text: str | Iterable[str], field: str = "restrictions") -> tuple[Expression, ...]:
    """Read entries parted by commas or semicolons, or an iterable of entries; empty ones are left out.

    Raises PolicyError with the first entry that cannot be read. Twice the same counts once.
    """
    entries = _SEPARATORS.split(text) if isinstance(text, str) else list(text)
    found: dict[str, Expression] = {}
    for entry in entries:
        if not isinstance(entry, str):
            raise PolicyError(field, f"holds {entry!r}, which is no text.")
        if entry.strip():
            expression = Expression.parse(entry, field)
            found[expression.text] = expression
    if len(found) > MOST_ENTRIES:
        raise PolicyError(field, f"has {len(found)} entries; {MOST_ENTRIES} are accepted.")
    return tuple(found.values())


_MOST_STATES: Final = 50_000


class _State:
    """Where the digits read so far have led. `after` is filled in as digits are met."""

    __slots__ = ("after", "prefix", "rests", "whole")

    def __init__(self, rests: dict[str, Expression]) -> None:
        self.after: dict[str, _State | None] = {}
        self.rests = rests  # what is left of each entry that still fits
        self.prefix: Expression | None = None  # an entry that covers all that begins so
        self.whole: Expression | None = None  # an entry that covers just this
        ended = rests.get("")
        if ended is not None:
            if ended.whole:
                self.whole = ended
            else:
                self.prefix = ended


class Expressions:
    """A list, compiled: a machine whose states are made when a number first leads there."""

    __slots__ = ("_start", "_states", "entries")

    def __init__(self, entries: Iterable[Expression] = ()) -> None:
        self.entries: Final = tuple(entries)
        self._start: _State | None = None
        self._states = 0
        self._restart()

    def _restart(self) -> _State:
        # No routable entry ever ends where a service entry does: one begins with +, the other never.
        state = self._start = _State({entry.text: entry for entry in self.entries}) if self.entries else None
        self._states = 0
        return state if state is not None else _State({})

    def __bool__(self) -> bool:
        return bool(self.entries)

    def match(self, canonical: str) -> Expression | None:
        """The longest entry that covers a number in canonical form; None if none does."""
        state = self._start
        if state is None:
            return None
        found: Expression | None = None
        for character in canonical:
            try:
                following = state.after[character]
            except KeyError:
                following = self._grow(state, character)
            if following is None:
                return found
            state = following
            if state.prefix is not None:
                found = state.prefix
        return state.whole or found

    def _grow(self, state: _State, character: str) -> _State | None:
        """Make the state to which a character leads; None where no entry goes on."""
        digit = "0" <= character <= "9"
        rests: dict[str, Expression] = {}
        for rest, entry in state.rests.items():
            if rest and (rest[0] == character or (digit and rest[0] == "x")):
                rests.setdefault(rest[1:], entry)
        following = _State(rests) if rests else None
        self._states += 1
        if self._states > _MOST_STATES:  # only a list of many wildcards and numbers of all kinds get here
            self._restart()
        state.after[character] = following
        return following
