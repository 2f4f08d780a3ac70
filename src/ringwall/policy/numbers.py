"""What is dialled becomes a number in canonical form with a class (C3, C5).

Rules that this module keeps:

- Any text becomes a `Number`; text that is no number has the class INVALID and says why.
- Emergency numbers are looked for first, with and without the access code, then what is inside, then the
  rest.
- The canonical form read again gives the same canonical form and class.
- A carrier code or an operator's prefix before a number does not hide it: the number stands in `behind` and
  has to be allowed as well.

Canonical forms: `+14085550123`; `1/311` for a number that exists inside one country only; `1/*67` for a
vertical service code; `1/1010288/+14085550123` for a number behind a carrier code; an extension or a star
code as it is.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from ringwall.policy import world
from ringwall.policy.expressions import country_code_length
from ringwall.policy.places import Site
from ringwall.policy.ranges import DEFAULT_DANGER, DangerRanges
from ringwall.policy.scope import NumberClass
from ringwall.policy.world import Line, Plan, Short

LONGEST_DIALLED: Final = 64  # characters
_LONGEST_E164: Final = 15  # digits (ITU-T E.164)
_SEEN: Final = 16384  # how many numbers each site remembers

_SPACES: Final = str.maketrans("", "", " \t.-()\u00a0\u2007\u2010\u2011\u2013\u202f")
_SLASH: Final = str.maketrans("", "", "/")
_DIALLED: Final = re.compile(r"[0-9*#+]+\Z")
_CANONICAL_SERVICE: Final = re.compile(r"([0-9]{1,3})/(\*?[0-9]{1,8})(?:/(\+[0-9]{4,15}))?\Z")
_VERTICAL: Final = re.compile(r"(\*(?:[23][0-9]{2}|[014-9][0-9]))(\+?[0-9]*)\Z")
# Carrier codes by calling code: North America 101xxxx, Germany 010xy and 0100xy, Switzerland 107xx and 108xx.
_CARRIER: Final = {
    1: re.compile(r"(101[0-9]{4})([0-9]*)\Z"),
    49: re.compile(r"(010(?:0[0-9]{2}|[1-9][0-9]))([0-9]*)\Z"),
    41: re.compile(r"(10[78][0-9]{2})([0-9]*)\Z"),
}
_NANP: Final = 1
_SHORT_CLASS: Final = {
    Short.PREMIUM: NumberClass.PREMIUM,
    Short.DIRECTORY: NumberClass.DIRECTORY,
    Short.SERVICE: NumberClass.SERVICE,
}
_OPERATOR: Final = {"GB": ("100", "155")}


class Number(NamedTuple):
    """A number as the policy sees it. `canonical` is empty for what is none; `why` then says what is wrong.

    `access_code` is the one that was dialled, None where none was. `country` is where the number lies.
    """

    dialled: str
    canonical: str
    number_class: NumberClass
    country: str = ""
    access_code: str | None = None
    behind: "Number | None" = None
    why: str = ""
    danger: str = ""  # the range of closed numbers that it lies in

    @property
    def outside(self) -> bool:
        """Whether a call to it leaves the system."""
        return self.number_class not in _INSIDE


# Territories with the numbers and the prices of a larger country.
_WITHIN: Final = {"VA": "IT", "SJ": "NO", "AX": "FI", "CC": "AU", "CX": "AU"}
_INSIDE: Final = frozenset({NumberClass.INSIDE, NumberClass.INVALID})


class SitePlan:
    """Reads what is dialled at one site."""

    __slots__ = (
        "_access",
        "_areas",
        "_country_code",
        "_country_emergency",
        "_danger",
        "_emergency",
        "_inside",
        "_own",
        "_plan",
        "_read",
        "_stars",
        "site",
    )

    def __init__(
        self,
        site: Site,
        inside: Collection[str],
        *,
        star_codes: Collection[str] = (),
        access_codes: Iterable[str] = (),
        own_numbers: Mapping[str, str] = MappingProxyType({}),
        danger: DangerRanges = DEFAULT_DANGER,
    ) -> None:
        found = world.plan(site.country)
        if found is None:  # Site has checked it
            raise ValueError(site.country)
        self.site = site
        self._plan: Plan = found
        self._country_code = str(found.code)
        self._inside = inside
        self._stars = star_codes
        self._own = own_numbers
        self._danger = danger
        codes = {code for code in (site.access_code, *access_codes) if code}
        self._access = tuple(sorted(codes, key=len, reverse=True))
        self._emergency = frozenset(site.emergency_numbers)
        self._country_emergency = frozenset(world.emergency_numbers(site.country))
        # National numbers begin with an area code that may be dialled with the prefix of national calls.
        areas = (*site.area_codes, *site.local_area_codes)
        self._areas = tuple(
            area[len(found.prefix) :] if found.prefix == "0" and area.startswith("0") else area
            for area in areas
        )
        self._read = lru_cache(maxsize=_SEEN)(self._read_now)

    def read(self, dialled: str) -> Number:
        """What was dialled, as a number; never raises."""
        if len(dialled) > LONGEST_DIALLED:
            return _invalid(dialled[:LONGEST_DIALLED], f"it has more than {LONGEST_DIALLED} characters")
        return self._read(dialled)

    def _read_now(self, dialled: str) -> Number:
        text = dialled if dialled.isalnum() else dialled.translate(_SPACES)
        if text[-1:] == "#" and text not in self._stars:
            text = text[:-1]  # the key that says "that was all"
        if text in self._emergency or (text[:1] == "+" and text[1:] in self._emergency):
            return self._emergency_call(dialled, text.lstrip("+"), None)
        if text in self._inside or text in self._stars:
            return Number(dialled, text, NumberClass.INSIDE)
        if text in self._country_emergency:
            # Not on the site's list, so that an extension may have it; nobody has, and lives go first.
            return self._emergency_call(dialled, text, None)
        if "/" in text:
            found = self._canonical_service(dialled, text)
            if found is not None:
                return found
            text = text.translate(_SLASH)
        if not _DIALLED.match(text):
            return _invalid(dialled, "it is not made of digits")
        if text[0] == "+":
            return self._international(dialled, text[1:], None)
        for code in self._access:
            if text.startswith(code):
                rest = text[len(code) :]
                if rest in self._emergency or rest in self._country_emergency:
                    return self._emergency_call(dialled, rest, code)
                return self._outside(dialled, rest, code)
        if self.site.access_code:
            return _invalid(dialled, "there is no such extension, and it does not begin with the access code")
        return self._outside(dialled, text, None)

    def _emergency_call(self, dialled: str, number: str, code: str | None) -> Number:
        country = self.site.country
        return Number(dialled, f"{self._country_code}/{number}", NumberClass.EMERGENCY, country, code)

    def _canonical_service(self, dialled: str, text: str) -> Number | None:
        found = _CANONICAL_SERVICE.match(text)
        if found is None or found[1] != self._country_code:
            return None
        digits, behind = found[2], found[3]
        if behind is None and (digits in self._emergency or digits in self._country_emergency):
            return self._emergency_call(dialled, digits, None)
        number = self._outside(dialled, digits + (behind or ""), None)
        return number if number.canonical == text else _invalid(dialled, "there is no such service number")

    def _outside(self, dialled: str, text: str, code: str | None) -> Number:
        """Read what follows the access code."""
        if not text:
            return _invalid(dialled, "nothing follows the access code")
        if text[0] == "+":
            return self._international(dialled, text[1:], code)
        if "*" in text or "#" in text or "+" in text:
            return self._prefixed(dialled, text, code)
        special = self._special(dialled, text, code)
        if special is not None:
            return special
        idd = self._plan.idd.match(text) if self._plan.idd is not None else None
        if idd is not None and len(text) > idd.end():
            return self._international(dialled, text[idd.end() :], code)
        return self._national(dialled, text, code)

    def _prefixed(self, dialled: str, text: str, code: str | None) -> Number:
        """A vertical service code, alone or with a number; or a canonical number behind a carrier code."""
        found = _VERTICAL.match(text)
        if found is not None:
            return self._with_behind(dialled, found[1], found[2], code, NumberClass.VERTICAL)
        prefix, plus, rest = text.partition("+")
        carrier = _CARRIER.get(self._plan.code)
        if plus and rest.isdigit() and prefix.isdigit():
            found = carrier.match(prefix) if carrier is not None else None
            if found is not None and not found[2]:
                return self._with_behind(dialled, prefix, "+" + rest, code, NumberClass.CARRIER_SELECT)
            if self._plan.code == _NANP and prefix == "0":
                return self._with_behind(dialled, prefix, "+" + rest, code, NumberClass.OPERATOR)
        return _invalid(dialled, "it is neither a number nor a code that there is")

    def _special(self, dialled: str, text: str, code: str | None) -> Number | None:
        """Short numbers, operators and carrier codes; None for all else."""
        if self._plan.code == _NANP:
            if text in {"0", "00"}:
                return self._service(dialled, text, code, NumberClass.OPERATOR)
            if text[0] == "0" and not text.startswith("011"):
                # 0 and a number, or 01 and an international one: with the help of an operator.
                rest = "+" + text[2:] if text.startswith("01") else text[1:]
                return self._with_behind(dialled, "0", rest, code, NumberClass.OPERATOR)
        carrier = _CARRIER.get(self._plan.code)
        found = carrier.match(text) if carrier is not None else None
        if found is not None:
            return self._with_behind(dialled, found[1], found[2], code, NumberClass.CARRIER_SELECT)
        if len(text) <= 6:
            if text in _OPERATOR.get(self.site.country, ()):
                return self._service(dialled, text, code, NumberClass.OPERATOR)
            kind = world.short(self.site.country, text)
            if kind in _SHORT_CLASS:
                return self._service(dialled, text, code, _SHORT_CLASS[kind])
        return None

    def _service(self, dialled: str, digits: str, code: str | None, number_class: NumberClass) -> Number:
        return Number(dialled, f"{self._country_code}/{digits}", number_class, self.site.country, code)

    def _with_behind(
        self, dialled: str, prefix: str, rest: str, code: str | None, number_class: NumberClass
    ) -> Number:
        canonical = f"{self._country_code}/{prefix}"
        if not rest:
            return Number(dialled, canonical, number_class, self.site.country, code)
        behind = self._international(rest, rest[1:], None) if rest[0] == "+" else self._national_or_idd(rest)
        if behind.canonical[:1] != "+":
            return _invalid(dialled, "what follows the code is no number")
        return Number(dialled, f"{canonical}/{behind.canonical}", number_class, behind.country, code, behind)

    def _national_or_idd(self, text: str) -> Number:
        idd = self._plan.idd.match(text) if self._plan.idd is not None else None
        if idd is not None and len(text) > idd.end():
            return self._international(text, text[idd.end() :], None)
        return self._national(text, text, None)

    def _national(self, dialled: str, text: str, code: str | None) -> Number:
        """A number dialled as within the country: with the prefix of national calls, or a local one."""
        plan = self._plan
        stripped = plan.without_prefix(text)
        candidates: list[str] = []
        if stripped is not None and plan.code != _NANP and plan.parsing is None:
            candidates.append(stripped)
        else:
            if stripped is not None:
                candidates.append(stripped)
            completed = self._areas[0] + text if self.site.area_codes else None
            # Where national calls have a prefix, a number without it is a local one. In North America, and
            # where there is no such prefix, only a number too short to be whole is.
            if completed is not None and plan.prefix and plan.code != _NANP:
                candidates += (completed, text)
            else:
                candidates.append(text)
                if completed is not None:
                    candidates.append(completed)
        possible: str | None = None
        for national in candidates:
            if len(national) + len(self._country_code) > _LONGEST_E164:
                continue
            region, line = world.locate(plan.code, national)
            if line is not Line.NONE:
                return self._e164(dialled, plan.code, national, region, line, code)
            if possible is None and world.possible(plan.code, national):
                possible = national
        if possible is not None:
            return self._e164(dialled, plan.code, possible, "", Line.NONE, code)
        return _invalid(dialled, f"it has not the shape of a number in {self.site.country}")

    def _international(self, dialled: str, digits: str, code: str | None) -> Number:
        if "+" in digits or not digits.isdigit() or not 4 <= len(digits) <= _LONGEST_E164:
            return _invalid(dialled, "an international number has 4 to 15 digits")
        length = country_code_length(digits)
        if not length:
            return _invalid(dialled, "there is no such country code")
        country_code, national = int(digits[:length]), digits[length:]
        own = self._own.get(f"+{digits}")
        if own is not None and own in self._inside:
            return Number(dialled, own, NumberClass.INSIDE)
        region, line = world.locate(country_code, national)
        if line is Line.NONE:
            # "+44 020 ...": people leave the prefix of national calls in. It goes if the number is one then.
            repaired = _without_prefix(country_code, national)
            if repaired is not None:
                region, line, national = (*world.locate(country_code, repaired), repaired)
            elif not world.possible(country_code, national):
                return _invalid(dialled, f"it has not the shape of a number under +{country_code}")
        return self._e164(dialled, country_code, national, region, line, code)

    def _e164(
        self, dialled: str, country_code: int, national: str, region: str, line: Line, code: str | None
    ) -> Number:
        canonical = f"+{country_code}{national}"
        own = self._own.get(canonical)
        if own is not None and own in self._inside:
            return Number(dialled, own, NumberClass.INSIDE)
        danger = self._danger.match(canonical)
        if danger is not None and (danger.at_home or region != self.site.country):
            return Number(dialled, canonical, danger.number_class, region, code, danger=danger.prefix)
        number_class = self._class(country_code, national, region, line)
        return Number(dialled, canonical, number_class, region, code)

    def _class(self, country_code: int, national: str, region: str, line: Line) -> NumberClass:
        region = _WITHIN.get(region, region)
        if line is Line.NONE:
            return NumberClass.UNALLOCATED
        if line is Line.PREMIUM:
            return NumberClass.PREMIUM
        if line is Line.TOLL_FREE and country_code == self._plan.code:
            return NumberClass.TOLL_FREE
        if region != self.site.country:
            # A shared-cost number abroad has a price that nobody can see from here.
            return NumberClass.PREMIUM if line is Line.SHARED_COST else NumberClass.INTERNATIONAL
        if line is Line.MOBILE:
            return NumberClass.NATIONAL_MOBILE
        if line is Line.SHARED_COST:
            return NumberClass.SHARED_COST
        if line is Line.LANDLINE and national.startswith(self._areas):
            return NumberClass.LOCAL
        return NumberClass.NATIONAL


def _without_prefix(country_code: int, national: str) -> str | None:
    """The number without a misplaced prefix of national calls; None if that gives no number."""
    for plan in world.plans_of(country_code)[:1]:
        rest = national.removeprefix(plan.prefix)
        if rest != national and world.locate(country_code, rest)[1] is not Line.NONE:
            return rest
    return None


def _invalid(dialled: str, why: str) -> Number:
    return Number(dialled, "", NumberClass.INVALID, why=why)
