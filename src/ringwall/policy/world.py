"""The numbering plans of the world, out of libphonenumber's tables.

The tables are read as data and compiled into one expression for each country, because a decision has
microseconds. `tests/unit/policy/test_world.py` holds the result against phonenumbers' own functions.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

NOWHERE: Final = "001"  # libphonenumber's region of codes that belong to no country, such as +870
_NANP: Final = 1


class Line(StrEnum):
    """What a country uses a range of numbers for, as far as it matters to who may call it."""

    LANDLINE = "landline"  # or a plan in which mobiles look like landlines
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    OTHER = "other"  # Internet telephony, company-wide numbers
    NONE = "none"


# The order is that of phonenumbers.number_type: the dear ones first. Personal and pager numbers follow their
# owner at a price that nobody can see: the British 070 is a fraud path of old.
_KINDS: Final = (
    ("premium_rate", Line.PREMIUM),
    ("toll_free", Line.TOLL_FREE),
    ("shared_cost", Line.SHARED_COST),
    ("voip", Line.OTHER),
    ("personal_number", Line.PREMIUM),
    ("pager", Line.PREMIUM),
    ("uan", Line.OTHER),
    ("voicemail", Line.MOBILE),
    ("fixed_line", Line.LANDLINE),
    ("mobile", Line.MOBILE),
)


def _pattern(desc: PhoneNumberDesc | None) -> str | None:
    return desc.national_number_pattern if desc is not None else None


class Plan:
    """The plan of one country."""

    __slots__ = (
        "_general",
        "_lines",
        "code",
        "idd",
        "leading",
        "parsing",
        "prefix",
        "region",
        "shape",
        "transform",
    )

    def __init__(self, region: str, metadata: PhoneMetadata) -> None:
        self.region = region
        self.code: int = metadata.country_code or 0
        self.idd: re.Pattern[str] | None = re.compile(metadata.international_prefix or "(?!)")
        # The prefix of national calls, where it is plain digits; otherwise `parsing` has to be asked.
        self.prefix: str = metadata.national_prefix or ""
        self.parsing: re.Pattern[str] | None = None
        self.transform: str | None = None
        if metadata.national_prefix_for_parsing and metadata.national_prefix_for_parsing != self.prefix:
            self.parsing = re.compile(metadata.national_prefix_for_parsing)
            rule = metadata.national_prefix_transform_rule
            self.transform = rule and rule.replace("$", "\\")
        self.leading = re.compile(metadata.leading_digits) if metadata.leading_digits else None
        self.shape: str = _pattern(metadata.general_desc) or "(?!)"
        self._general = re.compile(self.shape)
        self._lines = re.compile(
            "|".join(
                f"(?P<{field}>{pattern})"
                for field, _ in _KINDS
                if (pattern := _pattern(getattr(metadata, field)))
            )
            or "(?!)"
        )

    def line(self, national: str) -> Line:
        """What the national significant number is; NONE if the country gives it to nobody."""
        found = self._lines.fullmatch(national)
        return Line.NONE if found is None else _LINE_OF[found.lastgroup or ""]

    def possible(self, national: str) -> bool:
        """Whether it has the shape of a number of this country, given to somebody or not."""
        return self._general.fullmatch(national) is not None

    def without_prefix(self, dialled: str) -> str | None:
        """The number without the prefix of national calls; None if it has none."""
        if self.parsing is None:
            if self.prefix and dialled.startswith(self.prefix):
                return dialled[len(self.prefix) :]
            return None
        found = self.parsing.match(dialled)
        if found is None or not found.end():
            return None
        last = found.lastindex
        if self.transform and last and found[last] is not None:
            return found.expand(self.transform) + dialled[found.end() :]
        if last and found[last] is not None and found.end() == len(dialled):
            return None  # the whole was taken for a carrier code or a local number without a rule
        return dialled[found.end() :]


_LINE_OF: Final = dict(_KINDS)


@lru_cache(maxsize=512)
def plan(region: str) -> Plan | None:
    """The plan of a country by its ISO 3166 code; None if there is none."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    return None if metadata is None else Plan(region, metadata)


