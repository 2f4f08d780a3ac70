"""What is dialled becomes a number: forms that the worked cases do not show."""

import pytest

from ringwall.policy import NumberClass, Site
from ringwall.policy.numbers import SitePlan
from ringwall.policy.ranges import DEFAULT_RANGES, DangerRange, DangerRanges

from .house import SITES

US = SitePlan(SITES[0], {"201", "202"}, own_numbers={"+14085550100": "201", "+14085550199": "nobody"})


def test_an_own_number_is_the_extension_that_it_leads_to() -> None:
    for dialled in ("+14085550100", "914085550100", "95550100", "9+14085550100"):
        number = US.read(dialled)
        assert (number.canonical, number.number_class) == ("201", NumberClass.INSIDE)
        assert not number.outside
    assert US.read("+14085550199").number_class is NumberClass.LOCAL


def test_a_site_without_access_code_dials_straight_out() -> None:
    plan = SitePlan(Site("s", "S", "US", ("408",), access_code=""), {"201"})
    assert plan.read("4085550123").canonical == "+14085550123"
    assert plan.read("5550123").canonical == "+14085550123"
    assert plan.read("201").number_class is NumberClass.INSIDE


def test_a_trunk_groups_own_access_code_is_one_too() -> None:
    plan = SitePlan(SITES[0], {"201"}, access_codes=("8", "88"))
    assert (plan.read("84085550123").access_code, plan.read("884085550123").access_code) == ("8", "88")
    assert plan.read("8911").number_class is NumberClass.EMERGENCY


def test_digits_between_a_carrier_code_and_a_canonical_number_make_no_number() -> None:
    assert US.read("91010130+14085550124").canonical == "1/1010130/+14085550124"
    assert US.read("910101300246913428+14085550124").number_class is NumberClass.INVALID


def test_what_is_no_number_says_why() -> None:
    assert "access code" in US.read("555").why
    assert "64 characters" in US.read("1" * 65).why
    assert len(US.read("1" * 5000).dialled) == 64
    assert "country code" in US.read("+999123").why
    assert "digits" in US.read("\u0669\u0661\u0661").why


@pytest.mark.req("C5")
def test_the_ranges_can_be_the_administrators_own() -> None:
    ranges = [
        DangerRange("+4420794601", NumberClass.FRAUD_TEST),
        DangerRange("+442079460199", NumberClass.PREMIUM),
        DangerRange("+1408555019x", NumberClass.PREMIUM),
        DangerRange("+1", NumberClass.FRAUD_TEST),
    ]
    plan = SitePlan(SITES[0], set(), danger=DangerRanges(ranges))
    assert plan.read("+442079460123").number_class is NumberClass.FRAUD_TEST
    assert plan.read("+442079460199").number_class is NumberClass.PREMIUM  # the longest one counts
    assert plan.read("+5352345678").number_class is NumberClass.INTERNATIONAL
    assert plan.read("+14085550195").number_class is NumberClass.PREMIUM  # at home, too
    assert plan.read("+14085550185").number_class is NumberClass.LOCAL  # but not the whole country


@pytest.mark.req("C5")
def test_the_ranges_that_ship_can_be_read_and_do_not_overlap() -> None:
    assert len(DangerRanges()) == len(DEFAULT_RANGES)
    for one in DEFAULT_RANGES:
        covering = [other for other in DEFAULT_RANGES if one.prefix.startswith(other.prefix)]
        assert covering == [one]
