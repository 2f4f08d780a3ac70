"""The numbering plans: our reading of libphonenumber's tables against its own functions."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType as Kind

from ringwall.policy import world
from ringwall.policy.world import Line, Short

LINES = {
    Kind.FIXED_LINE: Line.LANDLINE,
    Kind.FIXED_LINE_OR_MOBILE: Line.LANDLINE,
    Kind.MOBILE: Line.MOBILE,
    Kind.TOLL_FREE: Line.TOLL_FREE,
    Kind.PREMIUM_RATE: Line.PREMIUM,
    Kind.SHARED_COST: Line.SHARED_COST,
    Kind.VOIP: Line.OTHER,
    Kind.PERSONAL_NUMBER: Line.PREMIUM,
    Kind.PAGER: Line.PREMIUM,
    Kind.UAN: Line.OTHER,
    Kind.VOICEMAIL: Line.MOBILE,
    Kind.UNKNOWN: Line.NONE,
}
EXAMPLES = [
    (region, kind)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS)
    for kind in LINES
    if phonenumbers.example_number_for_type(region, kind) is not None
]


@pytest.mark.req("C3")
def test_every_country_is_read_as_libphonenumber_reads_it() -> None:
    assert len(EXAMPLES) > 1000
    for region, kind in EXAMPLES:
        number = phonenumbers.example_number_for_type(region, kind)
        assert number is not None
        national = phonenumbers.national_significant_number(number)
        found = world.locate(number.country_code, national)
        assert found == (
            phonenumbers.region_code_for_number(number),
            LINES[phonenumbers.number_type(number)],
        ), (region, kind)


@pytest.mark.req("C3")
@pytest.mark.parametrize(
    "region", ["US", "GB", "DE", "CH", "FR", "AU", "IN", "IT", "BR", "AR", "MX", "JP", "CN"]
)
def test_prefixes_of_national_calls_are_taken_off_as_libphonenumber_does(region: str) -> None:
    plan = world.plan(region)
    assert plan is not None
    for kind in (Kind.FIXED_LINE, Kind.MOBILE):
        example = phonenumbers.example_number_for_type(region, kind)
        assert example is not None
        national = phonenumbers.national_significant_number(example)
        stripped = plan.without_prefix(f"{plan.prefix}{national}") if plan.prefix else national
        assert stripped == national


def test_emergency_numbers_are_those_of_the_country() -> None:
    expected = {
        "US": {"911", "112"},
        "GB": {"999", "112"},
        "DE": {"110", "112"},
        "CH": {"112", "117", "118", "144"},
        "FR": {"15", "17", "18", "112"},
        "AU": {"000", "106", "112"},
    }
    assert {region: set(world.emergency_numbers(region)) for region in expected} == expected


def test_short_numbers_for_text_messages_are_no_telephone_numbers() -> None:
    assert world.short("US", "40404") is Short.NONE
    assert world.short("US", "311") is Short.SERVICE
    assert world.short("US", "411") is Short.DIRECTORY
    assert world.short("GB", "118500") is Short.PREMIUM
    assert world.short("XX", "112") is Short.NONE
