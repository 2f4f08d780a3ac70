"""Events are counted by key within a window, in bounded memory."""

import pytest

from ringwall.core.lockout.window import Window, network_of

MINUTE = 60.0


def test_a_full_window_has_room_again_when_its_first_event_is_old() -> None:
    window = Window(3, MINUTE)
    for second in range(3):
        assert window.wait("a", float(second)) == 0
        window.add("a", float(second))
    assert window.wait("a", 10.0) == pytest.approx(MINUTE - 10)
    assert window.wait("b", 10.0) == 0
    assert window.count("a", 10.0) == 3
    assert window.wait("a", MINUTE + 0.5) == 0
    assert window.count("a", MINUTE + 0.5) == 2


def test_an_event_that_was_taken_back_never_was() -> None:
    window = Window(1, MINUTE)
    window.add("a", 5.0)
    window.take_back("a", 4.0)
    assert window.wait("a", 6.0) > 0
    window.take_back("a", 5.0)
    assert window.wait("a", 6.0) == 0
    window.take_back("b", 5.0)


def test_one_ipv6_host_is_one_source() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("x" * 500) == "x" * 64


def test_memory_is_bounded() -> None:
    window = Window(3, MINUTE, keys=10)
    for number in range(1000):
        window.add(str(number), 0.0)
    assert len(window._events) == 10
    for _ in range(100):
        window.add("same", 0.0)
    assert len(window._events["same"]) == 3
