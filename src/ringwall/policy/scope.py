"""How far a call may go: the ladder of scopes and the classes of numbers on it (C3).

Rules that this module keeps:

- Each rung of the ladder includes those below it.
- Every class of number that can be called outside stands on exactly one rung; what stands on none is called
  under no scope.
- Premium numbers, satellite networks and ranges known from fraud are closed on every rung until a class of
  service opens the class by name, or permits a number of it by an expression that names it.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class Scope(IntEnum):
    """The published ladder; compare with `<=`."""

    INTERNAL = 0
    LOCAL = 1
    NATIONAL = 2
    NATIONAL_MOBILE = 3
    INTERNATIONAL = 4
    ALL = 5

    @property
    def published(self) -> str:
        """The name that administrators know."""
        return _PUBLISHED[self]


_PUBLISHED: Final[Mapping[Scope, str]] = MappingProxyType(
    {
        Scope.INTERNAL: "Internal Only",
        Scope.LOCAL: "Local Only",
        Scope.NATIONAL: "National Long Distance",
        Scope.NATIONAL_MOBILE: "National Mobile",
        Scope.INTERNATIONAL: "International Long Distance",
        Scope.ALL: "All Calls",
    }
)


class NumberClass(StrEnum):
    """What kind of number it is, seen from the caller's site."""

    INSIDE = "inside"  # an extension, a group, a menu, a star code
    EMERGENCY = "emergency"
    TOLL_FREE = "toll-free"
    LOCAL = "local"
    NATIONAL = "national"
    NATIONAL_MOBILE = "national mobile"
    SHARED_COST = "shared cost"  # costs the caller more than a landline call in the same country
    INTERNATIONAL = "international"
    PREMIUM = "premium"
    SATELLITE = "satellite"  # satellite and other networks under shared country codes
    FRAUD_TEST = "fraud test"  # ranges that revenue-share fraud is known to test and to call
    SERVICE = "service"  # n11 and other short numbers of one country
    DIRECTORY = "directory"  # directory assistance at an ordinary price
    OPERATOR = "operator"
    CARRIER_SELECT = "carrier select"
    VERTICAL = "vertical service"  # *67 and the like, sent to the carrier
    UNALLOCATED = "unallocated"  # has a canonical form, but its country has given it to nobody
    INVALID = "invalid"  # no number at all


RUNG: Final[Mapping[NumberClass, Scope]] = MappingProxyType(
    {
        NumberClass.TOLL_FREE: Scope.LOCAL,
        NumberClass.LOCAL: Scope.LOCAL,
        NumberClass.SERVICE: Scope.LOCAL,
        NumberClass.NATIONAL: Scope.NATIONAL,
        NumberClass.DIRECTORY: Scope.NATIONAL,
        NumberClass.NATIONAL_MOBILE: Scope.NATIONAL_MOBILE,
        NumberClass.SHARED_COST: Scope.NATIONAL_MOBILE,
        NumberClass.INTERNATIONAL: Scope.INTERNATIONAL,
        NumberClass.SATELLITE: Scope.INTERNATIONAL,
        NumberClass.FRAUD_TEST: Scope.INTERNATIONAL,
        NumberClass.PREMIUM: Scope.ALL,
        NumberClass.OPERATOR: Scope.ALL,
        NumberClass.CARRIER_SELECT: Scope.ALL,
        NumberClass.VERTICAL: Scope.ALL,
    }
)

CLOSED: Final = frozenset({NumberClass.PREMIUM, NumberClass.SATELLITE, NumberClass.FRAUD_TEST})

ABROAD: Final = frozenset({NumberClass.INTERNATIONAL, NumberClass.SATELLITE, NumberClass.FRAUD_TEST})
