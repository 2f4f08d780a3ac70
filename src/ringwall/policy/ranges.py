"""Ranges of numbers that are dear or abused wherever they are called from (C5).

Satellite networks and the other networks under shared country codes are known and few. What revenue-share
fraud tests and calls is not: lists of its test numbers are sold and change from week to week. The ranges
here are those of small territories and shared codes that have carried such traffic for many years and to
which hardly an organisation has a call to make; an administrator gives his own list to `compile_snapshot`.
Fraud in other ranges is met by the limits (`limits`), and numbers that a country has given to nobody, a
favourite of the trade, by the class "unallocated".
"""

from collections.abc import Iterable
from typing import Final

from ringwall.policy.expressions import Expressions, parse_list

# ITU-T E.164 list of assigned country codes: Inmarsat, global satellite systems, international networks.
SATELLITE: Final = (
    "+870",
    "+881",
    "+882",
    "+883",
    "+61147",  # Australian satellite telephones
)

FRAUD_TEST: Final = (
    "+222",  # Mauritania
    "+232",  # Sierra Leone
    "+235",  # Chad
    "+239",  # Sao Tome and Principe
    "+245",  # Guinea-Bissau
    "+246",  # Diego Garcia
    "+247",  # Ascension
    "+252",  # Somalia
    "+269",  # Comoros
    "+290",  # Saint Helena
    "+500",  # Falkland Islands
    "+53",  # Cuba
    "+6721",  # Antarctica
    "+674",  # Nauru
    "+675",  # Papua New Guinea
    "+676",  # Tonga
    "+677",  # Solomon Islands
    "+678",  # Vanuatu
    "+681",  # Wallis and Futuna
    "+682",  # Cook Islands
    "+683",  # Niue
    "+685",  # Samoa
    "+686",  # Kiribati
    "+688",  # Tuvalu
    "+690",  # Tokelau
    "+878",  # universal personal numbers
    "+888",
)

SATELLITE_TEXTS: Final = frozenset(SATELLITE)


def danger_ranges(fraud: Iterable[str] = FRAUD_TEST) -> Expressions:
    """Compile the satellite and fraud ranges for `SitePlan`; PolicyError names an unreadable range."""
    return Expressions((*parse_list(SATELLITE, "satellite ranges"), *parse_list(fraud, "fraud ranges")))
