"""Ranges of numbers that are dear or abused wherever they are called from (C5).

Satellite networks and the other networks under shared country codes are known and few. What revenue-share
fraud tests and calls is not: lists of its test numbers are sold and change from week to week. The ranges
here are those of small territories and shared codes that have carried such traffic for many years and to
which hardly an organisation has a call to make; what an administrator has changed of them comes with the
directory.
Fraud in other ranges is met by the limits (`limits`), and numbers that a country has given to nobody, a
favourite of the trade, by the class "unallocated".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from ringwall.policy.errors import PolicyError
from ringwall.policy.expressions import Expression, Expressions
from ringwall.policy.scope import CLOSED, NumberClass

# ITU-T E.164 list of assigned country codes: Inmarsat, global satellite systems, international networks.
_SATELLITE: Final = (
    ("+870", "Inmarsat"),
    ("+881", "Global satellite systems"),
    ("+882", "International networks"),
    ("+883", "International networks"),
    ("+61147", "Australian satellite telephones"),
)

_FRAUD_TEST: Final = (
    ("+222", "Mauritania"),
    ("+232", "Sierra Leone"),
    ("+235", "Chad"),
    ("+239", "Sao Tome and Principe"),
    ("+245", "Guinea-Bissau"),
    ("+246", "Diego Garcia"),
    ("+247", "Ascension"),
    ("+252", "Somalia"),
    ("+269", "Comoros"),
    ("+290", "Saint Helena"),
    ("+500", "Falkland Islands"),
    ("+53", "Cuba"),
    ("+6721", "Antarctica"),
    ("+674", "Nauru"),
    ("+675", "Papua New Guinea"),
    ("+676", "Tonga"),
    ("+677", "Solomon Islands"),
    ("+678", "Vanuatu"),
    ("+681", "Wallis and Futuna"),
    ("+682", "Cook Islands"),
    ("+683", "Niue"),
    ("+685", "Samoa"),
    ("+686", "Kiribati"),
    ("+688", "Tuvalu"),
    ("+690", "Tokelau"),
    ("+878", "Universal personal numbers"),
    ("+888", "Humanitarian networks"),
)


@dataclass(frozen=True, slots=True)
class DangerRange:
    """Numbers that begin with `prefix`, such as +222, are premium, satellite or fraud test."""

    prefix: str
    number_class: NumberClass
    name: str = ""

    def __post_init__(self) -> None:
        expression = Expression.parse(self.prefix, "range")
        if expression.whole or expression.text != self.prefix:
            raise PolicyError("range", f"has to be + and digits or x, such as +222, not {self.prefix!r}.")
        if self.number_class not in CLOSED:
            accepted = ", ".join(sorted(one.value for one in CLOSED))
            raise PolicyError("class", f"has to be one of {accepted}.")


DEFAULT_RANGES: Final = (
    *(DangerRange(prefix, NumberClass.SATELLITE, name) for prefix, name in _SATELLITE),
    *(DangerRange(prefix, NumberClass.FRAUD_TEST, name) for prefix, name in _FRAUD_TEST),
)


class Danger(NamedTuple):
    """What a number was found to be. With `at_home` it counts in the range's own country, too."""

    prefix: str
    number_class: NumberClass
    at_home: bool


class DangerRanges:
    """The ranges, compiled: the longest one that covers a number says what it is."""

    __slots__ = ("_found", "_prefixes")

    def __init__(self, ranges: Iterable[DangerRange] = DEFAULT_RANGES) -> None:
        self._found: dict[str, Danger] = {}
        prefixes = []
        for one in ranges:
            expression = Expression.parse(one.prefix, "range")
            # People in a country that is a range as a whole call home; a part of theirs is dear to them, too.
            at_home = one.number_class is NumberClass.SATELLITE or expression.goes_beyond_country
            if one.prefix in self._found:
                raise PolicyError("range", f"{one.prefix} is given twice.")
            self._found[one.prefix] = Danger(one.prefix, one.number_class, at_home)
            prefixes.append(expression)
        self._prefixes = Expressions(prefixes)

    def __len__(self) -> int:
        return len(self._found)

    def match(self, canonical: str) -> Danger | None:
        """What a number in canonical form is; None where it lies in no range."""
        found = self._prefixes.match(canonical)
        return None if found is None else self._found[found.text]


DEFAULT_DANGER: Final = DangerRanges()
