"""Guessing is bounded by source and by account, without a way to lock an administrator out."""

import pytest

from ringwall.core.api.limits import (
    TRIES_AT_ACCOUNT,
    TRIES_OF_SOURCE,
    WINDOW_S,
    SignInLimits,
    Window,
    network_of,
)


def test_a_source_is_stopped_and_goes_on_when_its_tries_are_old():
    limits = SignInLimits()
    for second in range(TRIES_OF_SOURCE):
        assert limits.begin("192.0.2.1", f"name{second}", float(second)) == 0
    assert limits.begin("192.0.2.1", "admin", 20.0) == pytest.approx(WINDOW_S - 20)
    assert limits.begin("192.0.2.2", "admin", 20.0) == 0
    assert limits.begin("192.0.2.1", "admin", WINDOW_S + 0.5) == 0


def test_an_account_is_protected_from_many_sources():
    limits = SignInLimits()
    for number in range(TRIES_AT_ACCOUNT):
        assert limits.begin(f"192.0.2.{number}", "admin", 0.0) == 0
    assert limits.begin("198.51.100.1", "admin", 1.0) > 0
    assert limits.begin("198.51.100.1", "other", 1.0) == 0


def test_who_signed_in_from_here_before_is_not_locked_out_by_strangers():
    limits = SignInLimits()
    assert limits.begin("198.51.100.1", "admin", 0.0) == 0
    limits.succeeded("198.51.100.1", "admin", 0.0)
    for number in range(TRIES_AT_ACCOUNT):
        limits.begin(f"192.0.2.{number}", "admin", 1.0)
    assert limits.begin("192.0.2.200", "admin", 2.0) > 0
    assert limits.begin("198.51.100.1", "admin", 2.0) == 0


def test_good_sign_ins_use_up_nothing_and_free_no_other_tries():
    limits = SignInLimits()
    for number in range(100):
        assert limits.begin("192.0.2.1", "admin", float(number)) == 0
        limits.succeeded("192.0.2.1", "admin", float(number))
    for number in range(TRIES_OF_SOURCE):
        assert limits.begin("192.0.2.1", "other", 100.0 + number) == 0
    assert limits.begin("192.0.2.1", "admin", 120.0) > 0


def test_one_ipv6_host_is_one_source():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"


def test_memory_is_bounded():
    window = Window(3, keys=10)
    for number in range(1000):
        window.add(str(number), 0.0)
    assert len(window._events) == 10
    for _ in range(100):
        window.add("same", 0.0)
    assert len(window._events["same"]) == 3