@lru_cache(maxsize=512)
def plans_of(code: int) -> tuple[Plan, ...]:
    """The plans under a country code; the main country first, those known by their first digits last."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    if regions == (NOWHERE,):
        metadata = PhoneMetadata.metadata_for_nongeo_region(code, None)
        return () if metadata is None else (Plan(NOWHERE, metadata),)
    return tuple(found for region in regions if (found := plan(region)) is not None)


@lru_cache(maxsize=512)
def _leading(code: int) -> tuple[re.Pattern[str] | None, tuple[Plan, ...], tuple[Plan, ...]]:
    marked = tuple(one for one in plans_of(code) if one.leading is not None)
    rest = tuple(one for one in plans_of(code) if one.leading is None)
    pattern = "|".join(
        f"(?P<p{place}>{one.leading.pattern})" for place, one in enumerate(marked) if one.leading
    )
    return (re.compile(pattern) if pattern else None), marked, rest


def locate(code: int, national: str) -> tuple[str, Line]:
    """The country in which a number lies, and what it is there; ("", NONE) if it is given to nobody."""
    pattern, marked, rest = _leading(code)
    if pattern is not None:
        found = pattern.match(national)
        if found is not None:
            one = marked[int((found.lastgroup or "p0")[1:])]
            line = one.line(national)
            return (one.region, line) if line is not Line.NONE else ("", Line.NONE)
    for one in rest:
        line = one.line(national)
        if line is not Line.NONE:
            return one.region, line
    return "", Line.NONE


@lru_cache(maxsize=512)
def _shapes(code: int) -> re.Pattern[str]:
    shapes = dict.fromkeys(one.shape for one in plans_of(code))
    return re.compile("|".join(f"(?:{shape})" for shape in shapes) or "(?!)")


def possible(code: int, national: str) -> bool:
    """Whether a number has the shape of one under this country code."""
    return _shapes(code).fullmatch(national) is not None


class Short(StrEnum):
    """What a short number of one country is."""

    EMERGENCY = "emergency"
    PREMIUM = "premium_rate"
    DIRECTORY = "directory"
    SERVICE = "short_code"
    NONE = "none"


# Directory assistance at an ordinary price. Where it is a business of its own (118 in Europe) it is dear and
# counts as premium, whatever its regulator calls it.
_DIRECTORY: Final = {
    "US": "411", "CA": "411", "AU": "1223", "IN": "197",
}  # fmt: skip
_DEAR: Final = {
    "GB": r"118\d{3}",
    "DE": r"118\d\d",
    "FR": r"118\d{3}",
    "CH": r"1811|18[59]\d",
    "AU": "1234|12456",
}
# Numbers of the North American plan that a telephone can call; its other short codes are for text messages.
_NANP_SHORT: Final = re.compile(r"[2-9]11|988")


@lru_cache(maxsize=512)
def _shorts(region: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]] | None:
    metadata = PhoneMetadata.short_metadata_for_region(region, None)
    if metadata is None:
        return None
    never = "(?!)"
    dear = "|".join(p for p in (_pattern(metadata.premium_rate), _DEAR.get(region)) if p)
    return (
        re.compile(_pattern(metadata.emergency) or never),
        re.compile(dear or never),
        re.compile(_DIRECTORY.get(region, never)),
        re.compile(_pattern(metadata.short_code) or never),
    )


def short(region: str, digits: str) -> Short:
    """What a short number is in a country."""
    patterns = _shorts(region)
    if patterns is None or len(digits) > 8:
        return Short.NONE
    emergency, premium, directory, service = patterns
    if emergency.fullmatch(digits):
        return Short.EMERGENCY
    found = plan(region)
    if found is not None and found.code == _NANP and not _NANP_SHORT.fullmatch(digits):
        return Short.NONE
    if premium.fullmatch(digits):
        return Short.PREMIUM
    if directory.fullmatch(digits):
        return Short.DIRECTORY
    return Short.SERVICE if service.fullmatch(digits) else Short.NONE


def _short_candidates() -> Iterator[str]:
    for length in (2, 3, 4):
        for value in range(10**length):
            yield f"{value:0{length}d}"


@lru_cache(maxsize=512)
def emergency_numbers(region: str) -> tuple[str, ...]:
    """The emergency numbers of a country, two to four digits each."""
    patterns = _shorts(region)
    return tuple(text for text in _short_candidates() if patterns[0].fullmatch(text)) if patterns else ()


def warm() -> None:
    """Read all tables now, so that no call waits for them; takes a second or two."""
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        _leading(code)
