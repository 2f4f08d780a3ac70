"""How much may be called and spent before it is cut; on by default (N5, C5).

The figures are meant for a stolen account: ordinary people do not meet them, and whoever does can be given
others. Prices are no bill. They are what a minute could cost, set high, so that the ceiling on spending
holds for the dearest destination of each class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ringwall.policy import checks
from ringwall.policy.errors import PolicyError
from ringwall.policy.scope import NumberClass


@dataclass(frozen=True, slots=True)
class Rate:
    """What a class of numbers may see of one user: calls, longest call in seconds, price a minute."""

    per_minute: int
    per_hour: int
    seconds: int
    price: float

    def __post_init__(self) -> None:
        checks.integer(self.per_minute, "calls a minute", 0, 1000)
        checks.integer(self.per_hour, "calls an hour", 0, 10000)
        checks.integer(self.seconds, "longest call", 1, 24 * 3600)
        if not 0 <= self.price <= 1000:
            raise PolicyError("price", "has to be from 0 to 1000 a minute.")


_ORDINARY: Final = Rate(10, 120, 4 * 3600, 0.03)
_ABROAD: Final = Rate(3, 20, 3600, 0.35)
_DEAR: Final = Rate(1, 4, 600, 4.0)

DEFAULT_RATES: Final[Mapping[NumberClass, Rate]] = MappingProxyType(
    {
        NumberClass.TOLL_FREE: Rate(10, 120, 4 * 3600, 0.0),
        NumberClass.LOCAL: _ORDINARY,
        NumberClass.NATIONAL: _ORDINARY,
        NumberClass.NATIONAL_MOBILE: Rate(6, 60, 2 * 3600, 0.1),
        NumberClass.SHARED_COST: Rate(6, 30, 3600, 0.2),
        NumberClass.INTERNATIONAL: _ABROAD,
        NumberClass.SERVICE: Rate(6, 30, 3600, 0.1),
        NumberClass.DIRECTORY: Rate(2, 10, 600, 2.0),
        NumberClass.OPERATOR: Rate(2, 6, 1800, 2.0),
        NumberClass.VERTICAL: Rate(2, 10, 3600, 0.5),
        NumberClass.CARRIER_SELECT: Rate(1, 6, 1800, 2.0),
        NumberClass.PREMIUM: _DEAR,
        NumberClass.SATELLITE: Rate(1, 4, 600, 8.0),
        NumberClass.FRAUD_TEST: _DEAR,
        NumberClass.UNALLOCATED: _DEAR,
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an organisation. Spending in its own currency, over any 24 hours.

    `wrong_codes` bad authorization codes within an hour lock a caller's codes for `code_lock` seconds.
    """

    user_concurrent: int = 4
    group_concurrent: int = 40
    user_spend: float = 50.0
    group_spend: float = 500.0
    rates: Mapping[NumberClass, Rate] = field(default_factory=lambda: DEFAULT_RATES)
    wrong_codes: int = 10
    code_lock: int = 1800

    def __post_init__(self) -> None:
        checks.integer(self.user_concurrent, "concurrent outside calls of a user", 0, 1000)
        checks.integer(self.group_concurrent, "concurrent outside calls of a group", 0, 100000)
        checks.integer(self.wrong_codes, "wrong codes", 1, 1000)
        checks.integer(self.code_lock, "lock after wrong codes", 1, 7 * 86400)
        for value, what in (
            (self.user_spend, "spending of a user"),
            (self.group_spend, "spending of a group"),
        ):
            if not 0 <= value <= 1e9:
                raise PolicyError(what, "has to be from 0 to 1000000000 in 24 hours.")

    def rate(self, number_class: NumberClass) -> Rate:
        """The rate of a class; the strictest where none is given."""
        return self.rates.get(number_class, _DEAR)


DEFAULT_LIMITS: Final = Limits()
