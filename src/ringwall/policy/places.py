"""Sites, and the trunks by which calls leave them (C1, C5)."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ringwall.policy import checks, world
from ringwall.policy.errors import PolicyError
from ringwall.policy.scope import NumberClass

_ACCESS_CODE: Final = re.compile(r"[0-9]{1,3}\Z")
_MOST_EMERGENCY: Final = 20
_MOST_AREAS: Final = 200
_MOST_TOLD: Final = 50


def _access_code(value: str, field: str) -> None:
    if value and not _ACCESS_CODE.match(value):
        raise PolicyError(field, f"has to be empty or 1 to 3 digits, such as 9, not {value!r}.")


def _area_codes(values: tuple[str, ...], field: str) -> None:
    if len(values) > _MOST_AREAS:
        raise PolicyError(field, f"has {len(values)} entries; {_MOST_AREAS} are accepted.")
    for value in values:
        checks.digits(value, field, 1, 7)


@dataclass(frozen=True, slots=True)
class Site:
    """One place with telephones.

    `country` is an ISO 3166 code. `area_codes` are the site's own, the first one completing numbers dialled
    without any; `local_area_codes` are others that are local calls. Both are written as in the canonical
    form: 408 in the United States, 20 for London, 30 for Berlin. `emergency_numbers` are those of the
    country where none are given. `access_code` may be empty: then a number that is not inside is outside.
    `unassigned_emergency` says whether a telephone at which nobody has logged in may call emergency numbers
    (P2). `location` goes with an emergency call; `notify` names the extensions and mail addresses that hear
    of one. `proxy` is the site whose trunks stand in for missing ones.
    """

    id: str
    name: str
    country: str
    area_codes: tuple[str, ...] = ()
    local_area_codes: tuple[str, ...] = ()
    emergency_numbers: tuple[str, ...] = ()
    access_code: str = "9"
    unassigned_emergency: bool = True
    location: str = ""
    notify: tuple[str, ...] = ()
    callback_number: str = ""  # what an emergency call shows where the telephone has no number of its own
    proxy: str | None = None

    def __post_init__(self) -> None:
        checks.identifier(self.id, "site")
        checks.name(self.name, "name")
        found = world.plan(self.country) if isinstance(self.country, str) else None
        if found is None:
            raise PolicyError(
                "country", f"has to be a country's two letters, such as US or CH, not {self.country!r}."
            )
        _area_codes(self.area_codes, "area codes")
        _area_codes(self.local_area_codes, "local area codes")
        _access_code(self.access_code, "access code")
        checks.flag(self.unassigned_emergency, "unassigned phones may call emergency")
        if len(self.notify) > _MOST_TOLD:
            raise PolicyError("notify", f"has {len(self.notify)} entries; {_MOST_TOLD} are accepted.")
        for one in self.notify:
            if "@" in one:
                checks.mail_address(one, "notify")
            else:
                checks.identifier(one, "notify")
        if self.proxy is not None:
            checks.identifier(self.proxy, "proxy site")
        numbers = self.emergency_numbers or world.emergency_numbers(self.country)
        if not 1 <= len(numbers) <= _MOST_EMERGENCY:
            raise PolicyError("emergency numbers", f"has to have 1 to {_MOST_EMERGENCY} numbers.")
        for number in numbers:
            checks.digits(number, "emergency numbers", 2, 6)
        object.__setattr__(self, "emergency_numbers", numbers)

    @property
    def country_code(self) -> int:
        """The calling code of the country: 1, 44, 49."""
        found = world.plan(self.country)
        return found.code if found is not None else 0


class Service(StrEnum):
    """What a trunk group offers to carry."""

    EMERGENCY = "emergency"
    LOCAL = "local"
    LONG_DISTANCE = "long distance"
    NATIONAL_MOBILE = "national mobile"
    INTERNATIONAL = "international"
    SERVICE_NUMBERS = "service numbers"  # n11 and other short numbers
    TOLL_FREE = "toll-free"
    PREMIUM = "premium"
    CARRIER_SELECT = "carrier select"
    OPERATOR = "operator"
    VERTICAL = "vertical service codes"


ORDINARY_SERVICES: Final = frozenset(
    {
        Service.EMERGENCY,
        Service.LOCAL,
        Service.LONG_DISTANCE,
        Service.NATIONAL_MOBILE,
        Service.INTERNATIONAL,
        Service.SERVICE_NUMBERS,
        Service.TOLL_FREE,
    }
)

SERVICE_FOR: Final = {
    NumberClass.EMERGENCY: Service.EMERGENCY,
    NumberClass.TOLL_FREE: Service.TOLL_FREE,
    NumberClass.LOCAL: Service.LOCAL,
    NumberClass.NATIONAL: Service.LONG_DISTANCE,
    NumberClass.NATIONAL_MOBILE: Service.NATIONAL_MOBILE,
    NumberClass.SHARED_COST: Service.LONG_DISTANCE,
    NumberClass.INTERNATIONAL: Service.INTERNATIONAL,
    NumberClass.SATELLITE: Service.INTERNATIONAL,
    NumberClass.FRAUD_TEST: Service.INTERNATIONAL,
    NumberClass.UNALLOCATED: Service.INTERNATIONAL,
    NumberClass.PREMIUM: Service.PREMIUM,
    NumberClass.SERVICE: Service.SERVICE_NUMBERS,
    NumberClass.DIRECTORY: Service.SERVICE_NUMBERS,
    NumberClass.OPERATOR: Service.OPERATOR,
    NumberClass.CARRIER_SELECT: Service.CARRIER_SELECT,
    NumberClass.VERTICAL: Service.VERTICAL,
}


@dataclass(frozen=True, slots=True)
class TrunkGroup:
    """Trunks of one kind at one site.

    `access_code` in addition to the site's own chooses this group; empty: the site's. `area_codes`, where
    there are any, are those that are local from this group. `tandem_group` is the user group whose rights an
    outside caller has who dials out again through us; None: nobody may. `max_calls` counts all its trunks.
    """

    id: str
    name: str
    site: str
    access_code: str = ""
    services: frozenset[Service] = ORDINARY_SERVICES
    area_codes: tuple[str, ...] = ()
    tandem_group: str | None = None
    max_calls: int = 30

    def __post_init__(self) -> None:
        checks.identifier(self.id, "trunk group")
        checks.name(self.name, "name")
        checks.identifier(self.site, "site")
        _access_code(self.access_code, "access code")
        for service in self.services:
            checks.member(service, "services", Service)
        _area_codes(self.area_codes, "area codes")
        if self.tandem_group is not None:
            checks.identifier(self.tandem_group, "tandem group")
        checks.integer(self.max_calls, "max calls", 0, 10000)


@dataclass(frozen=True, slots=True)
class Trunk:
    """One connection to a carrier; how it is reached is call control's business."""

    id: str
    name: str
    group: str

    def __post_init__(self) -> None:
        checks.identifier(self.id, "trunk")
        checks.name(self.name, "name")
        checks.identifier(self.group, "trunk group")
